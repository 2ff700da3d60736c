// Smoothing and colours of a heatmap. No page and no server: tested with Node.

/** Cells smoothed by a Gaussian of `sigma` cells; what would fall beyond the edges is left out. */
export function smoothed(cells, columns, rows, sigma) {
  const reach = Math.ceil(3 * sigma);
  const weights = [];
  for (let d = -reach; d <= reach; d += 1) weights.push(Math.exp(-(d * d) / (2 * sigma * sigma)));
  const sum = weights.reduce((a, b) => a + b, 0);
  const pass = (from, length, step, lines, jump) => {
    const to = new Float64Array(from.length);
    for (let line = 0; line < lines; line += 1) {
      for (let at = 0; at < length; at += 1) {
        const value = from[line * jump + at * step];
        if (!value) continue;
        for (let d = -reach; d <= reach; d += 1) {
          const there = at + d;
          if (there >= 0 && there < length) to[line * jump + there * step] += (value * weights[d + reach]) / sum;
        }
      }
    }
    return to;
  };
  return Array.from(pass(pass(Float64Array.from(cells), columns, 1, rows, columns), rows, columns, columns, 1));
}

// From nothing over green and yellow to dark red: each step is also darker or more solid, so it reads without colour.
const STOPS = [
  [0, 40, 140, 130, 0],
  [0.12, 40, 150, 130, 90],
  [0.4, 150, 190, 60, 165],
  [0.7, 235, 150, 40, 205],
  [1, 175, 25, 40, 235],
];

/** Red, green, blue and opacity (0..255) of a value from 0 to 1. */
export function heatColour(value) {
  const v = Math.min(1, Math.max(0, value || 0));
  const upper = Math.max(1, STOPS.findIndex(([at]) => v <= at));
  const [low, high] = [STOPS[upper - 1], STOPS[upper]];
  const part = (v - low[0]) / (high[0] - low[0]);
  return [1, 2, 3, 4].map((k) => Math.round(low[k] + part * (high[k] - low[k])));
}
