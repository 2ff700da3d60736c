// The calibration of gaze, from the person's side: nine dots to look at, five more to see how good it became, and what
// to do with the outcome. The dots are buttons: space, enter, mouse and finger all say "I look at it now".

import { fitGaze, gazeOf, judge, summarise, TARGETS, VALIDATION_TARGETS, validate } from "./gaze.js";

const LEAST_FRAMES = 8;
const LOOK_US = 500_000; // of frames for each dot
const PATIENCE_MS = 4000; // without enough seen frames

const byId = (id) => document.getElementById(id);
const degrees = (value) => `${value.toFixed(1)}°`;

export class Calibration {
  #root = byId("calibration");
  #dot = byId("dot");
  #limit_deg = Number(byId("gaze").dataset.limit);
  #address = byId("gaze").dataset.address;
  #csrf = byId("gaze").dataset.csrf;
  #known = JSON.parse(byId("gaze").dataset.calibration); // the newest valid one of this tracker; null without any
  #fresh = null; // made, and not yet decided on
  #looks = [];
  #look = null; // the frames of the dot that is looked at now
  #timer;

  constructor() {
    byId("calibrate").addEventListener("click", () => this.#begin());
    byId("calibrate-again").addEventListener("click", () => this.#begin());
    byId("calibration-keep").addEventListener("click", () => this.#keep());
    byId("calibration-drop").addEventListener("click", () => this.#settle(null));
    for (const event of ["input", "change"]) {
      byId("screen-distance").addEventListener(event, ({ target }) => { target.dataset.own = "yes"; });
    }
    this.#dot.addEventListener("click", () => this.#startLook());
    byId("calibration-cancel").addEventListener("click", () => this.#leave());
    addEventListener("keydown", (event) => { if (event.key === "Escape") this.#leave(); });
    document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) this.#leave(); });
    const inches = Number(localStorage.getItem("focus-screen-inches"));
    if (inches > 0) byId("screen-inches").value = String(inches);
    byId("gaze-on").checked = this.#known !== null && isThisScreen(this.#known.screen);
    this.#tell();
  }

  /** The calibration that a recording that begins now uses; null when gaze is not wanted or not known. */
  get inUse() {
    return this.#known && byId("gaze-on").checked ? this.#known : null;
  }

  /** The distance that the camera guesses, until somebody has said a better one. */
  suggestDistance(distance_mm) {
    const field = byId("screen-distance");
    if (field.dataset.own || !Number.isFinite(distance_mm) || document.activeElement === field) return;
    field.value = String(Math.round(Math.min(Math.max(distance_mm, 200), 1500) / 10));
  }

  /** Take a frame: it belongs to the dot that is looked at. */
  take(timestamp_us, frame) {
    const look = this.#look;
    if (!look || !(frame.confidence > 0)) return;
    look.frames.push(frame);
    look.begun_us ??= timestamp_us;
    if (look.frames.length >= LEAST_FRAMES && timestamp_us - look.begun_us >= LOOK_US) this.#endLook();
  }

  async #begin() {
    if (!byId("screen-inches").reportValidity() || !byId("screen-distance").reportValidity()) return;
    this.#looks = [];
    this.#fresh = null;
    byId("calibration-outcome").hidden = true;
    this.#root.hidden = false;
    // Without it (a phone, or not allowed) the window stands for the screen, and has to stay as it is.
    await this.#root.requestFullscreen?.().catch(() => {});
    this.#showDot();
  }

  #leave() {
    if (this.#root.hidden) return;
    this.#root.hidden = true;
    this.#look = null;
    clearTimeout(this.#timer);
    if (document.fullscreenElement) document.exitFullscreen();
    byId("calibrate").focus();
  }

  #showDot() {
    const targets = [...TARGETS, ...VALIDATION_TARGETS];
    const { x, y } = targets[this.#looks.length];
    Object.assign(this.#dot.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    this.#root.dataset.point = String(this.#looks.length);
    byId("calibration-words").textContent = `Dot ${this.#looks.length + 1} of ${targets.length}: look at its middle, and press the space bar or the dot.`;
    this.#dot.focus();
  }

  #startLook() {
    if (this.#look) return;
    const targets = [...TARGETS, ...VALIDATION_TARGETS];
    this.#look = { target: targets[this.#looks.length], frames: [], begun_us: null };
    this.#dot.classList.add("is-looked-at");
    this.#timer = setTimeout(() => this.#missed(), PATIENCE_MS);
  }

  #missed() {
    this.#look = null;
    this.#dot.classList.remove("is-looked-at");
    byId("calibration-words").textContent = "Your eyes were not seen well enough. Look at the dot, and press again.";
  }

  #endLook() {
    const { target, frames } = this.#look;
    clearTimeout(this.#timer);
    this.#look = null;
    this.#dot.classList.remove("is-looked-at");
    const point = summarise(target, frames);
    if (point === null) {
      this.#missed();
      return;
    }
    this.#looks.push({ target, frames, point });
    if (this.#looks.length < TARGETS.length + VALIDATION_TARGETS.length) this.#showDot();
    else this.#finish();
  }

  #finish() {
    const screen = this.#screen();
    const points = this.#looks.map(({ point }) => point);
    this.#leave();
    try {
      const coefficients = fitGaze(points.slice(0, TARGETS.length));
      const quality = validate(this.#looks.slice(TARGETS.length), coefficients, screen);
      this.#fresh = { screen, points, coefficients, ...quality };
    } catch (error) {
      this.#fresh = null;
      this.#say("caution", `The dots did not tell enough to calibrate (${error.message}). Try again.`, false);
      return;
    }
    this.#judge();
  }

  #judge() {
    const { verdict, words, isUsable } = judge(this.#fresh, this.#limit_deg);
    this.#say(verdict, words, isUsable);
  }

  async #keep() {
    const button = byId("calibration-keep");
    button.disabled = true;
    try {
      const answer = await fetch(this.#address, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.#csrf },
        body: JSON.stringify(this.#fresh),
      });
      if (answer.redirected) throw new Error("you are logged out");
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      this.#settle(await answer.json());
    } catch (error) {
      this.#say("wrong", `The server did not keep the calibration: ${error.message}. Try once more.`, true);
    } finally {
      button.disabled = false;
    }
  }

  #settle(kept) {
    this.#fresh = null;
    if (kept) this.#known = kept;
    byId("gaze-on").checked = kept !== null;
    byId("calibration-outcome").hidden = true;
    this.#tell();
  }

  #say(verdict, words, isUsable) {
    const box = byId("calibration-outcome");
    box.className = `notice ${verdict}`;
    box.hidden = false;
    byId("calibration-found").textContent = words;
    byId("calibration-keep").hidden = !isUsable;
    box.focus();
  }

  /** What is known now, in words. */
  #tell() {
    const known = this.#known;
    byId("gaze-choice").hidden = known === null;
    byId("calibrate").textContent = known ? "Calibrate anew" : "Calibrate";
    let words = "Not calibrated: where you look is not measured, and no gaze is sent.";
    if (known) {
      const day = new Date(known.calibrated_at).toLocaleDateString(undefined, { dateStyle: "medium" });
      words = `Calibrated ${day}: accuracy ${degrees(known.accuracy_deg)}, precision ${degrees(known.precision_deg ?? 0)}.`;
      if (!isThisScreen(known.screen)) words += " It was made for a screen of another size; calibrate anew to use gaze on this one.";
    }
    byId("gaze-words").textContent = words;
  }

  /** Size of what was calibrated, from the diagonal of the whole screen. */
  #screen() {
    const inches = Number(byId("screen-inches").value);
    localStorage.setItem("focus-screen-inches", String(inches));
    const mm_per_px = (inches * 25.4) / Math.hypot(screen.width, screen.height);
    const area = areaNow();
    return {
      width_mm: Math.round(area.width * mm_per_px),
      height_mm: Math.round(area.height * mm_per_px),
      distance_mm: Math.round(Number(byId("screen-distance").value) * 10),
      width_px: area.width,
      height_px: area.height,
    };
  }
}

/** A frame with gaze in it, by a calibration. */
export function withGaze(frame, calibration) {
  return calibration ? { ...frame, ...gazeOf(frame, calibration.coefficients) } : frame;
}

const areaNow = () => ({ width: innerWidth, height: innerHeight });

function isThisScreen({ width_px, height_px }) {
  const fits = (width, height) => Math.abs(width - width_px) <= 2 && Math.abs(height - height_px) <= 2;
  return fits(screen.width, screen.height) || fits(innerWidth, innerHeight);
}
