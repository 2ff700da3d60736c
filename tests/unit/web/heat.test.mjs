import assert from "node:assert/strict";
import test from "node:test";

import { heatColour, smoothed } from "../../../focus/web/static/js/report/heat.js";
import { gapsOf } from "../../../focus/web/static/js/report/series.js";

test("smoothing keeps the sum away from the edges, and the place of the most", () => {
  const cells = new Array(21 * 21).fill(0);
  cells[10 * 21 + 10] = 1000;
  const soft = smoothed(cells, 21, 21, 1.6);
  assert.ok(Math.abs(soft.reduce((a, b) => a + b, 0) - 1000) < 1e-6);
  assert.equal(soft.indexOf(Math.max(...soft)), 10 * 21 + 10);
  assert.ok(Math.abs(soft[10 * 21 + 12] - soft[12 * 21 + 10]) < 1e-9);
});

test("nothing is clear and the most is nearly solid", () => {
  assert.equal(heatColour(0)[3], 0);
  assert.ok(heatColour(1)[3] > 220);
  assert.deepEqual(heatColour(Number.NaN), heatColour(0));
});

test("stretches without a value are gaps, also at both edges", () => {
  const timeline = {
    start_us: 0,
    stop_us: 100,
    t_us: [5, 15, 25, 35, 45, 55, 65, 75, 85, 95],
    series: { pupil: { low: [null, null, 3, 3, null, null, null, 3, null, null] } },
  };
  assert.deepEqual(gapsOf(timeline, "pupil", 20), [[0, 25], [35, 75], [75, 100]]);
});
