// The check before the start: is the picture good enough, and what would make it better.

/**
 * @param {{hasFace: boolean, light: {mean: number, left: number, right: number, glare: number} | null,
 *   distance_mm: number, head_yaw: number, head_pitch: number, head_roll: number, rate_hz: number | null}} seen
 * @returns {{name: string, verdict: "good" | "caution" | "wrong" | "waiting", words: string}[]}
 */
export function checkQuality(seen) {
  if (seen.rate_hz === 0) return [...["face", "light", "distance", "head", "glasses"].map((name) => ({ name, ...noPicture })), { name: "rate", ...silent }];
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
const noPicture = { verdict: "waiting", words: "waiting for a picture" };
const silent = wrong("no pictures come: is the camera covered by its switch, or held by another program?");

function checkFace({ hasFace }) {
  return hasFace ? good("found") : wrong("none found: sit in front of the camera");
}

function checkLight({ light }) {
  if (!light) return noPicture;
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

const SILENCE_MS = 5000; // without a frame, after which a camera is called silent

/** Frames a second over the last seconds, from the camera's timestamps. */
export class RateMeter {
  #times_us = [];
  #window_us;
  #heard_ms = null;
  #isSilent = false;

  constructor(window_us = 3_000_000) {
    this.#window_us = window_us;
  }

  /** Take a frame's timestamp, which came at `now_ms` of the page's clock. */
  push(timestamp_us, now_ms) {
    this.#heard_ms = now_ms;
    this.#isSilent = false;
    if (this.#times_us.length > 0 && timestamp_us <= this.#times_us.at(-1)) this.#times_us = [];
    this.#times_us.push(timestamp_us);
    while (timestamp_us - this.#times_us[0] > this.#window_us) this.#times_us.shift();
  }

  /** Whether no frame has come for long, if asked every now and then. */
  lookForSilence(now_ms) {
    this.#heard_ms ??= now_ms;
    this.#isSilent = now_ms - this.#heard_ms > SILENCE_MS;
    if (this.#isSilent) this.#times_us = [];
    return this.#isSilent;
  }

  /** Null until a second has been seen, and 0 while no frames come. */
  get rate_hz() {
    if (this.#isSilent) return 0;
    const span_us = this.#times_us.length < 2 ? 0 : this.#times_us.at(-1) - this.#times_us[0];
    return span_us < 1_000_000 ? null : ((this.#times_us.length - 1) * 1e6) / span_us;
  }
}
