// A batch of frames as bytes: the same layout as focus/protocol/codec.py, byte for byte (tests/golden holds both to it).

import { COLUMNS, FLAG_WIDE_TIMES, HEADER_BYTES, MAGIC, MAX_BATCH_BYTES, MAX_FRAMES, MAX_T_US, VERSION } from "./schema.js";

const MAX_U32 = 2 ** 32 - 1;
const QUIET_NAN_BITS = 0x7fc00000; // written by its bits: an engine may write any NaN otherwise

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** The CRC-32 of bytes (zlib's), as an unsigned number. */
export function checksum(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The most frames a batch of so many columns may have under the server's limits, whatever its times; at least 1. */
export function framesThatFit(nColumns, { max_batch_bytes = MAX_BATCH_BYTES, max_frames = MAX_FRAMES } = {}) {
  return Math.max(1, Math.min(max_frames, Math.floor((max_batch_bytes - HEADER_BYTES) / (8 + 4 * nColumns))));
}

/**
 * @param {number[]} times_us whole microseconds since the recording began, rising
 * @param {Record<string, (number | null)[]>} columns values by column name; null and NaN are missing
 * @returns {Uint8Array}
 */
export function encodeBatch(times_us, columns) {
  const n = times_us.length;
  checkTimes(times_us);
  const known = COLUMNS.filter((column) => Object.hasOwn(columns, column.name));
  if (known.length !== Object.keys(columns).length) throw new RangeError(`a column of ${Object.keys(columns)} is unknown`);
  const base_us = times_us[0];
  const isWide = times_us[n - 1] - base_us > MAX_U32;
  const bytes = new Uint8Array(HEADER_BYTES + n * ((isWide ? 8 : 4) + 4 * known.length));
  if (bytes.length > MAX_BATCH_BYTES) throw new RangeError(`a batch of ${bytes.length} bytes is over ${MAX_BATCH_BYTES}`);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 4; i += 1) bytes[i] = MAGIC.charCodeAt(i);
  bytes[4] = VERSION;
  bytes[5] = isWide ? FLAG_WIDE_TIMES : 0;
  view.setUint32(8, known.reduce((mask, column) => mask + 2 ** column.bit, 0), true);
  view.setUint32(12, n, true);
  view.setBigInt64(16, BigInt(base_us), true);
  let offset = HEADER_BYTES;
  for (const t_us of times_us) {
    if (isWide) view.setBigInt64(offset, BigInt(t_us - base_us), true);
    else view.setUint32(offset, t_us - base_us, true);
    offset += isWide ? 8 : 4;
  }
  for (const column of known) {
    for (const value of checkedValues(column, columns[column.name], n)) {
      if (Number.isNaN(value)) view.setUint32(offset, QUIET_NAN_BITS, true);
      else view.setFloat32(offset, value, true);
      offset += 4;
    }
  }
  return bytes;
}

function checkTimes(times_us) {
  const n = times_us.length;
  if (n < 1 || n > MAX_FRAMES) throw new RangeError(`a batch of ${n} frames lies outside of 1..${MAX_FRAMES}`);
  for (let i = 0; i < n; i += 1) {
    const t_us = times_us[i];
    if (!Number.isInteger(t_us) || t_us < 0 || t_us > MAX_T_US) throw new RangeError(`frame ${i}: ${t_us} is not a time`);
    if (i > 0 && t_us <= times_us[i - 1]) throw new RangeError(`frame ${i}: ${t_us} is not after ${times_us[i - 1]}`);
  }
}

function checkedValues(column, values, n) {
  if (values.length !== n) throw new RangeError(`column ${column.name} has ${values.length} values for ${n} frames`);
  return values.map((given, i) => {
    const value = given ?? NaN;
    if (value < column.low || value > column.high) {
      throw new RangeError(`frame ${i}: ${column.name} ${value} lies outside of ${column.low}..${column.high}`);
    }
    return value;
  });
}
