"""The slow context: what is known of person and tracker from the last seconds to minutes."""

from __future__ import annotations

import numpy as np
import pytest

from focus.analysis.signals import SIGNALS
from focus.analysis.slow import CONTEXT_INDEX, SlowContext, measure_cells


def signals_of(n: int, **columns: np.ndarray) -> np.ndarray:
    values = np.full((n, len(SIGNALS)), np.nan)
    for name, column in columns.items():
        values[:, SIGNALS.index(name)] = column
    return values


def feed(slow: SlowContext, t_us: np.ndarray, values: np.ndarray) -> None:
    over = slow.push(t_us, values)
    slow.enter(over, measure_cells(over[:-1]))


def context_of(slow: SlowContext, t_us: np.ndarray) -> np.ndarray:
    return np.repeat(*(np.array(each) for each in slow.rows_of(t_us)), axis=0)


def context_at(t_us: np.ndarray, values: np.ndarray, at_us: int) -> dict[str, float]:
    slow = SlowContext()
    feed(slow, t_us, values)
    feed(slow, np.array([at_us]), values[:1])
    row = context_of(slow, np.array([at_us]))[0]
    return {name: row[index] for name, index in CONTEXT_INDEX.items()}


def test_nothing_is_known_in_the_first_half_second() -> None:
    t_us = np.arange(10) * 10_000
    slow = SlowContext()
    feed(slow, t_us, signals_of(10, openness=np.full(10, 0.3)))

    assert np.isnan(context_of(slow, t_us)).all()


def test_the_open_eye_is_the_85th_percentile_of_the_past_20_s() -> None:
    rng = np.random.default_rng(5)
    t_us = np.arange(0, 30_000_000, 20_000)
    openness = rng.uniform(0.2, 0.4, len(t_us))

    context = context_at(t_us, signals_of(len(t_us), openness=openness), 30_000_000)

    recent = openness[t_us >= 10_000_000]
    assert context["openness_open"] == pytest.approx(np.quantile(recent, 0.85), rel=0.02)
    assert context["openness_median"] == pytest.approx(np.quantile(recent, 0.5), rel=0.02)


def test_the_closed_eye_is_remembered_for_90_s_and_no_longer() -> None:
    t_us = np.arange(0, 120_000_000, 50_000)
    openness = np.full(len(t_us), 0.3)
    for blink_s in (20, 22, 24):  # the third deepest half second counts
        openness[(t_us >= blink_s * 1_000_000) & (t_us < blink_s * 1_000_000 + 200_000)] = 0.05
    values = signals_of(len(t_us), openness=openness)
    slow = SlowContext()
    feed(slow, t_us, values)

    closed = context_of(slow, t_us)[:, CONTEXT_INDEX["openness_closed"]]

    at = lambda s: closed[np.searchsorted(t_us, s * 1_000_000)]  # noqa: E731
    assert at(19) == pytest.approx(0.3, abs=1e-5)
    assert at(25) == pytest.approx(0.05, abs=1e-5)
    assert at(109) == pytest.approx(0.05, abs=1e-5)
    assert at(116) == pytest.approx(0.3, abs=1e-5)


def test_the_interval_is_the_mean_of_the_past_2_s() -> None:
    t_us = np.concatenate([np.arange(0, 2_000_000, 10_000), np.arange(2_000_000, 5_000_000, 40_000)])

    context = context_at(t_us, signals_of(len(t_us)), 5_000_000)

    assert context["interval_us"] == pytest.approx(40_000)


def test_gaze_noise_follows_fixation_and_is_hardly_moved_by_a_saccade() -> None:
    rng = np.random.default_rng(3)
    t_us = np.arange(0, 2_000_000, 4_000)
    still = rng.normal(0, 0.1, (len(t_us), 2))
    jump = still.copy()
    jump[200:] += 10.0

    quiet = context_at(t_us, signals_of(len(t_us), gaze_x_deg=still[:, 0], gaze_y_deg=still[:, 1]), 2_000_000)
    moved = context_at(t_us, signals_of(len(t_us), gaze_x_deg=jump[:, 0], gaze_y_deg=jump[:, 1]), 2_000_000)

    # The mean square root of the length of 2-D Gaussian steps of s = 0.1 * sqrt(2): s * (2 ** 0.25 * gamma(1.25)) ** 2.
    assert quiet["gaze_step_noise_deg"] == pytest.approx(0.1414 * (2**0.25 * 0.9064) ** 2, rel=0.06)
    assert moved["gaze_step_noise_deg"] < 1.1 * quiet["gaze_step_noise_deg"]


def test_a_gap_longer_than_the_memory_leaves_nothing_behind() -> None:
    t_us = np.arange(0, 5_000_000, 20_000)
    values = signals_of(len(t_us), openness=np.full(len(t_us), 0.3))
    slow = SlowContext()
    feed(slow, t_us, values)
    later = np.array([2**52])
    feed(slow, later, values[:1])

    assert np.isnan(context_of(slow, later)).all()
