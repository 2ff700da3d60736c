// The past 30 seconds of frames and events, as the pictures of the server brought them.

import { stateName } from "../words.js";

export const SPAN_US = 30_000_000;
const KEEP_US = SPAN_US + 5_000_000;
const SIGNALS = ["gaze_x", "gaze_y", "openness", "pupil"];

export class History {
  t_us = [];
  states = [];
  signals = { gaze_x: [], gaze_y: [], openness: [], pupil: [] };
  events = [];
  counts = { blink: 0, fixation: 0, saccade: 0 };
  #seen = new Set();

  get newest_us() {
    return this.t_us.length ? this.t_us[this.t_us.length - 1] : null;
  }

  /** Whether any frame here has a value of this signal. */
  has(signal) {
    return this.signals[signal].some((value) => value !== null);
  }

  /** Take in one picture; frames that are here already are passed over. */
  add(picture) {
    if (picture.snapshot) this.#makeRoom(picture.frames);
    this.#addFrames(picture.frames);
    for (const event of picture.events ?? []) this.#addEvent(event);
    this.#forget();
  }

  /** A snapshot knows more of the past than this page, which may have missed pictures: it takes the place of its time. */
  #makeRoom(frames) {
    if (!frames?.t_us?.length) return;
    const start = this.indexAt(frames.t_us[0] - 1);
    const stop = this.indexAt(frames.t_us[frames.t_us.length - 1]);
    const later = { t_us: this.t_us.slice(stop), state: this.states.slice(stop) };
    for (const name of SIGNALS) later[name] = this.signals[name].slice(stop);
    for (const list of this.#lists()) list.length = start;
    this.#addFrames(frames);
    this.#addFrames(later);
  }

  #lists() {
    return [this.t_us, this.states, ...SIGNALS.map((name) => this.signals[name])];
  }

  #addFrames(frames) {
    if (!frames?.t_us) return;
    const newest = this.newest_us ?? -Infinity;
    for (let i = 0; i < frames.t_us.length; i += 1) {
      if (frames.t_us[i] <= newest) continue;
      this.t_us.push(frames.t_us[i]);
      this.states.push(stateName(frames.state?.[i]));
      for (const name of SIGNALS) this.signals[name].push(frames[name]?.[i] ?? null);
    }
  }

  #addEvent(event) {
    const key = `${event.kind}:${event.onset_us}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.events.push(event);
    if (event.kind in this.counts) this.counts[event.kind] += 1;
  }

  #forget() {
    const oldest = (this.newest_us ?? 0) - KEEP_US;
    // Cut rarely: moving 2000 numbers forward five times a second would be the most costly thing on the page.
    const cut = this.indexAt(oldest);
    if (cut > 500) {
      for (const list of this.#lists()) list.splice(0, cut);
    }
    if (this.events.length > 600) {
      this.events = this.events.filter((event) => event.offset_us >= oldest);
      this.#seen = new Set(this.events.map((event) => `${event.kind}:${event.onset_us}`));
    }
  }

  /** Index of the first frame after `t_us`. */
  indexAt(t_us) {
    let low = 0;
    let high = this.t_us.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t_us[middle] <= t_us) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
