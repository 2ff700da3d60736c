// What the live page remembers of the pictures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../../focus/web/static/js/live/history.js";
import { restingPlaces } from "../../../focus/web/static/js/live/resting.js";

function picture(from_us, to_us, { step_us = 20_000, state = 0, events = [] } = {}) {
  const t_us = [];
  for (let t = from_us; t < to_us; t += step_us) t_us.push(t);
  const all = (value) => t_us.map(() => value);
  return {
    frames: { t_us, gaze_x: all(0.5), gaze_y: all(0.25), openness: all(0.3), pupil: all(null), state: all(state) },
    events,
  };
}

const blink = { kind: "blink", onset_us: 100_000, offset_us: 250_000, attributes: {} };

test("frames that came with the snapshot are not taken a second time", () => {
  const history = new History();
  history.add(picture(0, 1_000_000));
  history.add(picture(500_000, 1_500_000));
  assert.equal(history.t_us.length, 75);
  assert.deepEqual([...history.t_us].sort((a, b) => a - b), history.t_us);
});

test("a snapshot fills what this page missed, and keeps what came after it", () => {
  const history = new History();
  history.add(picture(0, 400_000));
  history.add(picture(1_000_000, 1_200_000));
  history.add({ ...picture(200_000, 1_100_000), snapshot: true });
  assert.deepEqual(history.t_us, picture(0, 1_200_000).frames.t_us);
  for (const values of Object.values(history.signals)) assert.equal(values.length, history.t_us.length);
});

test("an event that comes twice is counted once", () => {
  const history = new History();
  history.add(picture(0, 200_000, { events: [blink] }));
  history.add(picture(200_000, 400_000, { events: [blink] }));
  assert.equal(history.counts.blink, 1);
  assert.equal(history.events.length, 1);
});

test("what is older than the strips is forgotten, and no more", () => {
  const history = new History();
  for (let s = 0; s < 90; s += 1) history.add(picture(s * 1e6, (s + 1) * 1e6));
  assert.ok(history.t_us.length < 60 * 50, `${history.t_us.length} frames`);
  assert.ok(history.newest_us - history.t_us[0] >= 30e6);
  for (const values of Object.values(history.signals)) assert.equal(values.length, history.t_us.length);
  assert.equal(history.states.length, history.t_us.length);
});

test("state codes and state names are the same thing", () => {
  const history = new History();
  history.add(picture(0, 40_000, { state: 3 }));
  history.add(picture(40_000, 80_000, { state: "lost" }));
  assert.deepEqual(history.states, ["blink", "blink", "lost", "lost"]);
});

test("a signal that was never measured is known to be absent", () => {
  const history = new History();
  history.add(picture(0, 100_000));
  assert.equal(history.has("pupil"), false);
  assert.equal(history.has("openness"), true);
});

test("resting places are the runs of fixation that last 60 ms or more", () => {
  const history = new History();
  history.add(picture(0, 200_000));
  history.add(picture(200_000, 240_000, { state: 1 }));
  history.add(picture(240_000, 280_000));
  history.add(picture(280_000, 320_000, { state: 3 }));
  history.add(picture(320_000, 500_000));
  const places = restingPlaces(history, 0, history.t_us.length);
  assert.deepEqual(places.map((place) => [place.start_us, place.stop_us]), [[0, 180_000], [320_000, 480_000]]);
  assert.deepEqual([places[0].x, places[0].y], [0.5, 0.25]);
});
