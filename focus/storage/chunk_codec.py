"""Frames packed for keeping: columns, differences, byte planes, zlib. Lossless to the last bit, NaN included.

Pure NumPy; knows no database. `frames.py` merges journal batches into chunks with `pack_frames` and reads them back
with `unpack_frames`. The name of the layout, `CHUNK_CODEC`, is stored beside each chunk::

    offset  size  what
    0       4     column mask (u32), as in the wire format
    4       4     n (u32), number of frames
    8       8     time of the first frame in microseconds (i64)
    16      ...   streams, one for the times and one a column in the order of bits; each:
                    1  transform     1  argument     4  length of the body (u32)     then the body
    all numbers little-endian; every part of a body is compressed with zlib

Times are second differences (a steady tracker gives zeros). A column takes the first of these that gives its bits back:

- ``CONSTANT``: one value for all frames;
- ``DECIMAL``: the values are integers times 10**-argument (trackers and CSV files write few digits): their differences;
- ``BITS``: differences of the float32 bit patterns, for measured values with noise in every bit;
- ``PLAIN``: the bit patterns as they are; taken instead of BITS where it is shorter.

Missing values stand in a bit map apart, so that they do not break the differences.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

from focus.errors import StorageError
from focus.protocol.batch import FrameBatch
from focus.protocol.schema import column_mask, columns_of_mask

CHUNK_CODEC: Final = "planes-1"

_HEADER: Final = struct.Struct("<IIq")
_STREAM: Final = struct.Struct("<BBI")
_PART: Final = struct.Struct("<I")
_CONSTANT, _DECIMAL, _BITS, _PLAIN, _TIMES = range(5)
_LEVEL: Final = 6  # level 9 takes three times as long for less than one percent
_MAX_DECIMALS: Final = 6
_NAN_BITS: Final = np.float32(np.nan).view(np.uint32)

UInt32Array = npt.NDArray[np.uint32]
UInt64Array = npt.NDArray[np.uint64]


def pack_frames(frames: FrameBatch) -> bytes:
    """The bytes of a chunk."""
    names = tuple(sorted(frames.columns, key=lambda name: column_mask((name,))))
    t_us = frames.t_us
    parts = [_HEADER.pack(column_mask(names), t_us.size, int(t_us[0])), _stream(_TIMES, 0, _pack_times(t_us))]
    parts += [_pack_column(frames.columns[name]) for name in names]
    return b"".join(parts)


def unpack_frames(payload: bytes) -> FrameBatch:
    """The frames of a chunk.

    Raises
    ------
    StorageError
        If the bytes are not a chunk; the database was damaged.
    """
    try:
        mask, n, t0_us = _HEADER.unpack_from(payload)
        offset = _HEADER.size
        streams = []
        for _ in range(1 + mask.bit_count()):
            transform, argument, size = _STREAM.unpack_from(payload, offset)
            offset += _STREAM.size
            streams.append((transform, argument, payload[offset : offset + size]))
            offset += size
        t_us = _unpack_times(streams[0][2], n, t0_us)
        columns = {
            name: _unpack_column(*stream, n) for name, stream in zip(columns_of_mask(mask), streams[1:], strict=True)
        }
        return FrameBatch(t_us, columns)
    except (struct.error, zlib.error, ValueError, KeyError) as err:
        raise StorageError(f"a chunk of {len(payload)} bytes cannot be read: {err}") from err


def pack_batch_list(checksums: npt.ArrayLike, counts: npt.ArrayLike) -> bytes:
    """CRC-32 and number of frames of each sequence number of a chunk; both are 0 where it was no stored batch."""
    crc32 = np.asarray(checksums, dtype="<u4").tobytes()
    return _pack_parts(_planes(np.asarray(counts, dtype=np.uint32))) + crc32


def unpack_batch_list(packed: bytes) -> tuple[UInt32Array, UInt32Array]:
    """Checksums and numbers of frames, as given to `pack_batch_list`."""
    (size,) = _PART.unpack_from(packed)
    (planes,) = _unpack_parts(packed[: _PART.size + size])
    checksums = np.frombuffer(packed, "<u4", offset=_PART.size + size).astype(np.uint32)
    return checksums, _from_planes(planes, checksums.size, np.uint32).astype(np.uint32, copy=False)


def _stream(transform: int, argument: int, body: bytes) -> bytes:
    return _STREAM.pack(transform, argument, len(body)) + body


def _pack_parts(*parts: bytes) -> bytes:
    packed = [zlib.compress(part, _LEVEL) if part else b"" for part in parts]
    return b"".join(_PART.pack(len(part)) + part for part in packed)


def _unpack_parts(body: bytes) -> list[bytes]:
    parts, offset = [], 0
    while offset < len(body):
        (size,) = _PART.unpack_from(body, offset)
        offset += _PART.size
        parts.append(zlib.decompress(body[offset : offset + size]) if size else b"")
        offset += size
    return parts


def _planes(values: npt.NDArray[np.unsignedinteger]) -> bytes:
    """All lowest bytes, then all second bytes, and so on: the high ones are nearly all alike and compress well."""
    width = values.dtype.itemsize
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return little.view(np.uint8).reshape(-1, width).T.tobytes()


def _from_planes(planes: bytes, n: int, dtype: type[np.unsignedinteger]) -> npt.NDArray[np.unsignedinteger]:
    width = np.dtype(dtype).itemsize
    stacked = np.ascontiguousarray(np.frombuffer(planes, np.uint8).reshape(width, n).T)
    return stacked.view(np.dtype(dtype).newbyteorder("<")).reshape(n).astype(dtype, copy=False)


# -- times ------------------------------------------------------------------------------------------------------------


def _pack_times(t_us: npt.NDArray[np.int64]) -> bytes:
    steps_us = np.diff(t_us)
    second = np.diff(steps_us, prepend=np.int64(0))
    folded = ((second << 1) ^ (second >> 63)).view(np.uint64)
    return _pack_parts(_planes(folded))


def _unpack_times(body: bytes, n: int, t0_us: int) -> npt.NDArray[np.int64]:
    (planes,) = _unpack_parts(body)
    folded = _from_planes(planes, n - 1, np.uint64)
    second = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(np.int64)
    t_us = np.empty(n, dtype=np.int64)
    t_us[0] = t0_us
    t_us[1:] = t0_us + np.cumsum(np.cumsum(second))
    return t_us


# -- columns ----------------------------------------------------------------------------------------------------------


def _pack_column(values: npt.NDArray[np.float32]) -> bytes:
    bits = np.ascontiguousarray(values).view(np.uint32)
    if (bits == bits[0]).all():
        return _stream(_CONSTANT, 0, bits[:1].astype("<u4").tobytes())
    is_missing = bits == _NAN_BITS
    missing_map = np.packbits(is_missing).tobytes() if is_missing.any() else b""
    present = values[~is_missing]
    decimals, integers = _as_decimals(present)
    if integers is not None:
        return _stream(_DECIMAL, decimals, _pack_parts(missing_map, _planes(_fold(integers))))
    present_bits = present.view(np.uint32)
    plain = _pack_parts(missing_map, _planes(present_bits))
    folded = _pack_parts(missing_map, _planes(_fold(present_bits.view(np.int32))))
    return _stream(_PLAIN, 0, plain) if len(plain) <= len(folded) else _stream(_BITS, 0, folded)


def _unpack_column(transform: int, argument: int, body: bytes, n: int) -> npt.NDArray[np.float32]:
    if transform == _CONSTANT:
        return np.full(n, np.frombuffer(body, "<u4")[0], dtype=np.uint32).view(np.float32)
    missing_map, planes = _unpack_parts(body)
    is_missing = np.unpackbits(np.frombuffer(missing_map, np.uint8), count=n).astype(bool) if missing_map else None
    n_present = n - int(is_missing.sum()) if is_missing is not None else n
    coded = _from_planes(planes, n_present, np.uint32).astype(np.uint32, copy=False)
    if transform == _PLAIN:
        present = coded.view(np.float32)
    elif transform == _BITS:
        present = _unfold(coded).view(np.float32)
    elif transform == _DECIMAL:
        present = (_unfold(coded) / 10.0**argument).astype(np.float32)
    else:
        raise ValueError(f"transform {transform} is unknown")
    if is_missing is None:
        return present
    values = np.full(n, _NAN_BITS, dtype=np.uint32).view(np.float32)
    values[~is_missing] = present
    return values


def _as_decimals(values: npt.NDArray[np.float32]) -> tuple[int, npt.NDArray[np.int32] | None]:
    """The fewest decimals that give every value back bit by bit, and the values as integers of the last decimal."""
    for decimals in range(_MAX_DECIMALS + 1):
        # Most columns either have few digits or none at all, which the first values tell cheaply.
        if _integers_of(values[:64], decimals) is not None and (integers := _integers_of(values, decimals)) is not None:
            return decimals, integers
    return 0, None


def _integers_of(values: npt.NDArray[np.float32], decimals: int) -> npt.NDArray[np.int32] | None:
    scaled = np.rint(values * 10.0**decimals, dtype=np.float64)
    if not (np.abs(scaled) < 2**30).all():  # false for a NaN of unusual bits, too
        return None
    back = (scaled.astype(np.int32) / 10.0**decimals).astype(np.float32)
    return scaled.astype(np.int32) if np.array_equal(back.view(np.uint32), values.view(np.uint32)) else None


def _fold(values: npt.NDArray[np.int32]) -> UInt32Array:
    """Differences, small ones of either sign as small unsigned numbers; overflow wraps and is undone by wrapping."""
    steps = np.diff(values, prepend=np.int32(0))
    return ((steps << 1) ^ (steps >> 31)).view(np.uint32)


def _unfold(folded: UInt32Array) -> npt.NDArray[np.int32]:
    steps = (folded >> np.uint32(1)).view(np.int32) ^ -(folded & np.uint32(1)).view(np.int32)
    return np.cumsum(steps, dtype=np.int32)
