// Times, batches, the rate, and the check before the start.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Batcher } from "../../../focus/web/static/tracker/batcher.js";
import { FrameClock } from "../../../focus/web/static/tracker/frame_clock.js";
import { checkQuality, RateMeter } from "../../../focus/web/static/tracker/quality.js";
import { newRow, RESUME_WITHIN_MS, sortUnfinished } from "../../../focus/web/static/tracker/store.js";
import { troubleOf } from "../../../focus/web/static/tracker/camera.js";

test("within a stretch only the camera's clock counts", () => {
  const clock = new FrameClock(1000);
  assert.equal(clock.take(77_000_000, 1500), 500_000);
  assert.equal(clock.take(77_033_333, 9999), 533_333); // late by the wall clock, not by the camera's
});

test("a frame that is not after the last is left out", () => {
  const clock = new FrameClock(0);
  clock.take(100, 0);
  assert.equal(clock.take(100, 1), null);
  assert.equal(clock.take(50, 2), null);
  assert.equal(clock.take(101, 3), 1);
});

test("after an interruption the wall clock places the next frame, whatever the camera counts from", () => {
  const clock = new FrameClock(0);
  clock.take(5_000_000, 0);
  clock.interrupt();
  assert.equal(clock.take(40, 12_000), 12_000_000);
});

test("a wall clock that was set back never makes times fall", () => {
  const clock = new FrameClock(60_000, 8_000_000);
  assert.equal(clock.take(0, 61_000), 8_001_000);
});

test("a camera that begins to count anew goes on by the wall clock", () => {
  const clock = new FrameClock(0);
  clock.take(9_000_000_000, 5000);
  assert.equal(clock.take(0, 5033), 5_033_000);
  assert.equal(clock.take(33_000, 5099), 5_066_000);
});

test("the sleep of a computer, in which the camera's clock stands still, is a gap", () => {
  const clock = new FrameClock(0);
  clock.take(700, 1000);
  assert.equal(clock.take(34_000, 3_601_000), 3_601_000_000);
  assert.equal(clock.take(67_000, 3_601_900), 3_601_033_000);
});

test("a wall clock that is set an hour back does not make a camera's clock count less", () => {
  const clock = new FrameClock(0);
  clock.take(0, 7_200_000);
  const [set, next] = [clock.take(33_000, 3_600_033), clock.take(66_000, 3_600_066)];
  assert.ok(set > 7_200_000_000 && set < 7_200_033_001);
  assert.equal(next - set, 33_000);
});

test("a busy machine that holds frames back for seconds moves none of them", () => {
  const clock = new FrameClock(0);
  clock.take(0, 0);
  assert.equal(clock.take(33_000, 9000), 33_000);
  assert.equal(clock.take(9_000_000, 9001), 9_000_000);
});

test("a frame without a time is left out", () => {
  const clock = new FrameClock(0);
  assert.equal(clock.take(NaN, 10), null);
  assert.equal(clock.take(undefined, 20), null);
  assert.equal(clock.take(5, 40), 40_000);
});

test("a batch ends when its frames span its length, and holds each frame once", () => {
  const batcher = new Batcher(["confidence"], 100);
  assert.equal(batcher.push(0, { confidence: 0.1 }), null);
  assert.equal(batcher.push(60, { confidence: 0.2 }), null);
  assert.deepEqual(batcher.push(100, { confidence: 0.3 }), { times_us: [0, 60, 100], columns: { confidence: [0.1, 0.2, 0.3] } });
  assert.equal(batcher.flush(), null);
  batcher.push(160, { confidence: 0.4 });
  assert.deepEqual(batcher.flush(), { times_us: [160], columns: { confidence: [0.4] } });
});

test("the rate is known after a second and forgets what is long ago", () => {
  const rate = new RateMeter(2_000_000);
  for (let i = 0; i < 20; i += 1) rate.push(i * 50_000);
  assert.equal(rate.rate_hz, null);
  for (let i = 20; i <= 40; i += 1) rate.push(i * 50_000);
  assert.equal(Math.round(rate.rate_hz), 20);
  for (let i = 1; i <= 40; i += 1) rate.push(2_000_000 + i * 100_000);
  assert.equal(Math.round(rate.rate_hz), 10);
});

test("a camera from which nothing comes is silent until something comes", () => {
  const rate = new RateMeter();
  for (let i = 0; i <= 60; i += 1) rate.push(i * 33_000, i * 33);
  assert.equal(rate.lookForSilence(4000), false);
  assert.equal(Math.round(rate.rate_hz), 30);
  assert.equal(rate.lookForSilence(8000), true);
  assert.equal(rate.rate_hz, 0);
  rate.push(9_000_000, 9000);
  assert.equal(rate.rate_hz, null);
});

test("a camera that never gives a picture is silent after a while", () => {
  const rate = new RateMeter();
  assert.equal(rate.lookForSilence(60_000), false);
  assert.equal(rate.lookForSilence(66_000), true);
});

const fine = {
  hasFace: true, light: { mean: 0.5, left: 0.5, right: 0.5, glare: 0 }, distance_mm: 550,
  head_yaw: 3, head_pitch: -5, head_roll: 2, rate_hz: 30,
};
const verdictOf = (changed, name) => checkQuality({ ...fine, ...changed }).find((check) => check.name === name).verdict;

test("a good picture is good in everything", () => {
  assert.deepEqual(new Set(checkQuality(fine).map(({ verdict }) => verdict)), new Set(["good"]));
});

test("a silent camera is called one, and nothing about a face", () => {
  const checks = checkQuality({ ...fine, hasFace: false, rate_hz: 0 });
  assert.match(checks.find(({ name }) => name === "rate").words, /no pictures come/);
  assert.deepEqual(checks.map(({ verdict }) => verdict), ["waiting", "waiting", "waiting", "waiting", "waiting", "wrong"]);
});

test("each fault is told by its own check", () => {
  assert.equal(verdictOf({ hasFace: false }, "face"), "wrong");
  assert.equal(verdictOf({ light: { mean: 0.05, left: 0.05, right: 0.05, glare: 0 } }, "light"), "wrong");
  assert.equal(verdictOf({ light: { mean: 0.5, left: 0.2, right: 0.8, glare: 0 } }, "light"), "caution");
  assert.equal(verdictOf({ distance_mm: 200 }, "distance"), "caution");
  assert.equal(verdictOf({ distance_mm: 1200 }, "distance"), "caution");
  assert.equal(verdictOf({ head_yaw: -35 }, "head"), "caution");
  assert.equal(verdictOf({ light: { mean: 0.5, left: 0.5, right: 0.5, glare: 0.2 } }, "glasses"), "caution");
  assert.equal(verdictOf({ rate_hz: 15 }, "rate"), "caution");
  assert.equal(verdictOf({ rate_hz: 5 }, "rate"), "wrong");
});

test("a refused camera has a page for each reason", () => {
  const codes = ["NotAllowedError", "NotFoundError", "NotReadableError", "AnythingElse"].map((name) => troubleOf({ name }));
  assert.deepEqual(codes, ["denied", "no-camera", "camera-taken", "camera-taken"]);
});

test("a reload goes on with the newest recording, unless that is long ago or was stopped", () => {
  const row = (id, startedAt_ms, changed = {}) => ({ ...newRow(id, "1", {}, startedAt_ms), ...changed });
  const now_ms = RESUME_WITHIN_MS * 10;
  const old = row("old", 0, { last_us: 5_000_000 });
  const stopped = row("stopped", now_ms - 2000, { state: "closing" });
  const long = row("long", 0, { last_us: (now_ms - 1000) * 1000 });
  const paused = row("paused", now_ms - 3000, { state: "paused" });

  assert.deepEqual(sortUnfinished([old, stopped], now_ms), { current: null, ending: [old, stopped] });
  assert.deepEqual(sortUnfinished([old, long, stopped], now_ms), { current: long, ending: [old, stopped] });
  assert.equal(sortUnfinished([long, paused], now_ms).current, paused);
  assert.deepEqual(sortUnfinished([], now_ms), { current: null, ending: [] });
});
