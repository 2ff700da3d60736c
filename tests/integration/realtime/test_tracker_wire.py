"""Wire protocol 1 over a real socket: every answer, every refusal, and a connection that lives on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask import Flask

from focus.protocol.batch import FrameBatch
from focus.protocol.codec import checksum
from focus.services.ingest.engine import EngineSettings
from tests.integration.ingest.harness import FIRST, SECOND, frames_between
from tests.integration.realtime.wire import Refusal, TrackerWire, WireClient, frames_message, token_of

Connect = Callable[..., TrackerWire]


def test_a_recording_goes_over_the_wire_from_open_to_close(connect: Connect) -> None:
    tracker = connect()

    opened = tracker.open(task="reading")
    for seq in range(3):
        tracker.send(opened["lease"], seq, frames_between(10 * seq, 10 * seq + 10))
    answers = [tracker.wait_for("stored")]
    while answers[-1]["next_seq"] < 3:
        answers.append(tracker.wait_for("stored"))
    marker = {"recording": FIRST, "lease": opened["lease"], "seq": 3, "t_us": 5, "kind": "cue", "body": {"a": 1}}
    tracker.emit("marker", marker)
    after_marker = tracker.wait_for("stored")
    closed = tracker.call("close", {"recording": FIRST, "lease": opened["lease"], "last_seq": 3})

    assert opened["next_seq"] == 0
    assert opened["limits"] == {"max_batch_bytes": 65536, "max_frames": 500, "in_flight": 16}
    assert after_marker == {"recording": FIRST, "next_seq": 4, "rejected": []}
    assert closed == {"next_seq": 4, "n_frames": 30, "n_rejected": 0}


def test_the_clock_is_answered_with_the_server_s_times(connect: Connect) -> None:
    before = time.monotonic_ns()
    answer = connect().call("clock", {"c0": 17})

    assert answer["c0"] == 17
    assert before <= answer["s1"] <= answer["s2"] <= time.monotonic_ns()


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ({"proto": 1, "token": "focus_unknown"}, "unauthenticated"),
        ({"proto": 1}, "unauthenticated"),
        ({"proto": 2, "token": "focus_unknown"}, "protocol_version"),
        ({"token": "focus_unknown"}, "frame_format"),
        ("not an object", "frame_format"),
    ],
)
def test_a_connection_is_refused_with_a_code(server_url: str, auth: Any, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        WireClient(server_url, auth)

    assert caught.value.failure["code"] == code
    assert caught.value.failure["message"]


def test_a_token_without_the_scope_is_refused(served_app: Flask, server_url: str) -> None:
    token = token_of(served_app, "owner@example.org", "recordings:read")

    with pytest.raises(Refusal, match="forbidden"):
        TrackerWire(server_url, token)


def broken_messages(lease: str) -> list[tuple[str, Any, int]]:
    """What a broken client may send, with the code and the seq it is refused with."""
    good = frames_message(lease, 0, frames_between(0, 10))
    payload = good["payload"]
    changed = payload[:-1] + bytes([payload[-1] ^ 1])
    garbage = b"FOCB" + bytes(40)
    return [
        ("frame_format", None, -1),
        ("frame_format", "frames", -1),
        ("frame_format", {}, -1),
        ("frame_format", {**good, "seq": "0"}, -1),
        ("frame_format", {**good, "seq": -4}, -1),
        ("frame_format", {**good, "recording": "../etc"}, 0),
        ("frame_format", {**good, "payload": "text"}, 0),
        ("frame_format", {**good, "payload": changed}, 0),
        ("frame_format", {**good, "crc32": good["crc32"] ^ 1}, 0),
        ("frame_format", {**good, "n": 9}, 0),
        ("frame_format", {**good, "t1_us": 91_000}, 0),
        ("frame_format", {**good, "payload": garbage, "crc32": checksum(garbage)}, 0),
        ("lease", {**good, "recording": SECOND}, 0),
        ("lease", {**good, "lease": "another"}, 0),
        ("gap", {**good, "seq": 4}, 4),
        ("too_large", frames_message(lease, 0, frames_between(0, 501)), 0),
    ]


def test_whatever_is_wrong_is_refused_with_a_code_and_the_connection_lives_on(connect: Connect) -> None:
    tracker = connect()
    lease = tracker.open()["lease"]
    expected, found = [], []
    for code, message, seq in broken_messages(lease):
        tracker.emit("frames", message)
        refused = tracker.wait_for("refused")
        expected.append((code, seq))
        found.append((refused["code"], refused["seq"]))
        assert refused["message"]
    tracker.send(lease, 0, frames_between(0, 10))

    assert found == expected
    assert tracker.wait_for("stored") == {"recording": FIRST, "next_seq": 1, "rejected": []}


def test_broken_markers_are_refused_the_same_way(connect: Connect) -> None:
    tracker = connect()
    lease = tracker.open()["lease"]
    good = {"recording": FIRST, "lease": lease, "seq": 0, "t_us": 5, "kind": "cue", "body": {}}
    codes = []
    for message in ({}, {**good, "body": []}, {**good, "t_us": 1.5}, {**good, "kind": "a\x00b"}, {**good, "seq": 3}):
        tracker.emit("marker", message)
        codes.append(tracker.wait_for("refused")["code"])
    tracker.emit("marker", good)

    assert codes == ["frame_format", "frame_format", "frame_format", "frame_format", "gap"]
    assert tracker.wait_for("stored")["next_seq"] == 1


def test_a_batch_of_falling_times_or_impossible_values_is_kept_aside_and_reported(connect: Connect) -> None:
    tracker = connect()
    lease = tracker.open()["lease"]
    frames = frames_between(0, 10)
    values = FrameBatch(frames.t_us, {"confidence": np.zeros(10, dtype=np.float32)})
    bad = frames_message(lease, 0, values)
    bad["payload"] = bad["payload"][:-4] + np.float32(7).tobytes()
    bad["crc32"] = checksum(bad["payload"])
    tracker.emit("frames", bad)
    first = tracker.wait_for("stored")
    tracker.send(lease, 1, frames)
    tracker.wait_for("stored")
    tracker.send(lease, 2, frames)

    assert first == {"recording": FIRST, "next_seq": 1, "rejected": [0]}
    assert tracker.wait_for("stored") == {"recording": FIRST, "next_seq": 3, "rejected": [2]}


def test_duplicates_conflicts_and_what_lies_behind_a_close(connect: Connect) -> None:
    tracker = connect()
    lease = tracker.open()["lease"]
    answers = []
    for frames in (frames_between(0, 10), frames_between(0, 10), frames_between(0, 9)):
        tracker.send(lease, 0, frames)
        answers.append(tracker.events.get(timeout=10))
    tracker.call("close", {"recording": FIRST, "lease": lease, "last_seq": 0})
    tracker.send(lease, 1, frames_between(10, 20))
    after_close = tracker.wait_for("refused")
    reopened = tracker.open()

    assert [event for event, _ in answers] == ["stored", "stored", "refused"]
    assert (answers[2][1]["code"], answers[2][1]["next_seq"]) == ("seq_conflict", 1)
    assert after_close["code"] == "lease"
    assert (reopened["code"], reopened["next_seq"]) == ("closed", 1)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"recording": "not a uuid"}, "frame_format"),
        ({"tracker": "eye"}, "frame_format"),
        ({"tracker": {"name": "t", "columns": ["gaze_q"]}}, "frame_value"),
        ({"screen": {"width_mm": 5, "height_mm": 5, "distance_mm": 5}}, "frame_value"),
        ({"takeover": 1}, "frame_format"),
        ({"task": "t" * 101}, "frame_format"),
    ],
)
def test_an_open_that_cannot_be_is_answered_with_a_code(connect: Connect, changed: Any, code: str) -> None:
    tracker = connect()

    assert tracker.open(**changed)["code"] == code
    assert tracker.open()["next_seq"] == 0


def test_a_recording_is_held_by_one_connection_and_goes_to_whom_takes_it_over(connect: Connect) -> None:
    first, second, stranger = connect(), connect(), connect("other@example.org")
    lease = first.open()["lease"]

    held = second.open()
    forbidden = stranger.open(takeover=True)
    taken = second.open(takeover=True)
    first.send(lease, 0, frames_between(0, 10))

    assert (held["code"], 0 < held["retry_ms"] <= 30_000) == ("lease", True)
    assert forbidden["code"] == "forbidden"
    assert first.wait_for("evicted") == {"recording": FIRST}
    assert first.wait_for("refused")["code"] == "lease"
    second.send(taken["lease"], 0, frames_between(0, 10))
    assert second.wait_for("stored")["next_seq"] == 1


def test_a_connection_that_breaks_off_lets_the_next_one_in(connect: Connect) -> None:
    first = connect()
    lease = first.open()["lease"]
    first.send(lease, 0, frames_between(0, 10))
    first.wait_for("stored")
    first.close()

    until_s = time.monotonic() + 10
    second = connect()
    while "code" in (opened := second.open()) and time.monotonic() < until_s:
        assert opened["code"] == "lease"

    assert opened["next_seq"] == 1


def test_a_close_that_comes_too_early_or_from_nowhere_is_answered(connect: Connect) -> None:
    tracker = connect()
    nothing = tracker.call("close", {"recording": FIRST, "lease": "x", "last_seq": -1})
    lease = tracker.open()["lease"]
    early = tracker.call("close", {"recording": FIRST, "lease": lease, "last_seq": 5})
    broken = tracker.call("close", {"recording": FIRST})

    assert nothing["code"] == "lease"
    assert (early["code"], early["next_seq"]) == ("gap", 0)
    assert broken["code"] == "frame_format"


def test_a_full_queue_and_an_unforeseen_fault_are_answered_too(
    connect: Connect, served_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = connect()
    lease = tracker.open()["lease"]
    engine = served_app.extensions["focus.engine"]
    with monkeypatch.context() as full:
        full.setattr(engine, "settings", EngineSettings(queue_batches=0, queue_wait_s=0.0))
        tracker.send(lease, 0, frames_between(0, 10))
        busy = tracker.wait_for("refused")
    with monkeypatch.context() as faulty:
        faulty.setattr(engine, "offer", lambda item: 1 / 0)
        tracker.send(lease, 0, frames_between(0, 10))
        fault = tracker.wait_for("refused")
    tracker.send(lease, 0, frames_between(0, 10))

    assert (busy["code"], busy["next_seq"], busy["retry_ms"]) == ("busy", 0, 500)
    assert (fault["code"], "division" in fault["message"]) == ("error", False)
    assert tracker.wait_for("stored")["next_seq"] == 1


def test_a_server_that_stops_says_so_and_keeps_what_it_acknowledged(connect: Connect, served_app: Flask) -> None:
    tracker = connect()
    lease = tracker.open()["lease"]
    tracker.send(lease, 0, frames_between(0, 10))
    tracker.wait_for("stored")

    served_app.extensions["focus.engine"].stop(timeout_s=10)

    assert tracker.wait_for("notice")["code"] == "draining"
    tracker.send(lease, 1, frames_between(10, 20))
    assert tracker.wait_for("refused")["code"] == "busy"
