// Where the eyes look: the screen (or the field of view) with the gaze point, its fading trail and the last fixations.

import { colours, FONT } from "../colours.js";
import { SharpCanvas } from "./canvas.js";
import { restingPlaces } from "./resting.js";

const TRAIL_US = 1_200_000;
const FIXATIONS_US = 6_000_000;
const SMALLEST_DEG = 12;

export class ScreenView {
  constructor(element, caption, tracker) {
    this.canvas = new SharpCanvas(element);
    this.space = tracker.gaze_space;
    this.hasGaze = (tracker.columns ?? []).some((name) => name.startsWith("gaze"));
    this.range_deg = SMALLEST_DEG;
    const screen = tracker.screen;
    const aspect = this.space === "screen" && screen ? screen.width_mm / screen.height_mm : this.space === "scene" ? 4 / 3 : 16 / 9;
    element.style.aspectRatio = String(aspect);
    this.caption = caption;
    this.#describe(screen);
  }

  #describe(screen) {
    if (this.space === "deg") {
      const span = Math.round(this.range_deg);
      this.caption.textContent = `Degrees of visual angle around straight ahead; the picture is ${2 * span} degrees high.`;
    } else if (this.space === "scene") {
      this.caption.textContent = "The picture of the scene camera.";
    } else if (screen) {
      const size = screen.width_px ? `, ${screen.width_px} x ${screen.height_px} px` : "";
      this.caption.textContent = `The whole screen: ${Math.round(screen.width_mm)} x ${Math.round(screen.height_mm)} mm${size}, ${Math.round(screen.distance_mm)} mm away.`;
    } else {
      this.caption.textContent = "The whole screen, from edge to edge.";
    }
  }

  /** Pixels of a gaze point. */
  #place(x, y) {
    const { width, height } = this.canvas;
    if (this.space !== "deg") return [x * width, y * height];
    const scale = height / (2 * this.range_deg);
    return [width / 2 + x * scale, height / 2 + y * scale];
  }

  /** Widen the field of view when the eyes go beyond it; it never narrows, so that the picture stays calm. */
  #widen(history) {
    if (this.space !== "deg") return;
    const { width, height } = this.canvas;
    const aspect = height ? width / height : 1;
    let reach = this.range_deg;
    const first = Math.max(0, history.t_us.length - 40);
    for (let i = first; i < history.t_us.length; i += 1) {
      const x = history.signals.gaze_x[i];
      const y = history.signals.gaze_y[i];
      if (x === null || y === null || history.states[i] === "blink" || history.states[i] === "lost") continue;
      reach = Math.max(reach, Math.abs(y), Math.abs(x) / aspect);
    }
    const wanted = Math.min(60, reach > this.range_deg ? Math.ceil((1.1 * reach) / 2) * 2 : reach);
    if (wanted !== this.range_deg) {
      this.range_deg = wanted;
      this.#describe(null);
    }
  }

  draw(history, now_us) {
    this.canvas.clear();
    this.#grid();
    if (!history.has("gaze_x")) {
      this.#say(this.hasGaze ? "No gaze was measured in these 30 s." : "This tracker sends no gaze position.");
      return;
    }
    this.#widen(history);
    const stop = history.indexAt(now_us);
    this.#fixations(history, stop, now_us);
    this.#trail(history, stop, now_us);
    this.#point(history, stop, now_us);
  }

  #grid() {
    const { context, width, height } = this.canvas;
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.beginPath();
    if (this.space === "deg") {
      const scale = height / (2 * this.range_deg);
      const step = this.range_deg > 25 ? 10 : 5;
      for (let d = 0; d * scale < width / 2; d += step) this.#lines(d * scale, null);
      for (let d = 0; d * scale < height / 2; d += step) this.#lines(null, d * scale);
    } else {
      for (const part of [0.25, 0.5, 0.75]) {
        context.moveTo(part * width, 0);
        context.lineTo(part * width, height);
        context.moveTo(0, part * height);
        context.lineTo(width, part * height);
      }
    }
    context.globalAlpha = 0.6;
    context.stroke();
    context.globalAlpha = 1;
  }

  #lines(dx, dy) {
    const { context, width, height } = this.canvas;
    for (const sign of [-1, 1]) {
      if (dx !== null) {
        context.moveTo(width / 2 + sign * dx, 0);
        context.lineTo(width / 2 + sign * dx, height);
      } else {
        context.moveTo(0, height / 2 + sign * dy);
        context.lineTo(width, height / 2 + sign * dy);
      }
    }
  }

  #say(words) {
    const { context, width, height } = this.canvas;
    context.fillStyle = colours.muted;
    context.font = FONT.replace("12px", "15px");
    context.textAlign = "center";
    context.fillText(words, width / 2, height / 2);
    context.textAlign = "left";
  }

  /** Circles where the eyes rested, as large as the rest was long, joined by thin lines, fading away. */
  #fixations(history, stop, now_us) {
    const { context } = this.canvas;
    const resting = restingPlaces(history, history.indexAt(now_us - FIXATIONS_US), stop);
    let before = null;
    for (const place of resting) {
      const [x, y] = this.#place(place.x, place.y);
      const age = Math.min(1, Math.max(0, (now_us - place.stop_us) / FIXATIONS_US));
      context.globalAlpha = 0.75 * (1 - age);
      context.strokeStyle = colours.fixation;
      context.fillStyle = colours.fixation;
      context.lineWidth = 1;
      if (before) {
        context.beginPath();
        context.moveTo(...before);
        context.lineTo(x, y);
        context.globalAlpha *= 0.45;
        context.stroke();
        context.globalAlpha /= 0.45;
      }
      context.beginPath();
      context.arc(x, y, 5 + 16 * Math.sqrt(Math.min(1.5, (place.stop_us - place.start_us) / 1e6)), 0, 2 * Math.PI);
      context.stroke();
      context.globalAlpha *= 0.14;
      context.fill();
      before = [x, y];
    }
    context.globalAlpha = 1;
  }

  #trail(history, stop, now_us) {
    const { context } = this.canvas;
    const { gaze_x, gaze_y } = history.signals;
    context.strokeStyle = colours.accent;
    context.lineCap = "round";
    let before = null;
    for (let i = history.indexAt(now_us - TRAIL_US); i < stop; i += 1) {
      const seen = gaze_x[i] !== null && gaze_y[i] !== null && history.states[i] !== "blink" && history.states[i] !== "lost";
      const here = seen ? this.#place(gaze_x[i], gaze_y[i]) : null;
      if (here && before) {
        const fresh = 1 - (now_us - history.t_us[i]) / TRAIL_US;
        context.globalAlpha = 0.75 * fresh * fresh;
        context.lineWidth = 1 + 2 * fresh;
        context.beginPath();
        context.moveTo(...before);
        context.lineTo(...here);
        context.stroke();
      }
      before = here;
    }
    context.globalAlpha = 1;
  }

  #point(history, stop, now_us) {
    const i = stop - 1;
    if (i < 0 || now_us - history.t_us[i] > 500_000) return;
    const x = history.signals.gaze_x[i];
    const y = history.signals.gaze_y[i];
    const state = history.states[i];
    if (x === null || y === null || state === "blink" || state === "lost") return;
    let [px, py] = this.#place(x, y);
    const next = i + 1;
    if (next < history.t_us.length && history.signals.gaze_x[next] !== null && history.signals.gaze_y[next] !== null) {
      const part = Math.min(1, (now_us - history.t_us[i]) / (history.t_us[next] - history.t_us[i]));
      const [nx, ny] = this.#place(history.signals.gaze_x[next], history.signals.gaze_y[next]);
      px += part * (nx - px);
      py += part * (ny - py);
    }
    const { context } = this.canvas;
    context.fillStyle = colours.accent;
    context.strokeStyle = colours.surface;
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(px, py, 8, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}
