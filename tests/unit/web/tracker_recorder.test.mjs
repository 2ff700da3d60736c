// The recorder: which frames of the camera belong to a recording.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_FACE } from "../../../focus/web/static/tracker/measures.js";
import { Recorder, trackerInfo } from "../../../focus/web/static/tracker/recorder.js";
import { newRow } from "../../../focus/web/static/tracker/store.js";

const STEP_US = 100_000;

/** A store that takes its time: nothing is appended before `catchUp`. */
class SlowStore {
  times_us = [];
  #waiting = [];

  async save() {}

  append(row, { n, t0_us, t1_us }) {
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        this.times_us.push([t0_us, t1_us]);
        row.nFrames += n;
        row.nextSeq += 1;
        resolve();
      });
    });
  }

  async catchUp() {
    for (let i = 0; i < 10; i += 1) {
      for (const act of this.#waiting.splice(0)) act();
      await new Promise(setImmediate);
    }
  }
}

const noServer = () => ({ on() {}, connect() {}, disconnect() {}, connected: false });

function recording(t) {
  const store = new SlowStore();
  const tracker = trackerInfo({ name: "Browser camera", cameraLabel: "A camera", hasGaze: false });
  const row = newRow("11111111-1111-1111-1111-111111111111", "1", tracker, 0);
  const listener = { onChange() {}, onLink() {}, onEnd() {}, onFull() {}, onFault(error) { throw error; } };
  const recorder = new Recorder(store, row, noServer, listener);
  t.after(() => recorder.leave());
  const see = (...frames) => { for (const i of frames) recorder.push(i * STEP_US, NO_FACE, (i * STEP_US) / 1000); };
  return { store, row, recorder, see };
}

test("a frame that comes between the press of pause and its end belongs to no recording", async (t) => {
  const { store, row, recorder, see } = recording(t);
  see(0, 1);
  const pausing = recorder.pause();
  see(2, 3, 4, 5);
  await store.catchUp();
  await pausing;
  see(6);
  assert.equal(row.nFrames, 2);
  assert.equal(row.state, "paused");

  await recorder.resume();
  see(50, 51, 52);
  await store.catchUp();
  assert.deepEqual(store.times_us, [[0, STEP_US], [50 * STEP_US, 52 * STEP_US]]);
});

test("no frame is taken after the press of stop, and all before it are stored", async (t) => {
  const { store, row, recorder, see } = recording(t);
  see(0, 1, 2, 3);
  const stopping = recorder.stop();
  see(4, 5, 6);
  assert.equal(row.state, "running"); // closing comes after the last batch, so that nothing is closed before it
  await store.catchUp();
  await stopping;
  assert.equal(row.state, "closing");
  assert.equal(row.nFrames, 4);
});

test("a camera is named without the numbers of its maker", () => {
  const nameOf = (cameraLabel) => trackerInfo({ name: "Browser camera", cameraLabel, hasGaze: false }).model;
  assert.equal(nameOf("Integrated Webcam (0c45:6a09)"), "Integrated Webcam");
  assert.equal(nameOf("FaceTime HD Camera (Built-in)"), "FaceTime HD Camera (Built-in)");
});
