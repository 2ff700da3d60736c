// From the timeline's JSON to the columns that uPlot takes. No page and no server: tested with Node.

/**
 * Columns for one chart: times in seconds, then low and high of each named series.
 *
 * A picture column without a frame in it holds nothing. Where columns are finer than frames these are passed over, so
 * that the line goes on; a longer stretch without a value is a gap and stays one.
 *
 * @param {{t_us: number[], series: Object, start_us: number, stop_us: number}} timeline
 * @param {string[]} names
 * @param {number} gap_us the longest stretch that a line may cross
 */
export function columnsOf(timeline, names, gap_us) {
  const lists = names.flatMap((name) => {
    const series = timeline.series[name];
    return [series?.low ?? [], series?.high ?? []];
  });
  const x = [];
  const columns = lists.map(() => []);
  let last_us = null;
  timeline.t_us.forEach((t_us, i) => {
    const values = lists.map((list) => list[i] ?? null);
    if (values.every((value) => value === null)) return;
    if (last_us !== null && t_us - last_us > gap_us) {
      x.push((last_us + 1) / 1e6);
      for (const column of columns) column.push(null);
    }
    last_us = t_us;
    x.push(t_us / 1e6);
    values.forEach((value, k) => columns[k].push(value));
  });
  return [x, ...columns];
}

/** Stretches [from_us, to_us] longer than `gap_us` in which a series has no value, the edges of the picture included. */
export function gapsOf(timeline, name, gap_us) {
  const low = timeline.series[name]?.low ?? [];
  const gaps = [];
  let last_us = timeline.start_us;
  timeline.t_us.forEach((t_us, i) => {
    if (low[i] === null || low[i] === undefined) return;
    if (t_us - last_us > gap_us) gaps.push([last_us, t_us]);
    last_us = t_us;
  });
  if (timeline.stop_us - last_us > gap_us) gaps.push([last_us, timeline.stop_us]);
  return gaps;
}

/**
 * A timeline in which an eye that is seen counts as open, for a tracker that does not measure where it looks: without gaze
 * there is no fixation to be told, and the analysis says "lost" of every frame that is no blink.
 */
export function withOpenEyes(timeline, gap_us) {
  const unseen = gapsOf(timeline, "openness", gap_us);
  const states = timeline.states.flatMap((run) => (run.state === "lost" ? partedBy(run, unseen) : [run]));
  if (!timeline.summed) return { ...timeline, states };
  const { shares } = timeline.summed;
  const low = timeline.series.openness?.low ?? [];
  const isSeen = (at) => low[at] !== null && low[at] !== undefined;
  const open = (shares.lost ?? []).map((share, at) => (share !== null && isSeen(at) ? share : 0));
  const lost = (shares.lost ?? []).map((share, at) => (isSeen(at) ? 0 : share));
  return { ...timeline, states, summed: { ...timeline.summed, shares: { ...shares, open, lost } } };
}

/** A run of not seen eyes cut into where the lids were seen ("open") and where they were not. */
function partedBy(run, unseen) {
  const parts = [];
  let at_us = run.start_us;
  for (const [from_us, to_us] of unseen) {
    const start_us = Math.max(from_us, at_us);
    const stop_us = Math.min(to_us, run.stop_us);
    if (stop_us <= start_us) continue;
    if (start_us > at_us) parts.push({ state: "open", start_us: at_us, stop_us: start_us });
    parts.push({ state: "lost", start_us, stop_us });
    at_us = stop_us;
  }
  if (at_us < run.stop_us) parts.push({ state: "open", start_us: at_us, stop_us: run.stop_us });
  return parts;
}

/** The longest step between frames that is still no gap, from the rate (Hz) and the width of a picture column. */
export function gapOf(timeline, rate_hz) {
  const column_us = (timeline.stop_us - timeline.start_us) / Math.max(1, timeline.t_us.length);
  return Math.max(2.5 * column_us, 3.5e6 / (rate_hz || 30), 60_000);
}

/** Low and high nearest before a time (s), for the line of values above a chart; null where nothing is near. */
export function valuesAt(columns, x, within) {
  const times = columns[0];
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= x) low = middle + 1;
    else high = middle;
  }
  const candidates = [low - 1, low].filter((i) => i >= 0 && i < times.length && columns[1][i] !== null);
  if (!candidates.length) return null;
  const best = candidates.reduce((a, b) => (Math.abs(times[a] - x) <= Math.abs(times[b] - x) ? a : b));
  if (Math.abs(times[best] - x) > within) return null;
  return columns.slice(1).map((column) => column[best]);
}

/**
 * The stretch that a report shows first: all of it, or, of a long session that is still going on and has no overview yet,
 * its last ten minutes.
 */
export function firstSpan(whole, isOpen) {
  const isLong = whole.stop_us - whole.start_us > 1_800_000_000;
  return isOpen && isLong ? { start_us: whole.stop_us - 600_000_000, stop_us: whole.stop_us } : { ...whole };
}

/** A stretch moved and resized to lie within the whole, at least `least_us` long. */
export function clampSpan(start_us, stop_us, whole, least_us = 100_000) {
  const length = Math.min(whole.stop_us - whole.start_us, Math.max(stop_us - start_us, least_us));
  const middle = (start_us + stop_us) / 2;
  const start = Math.min(Math.max(middle - length / 2, whole.start_us), whole.stop_us - length);
  return { start_us: Math.round(start), stop_us: Math.round(start + length) };
}
