// Where the eyes rested, found in the frames of the past seconds.

/** Runs of the state fixation between two frame indices: mean place and times. */
export function restingPlaces(history, start, stop) {
  const places = [];
  let run = null;
  for (let i = start; i < stop; i += 1) {
    const x = history.signals.gaze_x[i];
    const y = history.signals.gaze_y[i];
    if (history.states[i] !== "fixation" || x === null || y === null) {
      run = null;
      continue;
    }
    if (!run) {
      run = { start_us: history.t_us[i], stop_us: history.t_us[i], x, y, n: 1 };
      places.push(run);
    } else {
      run.n += 1;
      run.x += (x - run.x) / run.n;
      run.y += (y - run.y) / run.n;
      run.stop_us = history.t_us[i];
    }
  }
  return places.filter((place) => place.stop_us - place.start_us >= 60_000);
}
