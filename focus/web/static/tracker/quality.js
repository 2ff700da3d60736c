// The check before the start: is the picture good enough, and what would make it better.

/**
 * @param {{hasFace: boolean, light: {mean: number, left: number, right: number, glare: number} | null,
 *   distance_mm: number, head_yaw: number, head_pitch: number, head_roll: number, rate_hz: number | null}} seen
 * @returns {{name: string, verdict: "good" | "caution" | "wrong" | "waiting", words: string}[]}
 */
export function checkQuality(seen) {
  return [
    { name: "face", ...checkFace(seen) },
    { name: "light", ...checkLight(seen) },
    { name: "distance", ...checkDistance(seen) },
    { name: "head", ...checkHead(seen) },
    { name: "glasses", ...checkGlare(seen) },
    { name: "rate", ...checkRate(seen) },
  ];
}

const good = (words) => ({ verdict: "good", words });
const caution = (words) => ({ verdict: "caution", words });
const wrong = (words) => ({ verdict: "wrong", words });
const waiting = { verdict: "waiting", words: "waiting for a face" };

function checkFace({ hasFace }) {
  return hasFace ? good("found") : wrong("none found: sit in front of the camera");
}

function checkLight({ light }) {
  if (!light) return { verdict: "waiting", words: "waiting for a picture" };
  if (light.mean < 0.15) return wrong("too dark: switch a lamp on in front of you");
  if (light.mean > 0.9) return wrong("too bright: turn away from the window");
  const [less, more] = [Math.min(light.left, light.right), Math.max(light.left, light.right)];
  if (more > 2.5 * less) return caution("from one side: a lamp in front is better");
  return light.mean < 0.25 ? caution("dim: more light from the front helps") : good("even");
}

function checkDistance({ hasFace, distance_mm }) {
  if (!hasFace) return waiting;
  const words = `about ${Math.round(distance_mm / 50) * 5} cm`;
  if (distance_mm < 300) return caution(`${words}: move back a little`);
  if (distance_mm > 900) return caution(`${words}: come closer`);
  return good(words);
}

function checkHead({ hasFace, head_yaw, head_pitch, head_roll }) {
  if (!hasFace) return waiting;
  if (Math.abs(head_yaw) > 20) return caution("turned away: put the camera in front of you");
  if (head_pitch < -25) return caution("looking down on the camera: raise the screen");
  if (head_pitch > 25) return caution("looking up to the camera: lower it");
  if (Math.abs(head_roll) > 20) return caution("tilted");
  return good("straight enough");
}

function checkGlare({ hasFace, light }) {
  if (!hasFace || !light) return waiting;
  return light.glare > 0.06 ? caution("something shines in your glasses: tilt them or move the lamp") : good("no glare");
}

function checkRate({ rate_hz }) {
  if (rate_hz === null) return { verdict: "waiting", words: "measuring" };
  const words = `${Math.round(rate_hz)} frames a second`;
  if (rate_hz < 10) return wrong(`${words}: too few to measure blinks well`);
  return rate_hz < 20 ? caution(`${words}: short blinks may be missed`) : good(words);
}

/** Frames a second over the last seconds, from the camera's timestamps. */
export class RateMeter {
  #times_us = [];
  #window_us;

  constructor(window_us = 3_000_000) {
    this.#window_us = window_us;
  }

  push(timestamp_us) {
    if (this.#times_us.length > 0 && timestamp_us <= this.#times_us.at(-1)) this.#times_us = [];
    this.#times_us.push(timestamp_us);
    while (timestamp_us - this.#times_us[0] > this.#window_us) this.#times_us.shift();
  }

  /** Null until a second has been seen. */
  get rate_hz() {
    const span_us = this.#times_us.length < 2 ? 0 : this.#times_us.at(-1) - this.#times_us[0];
    return span_us < 1_000_000 ? null : ((this.#times_us.length - 1) * 1e6) / span_us;
  }
}
