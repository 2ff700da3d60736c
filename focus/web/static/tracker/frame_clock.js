// Times of frames: the camera's own clock within a stretch of frames, and the wall clock between stretches.
//
// A camera's timestamps begin anywhere and begin anew when it is opened again, after a pause or a reload. Each stretch is
// placed by the wall clock at its first frame; from there on only the camera's timestamps count. A stretch also ends by
// itself, where the camera's clock has begun anew, or stood still while the computer slept.

const LEAST_STEP_US = 1000; // between two stretches, if the wall clock was set back
const BACK_US = 1_000_000; // further back than this no frame is only late: the camera counts anew
const APART_US = 30_000_000; // longer than a busy machine holds frames back; then one of the two clocks stood still

export class FrameClock {
  #startedAt_ms;
  #last_us;
  #offset_us = null;
  #newest = null; // {timestamp_us, now_ms} of the newest frame of this stretch

  /**
   * @param {number} startedAt_ms wall clock when the recording began
   * @param {number} last_us time of the newest frame so far; -1 before the first
   */
  constructor(startedAt_ms, last_us = -1) {
    this.#startedAt_ms = startedAt_ms;
    this.#last_us = last_us;
  }

  get last_us() {
    return this.#last_us;
  }

  /** The next frame begins a new stretch. */
  interrupt() {
    this.#offset_us = null;
    this.#newest = null;
  }

  /** The time of a frame in whole microseconds since the recording began; null for one that is not after the last. */
  take(timestamp_us, now_ms) {
    if (!Number.isFinite(timestamp_us)) return null;
    if (this.#beginsAnew(timestamp_us, now_ms)) this.interrupt();
    if (this.#offset_us === null) {
      const wanted_us = Math.round((now_ms - this.#startedAt_ms) * 1000);
      const least_us = this.#last_us < 0 ? 0 : this.#last_us + LEAST_STEP_US;
      this.#offset_us = Math.max(wanted_us, least_us) - Math.round(timestamp_us);
    }
    const t_us = Math.round(timestamp_us) + this.#offset_us;
    if (t_us <= this.#last_us) return null;
    this.#newest = { timestamp_us, now_ms };
    this.#last_us = t_us;
    return t_us;
  }

  #beginsAnew(timestamp_us, now_ms) {
    if (this.#newest === null) return false;
    const step_us = timestamp_us - this.#newest.timestamp_us;
    return step_us < -BACK_US || Math.abs((now_ms - this.#newest.now_ms) * 1000 - step_us) > APART_US;
  }
}
