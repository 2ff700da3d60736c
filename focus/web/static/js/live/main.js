// The live page: takes the pictures of one recording from the server and draws them at the pace of the screen.

import { clock, number } from "../words.js";
import { Line } from "./connection.js";
import { History } from "./history.js";
import { PlaybackClock } from "./playback.js";
import { ScreenView } from "./screen_view.js";
import { StateWord } from "./state_word.js";
import { RasterStrip, SignalStrip } from "./strips.js";
import { Tiles } from "./tiles.js";

const byId = (id) => document.getElementById(id);
const root = byId("live");
const tracker = JSON.parse(root.dataset.tracker);

const CONNECTION_WORDS = {
  live: ["live", "chip live"],
  waiting: ["waiting for frames", "chip caution"],
  reconnecting: ["connection lost, trying again", "chip caution"],
  ended: ["ended", "chip good"],
  refused: ["not connected", "chip wrong"],
};

function unitOf(prefix) {
  const column = Object.keys(tracker.units ?? {}).find((name) => name.startsWith(prefix));
  const unit = column ? tracker.units[column] : "";
  return unit === "ratio" ? "" : unit;
}

function hasColumn(prefix) {
  return (tracker.columns ?? []).some((name) => name.startsWith(prefix));
}

const history = new History();
const playback = new PlaybackClock();
const screenView = new ScreenView(byId("screen"), byId("screen-caption"), tracker);
const stateWord = new StateWord(byId("state-word"), byId("state-meaning"), hasColumn("gaze"));
const tiles = new Tiles(byId("tiles"));
const strips = [
  new SignalStrip(byId("strip-openness"), "openness", {
    colour: "openness",
    floor: 0,
    missing: hasColumn("openness") ? "Nothing measured in these 30 s." : "This tracker sends no eyelid openness; blinks are found from its other signals.",
  }),
  new SignalStrip(byId("strip-pupil"), "pupil", {
    colour: "pupil",
    missing: hasColumn("pupil") ? "Nothing measured in these 30 s." : "This tracker sends no pupil size.",
  }),
  new RasterStrip(byId("strip-raster")),
];
const slowMotion = matchMedia("(prefers-reduced-motion: reduce)");
let ended = false;
let drawn_ms = 0;

function setConnection(state) {
  if (ended) return;
  const [words, className] = CONNECTION_WORDS[state];
  const chip = byId("connection");
  if (chip.textContent !== words) chip.textContent = words;
  chip.className = className;
}

function showQuality(picture) {
  const quality = picture.quality ?? {};
  byId("quality-rate").textContent = quality.rate_hz ? `${number(quality.rate_hz)} Hz` : "not known";
  byId("quality-loss").textContent =
    quality.loss_ratio === null || quality.loss_ratio === undefined ? "not known" : `${(100 * quality.loss_ratio).toFixed(1)} %`;
  byId("quality-frames").textContent = number(quality.n_frames ?? 0);
  byId("quality-delay").textContent =
    picture.delay_ms === null || picture.delay_ms === undefined ? "not known" : `${Math.round(picture.delay_ms)} ms`;
  const missed = byId("quality-missed");
  missed.hidden = !quality.missed_pictures;
  missed.textContent = `This page missed ${number(quality.missed_pictures ?? 0)} updates; what is stored is complete.`;
}

function showCounts(picture) {
  for (const kind of ["blink", "fixation", "saccade"]) {
    const isMeasured = kind === "blink" || hasColumn("gaze");
    byId(`count-${kind}`).textContent = isMeasured ? number(picture.counts?.[kind] ?? history.counts[kind]) : "\u2013";
  }
}

function showValues(now_us) {
  byId("clock").textContent = `at ${clock(now_us)} of the session`;
  const i = history.indexAt(now_us) - 1;
  for (const signal of ["openness", "pupil"]) {
    const value = i >= 0 ? history.signals[signal][i] : null;
    byId(`value-${signal}`).textContent = value === null || value === undefined ? "" : `${value.toFixed(2)} ${unitOf(signal)}`;
  }
}

function onPicture(picture) {
  setConnection("live");
  history.add(picture);
  if (history.newest_us !== null) playback.push(history.newest_us, performance.now());
  if (picture.metrics) tiles.update(picture.metrics);
  showQuality(picture);
  showCounts(picture);
}

function onEnded() {
  if (ended) return;
  setConnection("ended");
  ended = true;
  playback.end();
  line.close();
  byId("ended").hidden = false;
  byId("stop").hidden = true;
  byId("to-report").hidden = true;
  document.title = document.title.replace(/^Live/, "Ended");
}

function onRefused(message) {
  setConnection("refused");
  const box = byId("trouble");
  box.hidden = false;
  box.querySelector("p").textContent = message;
}

function draw(now_ms) {
  requestAnimationFrame(draw);
  if (slowMotion.matches && now_ms - drawn_ms < 400) return;
  const now_us = playback.tick(now_ms);
  if (now_us === null) return;
  screenView.draw(history, now_us);
  for (const strip of strips) strip.draw(history, now_us);
  stateWord.update(history, now_us, now_ms);
  // Text ten times a second is as much as anybody reads.
  if (now_ms - drawn_ms >= 100) {
    drawn_ms = now_ms;
    showValues(now_us);
  }
}

const line = new Line();
line.watch(root.dataset.recording, {
  onPicture,
  onEnded,
  onState: (state) => setConnection(state === "live" && history.newest_us === null ? "waiting" : state),
  onRefused,
});
addEventListener("pagehide", () => line.close());
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
requestAnimationFrame(draw);
