// The timeline as a table: the stretch that is on the screen in equal parts, each with what the charts show of it.

import { clock, KIND_WORDS, number, STATE_WORDS } from "../words.js";

export const PARTS = 24;

/**
 * One row for each part of the stretch, as plain values.
 *
 * @returns {{start_us: number, stop_us: number, series: Object<string, [number, number] | null>,
 *   shares: Object<string, number>, onsets: Object<string, number>}[]} lowest and highest value of each series, share of
 *   the part's time in each state, number of events of each kind that began in it
 */
export function partsOf(timeline, n = PARTS) {
  const { start_us, stop_us } = timeline;
  const step_us = (stop_us - start_us) / n;
  const rows = Array.from({ length: n }, (_, at) => ({
    start_us: Math.round(start_us + at * step_us),
    stop_us: Math.round(start_us + (at + 1) * step_us),
    series: Object.fromEntries(Object.keys(timeline.series).map((name) => [name, null])),
    shares: {},
    onsets: {},
  }));
  const rowAt = (t_us) => rows[Math.min(n - 1, Math.max(0, Math.floor((t_us - start_us) / step_us)))];
  for (const [name, { low, high }] of Object.entries(timeline.series)) {
    timeline.t_us.forEach((t_us, at) => {
      if (low[at] === null || low[at] === undefined) return;
      const row = rowAt(t_us);
      const [least, most] = row.series[name] ?? [Infinity, -Infinity];
      row.series[name] = [Math.min(least, low[at]), Math.max(most, high[at])];
    });
  }
  if (timeline.summed) addSummed(timeline, rowAt, n);
  else addListed(timeline, rows, rowAt);
  return rows;
}

function addSummed(timeline, rowAt, n) {
  const { onsets, shares } = timeline.summed;
  const part = n / timeline.t_us.length;
  timeline.t_us.forEach((t_us, at) => {
    const row = rowAt(t_us);
    for (const [kind, counts] of Object.entries(onsets)) row.onsets[kind] = (row.onsets[kind] ?? 0) + counts[at];
    for (const [state, list] of Object.entries(shares)) row.shares[state] = (row.shares[state] ?? 0) + (list[at] ?? 0) * part;
  });
}

function addListed(timeline, rows, rowAt) {
  for (const run of timeline.states) {
    for (const row of rows) {
      const inside_us = Math.min(run.stop_us, row.stop_us) - Math.max(run.start_us, row.start_us);
      if (inside_us > 0) row.shares[run.state] = (row.shares[run.state] ?? 0) + inside_us / (row.stop_us - row.start_us);
    }
  }
  for (const event of timeline.events) {
    if (event.onset_us < timeline.start_us || event.onset_us >= timeline.stop_us) continue;
    const { onsets } = rowAt(event.onset_us);
    onsets[event.kind] = (onsets[event.kind] ?? 0) + 1;
  }
}

/** Fill the table of the page: heads once, rows anew each time. */
export function fillTable(table, timeline, heads) {
  const names = Object.keys(heads).filter((name) => name in timeline.series);
  const digits = timeline.stop_us - timeline.start_us < 20e6 ? 2 : 0;
  const head = table.tHead.rows[0];
  head.replaceChildren(...["From", ...names.map((name) => heads[name]), "States", "Events that began"].map((words, at) => {
    const cell = document.createElement("th");
    cell.textContent = words;
    if (at > 0 && at <= names.length) cell.className = "number";
    return cell;
  }));
  table.tBodies[0].replaceChildren(...partsOf(timeline).map((part) => rowOf(part, names, digits)));
}

function rowOf(part, names, digits) {
  const row = document.createElement("tr");
  const from = document.createElement("th");
  from.scope = "row";
  from.textContent = clock(part.start_us, digits);
  row.append(from);
  for (const name of names) {
    const cell = row.insertCell();
    cell.className = "number";
    cell.textContent = part.series[name] ? between(...part.series[name]) : "not measured";
  }
  row.insertCell().textContent = Object.entries(part.shares)
    .filter(([, share]) => share >= 0.005)
    .sort(([, a], [, b]) => b - a)
    .map(([state, share]) => `${STATE_WORDS[state][0].toLowerCase()} ${number(Math.round(100 * share))} %`)
    .join(", ") || "no frames";
  row.insertCell().textContent = Object.entries(part.onsets)
    .filter(([, count]) => count)
    .map(([kind, count]) => `${KIND_WORDS[kind].toLowerCase()} ${count}`)
    .join(", ") || "none";
  return row;
}

function between(low, high) {
  return number(low) === number(high) ? number(low) : `${number(low)} to ${number(high)}`;
}
