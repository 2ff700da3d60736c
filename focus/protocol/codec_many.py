"""Many batches decoded together: what `codec.decode_batch` does, for all batches of a server's tick in a few passes.

A batch of 100 ms is a few hundred bytes, and checking it costs some thirty NumPy calls, whatever their size. Batches of
one shape (the same columns and number of frames, as a tracker sends all the time) are laid side by side here and
checked at once. Those that fail, and those that are alone, go the way of `decode_batch`, which finds the fault and
words it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from focus.errors import FrameValueError
from focus.protocol.batch import FrameBatch
from focus.protocol.codec import FLAG_WIDE_TIMES, HEADER_BYTES, decode_batch
from focus.protocol.schema import columns_of_mask

_SHAPE_BYTES: Final = slice(4, 16)  # version, flags, reserved, column mask, n
_FLAGS_AT: Final = 5
_MASK_BYTES: Final = slice(8, 12)
_BASE_BYTES: Final = slice(16, 24)
_LEAST_TOGETHER: Final = 3


def decode_batches(payloads: Sequence[bytes]) -> list[FrameBatch | FrameValueError]:
    """Each payload's batch, or what is wrong with its meaning.

    Parameters
    ----------
    payloads : sequence of bytes
        Each has passed `codec.peek_header`.

    Returns
    -------
    list of FrameBatch or FrameValueError
        In the order of the payloads; equal to what `decode_batch` returns or raises. Batches of one shape share memory.

    Raises
    ------
    FrameFormatError
        If a payload is not a batch after all.
    """
    decoded: list[FrameBatch | FrameValueError | None] = [None] * len(payloads)
    shapes: dict[bytes, list[int]] = {}
    for at, payload in enumerate(payloads):
        shapes.setdefault(payload[_SHAPE_BYTES], []).append(at)
    for places in shapes.values():
        if len(places) >= _LEAST_TOGETHER and not payloads[places[0]][_FLAGS_AT] & FLAG_WIDE_TIMES:
            found = _decode_alike([payloads[at] for at in places])
            for at, batch in zip(places, found, strict=True):
                decoded[at] = batch
    return [_decode_alone(payloads[at]) if batch is None else batch for at, batch in enumerate(decoded)]


def _decode_alike(payloads: list[bytes]) -> list[FrameBatch | None]:
    """Batches of one shape without wide times; None where there is something wrong."""
    names = columns_of_mask(int.from_bytes(payloads[0][_MASK_BYTES], "little"))
    words = np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(payloads), -1)
    n = (words.shape[1] - HEADER_BYTES) // (4 + 4 * len(names))
    base_us = words[:, _BASE_BYTES].copy().view("<i8")
    t_us = base_us + words[:, HEADER_BYTES : HEADER_BYTES + 4 * n].copy().view("<u4")
    values = words[:, HEADER_BYTES + 4 * n :].copy().view("<f4").reshape(len(payloads), len(names), n)
    return FrameBatch.from_stacks(t_us, names, values)


def _decode_alone(payload: bytes) -> FrameBatch | FrameValueError:
    try:
        return decode_batch(payload)
    except FrameValueError as err:
        return err
