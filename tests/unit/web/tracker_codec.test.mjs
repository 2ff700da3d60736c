// The encoder in the page and the codec in Python give the same bytes: both are held to the files in tests/golden.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { checksum, encodeBatch, framesThatFit } from "../../../focus/web/static/tracker/codec.js";

const golden = new URL("../../golden/", import.meta.url);
const names = readdirSync(golden).filter((name) => /^batch_.*\.json$/.test(name)).map((name) => name.slice(0, -5));

test("there are golden files, with the columns of this tracker among them", () => {
  assert.ok(names.length >= 4);
  assert.ok(names.includes("batch_browser"));
});

for (const name of names) {
  test(`${name} is encoded byte for byte as in Python`, () => {
    const values = JSON.parse(readFileSync(new URL(`${name}.json`, golden), "utf8"));
    const expected = readFileSync(new URL(`${name}.bin`, golden));

    const payload = encodeBatch(values.t_us, values.columns);

    assert.deepEqual(Buffer.from(payload), expected);
    assert.equal(checksum(payload), values.crc32);
  });
}

test("the checksum is zlib's", () => {
  assert.equal(checksum(new TextEncoder().encode("123456789")), 0xcbf43926); // the check value of CRC-32
});

test("what the server would refuse is not encoded", () => {
  assert.throws(() => encodeBatch([], {}), /0 frames/);
  assert.throws(() => encodeBatch([5, 5], {}), /frame 1: 5 is not after 5/);
  assert.throws(() => encodeBatch([0.5], {}), /not a time/);
  assert.throws(() => encodeBatch([0], { nonsense: [1] }), /unknown/);
  assert.throws(() => encodeBatch([0], { confidence: [1.5] }), /frame 0: confidence 1.5 lies outside of 0..1/);
  assert.throws(() => encodeBatch([0, 1], { confidence: [1] }), /1 values for 2 frames/);
});

test("a batch is cut to the smaller of the server's two limits", () => {
  assert.equal(framesThatFit(10, { max_batch_bytes: 24 + 48 * 7 + 47, max_frames: 5000 }), 7);
  assert.equal(framesThatFit(10, { max_batch_bytes: 262144, max_frames: 20 }), 20);
});
