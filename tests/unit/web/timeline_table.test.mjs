// The report's timeline as a table, and open eyes where no gaze is measured.
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstSpan, withOpenEyes } from "../../../focus/web/static/js/report/series.js";
import { partsOf } from "../../../focus/web/static/js/report/timeline_table.js";

const timeline = {
  start_us: 0,
  stop_us: 8_000_000,
  t_us: [500_000, 1_500_000, 2_500_000, 3_500_000, 4_500_000, 5_500_000, 6_500_000, 7_500_000],
  series: { openness: { low: [1, 2, 3, 4, null, null, 7, 8], high: [2, 3, 4, 5, null, null, 9, 9] } },
  states: [
    { state: "lost", start_us: 0, stop_us: 3_000_000 },
    { state: "blink", start_us: 3_000_000, stop_us: 3_200_000 },
    { state: "lost", start_us: 3_200_000, stop_us: 8_000_000 },
  ],
  events: [{ kind: "blink", onset_us: 3_000_000, offset_us: 3_200_000 }],
  summed: null,
};

test("a part has the lowest and highest value of its columns, or none", () => {
  const rows = partsOf(timeline, 4);
  assert.deepEqual(rows.map((row) => row.series.openness), [[1, 3], [3, 5], null, [7, 9]]);
  assert.deepEqual(rows.map((row) => [row.start_us, row.stop_us]), [[0, 2e6], [2e6, 4e6], [4e6, 6e6], [6e6, 8e6]]);
});

test("a part has the shares of its time in states and the events that began in it", () => {
  const rows = partsOf(timeline, 4);
  assert.equal(rows[1].shares.blink, 0.1);
  assert.equal(rows[1].shares.lost, 0.9);
  assert.deepEqual(rows.map((row) => row.onsets), [{}, { blink: 1 }, {}, {}]);
});

test("sums of an overview give the same parts", () => {
  const summed = { onsets: { blink: [0, 0, 0, 1, 0, 0, 0, 0] }, shares: { blink: [0, 0, 0, 0.2, 0, 0, 0, 0], lost: [1, 1, 1, 0.8, 1, 1, 1, 1] } };
  const rows = partsOf({ ...timeline, states: [], events: [], summed }, 4);
  assert.deepEqual(rows.map((row) => row.onsets.blink), [0, 1, 0, 0]);
  assert.ok(Math.abs(rows[1].shares.blink - 0.1) < 1e-12);
});

test("without gaze an eye that is seen is open, and one that is not seen is not", () => {
  const { states } = withOpenEyes(timeline, 1_200_000);
  assert.deepEqual(states, [
    { state: "open", start_us: 0, stop_us: 3_000_000 },
    { state: "blink", start_us: 3_000_000, stop_us: 3_200_000 },
    { state: "open", start_us: 3_200_000, stop_us: 3_500_000 },
    { state: "lost", start_us: 3_500_000, stop_us: 6_500_000 },
    { state: "open", start_us: 6_500_000, stop_us: 8_000_000 },
  ]);
});

test("a long session that is going on is shown from its last ten minutes on", () => {
  const hour = { start_us: 0, stop_us: 3_600_000_000 };
  assert.deepEqual(firstSpan(hour, false), hour);
  assert.deepEqual(firstSpan(hour, true), { start_us: 3_000_000_000, stop_us: 3_600_000_000 });
  assert.deepEqual(firstSpan({ start_us: 5, stop_us: 600_000_000 }, true), { start_us: 5, stop_us: 600_000_000 });
});

test("shares of an overview are parted in the same way", () => {
  const summed = { onsets: {}, shares: { lost: [1, 0.9, 1, 0.8, 1, 1, null, 1] } };
  const { shares } = withOpenEyes({ ...timeline, summed }, 1_200_000).summed;
  assert.deepEqual(shares.open, [1, 0.9, 1, 0.8, 0, 0, 0, 1]);
  assert.deepEqual(shares.lost, [0, 0, 0, 0, 1, 1, 0, 0]);
});
