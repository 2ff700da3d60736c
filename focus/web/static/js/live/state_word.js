// The state of the eyes as one large word. A saccade lasts 30 ms: each word stays long enough to be read as a flash, and
// a blink is never passed over.

import { STATE_WORDS } from "../words.js";

const HOLD_MS = { blink: 280, closure: 280, saccade: 120, fixation: 60, pursuit: 120, lost: 120, open: 120 };
const LONGEST_BLINK_US = 500_000;

export class StateWord {
  #shown = null;
  #until_ms = 0;
  #last_t_us = null;

  /** @param {boolean} hasGaze whether the tracker says where the eyes look; without, seen eyelids are seen eyes */
  constructor(word, meaning, hasGaze) {
    this.hasGaze = hasGaze;
    this.word = word;
    this.meaning = meaning;
  }

  update(history, now_us, now_ms) {
    const stop = history.indexAt(now_us);
    const start = this.#last_t_us === null ? stop - 1 : history.indexAt(this.#last_t_us);
    this.#last_t_us = now_us;
    const passed = history.states.slice(Math.max(0, start), stop).filter((state) => state !== null);
    if (!passed.length) return;
    let wanted = passed.includes("blink") ? "blink" : passed[passed.length - 1];
    if (isLongClosure(history, stop - 1)) wanted = "closure";
    if (wanted === "lost" && !this.hasGaze && (history.signals.openness[stop - 1] ?? null) !== null) wanted = "open";
    if (wanted === this.#shown) {
      if (wanted === "blink") this.#until_ms = now_ms + HOLD_MS.blink;
      return;
    }
    if (now_ms < this.#until_ms && wanted !== "blink" && wanted !== "closure") return;
    this.#shown = wanted;
    this.#until_ms = now_ms + HOLD_MS[wanted];
    [this.word.textContent, this.meaning.textContent] = STATE_WORDS[wanted];
    this.word.className = `state-word word-${wanted}`;
  }
}

/** Whether the lids have been closed for longer than a blink lasts, up to this frame. */
function isLongClosure(history, last) {
  let first = last;
  while (first >= 0 && history.states[first] === "blink") first -= 1;
  return last - first > 1 && history.t_us[last] - history.t_us[first + 1] > LONGEST_BLINK_US;
}
