"""Pictures of the live view: what is in them, how often they come, and that nothing grows without limit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from focus.analysis.pipeline import PipelineOutput
from focus.analysis.types import Event, EyeState
from focus.protocol.batch import FrameBatch
from focus.services import live
from focus.services.live import LiveHub, NullPublisher

ID = "00000000-0000-4000-8000-000000000001"


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(clock: Clock) -> LiveHub:
    return LiveHub(pictures_per_s=5, now_s=clock)


def note(hub: LiveHub, first: int, stop: int, *, step_us: int = 10_000, events: tuple[Event, ...] = ()) -> None:
    """Frames number first..stop-1, all fixation, gaze counting up and openness missing."""
    at = np.arange(first, stop)
    frames = FrameBatch(at * step_us, {"gaze_x": (at % 100).astype(np.float32)})
    states = np.full(len(at), EyeState.FIXATION, dtype=np.uint8)
    output = PipelineOutput(frames.t_us, states, frames.t_us[:0], states[:0], (), events, ())
    hub.note(ID, [frames], output, gaze_space="deg", received_s=99.95)


def published(hub: LiveHub) -> list[dict[str, object]]:
    assert isinstance(hub.publisher, NullPublisher)
    return list(hub.publisher.pictures)


def test_nothing_is_published_while_nobody_watches(hub: LiveHub) -> None:
    note(hub, 0, 10)

    assert hub.publish_due(lambda recording_id: []) == 0


def test_a_watched_recording_is_published_at_most_five_times_a_second(hub: LiveHub, clock: Clock) -> None:
    hub.watch(ID)
    for at in range(100):  # a tick every 20 ms for two seconds
        note(hub, at, at + 1)
        hub.publish_due(lambda recording_id: [])
        clock.seconds += 0.02

    assert len(published(hub)) == 10


def test_each_frame_is_shown_once_when_the_tracker_is_not_faster_than_60_hz(hub: LiveHub, clock: Clock) -> None:
    hub.watch(ID)
    for at in range(50):
        note(hub, at, at + 1, step_us=20_000)
        hub.publish_due(lambda recording_id: [])
        clock.seconds += 0.02
    clock.seconds += 1
    hub.publish_due(lambda recording_id: [])

    shown = [t_us for picture in published(hub) for t_us in picture["frames"]["t_us"]]  # type: ignore[index]
    assert shown == [20_000 * at for at in range(50)]


def test_a_fast_tracker_is_thinned_to_60_frames_a_second(hub: LiveHub) -> None:
    hub.watch(ID)
    note(hub, 0, 1000, step_us=1000)
    hub.publish_due(lambda recording_id: [])

    assert len(published(hub)[0]["frames"]["t_us"]) == 60  # type: ignore[index]


def test_a_picture_is_json_without_nan(hub: LiveHub) -> None:
    hub.watch(ID)
    event = Event("blink", 10_000, 200_000, {"depth_ratio": 0.9, "speed": float("nan")})
    note(hub, 0, 10, events=(event,))
    hub.publish_due(lambda recording_id: [])

    (picture,) = published(hub)
    assert json.loads(json.dumps(picture, allow_nan=False)) == picture
    assert picture["state"] == "fixation"
    assert picture["frames"]["openness"] == [None] * len(picture["frames"]["t_us"])  # type: ignore[index]
    assert picture["events"] == [
        {"kind": "blink", "onset_us": 10_000, "offset_us": 200_000, "attributes": {"depth_ratio": 0.9}}
    ]
    assert picture["counts"] == {"blink": 1}
    assert picture["delay_ms"] == pytest.approx(50)


def test_metrics_come_once_a_second(hub: LiveHub, clock: Clock) -> None:
    hub.watch(ID)
    for at in range(150):
        note(hub, at, at + 1)
        hub.publish_due(lambda recording_id: [{"name": "blink_rate"}])
        clock.seconds += 0.02

    assert sum("metrics" in picture for picture in published(hub)) == 3


def test_an_event_is_in_one_picture_and_in_every_snapshot(hub: LiveHub, clock: Clock) -> None:
    hub.watch(ID)
    note(hub, 0, 10, events=(Event("saccade", 0, 20_000, {}),))
    hub.publish_due(lambda recording_id: [])
    note(hub, 10, 20)
    clock.seconds += 1
    hub.publish_due(lambda recording_id: [])
    snapshot = hub.snapshot(ID)

    assert [len(picture["events"]) for picture in published(hub)] == [1, 0]  # type: ignore[arg-type]
    assert snapshot is not None
    assert (snapshot["snapshot"], len(snapshot["events"])) == (True, 1)
    assert snapshot["frames"]["t_us"][0] == 0


def test_memory_reaches_back_30_s_and_has_a_limit_for_fast_trackers(hub: LiveHub) -> None:
    for at in range(0, 12_000, 100):
        note(hub, at, at + 100)  # 120 s at 100 Hz
    slow = hub.snapshot(ID)
    hub.forget(ID)
    for at in range(0, 40_000, 100):
        note(hub, at, at + 100, step_us=1000)  # 40 s at 1000 Hz
    fast = hub.snapshot(ID)

    assert slow is not None
    assert fast is not None
    assert 89_000_000 <= slow["frames"]["t_us"][0] <= 90_000_000
    assert fast["frames"]["t_us"][0] >= 40_000_000 - (live.MEMORY_FRAMES + 100) * 1000


def test_pictures_that_were_dropped_are_told_in_the_next_one(hub: LiveHub) -> None:
    hub.watch(ID)
    note(hub, 0, 10)
    hub.note_missed(ID, 3)
    hub.publish_due(lambda recording_id: [])

    assert published(hub)[0]["quality"]["missed_pictures"] == 3  # type: ignore[index]


def test_two_viewers_of_whom_one_leaves_still_see(hub: LiveHub) -> None:
    hub.watch(ID)
    hub.watch(ID)
    hub.unwatch(ID)
    note(hub, 0, 10)

    assert hub.publish_due(lambda recording_id: []) == 1


def test_the_end_is_told_and_the_recording_forgotten(hub: LiveHub) -> None:
    note(hub, 0, 10)
    hub.end(ID)

    assert isinstance(hub.publisher, NullPublisher)
    assert list(hub.publisher.ended_recordings) == [ID]
    assert hub.snapshot(ID) is None


def test_a_webcam_without_gaze_loses_only_the_frames_without_eyelids(hub: LiveHub) -> None:
    hub.watch(ID)
    openness = np.array([0.3, np.nan, 0.3, 0.3], dtype=np.float32)
    frames = FrameBatch(np.arange(4) * 33_333, {"openness_left": openness, "openness_right": openness})
    states = np.full(4, EyeState.LOST, dtype=np.uint8)
    output = PipelineOutput(frames.t_us, states, frames.t_us[:0], states[:0], (), (), ())
    hub.note(ID, [frames], output, gaze_space="screen", received_s=99.95)
    hub.publish_due(lambda recording_id: [])

    assert published(hub)[0]["quality"]["loss_ratio"] == 0.25  # type: ignore[index]


def test_frames_from_before_somebody_watched_have_their_final_state_and_the_newest_none(hub: LiveHub) -> None:
    states = np.array([EyeState.FIXATION] * 6 + [EyeState.SACCADE] * 4, dtype=np.uint8)
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
    for first in (0, 5, 10):  # each time the five frames before become final
        t_us = np.arange(first, first + 5) * 20_000
        final = slice(max(first - 5, 0), first)
        output = PipelineOutput(*nothing, np.arange(10)[final] * 20_000, states[final])
        hub.note(ID, [FrameBatch(t_us, {"gaze_x": t_us / 1e6})], output, gaze_space="deg", received_s=None)

    snapshot = hub.snapshot(ID)

    assert snapshot is not None
    assert snapshot["frames"]["state"] == [*states.tolist(), *[None] * 5]
    assert snapshot["state"] is None
    assert snapshot["quality"]["loss_ratio"] == 0


def test_a_recording_that_is_analysed_from_its_first_frame_again_is_shown_once(hub: LiveHub) -> None:
    hub.watch(ID)
    note(hub, 0, 10)
    hub.publish_due(lambda recording_id: [])

    hub.begin(ID)
    note(hub, 0, 10)
    hub.publish_due(lambda recording_id: [])

    picture = published(hub)[-1]
    assert (picture["snapshot"], picture["quality"]["n_frames"]) == (True, 10)  # type: ignore[index]
