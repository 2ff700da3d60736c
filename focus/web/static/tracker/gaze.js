// Where on the screen somebody looks, from irises and head pose: fitting a calibration, applying it, and how good it is.
//
// A point is what was measured while somebody looked at a target: {x, y} of the target in screen units (0..1 from the
// upper left), medians of the features over its frames, and their number. Coefficients are {x, y}: six weights each, for
// the constant and the five features below, and `openness`, the usual openness of the lids.

import { fitRidge } from "./ridge.js";

/** Targets of the calibration, and others on which it is validated, in screen units. */
export const TARGETS = [0.1, 0.5, 0.9].flatMap((y) => [0.1, 0.5, 0.9].map((x) => ({ x, y })));
export const VALIDATION_TARGETS = [[0.3, 0.3], [0.7, 0.3], [0.5, 0.5], [0.3, 0.7], [0.7, 0.7]].map(([x, y]) => ({ x, y }));

// The size of each feature's usual change, so that one penalty fits all. A head that was held still during the
// calibration has told nothing of how its turning matters: its weight then stays small.
const FEATURE_SIZES = { iris_x: 0.1, iris_y: 0.1, head_yaw: 20, head_pitch: 20, head_roll: 20 };
const PENALTY = 0.002;
const ADVISED_DEG = 3; // up to here a calibration is called good
const LEAST_OPENNESS_RATIO = 0.5; // of the usual; under it a lid covers the iris, whose place is then a guess
const DEGREES = 180 / Math.PI;

/** The features of a frame by name; null where the eyes were not seen. */
export function featuresOf(frame) {
  const features = {
    iris_x: (frame.iris_left_x + frame.iris_right_x) / 2,
    iris_y: (frame.iris_left_y + frame.iris_right_y) / 2,
    head_yaw: frame.head_yaw,
    head_pitch: frame.head_pitch,
    head_roll: frame.head_roll,
  };
  return Object.values(features).every(Number.isFinite) ? features : null;
}

/** What was measured at a target: medians over its frames, without those in which the lids were down. */
export function summarise(target, frames) {
  const usual = median(frames.map(opennessOf));
  const seen = frames.filter((frame) => opennessOf(frame) > LEAST_OPENNESS_RATIO * usual).map(featuresOf).filter(Boolean);
  if (seen.length === 0) return null;
  const middles = Object.keys(FEATURE_SIZES).map((name) => [name, median(seen.map((features) => features[name]))]);
  return { ...target, ...Object.fromEntries(middles), openness: usual, n: seen.length };
}

/** Coefficients from the points of a calibration; RangeError when they do not suffice. */
export function fitGaze(points) {
  const rows = points.map(rowOf);
  return {
    x: fitRidge(rows, points.map((point) => point.x), PENALTY),
    y: fitRidge(rows, points.map((point) => point.y), PENALTY),
    openness: median(points.map((point) => point.openness)),
  };
}

/** Gaze in a frame, in screen units; missing where the eyes were not seen or the lids were down. */
export function gazeOf(frame, coefficients) {
  const features = featuresOf(frame);
  if (!features || !(opennessOf(frame) > LEAST_OPENNESS_RATIO * coefficients.openness)) return { gaze_x: NaN, gaze_y: NaN };
  const row = rowOf(features);
  return { gaze_x: dot(row, coefficients.x), gaze_y: dot(row, coefficients.y) };
}

/**
 * How good coefficients are on targets that they were not fitted to.
 *
 * @param {{target: {x: number, y: number}, frames: object[]}[]} looks
 * @param coefficients see fitGaze
 * @param {{width_mm: number, height_mm: number, distance_mm: number}} screen
 * @returns accuracy: mean angle between a target and the mean gaze on it; precision: standard deviation of gaze about its
 *   mean on a target, over all targets; both in degrees of visual angle
 */
export function validate(looks, coefficients, screen) {
  const errors_deg = [];
  const squares = [];
  for (const { target, frames } of looks) {
    const gazes = frames.map((frame) => gazeOf(frame, coefficients)).filter(({ gaze_x }) => Number.isFinite(gaze_x));
    if (gazes.length === 0) continue;
    const middle = { x: mean(gazes.map((gaze) => gaze.gaze_x)), y: mean(gazes.map((gaze) => gaze.gaze_y)) };
    errors_deg.push(angle_deg(middle, target, screen));
    for (const gaze of gazes) squares.push(angle_deg({ x: gaze.gaze_x, y: gaze.gaze_y }, middle, screen) ** 2);
  }
  if (errors_deg.length === 0) return { accuracy_deg: null, precision_deg: null };
  return { accuracy_deg: mean(errors_deg), precision_deg: Math.sqrt(mean(squares)) };
}

/**
 * What a calibration is worth, in words: good, for the person to decide, or of no use.
 *
 * @param {{accuracy_deg: number | null, precision_deg: number | null, screen: {distance_mm: number}}} made
 * @param {number} limit_deg beyond which the server applies no calibration
 * @returns {{verdict: "good" | "caution" | "wrong", words: string, isUsable: boolean}}
 */
export function judge({ accuracy_deg, precision_deg, screen }, limit_deg) {
  if (accuracy_deg === null) return { verdict: "wrong", words: "Your eyes were not seen at the last five dots, so nothing tells how good this is. Try again.", isUsable: false };
  const off_cm = (Math.tan(accuracy_deg / DEGREES) * screen.distance_mm) / 10;
  const found = `Accuracy ${accuracy_deg.toFixed(1)}° (about ${off_cm.toFixed(1)} cm on your screen), precision ${precision_deg.toFixed(1)}°.`;
  if (accuracy_deg > limit_deg) {
    const words = `${found} Worse than ${limit_deg}° it does not tell where on a screen you look, so it cannot be used. Try again with more light from the front and a still head, or go on without gaze.`;
    return { verdict: "wrong", words, isUsable: false };
  }
  if (accuracy_deg > ADVISED_DEG) {
    const words = `${found} That is worse than ${ADVISED_DEG}°, which a webcam can reach in good light: it tells one part of a page from another, and no more. Use it or try again, as you like.`;
    return { verdict: "caution", words, isUsable: true };
  }
  return { verdict: "good", words: `${found} Good for a webcam.`, isUsable: true };
}

/** The visual angle between two points of a screen, whose middle is straight before the eyes. */
export function angle_deg(a, b, { width_mm, height_mm, distance_mm }) {
  const [p, q] = [a, b].map(({ x, y }) => [(x - 0.5) * width_mm, (y - 0.5) * height_mm, distance_mm]);
  const cross = Math.hypot(p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]);
  return Math.atan2(cross, p[0] * q[0] + p[1] * q[1] + p[2] * q[2]) * DEGREES;
}

const rowOf = (features) => [1, ...Object.entries(FEATURE_SIZES).map(([name, size]) => features[name] / size)];
const opennessOf = (frame) => (frame.openness_left + frame.openness_right) / 2;
const dot = (a, b) => a.reduce((total, value, i) => total + value * b[i], 0);
const mean = (values) => values.reduce((total, value) => total + value, 0) / values.length;

function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const at = sorted.length >> 1;
  return sorted.length % 2 ? sorted[at] : (sorted[at - 1] + sorted[at]) / 2;
}
