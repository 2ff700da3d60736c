"""Messages: what goes over the wire by name, and which field a wrong message is blamed on."""

from __future__ import annotations

import numpy as np
import pytest

from focus import errors
from focus.errors import FrameFormatError, FrameValueError, ProtocolVersionError
from focus.protocol.batch import FrameBatch, ScreenGeometry, TrackerInfo
from focus.protocol.codec import encode_batch
from focus.protocol.messages import (
    Close,
    CloseAck,
    ConnectAuth,
    Failure,
    Frames,
    Marker,
    Open,
    OpenAck,
    Refused,
    Stored,
    error_class,
    read_answer,
)

RECORDING = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
TRACKER = TrackerInfo("test", ("gaze_x",), 60.0, screen=ScreenGeometry(500, 300, 600))
FRAMES = {"recording": RECORDING, "lease": "a", "seq": 3, "n": 1, "t0_us": 5, "t1_us": 5, "crc32": 0, "payload": b"x"}


def test_open_carries_the_screen_beside_the_tracker() -> None:
    wire = Open(RECORDING, TRACKER, task="reading", takeover=True).to_wire()

    assert set(wire) == {"recording", "tracker", "screen", "task", "takeover"}
    assert "screen" not in wire["tracker"]
    assert wire["screen"]["width_mm"] == 500
    assert Open.from_wire(wire) == Open(RECORDING, TRACKER, task="reading", takeover=True)


def test_open_answer_has_the_fields_of_the_protocol() -> None:
    wire = {"next_seq": 4, "lease": "x", "limits": {"max_batch_bytes": 9000, "max_frames": 10, "in_flight": 2}}
    answer = read_answer(wire, OpenAck)

    assert isinstance(answer, OpenAck)
    assert (answer.next_seq, answer.limits.in_flight, answer.to_wire()) == (4, 2, wire)


def test_an_answer_with_a_code_is_a_failure_and_names_its_error() -> None:
    failure = read_answer({"code": "busy", "message": "the queue is full", "retry_ms": 200}, CloseAck)

    assert isinstance(failure, Failure)
    assert failure.retry_ms == 200
    assert isinstance(failure.to_error(), errors.BusyError)
    assert failure.to_error().message == "the queue is full"


def test_every_error_code_leads_back_to_its_class() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and "code" in vars(value)]
    assert len(classes) > 15
    assert [error_class(cls.code) for cls in classes] == classes


def test_an_unknown_code_is_a_delivery_error() -> None:
    assert error_class("from_the_future") is errors.DeliveryError


def test_unknown_fields_are_passed_over() -> None:
    assert Stored.from_wire({"recording": RECORDING, "next_seq": 7, "later": 1}) == Stored(RECORDING, 7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recording": "no"}, "recording 'no' is not a UUID"),
        ({"recording": RECORDING.upper()}, "recording .* lower-case"),
        ({"seq": -1}, "seq -1"),
        ({"seq": True}, "seq True"),
        ({"seq": 1.0}, "seq 1.0"),
        ({"n": 0}, "n 0"),
        ({"crc32": 2**32}, "crc32 4294967296"),
        ({"payload": "text"}, "payload 'text' is not binary"),
        ({"payload": b"x" * 262_145}, "payload <262145 bytes>"),
        ({"lease": ""}, "lease ''"),
        ({"t1_us": 2**53}, "t1_us"),
    ],
)
def test_a_wrong_field_is_named(change: dict, words: str) -> None:
    with pytest.raises(FrameFormatError, match=f"^frames: {words}"):
        Frames.from_wire(FRAMES | change)


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(FrameFormatError, match=f"frames: field {name} is missing"):
        Frames.from_wire({key: value for key, value in FRAMES.items() if key != name})


@pytest.mark.parametrize("wire", [None, 3, "frames", [FRAMES]])
def test_what_is_not_an_object_is_a_format_error(wire: object) -> None:
    with pytest.raises(FrameFormatError, match="is not an object"):
        Frames.from_wire(wire)


def test_a_wrong_tracker_is_a_value_error_with_its_field() -> None:
    wire = Open(RECORDING, TRACKER).to_wire()
    wire["tracker"]["rate_hz"] = -1
    with pytest.raises(FrameValueError, match="rate_hz -1"):
        Open.from_wire(wire)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
@pytest.mark.parametrize("name", ["name", "model", "units"])
def test_a_tracker_text_that_no_database_can_keep_is_refused(name: str, text: str) -> None:
    # It would fail in the transaction, in which others open their recordings, too.
    wire = Open(RECORDING, TRACKER).to_wire()
    wire["tracker"][name] = {"pupil_left": text} if name == "units" else text

    with pytest.raises(FrameValueError):
        Open.from_wire(wire)


def test_frames_decode_to_the_batch_they_were_made_of() -> None:
    batch = FrameBatch(np.array([5, 9]), {"gaze_x": np.array([1, 2], np.float32)})
    message = Frames.of_payload(RECORDING, "a", 0, batch, encode_batch(batch))

    assert (message.n, message.t0_us, message.t1_us) == (2, 5, 9)
    assert Frames.from_wire(message.to_wire()).decode().equals(batch)


@pytest.mark.parametrize("change", [{"crc32": 1}, {"n": 3}, {"t0_us": 4}, {"t1_us": 8}])
def test_frames_that_contradict_their_payload_are_a_format_error(change: dict) -> None:
    batch = FrameBatch(np.array([5, 9]))
    wire = Frames.of_payload(RECORDING, "a", 0, batch, encode_batch(batch)).to_wire() | change
    with pytest.raises(FrameFormatError, match=r"^frames: (crc32 1|n, t0_us, t1_us)"):
        Frames.from_wire(wire).decode()


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": b"1"}, [1], {1: 2}, {"x": "y" * 5000}, {"x": "\ud800"}])
def test_a_marker_takes_small_json_objects_alone(body: object) -> None:
    with pytest.raises(FrameFormatError, match=r"^marker: body"):
        Marker(RECORDING, "a", 0, 0, "note", body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({}, "null"),
        ({"words": 0}, "0"),
        ({"words": 10_001}, "10001"),
        ({"words": 2.0}, "2.0"),
        ({"words": True}, "true"),
        ({"words": "many"}, '"many"'),
    ],
)
def test_a_page_says_how_many_words_it_has(body: dict[str, object], shown: str) -> None:
    with pytest.raises(FrameFormatError) as raised:
        Marker(RECORDING, "a", 0, 0, "page_start", body)
    assert raised.value.message == f"marker: words of a page_start are {shown}, not a whole number from 1 to 10000"
    assert Marker(RECORDING, "a", 0, 0, "page_start", {"words": 312, "page": 3}).body["words"] == 312


def test_equal_marker_bodies_have_equal_bytes() -> None:
    one = Marker(RECORDING, "a", 0, 0, "note", {"b": 1, "a": "é"})
    other = Marker(RECORDING, "a", 0, 0, "note", {"a": "é", "b": 1})
    assert one.canonical_body() == other.canonical_body() == '{"a":"é","b":1}'.encode()


def test_close_before_anything_was_sent_has_last_seq_minus_one() -> None:
    assert Close(RECORDING, "a", -1).to_wire()["last_seq"] == -1
    with pytest.raises(FrameFormatError, match="last_seq -2"):
        Close(RECORDING, "a", -2)


def test_a_token_is_never_shown() -> None:
    assert "secret" not in repr(ConnectAuth(1, "secret"))


def test_another_protocol_version_is_refused_by_name() -> None:
    with pytest.raises(ProtocolVersionError, match="protocol 2"):
        ConnectAuth.from_wire({"proto": 2}).require_version()


def test_a_refusal_names_its_batch() -> None:
    refused = Refused(RECORDING, 4, "seq_conflict", "other data")
    assert isinstance(refused.to_error(), errors.SequenceConflictError)
    assert refused.to_error().message == "batch 4: other data"
