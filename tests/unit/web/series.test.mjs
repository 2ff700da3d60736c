// From the timeline's JSON to the columns of the charts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clampSpan, columnsOf, gapOf, valuesAt } from "../../../focus/web/static/js/report/series.js";

function timeline(low, high = low) {
  return {
    start_us: 0,
    stop_us: low.length * 1e5,
    t_us: low.map((_value, i) => i * 1e5 + 5e4),
    series: { openness: { low, high } },
  };
}

test("empty columns between frames are passed over, so that the line goes on", () => {
  const [x, low] = columnsOf(timeline([1, null, 2, null, 3]), ["openness"], 300_000);
  assert.deepEqual(x, [0.05, 0.25, 0.45]);
  assert.deepEqual(low, [1, 2, 3]);
});

test("a longer stretch without a value stays a gap", () => {
  const [x, low] = columnsOf(timeline([1, 2, null, null, null, null, 3]), ["openness"], 300_000);
  assert.deepEqual(low, [1, 2, null, 3]);
  assert.ok(x.every((value, i) => i === 0 || value > x[i - 1]));
});

test("a series that the recording lacks is a column of nothing", () => {
  assert.deepEqual(columnsOf(timeline([1, 2]), ["pupil"], 300_000), [[], [], []]);
});

test("low and high of every column come through", () => {
  const [, low, high] = columnsOf(timeline([0.1, 0.2], [0.3, 0.2]), ["openness"], 300_000);
  assert.deepEqual([low, high], [[0.1, 0.2], [0.3, 0.2]]);
});

test("the value at a time is the nearest one, and none is made up in a gap", () => {
  const columns = columnsOf(timeline([1, 2, null, null, null, null, null, 3]), ["openness"], 300_000);
  assert.deepEqual(valuesAt(columns, 0.14, 0.2), [2, 2]);
  assert.equal(valuesAt(columns, 0.45, 0.2), null);
  assert.deepEqual(valuesAt(columns, 0.7, 0.2), [3, 3]);
  assert.equal(valuesAt([[], [], []], 0.5, 1), null);
});

test("a slow tracker's frames are joined although they are far apart", () => {
  assert.ok(gapOf(timeline([1, 2]), 5) > 200_000);
});

test("a stretch stays within the recording and is never shorter than a tenth of a second", () => {
  const whole = { start_us: 0, stop_us: 10_000_000 };
  assert.deepEqual(clampSpan(-2e6, 2e6, whole), { start_us: 0, stop_us: 4_000_000 });
  assert.deepEqual(clampSpan(9e6, 12e6, whole), { start_us: 7_000_000, stop_us: 10_000_000 });
  assert.deepEqual(clampSpan(-5e6, 50e6, whole), whole);
  const least = clampSpan(5_000_000, 5_000_001, whole);
  assert.equal(least.stop_us - least.start_us, 100_000);
});
