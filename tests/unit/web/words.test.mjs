// The live page writes numbers as the report does: the same cases as test_formats.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { axisNumber, clock, duration, number, stateName, STATES, unit } from "../../../focus/web/static/js/words.js";

const cases = JSON.parse(readFileSync(new URL("cases.json", import.meta.url), "utf8"));

test("numbers, intervals, durations and units are written as on the report", () => {
  for (const [value, text] of cases.number) assert.equal(number(value).replaceAll("\u202f", " "), text);
  for (const [value, like, text] of cases.number_like) assert.equal(number(value, like), text);
  for (const [us, text] of cases.duration) assert.equal(duration(us), text);
  for (const [name, text] of cases.unit) assert.equal(unit(name), text);
});

test("nothing is written as a word and never as NaN", () => {
  for (const value of [null, undefined, NaN, Infinity]) assert.equal(number(value), "not known");
});

test("a moment is minutes and seconds", () => {
  assert.equal(clock(65_250_000), "1:05");
  assert.equal(clock(65_250_000, 2), "1:05.25");
  assert.equal(clock(59_999_000), "1:00");
  assert.equal(clock(0), "0:00");
});

test("axis numbers carry no needless digits", () => {
  assert.deepEqual([0.2, 0.30000000000000004, -5, 1000].map(axisNumber), ["0.2", "0.3", "\u22125", "1000"]);
});

test("a state is known by code and by name, and nothing else is one", () => {
  assert.deepEqual([0, 1, 2, 3, 4].map(stateName), STATES);
  assert.deepEqual(["blink", "toString", 9, null, undefined].map(stateName), ["blink", null, null, null, null]);
});
