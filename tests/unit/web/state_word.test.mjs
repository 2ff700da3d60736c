// The large word of the live page: no blink is passed over, and no word flickers by unread.
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../../focus/web/static/js/live/history.js";
import { StateWord } from "../../../focus/web/static/js/live/state_word.js";

// The words shown while frames of 20 ms in these states are drawn, `draw_ms` apart.
function words(states, draw_ms = 20) {
  const history = new History();
  history.add({ frames: { t_us: states.map((_state, i) => i * 20_000), state: states }, events: [] });
  const word = { textContent: "", className: "" };
  const shown = new StateWord(word, { textContent: "" });
  const seen = [];
  for (let ms = 0; ms < states.length * 20; ms += draw_ms) {
    shown.update(history, ms * 1000, ms);
    if (seen.at(-1) !== word.textContent) seen.push(word.textContent);
  }
  return seen;
}

const run = (state, n) => Array(n).fill(state);

test("a blink is shown even if no drawing falls into it", () => {
  const states = [...run("fixation", 12), ...run("blink", 3), ...run("fixation", 30)];
  assert.deepEqual(words(states, 120), ["Fixation", "Blink", "Fixation"]);
});

test("a word stays long enough to be read: a fixation of one frame between two saccades is not shown", () => {
  const states = [...run("fixation", 20), ...run("saccade", 2), "fixation", ...run("saccade", 2), ...run("fixation", 20)];
  assert.deepEqual(words(states), ["Fixation", "Saccade", "Fixation"]);
});

test("lids that stay closed are no blink any more", () => {
  const states = [...run("fixation", 20), ...run("blink", 60), ...run("fixation", 40)];
  assert.deepEqual(words(states), ["Fixation", "Blink", "Closed", "Fixation"]);
});
