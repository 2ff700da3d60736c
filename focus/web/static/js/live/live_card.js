// One recording among several: gaze, the state in a word, openness, and a few numbers.

import { number, unit } from "../words.js";
import { History } from "./history.js";
import { PlaybackClock } from "./playback.js";
import { ScreenView } from "./screen_view.js";
import { StateWord } from "./state_word.js";
import { SignalStrip } from "./strips.js";

const CONNECTION_WORDS = {
  live: ["live", "chip live"],
  waiting: ["waiting for frames", "chip caution"],
  reconnecting: ["connection lost, trying again", "chip caution"],
  ended: ["ended", "chip good"],
  refused: ["not shown", "chip wrong"],
};
const METRIC_PARTS = { blink_rate: "rate", perclos: "perclos" };

export class LiveCard {
  #element;
  #hasGaze;
  #history = new History();
  #playback = new PlaybackClock();
  #screen;
  #word;
  #strip;
  #hasEnded = false;

  /** @param element with `data-recording`, `data-tracker` and an element for each `data-part` */
  constructor(element) {
    this.#element = element;
    this.recording = element.dataset.recording;
    const tracker = JSON.parse(element.dataset.tracker);
    const has = (prefix) => (tracker.columns ?? []).some((name) => name.startsWith(prefix));
    this.#hasGaze = has("gaze");
    this.#screen = new ScreenView(this.#part("screen"), document.createElement("p"), tracker);
    this.#word = new StateWord(this.#part("state"), this.#part("meaning"), this.#hasGaze);
    this.#strip = new SignalStrip(this.#part("strip"), "openness", {
      colour: "openness",
      floor: 0,
      missing: has("openness") ? "Nothing measured in these 30 s." : "This tracker sends no eyelid openness.",
    });
  }

  draw(now_ms) {
    const now_us = this.#playback.tick(now_ms);
    if (now_us === null) return;
    this.#screen.draw(this.#history, now_us);
    this.#strip.draw(this.#history, now_us);
    this.#word.update(this.#history, now_us, now_ms);
  }

  // -- what the line tells --------------------------------------------------------------------------------------------

  onPicture(picture) {
    this.#setConnection("live");
    this.#history.add(picture);
    if (this.#history.newest_us !== null) this.#playback.push(this.#history.newest_us, performance.now());
    this.#showCounts(picture);
    this.#showQuality(picture);
    if (picture.metrics) this.#showMetrics(picture.metrics);
  }

  onState(state) {
    this.#setConnection(state === "live" && this.#history.newest_us === null ? "waiting" : state);
  }

  onEnded() {
    this.#setConnection("ended");
    this.#hasEnded = true;
    this.#playback.end();
  }

  onRefused(message) {
    this.#setConnection("refused");
    this.#say("why", message);
  }

  // -- words ----------------------------------------------------------------------------------------------------------

  #showCounts({ counts }) {
    this.#say("blinks", number(counts?.blink ?? this.#history.counts.blink));
    this.#say("fixations", this.#hasGaze ? number(counts?.fixation ?? this.#history.counts.fixation) : "no gaze");
  }

  #showQuality({ quality = {}, delay_ms = null }) {
    const known = (value, words) => (value === null || value === undefined ? "not known" : words(value));
    this.#say("frame-rate", known(quality.rate_hz, (rate_hz) => `${number(rate_hz)} Hz`));
    this.#say("loss", known(quality.loss_ratio, (ratio) => `${(100 * ratio).toFixed(1)} %`));
    this.#say("delay", known(delay_ms, (delay) => `${Math.round(delay)} ms`));
  }

  /** A value with its interval; one that is withheld says why below. */
  #showMetrics(metrics) {
    const reasons = [];
    for (const metric of metrics) {
      const name = METRIC_PARTS[metric.name];
      if (!name) continue;
      const isKnown = metric.verdict !== "withheld" && metric.value !== null;
      const range = isKnown && metric.low !== null && metric.high !== null ? ` (${number(metric.low, metric.value)} to ${number(metric.high, metric.value)})` : "";
      this.#say(name, isKnown ? `${number(metric.value)} ${unit(metric.unit) === "%" ? "%" : ""}${range}`.trim() : "not shown");
      if (!isKnown && metric.reason) reasons.push(`${metric.label}: ${metric.reason}.`);
    }
    this.#say("why", reasons.join(" "));
  }

  #setConnection(state) {
    if (this.#hasEnded) return;
    const [words, className] = CONNECTION_WORDS[state];
    this.#say("connection", words);
    this.#part("connection").className = className;
  }

  #say(name, words) {
    const part = this.#part(name);
    if (part.textContent !== words) part.textContent = words;
  }

  #part(name) {
    return this.#element.querySelector(`[data-part="${name}"]`);
  }
}
