// The clock of what is drawn. Frames come in a few clumps a second; this clock runs evenly a little behind the newest
// one, so that the picture moves smoothly. It follows streams that run faster than the wall clock, too.

const START_DELAY_MS = 300;
const JUMP_MS = 2500;
const EASE_MS = 600;

export class PlaybackClock {
  #position_us = null;
  #newest_us = null;
  #newest_at_ms = 0;
  #interval_ms = 200;
  #speed = 1;
  #last_tick_ms = 0;
  #ended = false;

  /** Frames up to `t_us` of the recording are here; `now_ms` is the wall clock. */
  push(t_us, now_ms) {
    if (this.#newest_us === null) {
      this.#position_us = t_us - START_DELAY_MS * 1000;
      this.#last_tick_ms = now_ms;
    } else {
      const wall_ms = now_ms - this.#newest_at_ms;
      if (wall_ms > 20) {
        const speed = (t_us - this.#newest_us) / 1000 / wall_ms;
        this.#speed += 0.15 * (Math.min(Math.max(speed, 0), 200) - this.#speed);
        this.#interval_ms += 0.2 * (Math.min(wall_ms, 1500) - this.#interval_ms);
      }
    }
    this.#newest_us = Math.max(this.#newest_us ?? t_us, t_us);
    this.#newest_at_ms = now_ms;
  }

  /** No more frames will come: run on to the last one. */
  end() {
    this.#ended = true;
  }

  /** The time to draw, in microseconds of the recording; null before the first frames. */
  tick(now_ms) {
    if (this.#newest_us === null) return null;
    const step_ms = Math.min(Math.max(now_ms - this.#last_tick_ms, 0), 1000);
    this.#last_tick_ms = now_ms;
    const speed = this.#ended ? Math.max(this.#speed, 1) : this.#speed;
    const delay_ms = this.#ended ? 0 : Math.max(250, 1.6 * this.#interval_ms);
    const wanted_us = this.#newest_us + (now_ms - this.#newest_at_ms - delay_ms) * 1000 * speed;
    const behind_us = wanted_us - this.#position_us;
    let next_us = this.#position_us + step_ms * 1000 * speed + behind_us * Math.min(1, step_ms / EASE_MS);
    if (Math.abs(behind_us) > JUMP_MS * 1000 * Math.max(speed, 1)) next_us = wanted_us;
    // Never backwards, and never beyond what is here.
    this.#position_us = Math.min(Math.max(next_us, this.#position_us), this.#newest_us);
    return this.#position_us;
  }
}
