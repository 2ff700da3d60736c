"""Packing a pipeline's state into bytes and back: nested dicts and lists of plain values and NumPy arrays.

Layout::

    magic "FCKP" | version u8 | crc32 u32 of the rest | deflated body
    body = header length u32 | JSON header | arrays, one after the other

In the header an array stands as ``{"__array__": [dtype, shape, offset]}``. Floats that are not finite pass as arrays
only. No pickle: a checkpoint from a database can do nothing but be wrong, and then it is a CheckpointError.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, Final

import numpy as np

from focus.errors import CheckpointError

MAGIC: Final = b"FCKP"
VERSION: Final = 1
_PREFIX: Final = struct.Struct("<4sBI")
_DTYPES: Final = {"<i8", "<f8", "<f4", "|u1", "<i4", "|b1"}


def pack_state(state: dict[str, Any]) -> bytes:
    """The bytes of a state; equal states give equal bytes."""
    arrays: list[bytes] = []
    offset = 0

    def plain(value: Any) -> Any:
        nonlocal offset
        if isinstance(value, np.ndarray):
            array = np.ascontiguousarray(value)
            data = array.tobytes()
            entry = {"__array__": [array.dtype.str, list(value.shape), offset]}
            arrays.append(data)
            offset += len(data)
            return entry
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value

    header = json.dumps(plain(state), allow_nan=False, separators=(",", ":")).encode()
    body = zlib.compress(b"".join([struct.pack("<I", len(header)), header, *arrays]), 1)
    return _PREFIX.pack(MAGIC, VERSION, zlib.crc32(body)) + body


def unpack_state(blob: bytes) -> dict[str, Any]:
    """The state that `pack_state` packed; arrays are new and may be written to.

    Raises
    ------
    CheckpointError
        If the bytes are not a checkpoint of this version or were damaged.
    """
    try:
        magic, version, crc = _PREFIX.unpack_from(blob)
        body = blob[_PREFIX.size :]
        if magic != MAGIC or version != VERSION or crc != zlib.crc32(body):
            raise CheckpointError(f"{len(blob)} bytes are not a checkpoint of version {VERSION}, or were damaged")
        raw = zlib.decompress(body)
        (header_size,) = struct.unpack_from("<I", raw)
        start = 4 + header_size
        header = json.loads(raw[4:start])
    except (struct.error, zlib.error, ValueError) as err:
        raise CheckpointError(f"{len(blob)} bytes are not a checkpoint: {err}") from err

    def rich(value: Any) -> Any:
        if isinstance(value, dict):
            if "__array__" in value:
                dtype, shape, offset = value["__array__"]
                if dtype not in _DTYPES:
                    raise CheckpointError(f"array type {dtype!r} is none of a checkpoint's")
                count = int(np.prod(shape, dtype=np.int64))
                return np.frombuffer(raw, dtype=dtype, count=count, offset=start + offset).reshape(shape).copy()
            return {key: rich(item) for key, item in value.items()}
        if isinstance(value, list):
            return [rich(item) for item in value]
        return value

    state = rich(header)
    assert isinstance(state, dict)
    return state
