"""Each detector on runs made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from focus.analysis.events.base import DETECTORS, DetectorSetup, Ongoing
from focus.analysis.events.runs import Run
from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.slow import QUANTUM
from focus.analysis.types import Event, EyeState
from focus.protocol.batch import FrameBatch, TrackerInfo
from tests.unit.analysis.fakes import ThresholdClassifier

FIXATION, SACCADE, PURSUIT, BLINK, LOST = EyeState


def run(state: int, start_ms: int, stop_ms: int, *, x: float | None = 0.0, openness: float | None = None) -> Run:
    made = Run(state, start_ms * 1000, stop_ms * 1000 - 1000, stop_ms * 1000, n_frames=stop_ms - start_ms)
    if x is not None:
        made.n_gaze, made.sum_x, made.sum_square = 1, round(x / QUANTUM), round(x / QUANTUM) ** 2
        made.first_x = made.last_x = x
        made.first_y = made.last_y = 0.0
    if openness is not None:
        made.n_openness, made.least_openness, made.most_closed = made.n_frames, openness, 1 - openness
    return made


def detect(name: str, *runs: Run, has_gaze: bool = True, has_openness: bool = True) -> list[Event]:
    detector = DETECTORS[name](DetectorSetup(AnalysisParameters(), has_gaze, has_openness))
    events = []
    for index, each in enumerate(runs):
        events += detector.push(each, runs[index + 1].state if index + 1 < len(runs) else None)
    return [*events, *detector.finish()]


def outline(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(event.kind, event.onset_us // 1000, event.offset_us // 1000) for event in events]


def test_a_closure_up_to_half_a_second_is_a_blink_and_a_longer_one_is_not() -> None:
    runs = [run(BLINK, 0, 500, openness=0.1), run(FIXATION, 500, 900), run(BLINK, 900, 1401, openness=0.05)]

    events = detect("blink", *runs)

    assert outline(events) == [("blink", 0, 500), ("closure", 900, 1401)]
    assert events[0].attributes == {
        "openness_least_ratio": 0.1,
        "closure_peak_ratio": 0.9,
        "onset_between_us": 0.0,
        "offset_between_us": 500_000.0,
    }


def test_a_lid_that_was_seen_to_stay_open_did_not_blink() -> None:
    after_a_blink = run(BLINK, 460, 560, openness=0.91)
    shallow = run(BLINK, 900, 1000, openness=0.75)
    unseen_at_its_depth = run(BLINK, 1400, 1500, openness=0.91)
    unseen_at_its_depth.n_openness -= 1
    runs = [run(BLINK, 0, 400, openness=0.2), run(FIXATION, 400, 460), after_a_blink, run(FIXATION, 560, 900), shallow]
    runs += [run(FIXATION, 1000, 1400), unseen_at_its_depth]

    assert outline(detect("blink", *runs)) == [("blink", 0, 400), ("blink", 900, 1000), ("blink", 1400, 1500)]


def test_the_beginning_of_a_loss_is_no_blink() -> None:
    runs = [run(FIXATION, 0, 500), run(BLINK, 500, 1000, x=None), run(LOST, 1000, 3000, x=None)]

    assert outline(detect("blink", *runs)) == []
    assert outline(detect("track_loss", *runs)) == [("track_loss", 500, 3000)]


def test_a_lid_that_was_seen_to_close_before_a_loss_is_a_blink() -> None:
    runs = [run(BLINK, 500, 700, x=None, openness=0.1), run(LOST, 700, 3000, x=None)]

    assert outline(detect("blink", *runs)) == [("blink", 500, 700)]
    assert outline(detect("track_loss", *runs)) == [("track_loss", 700, 3000)]


def test_a_tracker_without_gaze_loses_nothing_while_it_sees_the_lids() -> None:
    seen, unseen = run(LOST, 0, 900, x=None, openness=1.0), run(LOST, 1000, 1900, x=None)

    assert outline(detect("track_loss", seen, run(BLINK, 900, 1000, openness=0.1), has_gaze=False)) == []
    assert outline(detect("track_loss", unseen, has_gaze=False)) == [("track_loss", 1000, 1900)]


def test_a_lid_that_is_seen_before_the_open_eye_is_known_is_no_loss() -> None:
    t_us = np.arange(0, 3_000_000, 33_333)
    tracker = TrackerInfo("t", ("openness_left",), rate_hz=30)
    blinks = (t_us > 600_000) & (t_us < 800_000)
    frames = FrameBatch(t_us, {"openness_left": np.where(blinks, 0.05, 0.3)})

    found = analyse(frames, tracker, ThresholdClassifier())

    assert [event.kind for event in found.events] == ["blink"]


def test_a_saccade_reaches_from_the_gaze_before_it_to_its_last() -> None:
    saccade = run(SACCADE, 300, 340, x=4.0)
    saccade.last_x, saccade.last_y, saccade.peak_speed_deg_s = 4.0, -3.0, 350.0

    (event,) = detect("saccade", run(FIXATION, 0, 300, x=0.0), saccade)

    assert event.attributes["amplitude_deg"] == pytest.approx(5.0)
    assert event.attributes["direction_deg"] == pytest.approx(36.87, abs=0.01)  # up and to the right
    assert event.attributes["peak_speed_deg_s"] == 350.0


def test_a_saccade_of_which_nothing_was_seen_has_no_amplitude() -> None:
    (event,) = detect("saccade", run(SACCADE, 300, 340, x=None))

    assert event.attributes == {"onset_between_us": 300_000.0, "offset_between_us": 340_000.0}


def test_a_pursuit_has_its_mean_speed() -> None:
    pursuit = run(PURSUIT, 0, 500, x=0.0)
    pursuit.last_x = 6.0

    (event,) = detect("pursuit", pursuit)

    assert event.attributes["mean_speed_deg_s"] == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("gap_ms", "second_x", "expected"),
    [
        (75, 0.5, [("fixation", 0, 375)]),
        (76, 0.5, [("fixation", 0, 100), ("fixation", 176, 376)]),
        (75, 0.6, [("fixation", 0, 100), ("fixation", 175, 375)]),
    ],
)
def test_fixations_close_in_time_and_place_are_one(
    gap_ms: int, second_x: float, expected: list[tuple[str, int, int]]
) -> None:
    second = run(FIXATION, 100 + gap_ms, 300 + gap_ms, x=second_x)
    between = run(LOST, 100, 100 + gap_ms, x=None)

    assert outline(detect("fixation", run(FIXATION, 0, 100, x=0.0), between, second)) == expected


def test_a_fixation_shorter_than_60_ms_is_none() -> None:
    assert outline(detect("fixation", run(FIXATION, 0, 59), run(SACCADE, 59, 90), run(FIXATION, 200, 260))) == [
        ("fixation", 200, 260)
    ]


def test_a_fixation_is_held_until_no_other_can_join_it() -> None:
    detector = DETECTORS["fixation"](DetectorSetup(AnalysisParameters(), True, True))
    detector.push(run(FIXATION, 0, 100), SACCADE)

    during_saccade = detector.settle(Ongoing(SACCADE, 100_000, 140_000))
    beside_fixation = detector.settle(Ongoing(FIXATION, 150_000, 900_000))
    held_us = detector.held_us()
    after = detector.settle(Ongoing(SACCADE, 100_000, 176_000))

    assert (during_saccade, beside_fixation, held_us) == ([], [], 100_000)
    assert outline(after) == [("fixation", 0, 100)]
    assert detector.held_us() is None
