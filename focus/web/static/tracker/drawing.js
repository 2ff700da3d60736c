// What is drawn over the preview and in the diagnostics: mesh, contours, axes of the head, both eyes enlarged, strips.

import { colours, FONT } from "../js/colours.js";
import { headPose } from "./measures.js";

const AXIS_COLOURS = ["#e5484d", "#46a758", "#3e8bff"];
const EYE_CORNERS = { right: [33, 133], left: [362, 263] };
const STRIP_US = 10_000_000;

/** Draw a face over the preview; the canvas has the pixels of the camera's picture. */
export function drawFace(canvas, { landmarks, width, height }, lines, shown) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (!landmarks) return;
  if (shown.mesh) strokeLines(context, landmarks, lines.mesh, width, height, "rgb(120 230 220 / 35%)", 0.7);
  if (shown.contours) strokeLines(context, landmarks, lines.contours, width, height, "rgb(150 255 240 / 85%)", 1.4);
  for (const iris of [468, 473]) {
    const [x, y] = [landmarks[3 * iris] * width, landmarks[3 * iris + 1] * height];
    const radius = Math.hypot((landmarks[3 * (iris + 1)] - landmarks[3 * iris]) * width, (landmarks[3 * (iris + 1) + 1] - landmarks[3 * iris + 1]) * height);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.strokeStyle = "#ffd479";
    context.lineWidth = 1.6;
    context.stroke();
  }
  if (shown.axes) drawAxes(context, landmarks, width, height);
}

function strokeLines(context, landmarks, lines, width, height, colour, thickness) {
  context.beginPath();
  for (const [a, b] of lines) {
    context.moveTo(landmarks[3 * a] * width, landmarks[3 * a + 1] * height);
    context.lineTo(landmarks[3 * b] * width, landmarks[3 * b + 1] * height);
  }
  context.strokeStyle = colour;
  context.lineWidth = thickness;
  context.stroke();
}

function drawAxes(context, landmarks, width, height) {
  const at = (i) => ({ x: landmarks[3 * i] * width, y: landmarks[3 * i + 1] * height, z: landmarks[3 * i + 2] * width });
  const { axes } = headPose(at);
  const nose = at(1);
  Object.values(axes).forEach((axis, i) => {
    context.beginPath();
    context.moveTo(nose.x, nose.y);
    context.lineTo(nose.x + axis[0] * 70, nose.y - axis[1] * 70);
    context.strokeStyle = AXIS_COLOURS[i];
    context.lineWidth = 3;
    context.stroke();
  });
}

/** Draw one eye of the video's picture, enlarged. */
export function drawEye(canvas, video, { landmarks, width, height }, side) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!landmarks) return;
  const [a, b] = EYE_CORNERS[side].map((i) => ({ x: landmarks[3 * i] * width, y: landmarks[3 * i + 1] * height }));
  const shown_px = Math.hypot(a.x - b.x, a.y - b.y) * 1.7;
  const tall_px = (shown_px * canvas.height) / canvas.width;
  context.drawImage(video, (a.x + b.x - shown_px) / 2, (a.y + b.y - tall_px) / 2, shown_px, tall_px, 0, 0, canvas.width, canvas.height);
}

/** Values of the last ten seconds, by the camera's clock. */
export class Strip {
  #times_us = [];
  #values = [];

  push(t_us, value) {
    if (this.#times_us.length > 0 && t_us < this.#times_us.at(-1)) [this.#times_us, this.#values] = [[], []];
    this.#times_us.push(t_us);
    this.#values.push(value);
    while (t_us - this.#times_us[0] > STRIP_US) {
      this.#times_us.shift();
      this.#values.shift();
    }
  }

  /** @param canvas a SharpCanvas */
  draw(canvas, colour, { low = 0, least = 0 } = {}) {
    canvas.clear();
    const { context, width, height } = canvas;
    const known = this.#values.filter(Number.isFinite);
    const high = Math.max(least, ...known) * 1.05;
    const bottom = Math.min(low, ...known);
    context.font = FONT;
    context.fillStyle = colours.muted;
    if (known.length === 0) {
      context.fillText("nothing measured", 4, height / 2);
      return;
    }
    const newest_us = this.#times_us.at(-1);
    context.beginPath();
    let isDrawing = false;
    this.#times_us.forEach((t_us, i) => {
      const value = this.#values[i];
      const isKnown = Number.isFinite(value);
      const x = width * (1 - (newest_us - t_us) / STRIP_US);
      const y = height - 3 - ((height - 6) * (value - bottom)) / (high - bottom || 1);
      if (isKnown) context[isDrawing ? "lineTo" : "moveTo"](x, y);
      isDrawing = isKnown;
    });
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    context.stroke();
  }
}
