"""A `FrameBatch` as bytes and back: the payload of `frames` messages, of the HTTP API and of the database's journal.

Everything is little-endian. One batch has exactly one encoding, so equal batches have equal checksums::

    offset  size  what
    0       4     magic "FOCB"
    4       1     version, 1
    5       1     flags: bit 0 = wide times; all others 0
    6       2     reserved, 0
    8       4     column mask (u32): bit b set = the column with that bit in schema.py is here
    12      4     n (u32), number of frames, at least 1
    16      8     base (i64): time of the first frame in microseconds, 0..2^53-1
    24      4n    times (u32): time of each frame minus base; the first is 0
            8n    ... or the same as i64 with the wide flag, which is set when, and only when, the last exceeds u32
    then    4n    one packed float32 array for each column, in the order of bits; NaN is missing
    end           nothing may follow

Bad bytes are a `FrameFormatError`; well-formed bytes whose values cannot be (times that fall, a number out of its
range) are a `FrameValueError`. The checksum travels beside the payload, in the message, and is checked there.
"""

from __future__ import annotations

import struct
import sys
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from focus.errors import FrameFormatError, TooLargeError
from focus.protocol.batch import FrameBatch
from focus.protocol.schema import COLUMN_BY_NAME, COLUMNS, MAX_T_US, columns_of_mask

MAGIC: Final = b"FOCB"
VERSION: Final = 1
FLAG_WIDE_TIMES: Final = 1
HEADER_BYTES: Final = 24

MAX_BATCH_BYTES: Final = 256 * 1024
"""Largest payload; a server may ask for less in its answer to `open`. Larger messages gain nothing and delay others."""

MAX_FRAMES: Final = 5000
"""Most frames of one batch: five seconds at 1000 Hz."""

_HEADER: Final = struct.Struct("<4sBBHIIq")
_U32: Final = struct.Struct("<I")
_I64: Final = struct.Struct("<q")
_MAX_U32: Final = 2**32 - 1
_KNOWN_BITS: Final = sum(1 << column.bit for column in COLUMNS)
_IS_LITTLE_ENDIAN: Final = sys.byteorder == "little"
_BIT_BY_NAME: Final = {name: column.bit for name, column in COLUMN_BY_NAME.items()}


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What a payload says of itself: frames, column mask, and the times of its first and last frame."""

    n: int
    mask: int
    t0_us: int
    t1_us: int


def checksum(payload: bytes | bytearray | memoryview) -> int:
    """The CRC-32 of a payload (zlib's), as an unsigned 32-bit number."""
    return zlib.crc32(payload)


def encoded_size(n: int, n_columns: int, *, is_wide: bool = False) -> int:
    """Bytes that `n` frames of `n_columns` columns take."""
    return HEADER_BYTES + n * ((8 if is_wide else 4) + 4 * n_columns)


def frames_that_fit(n_columns: int, *, max_batch_bytes: int = MAX_BATCH_BYTES, max_frames: int = MAX_FRAMES) -> int:
    """The most frames a batch may have under these limits, whatever its times; at least 1."""
    return max(1, min(max_frames, (max_batch_bytes - HEADER_BYTES) // (8 + 4 * n_columns)))


def encode_batch(batch: FrameBatch) -> bytes:
    """The bytes of a batch.

    Raises
    ------
    TooLargeError
        If it has more than `MAX_FRAMES` frames or `MAX_BATCH_BYTES` bytes; cut it before (`frames_that_fit`).
    """
    t_us = batch.t_us
    n = t_us.size
    base_us = int(t_us[0])
    is_wide = int(t_us[-1]) - base_us > _MAX_U32
    columns = batch.columns
    size = encoded_size(n, len(columns), is_wide=is_wide)
    if n > MAX_FRAMES or size > MAX_BATCH_BYTES:
        raise TooLargeError(
            f"a batch of {n} frames and {size} bytes is over the limit of {MAX_FRAMES} and {MAX_BATCH_BYTES}"
        )
    names = sorted(columns, key=_BIT_BY_NAME.__getitem__)
    mask = 0
    for name in names:
        mask |= 1 << _BIT_BY_NAME[name]
    deltas = t_us - base_us
    header = _HEADER.pack(MAGIC, VERSION, FLAG_WIDE_TIMES if is_wide else 0, 0, mask, n, base_us)
    parts = [deltas.astype("<i8" if is_wide else "<u4")]
    if _IS_LITTLE_ENDIAN:
        parts.extend(columns[name] for name in names)
    else:
        parts.extend(columns[name].astype("<f4") for name in names)
    return b"".join((header, *(part.data for part in parts)))


def peek_header(payload: bytes | bytearray | memoryview) -> BatchHeader:
    """What the header says, after checking all of the envelope: magic, version, flags, limits, and the exact length.

    The times and values between are not looked at.

    Raises
    ------
    FrameFormatError
        If the bytes are not the envelope of a batch.
    """
    n, mask, t0_us, t1_us, _ = _read_envelope(payload)
    return BatchHeader(n, mask, t0_us, t1_us)


def decode_batch(payload: bytes | bytearray | memoryview) -> FrameBatch:
    """The batch that the bytes hold; its arrays are views into them and must not outlive a change of them.

    Raises
    ------
    FrameFormatError
        If the bytes are not a batch.
    FrameValueError
        If they are, and times or values cannot be.
    """
    n, mask, base_us, _, is_wide = _read_envelope(payload)
    names = _names_of_mask(mask)
    deltas = np.frombuffer(payload, "<i8" if is_wide else "<u4", n, HEADER_BYTES)
    t_us = np.add(deltas, base_us, dtype=np.int64)
    offset = HEADER_BYTES + deltas.nbytes
    stack = np.frombuffer(payload, "<f4", n * len(names), offset).reshape(len(names), n)
    return FrameBatch.from_stack(t_us, names, stack)


def _read_envelope(payload: bytes | bytearray | memoryview) -> tuple[int, int, int, int, bool]:
    """n, mask, time of the first frame, time of the last, whether times are wide."""
    size = payload.nbytes if isinstance(payload, memoryview) else len(payload)
    if size < HEADER_BYTES:
        raise FrameFormatError(f"a payload of {size} bytes is shorter than its header of {HEADER_BYTES}")
    if size > MAX_BATCH_BYTES:
        raise FrameFormatError(f"a payload of {size} bytes is over the limit of {MAX_BATCH_BYTES}")
    magic, version, flags, reserved, mask, n, base_us = _HEADER.unpack_from(payload)
    if magic != MAGIC:
        raise FrameFormatError(f"a payload begins with {MAGIC!r}, not {magic!r}")
    if version != VERSION:
        raise FrameFormatError(f"payload version {version} is unknown; this is version {VERSION}")
    if flags & ~FLAG_WIDE_TIMES or reserved:
        raise FrameFormatError(f"payload flags {flags:#x} and reserved {reserved:#x} have bits without a meaning")
    if mask & ~_KNOWN_BITS:
        raise FrameFormatError(f"column mask {mask:#x} has bits of no column; known are {_KNOWN_BITS:#x}")
    if not 1 <= n <= MAX_FRAMES:
        raise FrameFormatError(f"a payload of {n} frames lies outside of 1..{MAX_FRAMES}")
    if not 0 <= base_us <= MAX_T_US:
        raise FrameFormatError(f"base time {base_us} lies outside of 0..{MAX_T_US}")
    is_wide = bool(flags)
    expected = encoded_size(n, mask.bit_count(), is_wide=is_wide)
    if size != expected:
        raise FrameFormatError(f"{n} frames of column mask {mask:#x} take {expected} bytes, not {size}")
    time = _I64 if is_wide else _U32
    (first,) = time.unpack_from(payload, HEADER_BYTES)
    (last,) = time.unpack_from(payload, HEADER_BYTES + (n - 1) * time.size)
    if first != 0:
        raise FrameFormatError(f"the first frame lies {first} us after the base time; it is the base time")
    if is_wide and not _MAX_U32 < last <= MAX_T_US:
        raise FrameFormatError(f"wide times end at {last}, which lies outside of {_MAX_U32 + 1}..{MAX_T_US}")
    return n, mask, base_us, base_us + last, is_wide


@lru_cache(maxsize=256)
def _names_of_mask(mask: int) -> tuple[str, ...]:
    # The mask is one of at most 2^19 and came through the envelope; a tracker keeps to one of them.
    return columns_of_mask(mask)
