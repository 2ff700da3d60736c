// The calibration of gaze: the regression is NumPy's (gaze_cases.json, made and checked by test_gaze_cases.py), angles
// too; lids that are down tell no gaze; and an eye that moves in a known way is found where it looks.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { angle_deg, fitGaze, gazeOf, judge, summarise, TARGETS, VALIDATION_TARGETS, validate } from "../../../focus/web/static/tracker/gaze.js";
import { fitRidge } from "../../../focus/web/static/tracker/ridge.js";

const CASES = JSON.parse(readFileSync(new URL("./gaze_cases.json", import.meta.url)));
const near = (found, expected, tolerance = 1e-9) => assert.ok(Math.abs(found - expected) <= tolerance, `${found} is not ${expected}`);

/** A frame of an eye that follows a target exactly: 0.2 eye widths over the screen's width, 0.1 over its height. */
function frameAt({ x, y }, changes = {}) {
  const iris_x = 0.2 * (0.5 - x);
  const iris_y = 0.1 * (y - 0.5);
  return {
    iris_left_x: iris_x, iris_right_x: iris_x, iris_left_y: iris_y, iris_right_y: iris_y,
    head_yaw: 3, head_pitch: -5, head_roll: 0, openness_left: 0.3, openness_right: 0.3, confidence: 1, ...changes,
  };
}

const pointsOf = (targets) => targets.map((target) => summarise(target, [frameAt(target), frameAt(target)]));

test("the weights are NumPy's", () => {
  const names = ["iris_x", "iris_y", "head_yaw", "head_pitch", "head_roll"];
  const points = CASES.targets.map(([x, y], i) => ({
    x, y, openness: 0.3, ...Object.fromEntries(names.map((name, j) => [name, CASES.features[i][j]])),
  }));
  const fitted = fitGaze(points);
  fitted.x.forEach((weight, i) => near(weight, CASES.weights_x[i]));
  fitted.y.forEach((weight, i) => near(weight, CASES.weights_y[i]));
});

test("angles between points of the screen are NumPy's", () => {
  CASES.pairs.forEach(([a, b], i) => near(angle_deg({ x: a[0], y: a[1] }, { x: b[0], y: b[1] }, CASES.screen), CASES.angles_deg[i], 1e-6));
});

test("rows that do not determine the weights are refused", () => {
  assert.throws(() => fitRidge([[1, 2], [1, 2]], [0, 1], 0), RangeError);
});

test("an eye that follows its target exactly is found within the shrinkage of the penalty", () => {
  const coefficients = fitGaze(pointsOf(TARGETS));
  const looks = VALIDATION_TARGETS.map((target) => ({ target, frames: [frameAt(target), frameAt(target)] }));
  const { accuracy_deg, precision_deg } = validate(looks, coefficients, CASES.screen);
  assert.ok(accuracy_deg < 0.15, `${accuracy_deg}`);
  near(precision_deg, 0);
});

test("precision is the deviation about the mean of a look, accuracy the distance of that mean", () => {
  const coefficients = { x: [0.5, -0.5, 0, 0, 0, 0], y: [0.5, 0, 1, 0, 0, 0], openness: 0.3 };
  const target = { x: 0.5, y: 0.5 };
  // One eye width of 0.1 is half a screen to the left: 0.02 are a tenth of the width, 34.4 mm at 600 mm.
  const frames = [frameAt(target, { iris_left_x: 0.02, iris_right_x: 0.02 }), frameAt(target, { iris_left_x: 0.06, iris_right_x: 0.06 })];
  const { accuracy_deg, precision_deg } = validate([{ target, frames }], coefficients, CASES.screen);
  near(accuracy_deg, (Math.atan(68.8 / 600) * 180) / Math.PI, 1e-6);
  const [a, m, b] = [34.4, 68.8, 103.2].map((mm) => (Math.atan(mm / 600) * 180) / Math.PI);
  near(precision_deg, Math.sqrt(((m - a) ** 2 + (b - m) ** 2) / 2), 1e-6);
});

test("lids that are down, and eyes that are not seen, tell no gaze", () => {
  const coefficients = fitGaze(pointsOf(TARGETS));
  for (const changes of [{ openness_left: 0.1, openness_right: 0.1 }, { iris_left_x: NaN }, { openness_left: NaN }]) {
    assert.ok(Number.isNaN(gazeOf(frameAt({ x: 0.5, y: 0.5 }, changes), coefficients).gaze_x));
  }
});

test("a blink during a look is left out of its point, and a look without eyes is no point", () => {
  const target = { x: 0.1, y: 0.9 };
  const blink = frameAt(target, { openness_left: 0.02, openness_right: 0.02, iris_left_y: 3, iris_right_y: 3 });
  const point = summarise(target, [frameAt(target), frameAt(target), blink, frameAt(target)]);
  assert.deepEqual([point.n, point.x, point.y], [3, 0.1, 0.9]);
  near(point.iris_y, 0.04);
  assert.equal(summarise(target, [frameAt(target, { head_yaw: NaN })]), null);
});

test("a calibration is good, or for the person to decide, or of no use, and says why", () => {
  const made = (accuracy_deg) => ({ accuracy_deg, precision_deg: 0.5, screen: CASES.screen });
  const verdicts = [2.9, 3.1, 5.0, 5.1, null].map((accuracy_deg) => judge(made(accuracy_deg), 5));
  assert.deepEqual(verdicts.map(({ verdict }) => verdict), ["good", "caution", "caution", "wrong", "wrong"]);
  assert.deepEqual(verdicts.map(({ isUsable }) => isUsable), [true, true, true, false, false]);
  // 600 mm times the tangent of 2.9 degrees are 30.4 mm.
  assert.match(verdicts[0].words, /Accuracy 2\.9° \(about 3\.0 cm on your screen\), precision 0\.5°/);
  assert.match(verdicts[3].words, /Worse than 5°/);
});
