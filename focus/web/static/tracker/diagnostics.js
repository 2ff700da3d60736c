// The view for who wants to see what the tracker sees: drawn in the page, from its own camera, while it is open.

import { colours } from "../js/colours.js";
import { SharpCanvas } from "../js/live/canvas.js";
import { drawEye, Strip } from "./drawing.js";

const byId = (id) => document.getElementById(id);
// A number that rounds to nothing is written without a sign.
const decimals = (value, n) => value.toFixed(n).replace(/^-(?=[0.]*$)/, "").replace("-", "\u2212");
const degrees = (value) => (Number.isFinite(value) ? `${decimals(value, 1)}°` : "–");
const ratio = (value) => (Number.isFinite(value) ? decimals(value, 3) : "–");

export class Diagnostics {
  #box = byId("diagnostics");
  #video;
  #canvases = {};
  #strips = { openness: new Strip(), speed: new Strip() };
  #before = null;

  constructor(video) {
    this.#video = video;
    this.#box.addEventListener("toggle", () => this.#box.open && this.#prepare());
  }

  /** Which drawings over the preview are wanted. */
  get shown() {
    return {
      mesh: byId("show-mesh").checked,
      contours: byId("show-contours").checked,
      axes: this.#box.open && byId("show-axes").checked,
    };
  }

  /** Take a frame and what was measured in it; draws nothing while the view is closed. */
  update(seen, frame, rate_hz) {
    const speed = this.#irisSpeed(seen.timestamp_us, frame);
    this.#strips.openness.push(seen.timestamp_us, mean(frame.openness_left, frame.openness_right));
    this.#strips.speed.push(seen.timestamp_us, speed);
    if (!this.#box.open || document.hidden) return;
    for (const side of ["left", "right"]) {
      drawEye(byId(`eye-${side}`), this.#video, seen, side);
      byId(`openness-${side}`).textContent = ratio(frame[`openness_${side}`]);
      byId(`iris-${side}`).textContent = `${ratio(frame[`iris_${side}_x`])}, ${ratio(frame[`iris_${side}_y`])}`;
    }
    for (const angle of ["yaw", "pitch", "roll"]) byId(`head-${angle}`).textContent = degrees(frame[`head_${angle}`]);
    byId("iris-speed").textContent = Number.isFinite(speed) ? `${speed.toFixed(2)} eye widths/s` : "–";
    byId("confidence").textContent = ratio(frame.confidence);
    byId("work").textContent = `${seen.spent_ms.toFixed(0)} ms a frame, ${rate_hz === null ? "–" : rate_hz.toFixed(1)} Hz`;
    this.#strips.openness.draw(this.#canvases.openness, colours.openness, { least: 0.35 });
    this.#strips.speed.draw(this.#canvases.speed, colours["gaze-x"], { least: 2 });
  }

  #prepare() {
    this.#canvases.openness ??= new SharpCanvas(byId("strip-openness"));
    this.#canvases.speed ??= new SharpCanvas(byId("strip-speed"));
  }

  #irisSpeed(t_us, frame) {
    const x = mean(frame.iris_left_x, frame.iris_right_x);
    const y = mean(frame.iris_left_y, frame.iris_right_y);
    const before = this.#before;
    this.#before = { t_us, x, y };
    return before && t_us > before.t_us ? (Math.hypot(x - before.x, y - before.y) / (t_us - before.t_us)) * 1e6 : NaN;
  }
}

const mean = (a, b) => (a + b) / 2;
