// The camera: no camera is on that nobody looks through.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Camera } from "../../../focus/web/static/tracker/camera.js";

class FakeTrack extends EventTarget {
  readyState = "live";
  stop() { this.readyState = "ended"; }
}

/** The browser's question for a camera, which is answered by hand. */
class Asking {
  questions = [];

  getUserMedia({ video }) {
    return new Promise((resolve, reject) => {
      const track = new FakeTrack();
      const stream = { getTracks: () => [track], getVideoTracks: () => [track] };
      this.questions.push({ wanted: video.deviceId?.exact ?? "", track, allow: () => resolve(stream), refuse: (name) => reject(new DOMException("refused", name)) });
    });
  }
}

let asking;
let video;
let gone;
let camera;

beforeEach(() => {
  asking = new Asking();
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: asking }, configurable: true });
  video = { play: async () => {} };
  gone = 0;
  camera = new Camera(video, () => { gone += 1; });
});

test("a camera that is allowed is shown, and switched off at the end", async () => {
  const opening = camera.open("");
  asking.questions[0].allow();
  assert.equal(await opening, true);
  assert.equal(video.srcObject, camera.stream);
  camera.close();
  assert.equal(asking.questions[0].track.readyState, "ended");
  assert.equal(camera.stream, null);
});

test("a camera that is allowed after the page has given up is switched off at once", async () => {
  const opening = camera.open("");
  camera.close();
  asking.questions[0].allow();
  assert.equal(await opening, false);
  assert.equal(asking.questions[0].track.readyState, "ended");
  assert.equal(camera.stream, null);
});

test("of two cameras that are wanted one after the other only the last is on", async () => {
  const [first, second] = [camera.open("a"), camera.open("b")];
  asking.questions[1].allow();
  asking.questions[0].allow();
  assert.deepEqual(await Promise.all([first, second]), [false, true]);
  assert.deepEqual(asking.questions.map(({ track }) => track.readyState), ["ended", "live"]);
  assert.equal(camera.track, asking.questions[1].track);
});

test("where the camera of the last time is gone, the usual one is asked for", async () => {
  const opening = camera.open("gone");
  asking.questions[0].refuse("OverconstrainedError");
  await new Promise(setImmediate);
  assert.deepEqual(asking.questions.map(({ wanted }) => wanted), ["gone", ""]);
  asking.questions[1].allow();
  assert.equal(await opening, true);
});

test("a refusal is told by its reason", async () => {
  const opening = camera.open("");
  asking.questions[0].refuse("NotAllowedError");
  await assert.rejects(opening, { code: "denied" });
});

test("a camera that ends by itself is told", async () => {
  const opening = camera.open("");
  asking.questions[0].allow();
  await opening;
  asking.questions[0].track.dispatchEvent(new Event("ended"));
  assert.equal(gone, 1);
});
