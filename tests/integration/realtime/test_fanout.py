"""Live pictures between two processes over a real Redis, and a Redis that does not answer."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from focus.analysis.pipeline import PipelineOutput
from focus.protocol.batch import FrameBatch
from focus.realtime import fanout as fanout_module
from focus.realtime.fanout import RedisFanout
from focus.services.live import LiveHub
from tests.servers import free_port

ID = "00000000-0000-4000-8000-000000000001"


class Room:
    """What the viewers of one process see."""

    def __init__(self) -> None:
        self.seen: queue.Queue[tuple[str, Any]] = queue.Queue()

    def show(self, recording_id: str, picture: dict[str, Any]) -> None:
        self.seen.put((recording_id, picture))

    def show_end(self, recording_id: str) -> None:
        self.seen.put((recording_id, "ended"))


class Process:
    """The live part of one server process."""

    def __init__(self, url: str) -> None:
        self.hub = LiveHub()
        self.room = Room()
        self.fanout = RedisFanout(url, self.hub, self.room)
        self.hub.publisher = self

    def picture(self, recording_id: str, picture: dict[str, Any]) -> None:
        if self.hub.is_watched_remotely(recording_id):
            self.fanout.send("picture", recording_id, picture)

    def ended(self, recording_id: str) -> None:
        self.fanout.send("ended", recording_id, None)

    def note(self, at: int) -> None:
        frames = FrameBatch(np.array([at * 20_000]), {"gaze_x": np.zeros(1, dtype=np.float32)})
        states = np.zeros(1, dtype=np.uint8)
        output = PipelineOutput(frames.t_us, states, frames.t_us[:0], states[:0], (), (), ())
        self.hub.note(ID, [frames], output, gaze_space="deg", received_s=None)


Start = Callable[[str], Process]


@pytest.fixture
def start() -> Any:
    made: list[Process] = []

    def make(url: str) -> Process:
        process = Process(url)
        process.fanout.start()
        made.append(process)
        return process

    yield make
    for process in made:
        process.fanout.stop()


def test_a_page_at_one_process_sees_a_tracker_at_another(redis_url: str, start: Start) -> None:
    here, there = start(redis_url), start(redis_url)
    there.note(0)
    here.hub.watch(ID)

    until_s = time.monotonic() + 20
    while here.room.seen.empty() and time.monotonic() < until_s:
        here.fanout.ask(ID)  # again, until both have subscribed
        time.sleep(0.05)
    recording_id, snapshot = here.room.seen.get(timeout=1)
    while not here.room.seen.empty():
        here.room.seen.get()
    there.note(1)
    there.hub.publish_due(lambda recording_id: None)
    _, picture = here.room.seen.get(timeout=20)
    there.hub.end(ID)
    _, end = here.room.seen.get(timeout=20)

    assert (recording_id, snapshot["snapshot"], snapshot["frames"]["t_us"]) == (ID, True, [0])
    assert picture["frames"]["t_us"][-1] == 20_000
    assert end == "ended"


def test_a_redis_that_is_not_there_stops_nobody_and_what_is_dropped_is_counted(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout_module, "QUEUE_MESSAGES", 20)
    process = start(f"redis://127.0.0.1:{free_port()}/0")
    process.note(0)
    process.hub.watch_remotely(ID)

    begun_s = time.monotonic()
    for _ in range(200):
        process.fanout.send("picture", ID, {"frames": {}})
    took_s = time.monotonic() - begun_s

    assert took_s < 1
    snapshot = process.hub.snapshot(ID)
    assert snapshot is not None
    assert snapshot["quality"]["missed_pictures"] >= 180
