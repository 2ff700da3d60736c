"""Windows over a stack of recordings, and the features that are made in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from focus.analysis.features import feature_names
from focus.analysis.pipeline import training_rows
from focus.analysis.stack import RangeMaximum
from focus.protocol.batch import FrameBatch, TrackerInfo

DEG = TrackerInfo("t", ("gaze_x", "gaze_y"), rate_hz=500, gaze_space="deg")


def features(frames: FrameBatch, tracker: TrackerInfo, lookahead_us: int = 0) -> dict[str, np.ndarray]:
    rows = training_rows(frames, tracker, lookahead_us=lookahead_us)
    return {name: rows[:, index] for index, name in enumerate(feature_names())}


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=80), st.data())
def test_the_maximum_of_a_range_is_the_maximum_of_a_range(values: list[float], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(values) - 1))
    stop = data.draw(st.integers(start, len(values) - 1))

    found = RangeMaximum(np.array(values))(np.array([start, 0]), np.array([stop, len(values) - 1]))

    assert found.tolist() == [max(values[start : stop + 1]), max(values)]


def test_a_ramp_has_its_speed_at_every_scale() -> None:
    t_us = np.arange(0, 1_000_000, 2_000)
    frames = FrameBatch(t_us, {"gaze_x": 30e-6 * t_us, "gaze_y": 40e-6 * t_us})

    found = features(frames, DEG)

    for ms in (8, 16, 32, 64, 128):
        assert found[f"gaze_speed_{ms}ms_deg_s"][-1] == pytest.approx(50, rel=1e-3)
    assert found["gaze_efficiency_100ms"][-1] == pytest.approx(1, abs=1e-4)
    assert found["gaze_net_deg_100ms"][-1] == pytest.approx(5, rel=1e-3)
    # A uniform spread over 5 deg has the standard deviation 5 / sqrt(12).
    assert found["gaze_spread_deg_100ms"][-1] == pytest.approx(5 / 12**0.5, rel=0.03)


def test_a_shift_that_stays_is_told_with_the_place_of_each_frame_on_its_way() -> None:
    # Frames of 30 Hz: at rest at 0, one frame at 3 of the 12 deg of the way, then at rest at 12.
    t_us = np.arange(60) * 33_333
    x = np.where(np.arange(60) < 40, 0.0, 12.0)
    x[40] = 3.0

    found = features(FrameBatch(t_us, {"gaze_x": x, "gaze_y": np.zeros(60)}), DEG, 150_000)

    assert found["gaze_ahead_shift_deg_110_40ms"][40] == pytest.approx(12)
    assert found["gaze_ahead_shift_place_110_40ms"][40] == pytest.approx(0.25)
    assert found["gaze_ahead_shift_place_110_40ms"][39] == pytest.approx(0)
    # Without noise its floor of 0.02 deg counts: 12 deg over the error of a difference of means of 3 frames and of 1.
    assert found["gaze_ahead_shift_to_noise_110_40ms"][40] == pytest.approx(12 / (0.02 * (1 / 3 + 1) ** 0.5), rel=1e-3)
    # One frame against the mean of the 3 before it, and the mean of the 2 newest against that of the 6 before them.
    assert found["gaze_off_to_noise_110ms"][40] == pytest.approx(3 / (0.02 * (1 + 1 / 3) ** 0.5), rel=1e-3)
    assert found["gaze_recent_to_noise_250ms"][41] == pytest.approx(7.5 / (0.02 * (1 / 2 + 1 / 6) ** 0.5), rel=1e-3)


def test_position_alone_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    t_us = np.arange(0, 3_000_000, 4_000)
    gaze = np.cumsum(rng.normal(0, 0.5, (len(t_us), 2)), axis=0)
    here = features(FrameBatch(t_us, {"gaze_x": gaze[:, 0], "gaze_y": gaze[:, 1]}), DEG, 150_000)

    there = features(FrameBatch(t_us, {"gaze_x": gaze[:, 0] + 16, "gaze_y": gaze[:, 1] - 8}), DEG, 150_000)

    for name in feature_names():
        np.testing.assert_allclose(here[name], there[name], rtol=2e-2, atol=2e-2, err_msg=name)


def test_without_look_ahead_every_feature_that_looks_ahead_is_missing() -> None:
    t_us = np.arange(0, 1_000_000, 2_000)
    everything = ("gaze_x", "gaze_y", "openness_left", "pupil_left", "head_yaw", "head_pitch")
    frames = FrameBatch(t_us, {name: np.sin(t_us / 5e4) + 2 for name in everything})
    tracker = TrackerInfo("t", everything, rate_hz=500, gaze_space="deg")

    causal, late = features(frames, tracker), features(frames, tracker, 150_000)

    ahead = [name for name in feature_names() if "_ahead_" in name and "returns" not in name]
    assert len(ahead) > 20
    for name in ahead:
        assert np.isnan(causal[name]).all(), name
        assert not np.isnan(late[name][300]), name


@pytest.mark.parametrize("lookahead_us", [0, 50_000, 150_000])
def test_a_row_knows_nothing_of_frames_beyond_its_look_ahead(lookahead_us: int) -> None:
    rng = np.random.default_rng(2)
    t_us = np.arange(0, 2_000_000, 2_000)
    names = ("gaze_x", "gaze_y", "openness_left", "openness_right", "pupil_left", "head_yaw", "head_pitch")
    columns = {name: rng.uniform(2, 4, len(t_us)).astype(np.float32) for name in names}
    tracker = TrackerInfo("t", names, rate_hz=500, gaze_space="deg")
    at_us = 1_300_000
    known = t_us <= at_us + lookahead_us
    other = {name: np.where(known, column, column + 1) for name, column in columns.items()}

    first = training_rows(FrameBatch(t_us, columns), tracker, lookahead_us=lookahead_us)
    second = training_rows(FrameBatch(t_us, other), tracker, lookahead_us=lookahead_us)

    before = t_us <= at_us
    np.testing.assert_array_equal(first[before], second[before])
    assert not np.array_equal(first, second, equal_nan=True)


def test_openness_is_relative_to_the_persons_own_open_eye() -> None:
    t_us = np.arange(0, 10_000_000, 20_000)
    openness = np.full(len(t_us), 0.28)
    openness[-3:] = 0.07
    tracker = TrackerInfo("t", ("openness_left",), rate_hz=50)

    found = features(FrameBatch(t_us, {"openness_left": openness}), tracker)

    # The histogram's bins are 5 % wide.
    assert found["openness"][-10] == pytest.approx(1, rel=0.05)
    assert found["openness"][-1] == pytest.approx(0.25, rel=0.05)
    assert found["openness_slope_25ms"][-3] == pytest.approx(-0.75 / 0.04, rel=0.06)
