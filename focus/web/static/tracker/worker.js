// Finds the landmarks of one face in the camera's frames, in a worker of its own: it goes on while the tab is hidden, and
// its response alone carries the right to make code from text that the package needs (focus/web/tracking/views.py).
//
// A classic worker, because the package loads its parts by `importScripts`. What it does not have and the package asks
// for, a window and a document, is made below. Images come in and are closed here; only numbers go out.
//
//   in   {kind: "load", folder}                            out  {kind: "ready", lines} or {kind: "failed", code, message}
//        {kind: "stream", readable}  VideoFrames                {kind: "frame", timestamp_us, width, height, landmarks,
//        {kind: "bitmap", bitmap, timestamp_us}                  light, spent_ms}
//        {kind: "stop"}                                         {kind: "ended"}, when a stream ends by itself
"use strict";

const LOOK_AT_LIGHT_EVERY = 10; // frames
const LIGHT_WIDTH = 32;
const LIGHT_HEIGHT = 24;
const N_LANDMARKS = 478;

self.window = self;
self.document = {
  createElement: (name) => (name === "canvas" ? new OffscreenCanvas(1, 1) : new ScriptElement()),
  body: { appendChild: (script) => script.load() },
};
// Only reached if WebGL goes away between the probe and the package's own look.
self.alert = (message) => { throw new Error(message); };

class ScriptElement {
  #listeners = {};
  #source = "";

  setAttribute(name, value) { if (name === "src") this.#source = value; }
  addEventListener(name, listener) { this.#listeners[name] = listener; }

  load() {
    try {
      importScripts(this.#source);
      this.#listeners.load?.();
    } catch (error) {
      fail("assets", error);
      this.#listeners.error?.();
    }
  }
}

let faceMesh = null;
let found = null; // the landmarks of the frame that is being looked at
let reader = null;
let n_looked_at = 0;
let light = null;
let queue = Promise.resolve(); // bitmaps one after the other
const lightCanvas = new OffscreenCanvas(LIGHT_WIDTH, LIGHT_HEIGHT);

function fail(code, error) {
  postMessage({ kind: "failed", code, message: String(error?.message ?? error) });
}

function hasWebGL() {
  const canvas = new OffscreenCanvas(1, 1);
  return Boolean(canvas.getContext("webgl2") ?? new OffscreenCanvas(1, 1).getContext("webgl"));
}

async function load(folder) {
  if (!hasWebGL()) {
    fail("no-webgl", "this browser gives no WebGL to a worker");
    return;
  }
  try {
    importScripts(`${folder}/face_mesh.js`);
    faceMesh = new FaceMesh({ locateFile: (name) => `${folder}/${name}` });
    faceMesh.setOptions({
      maxNumFaces: 1,
      refineLandmarks: true,
      useCpuInference: true,
      minDetectionConfidence: 0.5,
      minTrackingConfidence: 0.5,
    });
    faceMesh.onResults((results) => {
      results.image?.close?.();
      found = results.multiFaceLandmarks?.[0] ?? null;
    });
    await faceMesh.initialize();
    postMessage({ kind: "ready", lines: { mesh: FACEMESH_TESSELATION, contours: FACEMESH_CONTOURS } });
  } catch (error) {
    fail("assets", error);
  }
}

/** Mean brightness of the picture and of its right and left half, 0..1. */
function measureLight(bitmap) {
  const context = lightCanvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, LIGHT_WIDTH, LIGHT_HEIGHT);
  const { data } = context.getImageData(0, 0, LIGHT_WIDTH, LIGHT_HEIGHT);
  const sums = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    const isRight = (i / 4) % LIGHT_WIDTH >= LIGHT_WIDTH / 2;
    sums[Number(isRight)] += 0.2126 * data[i] + 0.7152 * data[i + 1] + 0.0722 * data[i + 2];
  }
  const half = (LIGHT_WIDTH * LIGHT_HEIGHT * 255) / 2;
  return { mean: (sums[0] + sums[1]) / 2 / half, left: sums[0] / half, right: sums[1] / half, glare: 0 };
}

/** The part of the eyes' pixels that are blown out: a lamp or a window mirrored in glasses. */
function measureGlare(bitmap, landmarks) {
  let worst = 0;
  for (const corners of [[33, 133], [362, 263]]) {
    const [a, b] = corners.map((i) => ({ x: landmarks[3 * i] * bitmap.width, y: landmarks[3 * i + 1] * bitmap.height }));
    const side = Math.max(4, Math.hypot(a.x - b.x, a.y - b.y) * 1.2);
    const context = lightCanvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, (a.x + b.x - side) / 2, (a.y + b.y - side) / 2, side, side, 0, 0, 24, 24);
    const { data } = context.getImageData(0, 0, 24, 24);
    let n_blown = 0;
    for (let i = 0; i < data.length; i += 4) n_blown += data[i] > 250 && data[i + 1] > 250 && data[i + 2] > 250;
    worst = Math.max(worst, n_blown / (24 * 24));
  }
  return worst;
}

function packed(landmarks) {
  if (!landmarks || landmarks.length < N_LANDMARKS) return null;
  const values = new Float32Array(3 * N_LANDMARKS);
  for (let i = 0; i < N_LANDMARKS; i += 1) values.set([landmarks[i].x, landmarks[i].y, landmarks[i].z], 3 * i);
  return values;
}

/** Look at one picture and tell what was found; closes it. */
async function look(bitmap, timestamp_us) {
  const start_ms = performance.now();
  try {
    found = null;
    await faceMesh.send({ image: bitmap });
    const landmarks = packed(found);
    if (n_looked_at % LOOK_AT_LIGHT_EVERY === 0) {
      light = measureLight(bitmap);
      if (landmarks) light.glare = measureGlare(bitmap, landmarks);
    }
    n_looked_at += 1;
    const { width, height } = bitmap;
    const answer = { kind: "frame", timestamp_us, width, height, landmarks, light, spent_ms: performance.now() - start_ms };
    postMessage(answer, landmarks ? [landmarks.buffer] : []);
  } finally {
    bitmap.close();
  }
}

async function follow(readable) {
  const mine = readable.getReader();
  reader = mine;
  try {
    for (;;) {
      const { value: frame, done } = await mine.read();
      if (done || reader !== mine) {
        frame?.close();
        break;
      }
      const timestamp_us = frame.timestamp;
      const bitmap = await createImageBitmap(frame).finally(() => frame.close());
      await look(bitmap, timestamp_us);
    }
  } catch (error) {
    if (reader === mine) fail("worker", error);
  }
  if (reader === mine) postMessage({ kind: "ended" });
}

addEventListener("message", ({ data }) => {
  if (data.kind === "load") load(data.folder);
  else if (data.kind === "stream") follow(data.readable);
  else if (data.kind === "bitmap") {
    queue = queue.then(() => look(data.bitmap, data.timestamp_us)).catch((error) => fail("worker", error));
  } else if (data.kind === "stop") {
    reader?.cancel().catch(() => {});
    reader = null;
  }
});
