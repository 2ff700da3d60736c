// The clock of the live page: even, never backwards, never beyond what is here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlaybackClock } from "../../../focus/web/static/js/live/playback.js";

// Pictures every 200 ms of a stream that runs `speed` times as fast as the wall clock, drawn 60 times a second.
function play({ speed = 1, seconds = 10, lateEvery = 0 }) {
  const clock = new PlaybackClock();
  const drawn = [];
  let next_ms = 0;
  for (let now_ms = 0; now_ms < seconds * 1000; now_ms += 1000 / 60) {
    if (now_ms >= next_ms) {
      const late_ms = lateEvery && Math.round(next_ms / 200) % lateEvery === 0 ? 120 : 0;
      clock.push(now_ms * 1000 * speed, now_ms);
      next_ms += 200 + late_ms;
    }
    drawn.push({ now_ms, t_us: clock.tick(now_ms), newest_us: now_ms * 1000 * speed });
  }
  return drawn;
}

test("nothing is drawn before the first frames", () => {
  assert.equal(new PlaybackClock().tick(5), null);
});

test("the clock never runs backwards and never beyond the newest frame", () => {
  const drawn = play({ lateEvery: 3 });
  for (let i = 1; i < drawn.length; i += 1) {
    assert.ok(drawn[i].t_us >= drawn[i - 1].t_us);
    assert.ok(drawn[i].t_us <= drawn[i].newest_us);
  }
});

test("steps are even once the stream is known, although frames come in clumps", () => {
  const late = play({ seconds: 12 }).slice(300);
  const steps = late.slice(1).map((point, i) => (point.t_us - late[i].t_us) / 1000);
  const mean = steps.reduce((a, b) => a + b, 0) / steps.length;
  assert.ok(Math.abs(mean - 1000 / 60) < 0.5, `mean step ${mean} ms`);
  assert.ok(Math.min(...steps) > 10 && Math.max(...steps) < 25, `steps ${Math.min(...steps)}..${Math.max(...steps)} ms`);
});

test("the picture is half a second behind at most", () => {
  const last = play({ seconds: 12 }).at(-1);
  assert.ok(last.newest_us - last.t_us < 550_000, `${last.newest_us - last.t_us} us behind`);
});

test("a stream ten times as fast as life is followed", () => {
  const drawn = play({ speed: 10, seconds: 15 });
  const last = drawn.at(-1);
  const before = drawn.at(-121);
  const speed = (last.t_us - before.t_us) / 1000 / (last.now_ms - before.now_ms);
  assert.ok(Math.abs(speed - 10) < 0.8, `speed ${speed}`);
});

test("after the end it runs on to the last frame and stays there", () => {
  const clock = new PlaybackClock();
  for (let ms = 0; ms <= 2000; ms += 200) clock.push(ms * 1000, ms);
  clock.end();
  let t_us = 0;
  for (let ms = 2000; ms < 4000; ms += 16) t_us = clock.tick(ms);
  assert.equal(t_us, 2_000_000);
});
