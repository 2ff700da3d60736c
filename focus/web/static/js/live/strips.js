// The past 30 seconds: a line for a signal, and rows of ticks and bars for events, on one time axis.

import { colours, FONT } from "../colours.js";
import { axisNumber } from "../words.js";
import { SharpCanvas } from "./canvas.js";
import { SPAN_US } from "./history.js";

const LEFT = 76;
const RIGHT = 8;

const ROWS = [
  { name: "State", states: true },
  { name: "Blinks", kinds: ["blink", "closure"] },
  { name: "Fixations", kinds: ["fixation", "pursuit"] },
  { name: "Saccades", kinds: ["saccade"] },
  { name: "Not seen", kinds: ["track_loss"] },
];

function xOf(t_us, now_us, width) {
  return LEFT + (1 - (now_us - t_us) / SPAN_US) * (width - LEFT - RIGHT);
}

/** A signal as a line; blinks are shaded behind it. */
export class SignalStrip {
  #low = null;
  #high = null;

  constructor(element, signal, { colour, missing, floor = null }) {
    this.canvas = new SharpCanvas(element);
    this.signal = signal;
    this.colour = colour;
    this.missing = missing;
    this.floor = floor;
  }

  draw(history, now_us) {
    const { context, width, height } = this.canvas;
    this.canvas.clear();
    const values = history.signals[this.signal];
    const start = Math.max(0, history.indexAt(now_us - SPAN_US) - 1);
    const stop = history.indexAt(now_us);
    if (!this.#scale(values, start, stop)) {
      context.fillStyle = colours.muted;
      context.font = FONT.replace("12px", "14px");
      context.textBaseline = "middle";
      context.fillText(this.missing, LEFT, height / 2);
      return;
    }
    this.#shadeBlinks(history, now_us);
    this.#axis();
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, width - LEFT - RIGHT, height);
    context.clip();
    this.#line(history, values, start, stop, now_us);
    context.restore();
  }

  /** Fit the axis to what is shown: at once to more, slowly to less. False when there is no value. */
  #scale(values, start, stop) {
    let low = Infinity;
    let high = -Infinity;
    for (let i = start; i < stop; i += 1) {
      const value = values[i];
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low > high) return this.#low !== null;
    if (this.floor !== null) low = Math.min(low, this.floor);
    const pad = Math.max(0.08 * (high - low), 0.02 * Math.abs(high), 1e-6);
    low -= pad;
    high += pad;
    if (this.#low === null) {
      this.#low = low;
      this.#high = high;
    }
    this.#low = low < this.#low ? low : this.#low + 0.02 * (low - this.#low);
    this.#high = high > this.#high ? high : this.#high + 0.02 * (high - this.#high);
    return true;
  }

  #y(value) {
    const { height } = this.canvas;
    return 6 + (1 - (value - this.#low) / (this.#high - this.#low)) * (height - 12);
  }

  #axis() {
    const { context, width } = this.canvas;
    context.font = FONT;
    context.fillStyle = colours.muted;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const tick of niceTicks(this.#low, this.#high)) {
      const y = this.#y(tick);
      context.fillText(axisNumber(tick), LEFT - 10, y);
      context.strokeStyle = colours.line;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(LEFT, Math.round(y) + 0.5);
      context.lineTo(width - RIGHT, Math.round(y) + 0.5);
      context.stroke();
    }
    context.textAlign = "left";
  }

  #shadeBlinks(history, now_us) {
    const { context, width, height } = this.canvas;
    for (const event of history.events) {
      if (event.kind !== "blink" && event.kind !== "closure") continue;
      if (event.offset_us < now_us - SPAN_US || event.onset_us > now_us) continue;
      const left = Math.max(LEFT, xOf(event.onset_us, now_us, width));
      const right = Math.max(left + 2, xOf(Math.min(event.offset_us, now_us), now_us, width));
      context.globalAlpha = 0.16;
      context.fillStyle = colours[event.kind];
      context.fillRect(left, 0, right - left, height);
      context.globalAlpha = 1;
    }
  }

  #line(history, values, start, stop, now_us) {
    const { context, width } = this.canvas;
    context.strokeStyle = colours[this.colour];
    context.lineWidth = 1.75;
    context.lineJoin = "round";
    context.beginPath();
    let drawing = false;
    for (let i = start; i < stop; i += 1) {
      if (values[i] === null || (i > start && history.t_us[i] - history.t_us[i - 1] > 500_000)) drawing = false;
      if (values[i] === null) continue;
      const x = xOf(history.t_us[i], now_us, width);
      const y = this.#y(values[i]);
      if (drawing) context.lineTo(x, y);
      else context.moveTo(x, y);
      drawing = true;
    }
    context.stroke();
  }
}

/** The state band and the events, one row each. */
export class RasterStrip {
  constructor(element) {
    this.canvas = new SharpCanvas(element);
  }

  draw(history, now_us) {
    const { context, width, height } = this.canvas;
    this.canvas.clear();
    const bottom = height - 18;
    const step = bottom / ROWS.length;
    context.font = FONT;
    context.textBaseline = "middle";
    ROWS.forEach((row, at) => {
      const top = at * step + 3;
      context.fillStyle = colours.sunken;
      context.fillRect(LEFT, top, width - LEFT - RIGHT, step - 6);
      context.fillStyle = colours.muted;
      context.textAlign = "right";
      context.fillText(row.name, LEFT - 10, top + (step - 6) / 2);
      context.textAlign = "left";
      if (row.states) this.#states(history, now_us, top, step - 6);
      else this.#events(history, now_us, row.kinds, top, step - 6);
    });
    this.#seconds(now_us, bottom);
  }

  #states(history, now_us, top, tall) {
    const { context, width } = this.canvas;
    const start = Math.max(0, history.indexAt(now_us - SPAN_US) - 1);
    const stop = history.indexAt(now_us);
    for (let i = start; i < stop; ) {
      let end = i + 1;
      while (end < stop && history.states[end] === history.states[i] && history.t_us[end] - history.t_us[end - 1] < 500_000) end += 1;
      if (history.states[i]) {
        const until_us = end < stop && history.t_us[end] - history.t_us[end - 1] < 500_000 ? history.t_us[end] : history.t_us[end - 1];
        const left = Math.max(LEFT, xOf(history.t_us[i], now_us, width));
        context.fillStyle = colours[history.states[i]];
        context.fillRect(left, top, Math.max(0, xOf(until_us, now_us, width) - left), tall);
      }
      i = end;
    }
  }

  #events(history, now_us, kinds, top, tall) {
    const { context, width } = this.canvas;
    for (const event of history.events) {
      if (!kinds.includes(event.kind) || event.offset_us < now_us - SPAN_US || event.onset_us > now_us) continue;
      const left = Math.max(LEFT, xOf(event.onset_us, now_us, width));
      const right = xOf(Math.min(event.offset_us, now_us), now_us, width);
      context.fillStyle = colours[event.kind] || colours.ink;
      context.fillRect(left, top + 1, Math.max(2, right - left - 1), tall - 2);
    }
  }

  #seconds(now_us, bottom) {
    const { context, width, height } = this.canvas;
    context.fillStyle = colours.muted;
    const step_s = width < 560 ? 15 : 5;
    for (let ago_s = 30; ago_s >= 0; ago_s -= step_s) {
      const x = xOf(now_us - ago_s * 1e6, now_us, width);
      context.textAlign = ago_s === 0 ? "right" : ago_s === 30 ? "left" : "center";
      context.fillText(ago_s === 0 ? "now" : `${ago_s} s ago`, x, (bottom + height) / 2 + 2);
    }
    context.textAlign = "left";
  }
}

/** Two to four round numbers between two values. */
export function niceTicks(low, high) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const base = 10 ** Math.floor(Math.log10(span));
  const step = [0.5, 1, 2, 5, 10].map((m) => m * base).find((s) => span / s <= 3.5) ?? base;
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) ticks.push(Number((k * step).toPrecision(6)));
  return ticks;
}
