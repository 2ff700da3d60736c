// Openness, iris and head pose from landmarks that were put where arithmetic by hand can follow.
import assert from "node:assert/strict";
import { test } from "node:test";
import { COLUMN_UNITS, eyeAspectRatio, guessDistance_mm, headPose, measureFrame, NO_FACE } from "../../../focus/web/static/tracker/measures.js";
import { COLUMNS } from "../../../focus/web/static/tracker/schema.js";

const WIDTH = 640;
const HEIGHT = 480;
const RINGS = { right: [33, 160, 158, 133, 153, 144], left: [263, 387, 385, 362, 380, 373] };

/** A face looking into the camera, in pixels: eyes 40 wide and 12 high, level, irises in the middle. */
function frontalFace() {
  const points = Array.from({ length: 478 }, () => [320, 240, 0]);
  points[10] = [320, 100, 0];
  points[152] = [320, 380, 0];
  for (const [side, middle, outward] of [["right", 260, -1], ["left", 380, 1]]) {
    const [outer, upperOuter, upperInner, inner, lowerInner, lowerOuter] = RINGS[side];
    points[outer] = [middle + outward * 20, 200, 0];
    points[inner] = [middle - outward * 20, 200, 0];
    points[upperOuter] = [middle + outward * 7, 194, 0];
    points[lowerOuter] = [middle + outward * 7, 206, 0];
    points[upperInner] = [middle - outward * 7, 194, 0];
    points[lowerInner] = [middle - outward * 7, 206, 0];
  }
  for (const [iris, middle] of [[468, 260], [473, 380]]) {
    points[iris] = [middle, 200, 0];
    points[iris + 1] = [middle + 6, 200, 0];
    points[iris + 3] = [middle - 6, 200, 0];
  }
  return points;
}

/** The points turned about the middle of the picture, right-handed about (x right, y up, z to the camera). */
function turned(points, axis, degrees) {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return points.map(([px, py, pz]) => {
    let [x, y, z] = [px - 320, -(py - 240), -pz];
    if (axis === "yaw") [x, z] = [x * c + z * s, -x * s + z * c];
    if (axis === "pitch") [y, z] = [y * c + z * s, -y * s + z * c];
    if (axis === "roll") [x, y] = [x * c - y * s, x * s + y * c];
    return [x + 320, 240 - y, -z];
  });
}

const packed = (points) => Float32Array.from(points.flatMap(([x, y, z]) => [x / WIDTH, y / HEIGHT, z / WIDTH]));
const measured = (points) => measureFrame(packed(points), WIDTH, HEIGHT);
const near = (found, expected, tolerance = 1e-3) => assert.ok(Math.abs(found - expected) < tolerance, `${found} is not ${expected}`);

test("the eye aspect ratio is the mean height of the lids over the width", () => {
  const ring = [[0, 0], [3, -2], [7, -1], [10, 0], [7, 1], [3, 2]].map(([x, y]) => ({ x, y }));
  near(eyeAspectRatio(ring), (4 + 2) / (2 * 10));
});

test("a face from the front: 12 of 40 pixels open, straight, eyes in the middle", () => {
  const frame = measured(frontalFace());
  near(frame.openness_left, 0.3);
  near(frame.openness_right, 0.3);
  for (const name of ["head_yaw", "head_pitch", "head_roll"]) near(frame[name], 0);
  for (const name of Object.keys(frame).filter((key) => key.startsWith("iris"))) near(frame[name], 0);
  near(frame.confidence, 1);
});

test("closing one eye closes that one", () => {
  const points = frontalFace();
  for (const i of RINGS.left.slice(1, 3)) points[i][1] = 205;
  const frame = measured(points);
  near(frame.openness_left, 1 / 40);
  near(frame.openness_right, 0.3);
});

test("yaw to the person's left, raising the head, and tilting to the right shoulder are positive", () => {
  // The face's front turned towards +x of the picture is towards the person's left.
  near(measured(turned(frontalFace(), "yaw", 20)).head_yaw, 20, 0.05);
  near(measured(turned(frontalFace(), "pitch", 15)).head_pitch, 15, 0.05);
  near(measured(turned(frontalFace(), "roll", 10)).head_roll, 10, 0.05);
});

test("the axes stay orthogonal when the landmarks are not", () => {
  const points = frontalFace();
  points[152] = [350, 380, 20];
  const { axes } = headPose((i) => ({ x: points[i][0], y: points[i][1], z: points[i][2] }));
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  for (const [a, b] of [["x", "y"], ["y", "z"], ["x", "z"]]) near(dot(axes[a], axes[b]), 0, 1e-9);
  for (const axis of Object.values(axes)) near(dot(axis, axis), 1, 1e-9);
});

test("an iris towards the person's right is positive in x, downwards in y, in eye widths, whatever the tilt", () => {
  const points = frontalFace();
  points[468] = [260 - 4, 203, 0]; // the person's right is the left of the picture
  points[473] = [380 - 4, 203, 0];
  for (const frame of [measured(points), measured(turned(points, "roll", 25))]) {
    for (const side of ["left", "right"]) {
      near(frame[`iris_${side}_x`], 0.1);
      near(frame[`iris_${side}_y`], 0.075);
    }
  }
});

test("without a face everything is missing and confidence is 0", () => {
  assert.equal(measureFrame(null, WIDTH, HEIGHT), NO_FACE);
  assert.equal(NO_FACE.confidence, 0);
  assert.ok(Object.entries(NO_FACE).every(([name, value]) => name === "confidence" || Number.isNaN(value)));
});

test("a face that cannot be measured gives missing values, never infinite ones", () => {
  const frame = measureFrame(new Float32Array(3 * 478), WIDTH, HEIGHT);
  for (const [name, value] of Object.entries(frame)) assert.ok(Number.isNaN(value) || name === "confidence", name);
  assert.equal(frame.confidence, 0);
});

test("confidence falls with a face turned away", () => {
  assert.ok(measured(turned(frontalFace(), "yaw", 45)).confidence < 0.6);
});

test("an iris of 12 pixels in a picture of 640 is about half a metre away", () => {
  near(guessDistance_mm(packed(frontalFace()), WIDTH, HEIGHT), (0.8 * 640 * 11.7) / 12, 0.1);
});

test("what is measured is what the table of columns knows; no pupil size is among it", () => {
  const known = COLUMNS.map((column) => column.name);
  assert.deepEqual(Object.keys(COLUMN_UNITS), known.filter((name) => name in COLUMN_UNITS));
  assert.ok(!Object.keys(COLUMN_UNITS).some((name) => name.startsWith("pupil")));
});
