"""Metrics of fixations and saccades against NumPy and SciPy, and against arithmetic by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from focus.analysis.metrics.saccade_speed import fit_main_sequence
from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.types import Event
from focus.protocol.batch import FrameBatch, TrackerInfo
from tests.unit.analysis.fakes import ThresholdClassifier
from tests.unit.analysis.metric_blocks import GOOD, TRACKER, block, event, sums_over, value_over


def fixation(onset_s: float, x_deg: float = 0.0, y_deg: float = 0.0, length_s: float = 0.2) -> Event:
    return event("fixation", onset_s, onset_s + length_s, x_deg=x_deg, y_deg=y_deg)


def test_the_scanpath_is_the_sum_of_the_distances_between_fixations_a_minute() -> None:
    value = value_over("scanpath_length", block(0, fixation(0.1), fixation(0.5, 3, 4)), block(1, fixation(1.2, 3, 10)))

    # 5 + 6 degrees in two seconds.
    assert value.value == pytest.approx(11 * 30, rel=1e-5)
    assert value.weight_s == pytest.approx(2.0)


def test_the_scanpath_does_not_reach_across_a_loss() -> None:
    loss = event("track_loss", 0.6, 1.1)

    value = value_over("scanpath_length", block(0, fixation(0.1), fixation(0.4, 2)), block(1, loss, fixation(1.2, 9)))

    assert value.value == pytest.approx(2 * 30, rel=1e-5)


def cells(*shares: tuple[float, float]) -> list[Event]:
    """Fixations at places of the screen of `TRACKER`, 0 to 1; one a second."""
    # The screen is 600 mm by 300 mm at 600 mm.
    return [
        fixation(second + 0.1, math.degrees(math.atan(x - 0.5)), math.degrees(math.atan((y - 0.5) / 2)))
        for second, (x, y) in enumerate(shares)
    ]


def test_the_amplitude_of_saccades_is_their_mean_and_its_range_one_standard_deviation() -> None:
    sizes = np.array([1.0, 2.5, 6.0, 9.0])
    value = value_over("saccade_amplitude", block(0, *saccades(sizes, sizes)))

    assert value.value == pytest.approx(sizes.mean())
    assert (value.low, value.high) == (
        pytest.approx(sizes.mean() - sizes.std()),
        pytest.approx(sizes.mean() + sizes.std()),
    )
    assert value.verdict == "valid"


def test_below_120_hz_the_amplitude_is_that_of_saccades_above_5_deg_alone() -> None:
    sizes = np.array([1.0, 2.5, 5.0, 6.0, 9.0])
    slow = replace(GOOD, rate_hz=30.0)

    value = value_over("saccade_amplitude", block(0, *saccades(sizes, sizes)), quality=slow)
    none = value_over("saccade_amplitude", block(0, *saccades(sizes[:3], sizes[:3])), quality=slow)

    assert (value.value, value.low, value.high) == tuple(map(pytest.approx, (7.5, 6.0, 9.0)))
    assert value.verdict == "estimate"
    assert value.reason.endswith("of saccades above 5 deg alone")
    assert (none.value, none.reason) == (None, "no saccade above 5 deg was seen")


def test_stationary_entropy_is_1_over_all_cells_alike_and_0_in_one() -> None:
    middles = [(column / 8 + 1 / 16, row / 8 + 1 / 16) for row in range(8) for column in range(8)]

    assert value_over("gaze_entropy_stationary", block(0, *cells(*middles))).value == pytest.approx(1.0)
    assert value_over("gaze_entropy_stationary", block(0, *cells(*[(0.3, 0.3)] * 50))).value == 0.0


def test_stationary_entropy_weighs_cells_by_dwell() -> None:
    places = [(0.1, 0.1)] * 25 + [(0.9, 0.9)] * 25
    fixations = [
        Event(each.kind, each.onset_us, each.onset_us + (300_000 if index < 25 else 100_000), each.attributes)
        for index, each in enumerate(cells(*places))
    ]
    expected = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)) / 6

    assert value_over("gaze_entropy_stationary", block(0, *fixations)).value == pytest.approx(expected)


def test_entropies_are_withheld_below_their_numbers_and_beside_the_screen() -> None:
    outside = [(1.2, 0.5)] * 60
    few = value_over("gaze_entropy_stationary", block(0, *cells(*outside, *[(0.5, 0.5)] * 49)))
    moves = value_over("gaze_entropy_transition", block(0, *cells(*[(0.1, 0.1), (0.9, 0.9)] * 50)))

    assert (few.value, few.reason) == (None, "needs 50 fixations on the screen; there are 49")
    assert moves.reason == "needs 100 transitions between cells of the screen; there are 99"


def test_an_entropy_needs_to_know_the_screen() -> None:
    value = value_over("gaze_entropy_stationary", block(0), quality=replace(GOOD, has_screen=False))

    assert value.reason == "this recording has no gaze on a screen of known extent"
    degrees = TrackerInfo("t", TRACKER.columns, gaze_space="deg")
    assert sums_over("gaze_entropy_stationary", block(0, *cells((0.5, 0.5)), tracker=degrees))["n"] == 0


def test_transition_entropy_is_the_conditional_entropy_without_self_loops() -> None:
    # From A to B or C with equal chance and back: half of the transitions leave A with one bit, the others with none.
    a, b, c = (0.1, 0.1), (0.5, 0.5), (0.9, 0.9)
    places = [a, a, b, a, c] * 30 + [a]

    value = value_over("gaze_entropy_transition", block(0, *cells(*places)))

    assert value.value == pytest.approx(0.5)


def test_transition_entropy_is_what_numpy_finds_in_a_random_walk() -> None:
    rng = np.random.default_rng(4)
    columns = rng.integers(0, 8, 400)
    counts = np.zeros((8, 8))
    np.add.at(counts, (columns[:-1], columns[1:]), 1)
    np.fill_diagonal(counts, 0)
    rows = counts.sum(axis=1)
    p = counts / rows[:, None] + np.eye(8)  # a share of 1 adds nothing
    expected = -(rows / rows.sum() * (p * np.log2(p)).sum(axis=1)).sum()

    fixations = cells(*[(column / 8 + 1 / 16, 0.5) for column in columns])
    blocks = [block(10 * k, *fixations[10 * k : 10 * k + 10], length_s=10) for k in range(40)]
    value = value_over("gaze_entropy_transition", *blocks)

    assert value.value == pytest.approx(expected, rel=1e-9)


def saccades(amplitudes_deg: np.ndarray, speeds_deg_s: np.ndarray) -> list[Event]:
    return [
        event("saccade", k, k + 0.04, amplitude_deg=float(amplitude), peak_speed_deg_s=float(speed))
        for k, (amplitude, speed) in enumerate(zip(amplitudes_deg, speeds_deg_s, strict=True))
    ]


def test_peak_velocity_is_the_median_and_withheld_below_250_hz() -> None:
    made = block(0, *saccades(np.array([1.0, 5.0, 9.0]), np.array([60.0, 240.0, 410.0])))

    assert value_over("saccade_peak_velocity", made).value == 240.0
    slow = value_over("saccade_peak_velocity", made, quality=replace(GOOD, rate_hz=120.0))
    assert (slow.value, slow.reason) == (None, "needs 250 Hz or more; this recording has 120 Hz")


def test_the_main_sequence_of_bahills_curve_is_found_again() -> None:
    amplitudes = np.random.default_rng(1).uniform(0.5, 25, 4000)
    made = block(0, *saccades(amplitudes, 560 * (1 - np.exp(-amplitudes / 6.2))))

    top, scale = value_over("main_sequence", made), value_over("main_sequence_scale", made)

    # Means over bins bend the curve by less than a percent.
    assert top.value == pytest.approx(560, rel=0.01)
    assert scale.value == pytest.approx(6.2, rel=0.02)


def test_the_main_sequence_fit_is_scipys() -> None:
    rng = np.random.default_rng(2)
    amplitudes = np.geomspace(0.7, 22, 9)
    counts = rng.integers(5, 60, 9).astype(float)
    speeds = 480 * (1 - np.exp(-amplitudes / 5)) + rng.normal(0, 12, 9)

    fit = fit_main_sequence(amplitudes, speeds, counts)

    best, covariance = curve_fit(
        lambda a, v, c: v * (1 - np.exp(-a / c)), amplitudes, speeds, p0=(400, 6), sigma=counts**-0.5
    )
    assert fit is not None
    assert (fit.top_speed_deg_s, fit.scale_deg) == pytest.approx(tuple(best), rel=1e-3)
    errors = (fit.top_speed_error_deg_s, fit.scale_error_deg)
    assert errors == pytest.approx(tuple(np.sqrt(np.diag(covariance))), rel=0.01)


def test_a_main_sequence_without_a_bend_is_withheld() -> None:
    amplitudes = np.random.default_rng(3).uniform(0.3, 4, 300)
    value = value_over("main_sequence", block(0, *saccades(amplitudes, 60 * amplitudes)))

    assert value.reason == "the saccades are too much alike in size to show where their speed levels off"
    assert value_over("main_sequence", block(0)).reason == "needs 50 saccades; there are 0"


def test_precision_is_what_numpy_finds_in_the_fixations() -> None:
    rng = np.random.default_rng(6)
    n, rate_hz = 3000, 250
    centre = np.repeat(np.arange(10) * 8.0, 300)
    x, y = centre + rng.normal(0, 0.05, n), rng.normal(0, 0.08, n)
    columns = {"gaze_x": x.astype(np.float32), "gaze_y": y.astype(np.float32)}
    t_us = np.arange(n) * 4000
    tracker = TrackerInfo("t", tuple(columns), rate_hz=rate_hz, gaze_space="deg")

    found = analyse(
        FrameBatch(t_us, columns), tracker, ThresholdClassifier(200.0), parameters=AnalysisParameters(lookahead_us=0)
    )

    metrics = {value.name: value for value in found.metrics()}
    spreads, steps = [], []
    for each in (each for each in found.events if each.kind == "fixation"):
        inside = (t_us >= each.onset_us) & (t_us < each.offset_us)
        spreads.append(np.hypot(x[inside].std(), y[inside].std()))
        steps.append(np.sqrt((np.diff(x[inside]) ** 2 + np.diff(y[inside]) ** 2).mean()))
        assert each.attributes["spread_deg"] == pytest.approx(spreads[-1], abs=1e-4)
        assert each.attributes["rms_s2s_deg"] == pytest.approx(steps[-1], abs=1e-4)
    assert len(spreads) >= 10
    assert metrics["precision_std"].value == pytest.approx(np.median(spreads), abs=0.002)
    assert metrics["precision_rms_s2s"].value == pytest.approx(np.median(steps), abs=0.002)
