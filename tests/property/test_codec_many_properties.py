"""Decoding many batches together is decoding each of them."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from focus.errors import FrameValueError
from focus.protocol.batch import FrameBatch
from focus.protocol.codec import HEADER_BYTES, decode_batch, encode_batch
from focus.protocol.codec_many import decode_batches
from tests.property.protocol_strategies import frame_batches


def one_by_one(payloads: list[bytes]) -> list[FrameBatch | FrameValueError]:
    found: list[FrameBatch | FrameValueError] = []
    for payload in payloads:
        try:
            found.append(decode_batch(payload))
        except FrameValueError as err:
            found.append(err)
    return found


def assert_same(found: list[FrameBatch | FrameValueError], expected: list[FrameBatch | FrameValueError]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, FrameBatch):
            assert isinstance(one, FrameBatch)
            assert one.equals(other)
        else:
            assert str(one) == str(other)


@st.composite
def traffic(draw: st.DrawFn) -> list[bytes]:
    """Batches of a few shapes, some several times, and some of them with a value or a time that cannot be."""
    payloads = []
    for batch in draw(st.lists(frame_batches(max_frames=8), min_size=1, max_size=5)):
        payload = encode_batch(batch)
        for kind in draw(st.lists(st.sampled_from(["good", "good", "value", "time"]), min_size=1, max_size=5)):
            changed = bytearray(payload)
            if kind == "value" and batch.columns:
                changed[-4:] = struct.pack("<f", draw(st.sampled_from([1e9, -1e9, float("inf"), float("nan")])))
            if kind == "time" and len(batch) > 2 and not payload[5]:
                changed[HEADER_BYTES + 4 : HEADER_BYTES + 8] = bytes(4)
            payloads.append(bytes(changed))
    return draw(st.permutations(payloads))


@given(payloads=traffic())
def test_many_batches_decode_to_what_each_of_them_decodes_to(payloads: list[bytes]) -> None:
    assert_same(decode_batches(payloads), one_by_one(payloads))


def test_batches_of_one_shape_are_told_apart_where_one_is_bad() -> None:
    frames = [FrameBatch(np.arange(6) * 10 + at, {"confidence": np.full(6, 0.5, np.float32)}) for at in range(20)]
    payloads = [encode_batch(batch) for batch in frames]
    payloads[7] = payloads[7][:-4] + struct.pack("<f", 7.0)

    found = decode_batches(payloads)

    assert isinstance(found[7], FrameValueError)
    assert "frame 5: confidence 7.0" in str(found[7])
    assert all(batch.equals(frames[at]) for at, batch in enumerate(found) if isinstance(batch, FrameBatch))
    assert sum(isinstance(batch, FrameBatch) for batch in found) == 19
