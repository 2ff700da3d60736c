// The tracker page: camera, check, recording, and a page for everything that can stand in the way.
//
// The page is in one view at a time (`data-view` of its root): "loading", "check", "recording" or "trouble". What a
// recording has done and still has to do lives in the store, so that a reload goes on where the page was.

import { io } from "../vendor/socket.io-client/4.8.4/socket.io.esm.min.js";
import { batches, clock, number } from "../js/words.js";
import { Calibration } from "./calibration.js";
import { Camera, listCameras, TrackerTrouble } from "./camera.js";
import { Diagnostics } from "./diagnostics.js";
import { drawFace } from "./drawing.js";
import { Landmarker, worksWhileHidden } from "./landmarker.js";
import { finishInTheBackground, offerToLetGo } from "./late.js";
import { guessDistance_mm, measureFrame, NO_FACE } from "./measures.js";
import { checkQuality, RateMeter } from "./quality.js";
import { Recorder, trackerInfo } from "./recorder.js";
import { sortUnfinished, Store } from "./store.js";
import { holdTrackerLock, keepAwake } from "./tab.js";

const byId = (id) => document.getElementById(id);
const root = byId("tracker");
const video = byId("preview");
const camera = new Camera(video, () => showTrouble(new TrackerTrouble("camera-gone")));
const rate = new RateMeter();
const diagnostics = new Diagnostics(video);
const calibration = new Calibration();
const landmarker = new Landmarker(video, { onFrame, onFault: showTrouble });
const awake = keepAwake();
let store;
let lines = null;
let recorder = null;
let looked_ms = 0;
let hasFace = false;
let linkState = "connecting"; // or "open", "lost"

// -- views ----------------------------------------------------------------------------------------------------------

function show(view) {
  root.dataset.view = view;
  for (const part of root.querySelectorAll("[data-views]")) part.hidden = !part.dataset.views.split(" ").includes(view);
}

/** The page for what stands in the way; a recording that runs is kept and goes on after "Try again". */
function showTrouble(error) {
  const code = error instanceof TrackerTrouble ? error.code : "fault";
  const known = root.querySelector(`[data-trouble="${code}"]`) ?? root.querySelector('[data-trouble="fault"]');
  for (const part of root.querySelectorAll("[data-trouble]")) part.hidden = part !== known;
  const detail = known.querySelector(".detail");
  if (detail) detail.textContent = error.message && error.message !== code ? error.message : "";
  root.dataset.troubleCode = known.dataset.trouble;
  closeCamera();
  show("trouble");
  document.title = `${known.querySelector("h2").textContent} · FOCUS`;
  known.querySelector("h2").focus();
}

function requireBrowser() {
  if (!isSecureContext) throw new TrackerTrouble("insecure");
  const needed = [navigator.mediaDevices?.getUserMedia, globalThis.Worker, globalThis.OffscreenCanvas, globalThis.WebAssembly, globalThis.indexedDB, navigator.locks];
  if (needed.some((part) => !part)) throw new TrackerTrouble("unsupported");
}

// -- camera and check -----------------------------------------------------------------------------------------------

async function begin() {
  show("loading");
  try {
    requireBrowser();
    await holdTrackerLock();
    store = await Store.open();
    const { current, ending } = sortUnfinished(await store.recordingsOf(root.dataset.user), Date.now());
    for (const row of ending) finishInTheBackground(row, store, io, showTrouble);
    [lines] = await Promise.all([
      landmarker.load(root.dataset.worker, root.dataset.faceMesh),
      useCamera(localStorage.getItem("focus-camera") ?? ""),
    ]);
    if (root.dataset.view === "trouble") return;
    landmarker.follow(camera.stream);
    if (current) goOn(current);
    else show("check");
  } catch (error) {
    showTrouble(error);
  }
}

/** Whether this camera is the one that is looked through now; something else may have been wanted meanwhile. */
async function useCamera(deviceId) {
  closeCamera();
  const isUsed = await camera.open(deviceId);
  if (isUsed) await fillCameraChoice();
  return isUsed;
}

function closeCamera() {
  landmarker.stop();
  recorder?.interrupt();
  camera.close();
}

async function fillCameraChoice() {
  const cameras = await listCameras();
  const used = camera.stream && camera.track.getSettings().deviceId;
  const options = cameras.map(({ label, deviceId }, i) => new Option(label || `Camera ${i + 1}`, deviceId, false, deviceId === used));
  byId("camera").replaceChildren(...options);
}

function onFrame(seen) {
  const frame = measureFrame(seen.landmarks, seen.width, seen.height);
  recorder?.push(seen.timestamp_us, frame, Date.now());
  calibration.take(seen.timestamp_us, frame);
  rate.push(seen.timestamp_us, performance.now());
  root.dataset.frames = String(Number(root.dataset.frames ?? 0) + 1);
  root.dataset.nose = seen.landmarks ? seen.landmarks[3].toFixed(3) : "";
  if (!document.hidden && lines) drawFace(byId("overlay"), seen, lines, diagnostics.shown);
  diagnostics.update(seen, frame, rate.rate_hz);
  // Words a few times a second are as much as anybody reads.
  if (performance.now() - looked_ms < 300) return;
  looked_ms = performance.now();
  showCheck(seen, frame);
  showRecording();
}

/** A camera may stop to give pictures without a word of it: then nothing on the page may look as if all were well. */
function lookForSilence() {
  if (!camera.stream || !lines || (document.hidden && !worksWhileHidden)) return;
  if (!rate.lookForSilence(performance.now())) return;
  showCheck({ landmarks: null, light: null }, NO_FACE);
  showRecording();
}

function showCheck(seen, frame) {
  hasFace = seen.landmarks !== null;
  const distance_mm = hasFace ? guessDistance_mm(seen.landmarks, seen.width, seen.height) : NaN;
  calibration.suggestDistance(distance_mm);
  const checks = checkQuality({
    hasFace,
    light: seen.light,
    distance_mm,
    rate_hz: rate.rate_hz,
    ...frame,
  });
  for (const { name, verdict, words } of checks) {
    const line = byId(`check-${name}`);
    line.dataset.verdict = verdict;
    const told = line.querySelector("dd");
    if (told.textContent !== words) told.textContent = words;
  }
  root.dataset.roll = hasFace ? frame.head_roll.toFixed(1) : "";
  const worst = checks.some(({ verdict }) => verdict === "wrong") ? "wrong" : checks.some(({ verdict }) => verdict === "caution") ? "caution" : "good";
  const summary = { wrong: "Not yet good enough", caution: "Good enough, and could be better", good: "Ready" }[worst];
  if (byId("check-summary").textContent !== summary) byId("check-summary").textContent = summary;
}

// -- recording ------------------------------------------------------------------------------------------------------

const listener = { onChange: showRecording, onLink, onEnd, onFull, onFault: showTrouble };

async function startRecording() {
  byId("start").disabled = true;
  try {
    const used = calibration.inUse;
    const tracker = trackerInfo({ name: root.dataset.tracker, cameraLabel: camera.track.label, hasGaze: used !== null });
    const participant = Number(root.dataset.participant) || null;
    const begun = { id: crypto.randomUUID(), user: root.dataset.user, participant, tracker, startedAt_ms: Date.now(), calibration: used };
    useRecorder(await Recorder.begin(store, io, listener, begun));
  } catch (error) {
    showTrouble(error);
  } finally {
    byId("start").disabled = false;
  }
}

/** A recording that a reload has interrupted. */
function goOn(row) {
  useRecorder(new Recorder(store, row, io, listener));
}

function useRecorder(chosen) {
  recorder = chosen;
  root.dataset.recording = recorder.row.id;
  for (const link of root.querySelectorAll("a[data-live]")) link.href = root.dataset.liveAddress.replace("ID", recorder.row.id);
  recorder.start();
  if (recorder.row.state === "running") awake.hold();
  show("recording");
  showRecording();
}

async function pause() {
  await recorder.pause();
  awake.release();
  showRecording();
}

async function resume() {
  await recorder.resume();
  awake.hold();
  byId("full").hidden = true;
  showRecording();
}

async function stop() {
  awake.release();
  await recorder.stop();
  showRecording();
}

async function onFull() {
  byId("full").hidden = false;
  await pause();
}

function onLink(isOpen) {
  linkState = isOpen ? "open" : "lost";
  showRecording();
}

function onEnd(code, message) {
  const row = recorder.row;
  recorder = null;
  awake.release();
  const report = root.dataset.reportAddress.replace("ID", row.id);
  if (code === "done") {
    closeCamera();
    location.assign(report);
    return;
  }
  byId("closed-report").href = report;
  const lost = row.nextSeq - row.firstSeq;
  byId("closed-lost").textContent = lost > 0 ? `Came too late, and belongs to no session any more: ${batches(lost)}.` : "";
  offerToLetGo(byId("discard"), store, row);
  byId("refused-waiting").textContent = batches(lost);
  const trouble = { unauthenticated: "login", closed: "closed", evicted: "evicted", consent: "consent" }[code] ?? "refused";
  showTrouble(new TrackerTrouble(trouble, message));
}

const STATE_WORDS = { running: "Recording", silent: "No pictures come", paused: "Paused", closing: "Sending the rest" };
const LINK_WORDS = { connecting: "connecting", open: "connected", lost: "no connection; frames wait in this browser" };

function showRecording() {
  if (!recorder) return;
  const { row } = recorder;
  const state = row.state === "running" && rate.rate_hz === 0 ? "silent" : row.state;
  const values = {
    "recording-state": STATE_WORDS[state],
    "recording-clock": clock(recorder.length_us),
    "count-frames": number(row.nFrames),
    "count-waiting": batches(recorder.nWaiting),
    "recording-face": hasFace ? "seen" : "not seen",
    "recording-link": LINK_WORDS[linkState],
    "recording-rate": rate.rate_hz === null ? "measuring" : `${rate.rate_hz.toFixed(0)} Hz`,
  };
  for (const [id, words] of Object.entries(values)) if (byId(id).textContent !== words) byId(id).textContent = words;
  byId("recording-link").className = { connecting: "chip", open: "chip good", lost: "chip caution" }[linkState];
  byId("recording-state").className = state === "running" ? "chip live" : "chip caution";
  if (byId("watch")) byId("watch").hidden = !row.isOpened; // before that the server knows of no such session
  byId("pause").hidden = row.state !== "running";
  byId("resume").hidden = row.state !== "paused";
  byId("stop").disabled = row.state === "closing";
  root.dataset.produced = String(row.nFrames);
  root.dataset.state = row.state;
  document.title = `${STATE_WORDS[state]} · FOCUS`;
}

// -- the page -------------------------------------------------------------------------------------------------------

byId("start").addEventListener("click", startRecording);
byId("pause").addEventListener("click", pause);
byId("resume").addEventListener("click", resume);
byId("stop").addEventListener("click", stop);
byId("camera").addEventListener("change", async ({ target }) => {
  localStorage.setItem("focus-camera", target.value);
  try {
    if (await useCamera(target.value)) landmarker.follow(camera.stream);
  } catch (error) {
    showTrouble(error);
  }
});
navigator.mediaDevices?.addEventListener("devicechange", () => camera.stream && fillCameraChoice());
setInterval(lookForSilence, 1000);
for (const button of root.querySelectorAll("[data-again]")) button.addEventListener("click", () => location.reload());
byId("hidden-note").hidden = worksWhileHidden;
addEventListener("pagehide", () => recorder?.leave());
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
begin();
