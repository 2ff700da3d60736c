"""The codec against bytes written by hand from the layout, and what it says of bytes that are wrong."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from focus.errors import FrameFormatError, FrameValueError, TooLargeError
from focus.protocol.batch import FrameBatch
from focus.protocol.codec import (
    MAX_BATCH_BYTES,
    MAX_FRAMES,
    checksum,
    decode_batch,
    encode_batch,
    encoded_size,
    frames_that_fit,
    peek_header,
)
from focus.protocol.schema import COLUMNS

GOLDEN = Path(__file__).parents[2] / "golden"
GOLDEN_NAMES = sorted(path.stem for path in GOLDEN.glob("batch_*.bin"))
NAN_BITS = 0x7FC00000


def golden(name: str) -> tuple[bytes, dict]:
    return (GOLDEN / f"{name}.bin").read_bytes(), json.loads((GOLDEN / f"{name}.json").read_text())


def batch_of(values: dict) -> FrameBatch:
    columns = {name: np.array(column, dtype=np.float32) for name, column in values["columns"].items()}  # None is NaN
    return FrameBatch(np.array(values["t_us"]), columns)


def header(**changes: object) -> bytes:
    fields = {"magic": b"FOCB", "version": 1, "flags": 0, "reserved": 0, "mask": 1, "n": 1, "base_us": 0} | changes
    return struct.pack("<4sBBHIIq", *fields.values())


ONE_FRAME = struct.pack("<If", 0, 0.5)


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_golden_bytes_hold_the_frames_beside_them(name: str) -> None:
    payload, values = golden(name)
    assert decode_batch(payload).equals(batch_of(values))


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_golden_frames_are_encoded_to_the_bytes_beside_them(name: str) -> None:
    payload, values = golden(name)
    assert encode_batch(batch_of(values)) == payload


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_golden_checksum_length_and_header_agree(name: str) -> None:
    payload, values = golden(name)
    found = peek_header(payload)

    assert (checksum(payload), len(payload), found.mask) == (values["crc32"], values["bytes"], values["mask"])
    assert (found.n, found.t0_us, found.t1_us) == (len(values["t_us"]), values["t_us"][0], values["t_us"][-1])


def test_the_layout_of_three_frames_is_the_one_that_is_drawn() -> None:
    payload, _ = golden("batch_three_frames")

    assert payload[:4] == b"FOCB"
    assert struct.unpack_from("<BBHIIq", payload, 4) == (1, 0, 0, 0b100_0011, 3, 1_000_000)
    assert struct.unpack_from("<3I", payload, 24) == (0, 16_667, 33_333)
    assert struct.unpack_from("<2fI", payload, 36) == (0.5, 0.25, NAN_BITS)
    assert struct.unpack_from("<fIf", payload, 48) == (-0.5, NAN_BITS, 1.25)
    assert struct.unpack_from("<3f", payload, 60) == (1.0, 0.0, 0.5)
    assert len(payload) == 72 == encoded_size(3, 3)


def test_the_layout_of_wide_times_is_the_one_that_is_drawn() -> None:
    payload, _ = golden("batch_wide_times")

    assert struct.unpack_from("<BBHIIq", payload, 4) == (1, 1, 0, 1 << 10, 2, 0)
    assert struct.unpack_from("<2q", payload, 24) == (0, 2**32)
    assert struct.unpack_from("<2f", payload, 40) == (600.0, 0.0)
    assert len(payload) == 48 == encoded_size(2, 1, is_wide=True)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "0 bytes is shorter than its header of 24"),
        (header()[:23], "23 bytes is shorter"),
        (header(magic=b"FOCA") + ONE_FRAME, "b'FOCA'"),
        (header(version=2) + ONE_FRAME, "version 2"),
        (header(flags=2) + ONE_FRAME, "flags 0x2"),
        (header(reserved=1) + ONE_FRAME, "reserved 0x1"),
        (header(mask=1 << 20) + ONE_FRAME, "mask 0x100000"),
        (header(n=0), "0 frames lies outside of 1..5000"),
        (header(n=MAX_FRAMES + 1) + b"\0" * 8 * (MAX_FRAMES + 1), "5001 frames"),
        (header(base_us=-1) + ONE_FRAME, "base time -1"),
        (header(base_us=2**53) + ONE_FRAME, "base time 9007199254740992"),
        (header() + ONE_FRAME + b"\0", "take 32 bytes, not 33"),
        (header(mask=3) + ONE_FRAME, "take 36 bytes, not 32"),
        (header() + struct.pack("<If", 1, 0.5), "first frame lies 1 us after"),
        (header(flags=1, mask=0, n=2) + struct.pack("<2q", 0, 5), "wide times end at 5"),
        (header(flags=1, mask=0, n=2) + struct.pack("<2q", 0, 2**60), "wide times end at"),
        (b"\0" * (MAX_BATCH_BYTES + 1), "262145 bytes is over the limit of 262144"),
    ],
)
def test_a_wrong_envelope_is_a_format_error_that_names_the_value(payload: bytes, words: str) -> None:
    with pytest.raises(FrameFormatError, match=words.replace(".", r"\.")):
        decode_batch(payload)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (header(mask=0, n=2) + struct.pack("<2I", 0, 0), "frame 1: t_us 0 is not after 0"),
        (header(mask=0, n=3) + struct.pack("<3I", 0, 9, 8), "frame 2: t_us 8 is not after 9"),
        (header(base_us=2**53 - 1, mask=0, n=2) + struct.pack("<2I", 0, 1), "t_us 9007199254740992 lies outside"),
        (header(flags=1, mask=0, n=3) + struct.pack("<3q", 0, -(2**62), 2**40), "frame 1: t_us"),
        (header() + struct.pack("<If", 0, 401.0), "frame 0: gaze_x 401.0 lies outside of -400..400"),
        (header() + struct.pack("<If", 0, float("inf")), "gaze_x inf"),
        (header(mask=64) + struct.pack("<If", 0, -0.1), "confidence -0.1"),
    ],
)
def test_well_formed_bytes_with_impossible_values_are_a_value_error(payload: bytes, words: str) -> None:
    with pytest.raises(FrameValueError, match=words):
        decode_batch(payload)


def test_a_batch_over_the_limits_is_not_encoded() -> None:
    many = FrameBatch(np.arange(MAX_FRAMES + 1))
    with pytest.raises(TooLargeError, match="5001 frames"):
        encode_batch(many)


@pytest.mark.parametrize("n_columns", [0, 1, 4, 15])
def test_as_many_frames_as_fit_can_be_encoded_even_with_wide_times(n_columns: int) -> None:
    n = frames_that_fit(n_columns)
    columns = {column.name: np.zeros(n, np.float32) for column in COLUMNS[:n_columns]}

    payload = encode_batch(FrameBatch(np.arange(n) * 2**33, columns))

    assert len(payload) <= MAX_BATCH_BYTES
    assert decode_batch(payload).t_us[-1] == (n - 1) * 2**33


def test_a_stack_is_checked_as_its_columns_would_be() -> None:
    t_us = np.arange(2)
    stack = np.array([[0, 1], [0, 401]], np.float32)

    with pytest.raises(FrameValueError, match=r"frame 1: gaze_y 401\.0 lies outside"):
        FrameBatch.from_stack(t_us, ("gaze_x", "gaze_y"), stack)
    with pytest.raises(FrameValueError, match="'gaze_z' is unknown"):
        FrameBatch.from_stack(t_us, ("gaze_x", "gaze_z"), stack)
    with pytest.raises(FrameValueError, match="the batch has 3 frames"):
        FrameBatch.from_stack(np.arange(3), ("gaze_x", "gaze_y"), stack)


def test_a_slice_of_a_batch_has_the_frames_of_the_slice() -> None:
    batch = FrameBatch(np.array([1, 2, 3]), {"gaze_x": np.array([4, 5, 6], np.float32)})

    assert batch[1:].equals(FrameBatch(np.array([2, 3]), {"gaze_x": np.array([5, 6], np.float32)}))
    with pytest.raises(FrameValueError):
        batch[3:]
    with pytest.raises(FrameValueError, match="is not after"):
        batch[::-1]
