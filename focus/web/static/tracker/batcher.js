// Cuts frames into batches by their times. A hidden tab's timers hardly run, so that nothing here hangs on one.

import { framesThatFit } from "./codec.js";

export class Batcher {
  #names;
  #length_us;
  #limit;
  #times_us = [];
  #columns;

  /**
   * @param {string[]} names columns of every frame
   * @param {number} length_us a batch is cut when its frames span this much
   */
  constructor(names, length_us) {
    this.#names = names;
    this.#length_us = length_us;
    this.#limit = framesThatFit(names.length);
    this.#clear();
  }

  /** Take a frame; the batch it completes, or null. */
  push(t_us, frame) {
    this.#times_us.push(t_us);
    for (const name of this.#names) this.#columns[name].push(frame[name]);
    const isLong = t_us - this.#times_us[0] >= this.#length_us;
    return isLong || this.#times_us.length >= this.#limit ? this.flush() : null;
  }

  /** What is waiting, as a batch; null when nothing is. */
  flush() {
    if (this.#times_us.length === 0) return null;
    const batch = { times_us: this.#times_us, columns: this.#columns };
    this.#clear();
    return batch;
  }

  #clear() {
    this.#times_us = [];
    this.#columns = Object.fromEntries(this.#names.map((name) => [name, []]));
  }
}
