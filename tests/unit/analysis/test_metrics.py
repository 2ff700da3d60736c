"""Metrics against arithmetic by hand and published intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from focus.analysis.metrics import MetricValue, combine, evaluate, seal
from focus.analysis.metrics.intervals import poisson_interval, wilson_interval
from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.protocol.batch import FrameBatch, ScreenGeometry, TrackerInfo
from tests.unit.analysis.fakes import ThresholdClassifier


def metrics_of(columns: dict[str, Any], rate_hz: float, **tracker: Any) -> dict[str, MetricValue]:
    n = len(next(iter(columns.values())))
    t_us = np.rint(np.arange(n) * 1e6 / rate_hz).astype(np.int64)
    info = TrackerInfo("t", tuple(columns), rate_hz=rate_hz, gaze_space=tracker.pop("gaze_space", "deg"), **tracker)
    parameters = AnalysisParameters(lookahead_us=0)
    found = analyse(FrameBatch(t_us, columns), info, ThresholdClassifier(), parameters=parameters)
    return {value.name: value for value in found.metrics()}


def openness_with_blinks(n: int, rate_hz: float, onsets_s: list[float], duration_s: float) -> np.ndarray:
    openness = np.full(n, 0.3)
    for onset_s in onsets_s:
        openness[round(onset_s * rate_hz) : round((onset_s + duration_s) * rate_hz)] = 0.03
    return openness


# Garwood's limits as in the tables of Ulm (1990), doi:10.1093/oxfordjournals.aje.a115507.
@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.391), (100, 81.364, 121.627)]
)
def test_the_poisson_interval_is_garwoods(count: int, low: float, high: float) -> None:
    assert poisson_interval(count) == pytest.approx((low, high), abs=1e-3)


def test_the_interval_of_a_large_count_is_the_chi_square_quantiles() -> None:
    # Halves of the 2.5th percentile of chi-square with 2000 degrees of freedom and the 97.5th with 2002 (SciPy).
    assert poisson_interval(1000) == pytest.approx((938.9730, 1063.9521), rel=1e-5)


def test_the_wilson_interval_is_the_textbooks() -> None:
    # Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E: 81 of 263.
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_a_share_of_none_or_all_lies_in_its_interval() -> None:
    for n in range(1, 300):
        low, _ = wilson_interval(0.0, n)
        _, high = wilson_interval(1.0, n)
        assert (low, high) == (0.0, 1.0), n


def test_twelve_blinks_in_two_minutes_are_six_a_minute() -> None:
    n = 2 * 60 * 60
    found = metrics_of({"openness_left": openness_with_blinks(n, 60, [5 + 9 * k for k in range(12)], 0.2)}, 60)

    rate, duration, perclos = found["blink_rate"], found["blink_duration"], found["perclos"]
    assert (rate.value, rate.verdict) == (pytest.approx(6.0, rel=1e-3), "valid")
    # Garwood's limits for 12, over two minutes.
    assert (rate.low, rate.high) == (pytest.approx(3.1, abs=0.01), pytest.approx(10.48, abs=0.01))
    assert (duration.value, duration.verdict) == (200.0, "estimate")
    assert (duration.low, duration.high) == (pytest.approx(183.3, abs=0.1), pytest.approx(216.7, abs=0.1))
    # 12 blinks of 200 ms in 119.5 s: the first half second has no baseline and counts for nothing.
    assert perclos.value == pytest.approx(100 * 12 * 0.2 / 119.5, rel=1e-3)


def test_a_metric_that_the_tracker_cannot_measure_says_why_and_gives_no_number() -> None:
    found = metrics_of({"openness_left": openness_with_blinks(900, 15, [10.0], 0.2)}, 15)

    for name, reason in (
        ("fixation_rate", "this recording has no gaze"),
        ("pupil_dilation", "this recording has no pupil data"),
        ("blink_duration", "needs 25 Hz or more; this recording has 15 Hz"),
    ):
        assert (found[name].value, found[name].low, found[name].verdict) == (None, None, "withheld")
        assert found[name].reason == reason


def test_missing_frames_and_invalid_frames_are_loss_and_blinks_are_not() -> None:
    rate_hz, n = 100, 1000
    t_us = np.arange(n) * 10_000
    gaze = np.zeros(n)
    gaze[200:300] = np.nan  # one second without gaze and lids
    openness = openness_with_blinks(n, rate_hz, [5.0], 0.2)
    openness[200:300] = np.nan
    gaze[500:520] = np.nan  # lost in the blink
    keep = np.r_[0:700, 800:1000]  # one second without frames
    frames = FrameBatch(t_us[keep], {"gaze_x": gaze[keep], "gaze_y": gaze[keep], "openness_left": openness[keep]})
    tracker = TrackerInfo("t", ("gaze_x", "gaze_y", "openness_left"), rate_hz=rate_hz, gaze_space="deg")

    found = analyse(frames, tracker, ThresholdClassifier(), parameters=AnalysisParameters(lookahead_us=0))

    (loss,) = [value for value in found.metrics() if value.name == "data_loss"]
    # Of the second without gaze the first 75 ms are bridged as a dropout.
    assert loss.value == pytest.approx(100 * (1 - 0.075 + 1) / 10, abs=0.2)


def test_the_pupils_dilation_is_from_the_median_of_the_first_60_valid_seconds() -> None:
    n = 60 * 120
    pupil = np.where(np.arange(n) < 60 * 60, 3.0, 3.5)
    found = metrics_of({"pupil_left": pupil, "pupil_right": pupil, "gaze_x": pupil * 0, "gaze_y": pupil * 0}, 60)

    assert found["pupil_dilation"].value == pytest.approx(0.25, abs=1e-3)
    assert found["pupil_dilation"].verdict == "valid"


def test_a_pupil_in_the_trackers_own_unit_is_withheld() -> None:
    pupil = np.full(60 * 70, 900.0)
    found = metrics_of({"pupil_left": pupil}, 60, units={"pupil_left": "own"})

    assert found["pupil_dilation"].reason == "the tracker does not measure the pupil in mm"


def test_shares_of_time_are_over_the_time_in_which_they_can_be_told() -> None:
    n = 600
    gaze = np.full(n, 0.5)
    gaze[:150] = 1.5
    gaze[300:450] = np.nan
    yaw = np.where(np.arange(n) < 60, 40.0, 0.0)
    columns = {"gaze_x": gaze, "gaze_y": gaze, "head_yaw": yaw, "head_pitch": yaw * 0, "confidence": np.ones(n)}
    found = metrics_of(columns, 60, gaze_space="screen")

    assert found["on_screen"].value == pytest.approx(100 * 300 / 450, abs=0.3)
    assert found["head_away"].value == pytest.approx(10, abs=0.2)
    assert found["face_present"].value == pytest.approx(100)


def test_gaze_in_degrees_is_on_the_screen_within_the_angles_of_its_edges() -> None:
    # A screen of 600 mm by 300 mm, seen from 600 mm, reaches 26.57 deg to the sides and 14.04 deg up and down.
    x_deg = np.repeat([0.0, 26.0, 27.0, 0.0, 0.0], 120)
    y_deg = np.repeat([0.0, -14.0, 0.0, 14.5, 13.5], 120)
    screen = ScreenGeometry(width_mm=600, height_mm=300, distance_mm=600)
    found = metrics_of({"gaze_x": x_deg, "gaze_y": y_deg}, 60, gaze_space="deg", screen=screen)

    assert found["on_screen"].value == pytest.approx(60, abs=0.2)
    assert found["focus_time"].value == pytest.approx(6 / 60, abs=0.002)


def test_frame_rate_and_jitter_are_from_the_quartiles_of_the_intervals() -> None:
    dt_us = np.tile([10_000, 10_000, 20_000, 30_000, 30_000], 200)
    frames = FrameBatch(np.cumsum(dt_us), {"confidence": np.ones(len(dt_us))})
    tracker = TrackerInfo("t", ("confidence",))

    found = analyse(frames, tracker, ThresholdClassifier(), parameters=AnalysisParameters(lookahead_us=0))

    (rate,) = [value for value in found.metrics() if value.name == "rate"]
    assert rate.value == pytest.approx(50.0)
    assert (rate.low, rate.high) == (pytest.approx(1 / 0.03), pytest.approx(100.0))


@pytest.mark.parametrize("rate_hz", [30, 60, 120, 300, 1000])
def test_a_tracker_s_rate_is_exact_though_its_times_are_whole_microseconds(rate_hz: int) -> None:
    found = metrics_of({"confidence": np.ones(4 * rate_hz)}, rate_hz)["rate"]

    # Intervals of a third of a millisecond or so are rounded to whole microseconds; their mean is not.
    assert found.value == pytest.approx(rate_hz, rel=1e-4)
    assert f"{found.value:.1f}" == f"{rate_hz:.1f}"


@pytest.mark.parametrize("spread_us", [20, 150, 900])
def test_the_rate_of_a_tracker_that_jitters_is_that_of_the_median_of_its_intervals(spread_us: int) -> None:
    dt_us = np.rint(16_667 + np.random.default_rng(2).normal(0, spread_us, 6000)).astype(np.int64)
    frames = FrameBatch(np.cumsum(dt_us), {"confidence": np.ones(len(dt_us))})
    found = analyse(frames, TrackerInfo("t", ("confidence",)), ThresholdClassifier())

    (rate,) = [value for value in found.metrics() if value.name == "rate"]
    low_us, median_us, high_us = np.quantile(dt_us, (0.25, 0.5, 0.75))
    assert 1e6 / rate.value == pytest.approx(median_us, abs=12)
    assert rate.low < rate.value < rate.high
    assert 1e6 / rate.low - 1e6 / rate.high == pytest.approx(high_us - low_us, abs=15)


@pytest.mark.parametrize(("burst", "rate_hz"), [(2, 15.0), (3, 10.0), (10, 3.0)])
def test_frames_in_bursts_have_the_rate_of_the_bursts_and_what_it_cannot_show_is_withheld(
    burst: int, rate_hz: float
) -> None:
    # 30 frames a second, which come by twos, threes or tens, half a millisecond apart: a median says 2000 Hz.
    n = np.arange(1800)
    t_us = n // burst * round(burst * 1e6 / 30) + n % burst * 500
    frames = FrameBatch(t_us, {"gaze_x": n % 7 * 1.0, "gaze_y": n * 0.0, "pupil_left": 3 + n % 2 * 0.01})
    tracker = TrackerInfo("t", ("gaze_x", "gaze_y", "pupil_left"), rate_hz=30.0, gaze_space="deg")

    found = {value.name: value for value in analyse(frames, tracker, ThresholdClassifier()).metrics()}

    assert found["rate"].value == pytest.approx(rate_hz, rel=0.05)
    assert (found["rate"].verdict, found["blink_rate"].verdict == "valid") == ("estimate", False)
    for name in ("saccade_peak_velocity", "saccade_rate", "pupil_diameter"):
        assert found[name].reason.endswith(f"this recording has {found['rate'].value:.3g} Hz")


def test_recordings_of_different_rates_together_are_no_bursts_and_have_the_rate_of_most_of_their_time() -> None:
    def sums(rate_hz: int, length_s: int) -> dict[str, Any]:
        columns = {"openness_left": openness_with_blinks(rate_hz * length_s, rate_hz, [5.0], 0.2)}
        frames = FrameBatch(np.arange(rate_hz * length_s) * 1_000_000 // rate_hz, columns)
        tracker = TrackerInfo("t", ("openness_left",), rate_hz=float(rate_hz))
        return seal(analyse(frames, tracker, ThresholdClassifier()).sums)

    together = combine(sums(500, 10), sums(30, 60))

    found = {value.name: value for value in evaluate(together)}
    assert found["rate"].value == pytest.approx(30, rel=0.01)
    assert (found["blink_rate"].verdict, found["blink_duration"].verdict) == ("valid", "estimate")


def test_gaps_do_not_make_the_rate_of_a_steady_tracker_uneven() -> None:
    t_us = np.arange(600) * 16_667
    t_us[300:] += 3 * 3_600_000_000
    frames = FrameBatch(t_us, {"confidence": np.ones(600)})

    found = analyse(frames, TrackerInfo("t", ("confidence",), rate_hz=60.0), ThresholdClassifier())

    (rate,) = [value for value in found.metrics() if value.name == "rate"]
    assert (rate.value, rate.verdict) == (pytest.approx(60.0, rel=1e-3), "valid")


def test_a_recording_of_its_head_alone_does_not_say_that_its_eyes_were_open() -> None:
    still = np.zeros(600)

    found = metrics_of({"head_yaw": still, "head_pitch": still}, 60)

    assert found["focus_time"].reason.startswith("a proxy for attention: face present, head towards the screen")


def test_nothing_was_measured_gives_no_value_and_no_error() -> None:
    assert evaluate({}) == ()
    assert combine({}, {}) == {}
