// The view of a map in degrees.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gridLines, wordsOfView } from "../../../focus/web/static/js/report/view.js";

test("lines of the grid lie on whole steps, wherever the middle is", () => {
  assert.deepEqual(gridLines(0, 20, 5), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(gridLines(25, 40, 10), [0.125, 0.375, 0.625, 0.875]);
});

test("a view says its width and what it is around", () => {
  assert.equal(wordsOfView({ x_deg: 0, y_deg: 0, reach_deg: 10 }), "20 degrees around straight ahead");
  assert.equal(wordsOfView({ x_deg: 25, y_deg: -5, reach_deg: 30 }), "60 degrees around the direction 25, \u22125 deg");
});
