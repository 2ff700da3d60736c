"""Focus time and breaks, by hand; and the metrics that frames alone cannot give."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest

from focus.analysis.metrics import METRICS, BreakLimits, with_limits, with_validation
from focus.analysis.types import EyeState
from focus.errors import ParameterError
from focus.protocol.batch import TrackerInfo
from tests.unit.analysis.metric_blocks import GOOD, block, event, sums_over, value_over

NAN = float("nan")


def test_focus_time_is_on_screen_facing_it_with_open_eyes() -> None:
    tenths = np.repeat(np.arange(10), 5)  # 50 frames in a second
    on_screen = np.where(tenths < 2, 0.0, 1.0)
    yaw = np.where(tenths == 2, 40.0, 0.0)
    face = np.where(tenths == 3, 0.0, 1.0)
    # A blink in which the tracker lost the gaze counts.
    states = np.where(tenths == 4, EyeState.BLINK, EyeState.FIXATION)
    on_screen[tenths == 4] = NAN
    on_screen[tenths == 5] = NAN

    value = value_over("focus_time", block(0, states=states, signal_7=on_screen, signal_5=yaw, signal_8=face))

    assert value.value == pytest.approx(0.5 / 60)
    assert (value.verdict, value.weight_s) == ("estimate", 1.0)
    assert value.reason == (
        "a proxy for attention: eyes open, gaze on the screen, head towards the screen, outside long closures"
    )


def test_a_long_closure_is_taken_off_focus_time_when_it_is_over() -> None:
    closed = [EyeState.BLINK] * 50
    blocks = [block(0), block(1, states=closed), block(2, event("closure", 1.0, 2.0)), block(3)]

    assert value_over("focus_time", *blocks).value == pytest.approx(3 / 60)


def test_focus_time_does_not_ask_what_the_tracker_cannot_tell() -> None:
    lids = TrackerInfo("lids", ("openness_left",), rate_hz=50.0)
    value = value_over("focus_time", block(0, tracker=lids, signal_7=NAN, signal_5=NAN, signal_6=NAN))

    assert value.value == pytest.approx(1 / 60)
    assert value.reason == "a proxy for attention: eyes open, outside long closures"


def away(start_s: float, length_s: float) -> Any:
    return block(start_s, length_s=length_s, rate_hz=2, signal_8=0.0)


def here(start_s: float, length_s: float) -> Any:
    return block(start_s, length_s=length_s, rate_hz=2)


def test_twenty_seconds_without_a_face_or_without_frames_are_a_break() -> None:
    # Away for 30 s, no frames for 400 s, away for 15 s.
    blocks = [here(0, 600), away(600, 30), here(630, 300), here(1330, 60), away(1390, 15), here(1405, 120)]

    assert value_over("breaks", *blocks).value == 2
    assert value_over("long_breaks", *blocks).value == 1
    assert value_over("long_break_check", *blocks).value == pytest.approx((1525 - 1330) / 60)
    assert value_over("break_check", *blocks).value == pytest.approx((1525 - 1330) / 60)
    assert value_over("longest_without_break", *blocks).value == pytest.approx(10, abs=0.01)


def test_no_time_has_passed_since_a_break_that_is_going_on() -> None:
    assert value_over("break_check", here(0, 600), away(600, 30)).value == 0


def test_a_stretch_has_missed_a_break_every_twenty_minutes() -> None:
    blocks = [here(0, 2700), away(2700, 60), here(2760, 1300)]

    assert value_over("breaks_missed", *blocks).value == 3
    assert value_over("longest_without_break", *blocks).value == pytest.approx(45, abs=0.01)


def test_a_long_break_is_due_after_an_hour_however_many_short_ones_were_taken() -> None:
    # 2 h 20 min with a break of a minute every half hour: two long breaks missed, and one short one each half hour.
    blocks = [here(start_s, 1740) for start_s in range(0, 7200, 1800)] + [here(7200, 1200)]

    assert value_over("breaks", *blocks).value == 4
    assert value_over("breaks_missed", *blocks).value == 4
    assert value_over("long_breaks_missed", *blocks).value == 2
    assert value_over("long_break_check", *blocks).value == pytest.approx(140)


def test_a_person_s_own_limits_say_when_a_break_is_due() -> None:
    blocks = [here(0, 2700), away(2700, 60), here(2760, 1300)]

    def missed(short_min: int) -> float | None:
        sums = with_limits({"break_check": sums_over("break_check", *blocks)}, BreakLimits(short_min, 60))
        return METRICS["breaks_missed"]().value(sums["break_check"], GOOD).value

    # Stretches of just under 45 min and just under 21 min 40 s.
    assert [missed(each) for each in (10, 20, 30, 60)] == [6, 3, 1, 0]


@pytest.mark.parametrize("limits", [(0, 60), (20, 481), (30, 20)])
def test_limits_that_make_no_sense_are_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(ParameterError):
        BreakLimits(*limits)


def test_breaks_do_not_depend_on_how_a_recording_is_cut_into_blocks() -> None:
    rng = np.random.default_rng(8)
    metric, of_long = METRICS["break_check"](), METRICS["long_break_check"]()
    for _ in range(30):
        blocks, now_s = [], 0.0
        for _ in range(12):
            length_s = float(rng.choice([1, 10, 25, 400, 1300]))
            blocks.append((here if rng.random() < 0.6 else away)(now_s, length_s))
            now_s += length_s + float(rng.choice([0, 0, 19, 21]))
        parts = [metric.measure(each) for each in blocks]
        whole = reduce(metric.combine, parts)

        presence = np.concatenate([each.frames.t_us[each.is_present] for each in blocks])
        steps = np.diff(presence)
        stretches = np.split(presence, np.flatnonzero(steps >= 20_000_000) + 1)
        assert whole["breaks"] == (steps >= 20_000_000).sum()
        assert reduce(of_long.combine, parts)["breaks"] == (steps >= 300_000_000).sum()
        longest = METRICS["longest_without_break"]().value(whole, GOOD)
        if len(presence):
            assert longest.value == pytest.approx(max(int(np.ptp(each)) for each in stretches) / 60e6)
        cut = int(rng.integers(1, 11))
        assert metric.combine(reduce(metric.combine, parts[:cut]), reduce(metric.combine, parts[cut:])) == whole


def test_what_frames_alone_cannot_tell_is_withheld_and_says_what_it_needs() -> None:
    assert value_over("accuracy", block(0)).reason == "no calibration with a validation applied to this recording"
    assert value_over("words_per_minute", block(0)).reason == "no page of a text was marked that was read to its end"


def test_the_accuracy_of_two_recordings_counts_each_by_its_time() -> None:
    metric = METRICS["accuracy"]()

    def validated(accuracy_deg: float, recorded_us: int) -> dict[str, Any]:
        sums = {"accuracy": sums_over("accuracy", block(0)), "data_loss": {"covered_us": recorded_us, "missing_us": 0}}
        return with_validation(sums, accuracy_deg)["accuracy"]

    together = metric.combine(validated(0.5, 10_000_000), validated(1.1, 30_000_000))

    assert metric.value(together, GOOD).value == pytest.approx(0.95)
