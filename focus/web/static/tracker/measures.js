// The numbers of a frame from the landmarks of a face: openness of each eye, place of each iris, head pose, confidence.
//
// Landmarks come as one flat array x, y, z of 478 points, refined, x and y from 0 to 1 of the picture's width and
// height, z in widths. The picture is not mirrored: the person's right eye is on its left side. No pupil size: 3 mm are
// under 4 pixels of a webcam's picture.

const EYES = {
  // outer corner, two points of the upper lid, inner corner, the two points of the lower lid under them, iris
  right: { ring: [33, 160, 158, 133, 153, 144], iris: 468, irisEdge: [469, 471] },
  left: { ring: [263, 387, 385, 362, 380, 373], iris: 473, irisEdge: [474, 476] },
};
const IRIS_DIAMETER_MM = 11.7; // of nearly every grown person
const FOCAL_LENGTH_WIDTHS = 0.8; // of a usual webcam, which sees about 64 degrees; this alone makes `distance` a guess
const DEGREES = 180 / Math.PI;

/** The columns that this tracker sends, in the order of their bits, with the unit of each. */
export const COLUMN_UNITS = {
  openness_left: "ratio",
  openness_right: "ratio",
  confidence: "1",
  head_yaw: "deg",
  head_pitch: "deg",
  head_roll: "deg",
  iris_left_x: "eye widths",
  iris_left_y: "eye widths",
  iris_right_x: "eye widths",
  iris_right_y: "eye widths",
};

export const NO_FACE = Object.freeze({
  ...Object.fromEntries(Object.keys(COLUMN_UNITS).map((name) => [name, NaN])),
  confidence: 0,
});

/**
 * @param {Float32Array | null} landmarks
 * @param {number} width_px
 * @param {number} height_px
 * @returns the columns of one frame; all missing and confidence 0 without a face
 */
export function measureFrame(landmarks, width_px, height_px) {
  if (!landmarks) return NO_FACE;
  const at = (i) => ({ x: landmarks[3 * i] * width_px, y: landmarks[3 * i + 1] * height_px, z: landmarks[3 * i + 2] * width_px });
  const pose = headPose(at);
  const frame = {};
  let eyeWidth_px = Infinity;
  for (const [side, eye] of Object.entries(EYES)) {
    const ring = eye.ring.map(at);
    eyeWidth_px = Math.min(eyeWidth_px, distance2(ring[0], ring[3]));
    frame[`openness_${side}`] = eyeAspectRatio(ring);
    [frame[`iris_${side}_x`], frame[`iris_${side}_y`]] = irisOffset(at(eye.iris), side === "right" ? ring[0] : ring[3], side === "right" ? ring[3] : ring[0]);
  }
  frame.head_yaw = pose.yaw_deg;
  frame.head_pitch = pose.pitch_deg;
  frame.head_roll = pose.roll_deg;
  frame.confidence = confidence(pose, eyeWidth_px);
  return Object.fromEntries(Object.keys(COLUMN_UNITS).map((name) => [name, usable(name, frame[name])]));
}

/** Distance from the camera in mm, a guess from the size of the irises; for the check before the start alone. */
export function guessDistance_mm(landmarks, width_px, height_px) {
  const at = (i) => ({ x: landmarks[3 * i] * width_px, y: landmarks[3 * i + 1] * height_px });
  const iris_px = Math.max(...Object.values(EYES).map((eye) => distance2(...eye.irisEdge.map(at))));
  return (FOCAL_LENGTH_WIDTHS * width_px * IRIS_DIAMETER_MM) / iris_px;
}

/** The six-point eye aspect ratio: mean distance of the lids over the width of the eye. */
export function eyeAspectRatio([outer, upperOuter, upperInner, inner, lowerInner, lowerOuter]) {
  return (distance2(upperOuter, lowerOuter) + distance2(upperInner, lowerInner)) / (2 * distance2(outer, inner));
}

/**
 * Yaw (turned to its left is positive), pitch (raised), roll (tilted to its right shoulder), from landmarks alone: one
 * axis through the outer corners of the eyes, one from chin to forehead made orthogonal to it, and their product.
 */
export function headPose(at) {
  const upright = (i) => { const point = at(i); return [point.x, -point.y, -point.z]; };
  const x = unit(minus(upright(263), upright(33)));
  const long = minus(upright(10), upright(152));
  const along = dot(long, x);
  const y = unit(long.map((value, i) => value - along * x[i]));
  const z = cross(x, y);
  return {
    yaw_deg: Math.atan2(z[0], z[2]) * DEGREES,
    pitch_deg: Math.asin(Math.max(-1, Math.min(1, z[1]))) * DEGREES,
    roll_deg: Math.atan2(x[1], y[1]) * DEGREES,
    axes: { x, y, z },
  };
}

/** Where the iris stands between the corners, in eye widths: x rises to the person's right, y downwards. */
function irisOffset(iris, cornerAtRight, cornerAtLeft) {
  const middle = { x: (cornerAtRight.x + cornerAtLeft.x) / 2, y: (cornerAtRight.y + cornerAtLeft.y) / 2 };
  const width = distance2(cornerAtRight, cornerAtLeft);
  const toLeft = { x: (cornerAtLeft.x - cornerAtRight.x) / width, y: (cornerAtLeft.y - cornerAtRight.y) / width };
  const offset = { x: iris.x - middle.x, y: iris.y - middle.y };
  return [-(offset.x * toLeft.x + offset.y * toLeft.y) / width, (offset.y * toLeft.x - offset.x * toLeft.y) / width];
}

/** The package tells no confidence of its own: 1 for a face seen from the front, less where its eyes are seen badly. */
function confidence(pose, eyeWidth_px) {
  const falling = (value, good, bad) => Math.max(0, Math.min(1, (bad - value) / (bad - good)));
  const seen = falling(Math.abs(pose.yaw_deg), 30, 60) * falling(Math.abs(pose.pitch_deg), 30, 60) * falling(-eyeWidth_px, -20, -6);
  return Number.isFinite(seen) ? Math.max(0.05, seen) : 0; // 0 is a lost face
}

function usable(name, value) {
  // A degenerate face (all points on a line) divides by zero: that is no measurement.
  return Number.isFinite(value) && Math.abs(value) <= (name.startsWith("iris") ? 5 : 180) ? value : NaN;
}

const distance2 = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
const minus = (a, b) => a.map((value, i) => value - b[i]);
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const unit = (a) => { const length = Math.sqrt(dot(a, a)); return a.map((value) => value / length); };
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
