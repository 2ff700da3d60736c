"""Ring, geometry, signals, checkpoint: the ground that the stages stand on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from focus.analysis.checkpoint import pack_state, unpack_state
from focus.analysis.geometry import is_geometry_assumed, to_degrees
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.ring import Ring
from focus.analysis.signals import SIGNAL_INDEX, to_signals
from focus.errors import CheckpointError, ParameterError
from focus.protocol.batch import ScreenGeometry, TrackerInfo

NAN = float("nan")


def signals_of(columns: dict[str, list[float]]) -> np.ndarray:
    arrays = {name: np.array(values, dtype=np.float32) for name, values in columns.items()}
    n = len(next(iter(arrays.values())))
    return to_signals(arrays, n, TrackerInfo("t", tuple(columns)), min_confidence=0.1)


def test_a_ring_keeps_what_was_appended_and_drops_by_time() -> None:
    ring = Ring(1, capacity=4)
    for start in range(0, 100, 10):
        t_us = np.arange(start, start + 10, dtype=np.int64)
        ring.append(t_us, t_us[:, None] * 2.0)
        ring.drop_before(start - 5)

    assert ring.t_us.tolist() == list(range(85, 100))
    assert ring.values[:, 0].tolist() == [2.0 * t for t in range(85, 100)]
    assert ring.n_dropped == 85


def test_a_screen_in_degrees_is_seen_under_the_angle_of_its_half_width() -> None:
    screen = ScreenGeometry(width_mm=600, height_mm=300, distance_mm=300)
    tracker = TrackerInfo("t", ("gaze_x", "gaze_y"), gaze_space="screen", screen=screen)

    x_deg, y_deg = to_degrees(np.array([0.0, 0.5, 1.0]), np.array([0.5, 0.5, 1.0]), tracker)

    assert x_deg == pytest.approx([-45.0, 0.0, 45.0])
    assert y_deg == pytest.approx([0.0, 0.0, math.degrees(math.atan(0.5))])
    assert not is_geometry_assumed(tracker)
    assert is_geometry_assumed(TrackerInfo("t", (), gaze_space="screen"))


def test_signals_take_the_eye_that_was_seen_and_no_pupil_of_zero() -> None:
    columns = {
        "openness_left": [0.2, NAN, 0.4, NAN],
        "openness_right": [0.4, 0.3, NAN, NAN],
        "pupil_left": [3, 0, NAN, 4],
    }

    signals = signals_of(columns)

    openness = signals[:, SIGNAL_INDEX["openness"]]
    assert openness[:3] == pytest.approx([0.3, 0.3, 0.4])
    assert math.isnan(openness[3])
    assert np.isnan(signals[:, SIGNAL_INDEX["pupil"]]).tolist() == [False, True, True, False]
    assert signals[:, SIGNAL_INDEX["face"]].tolist() == [1, 1, 1, 1]


def test_a_frame_that_its_tracker_doubts_is_missing_throughout() -> None:
    signals = signals_of({"gaze_x": [0.5, 0.5], "gaze_y": [0.5, 0.5], "confidence": [0.0, 0.9]})

    assert np.isnan(signals[0, :8]).all()
    assert signals[:, SIGNAL_INDEX["face"]].tolist() == [0, 1]
    assert signals[1, SIGNAL_INDEX["on_screen"]] == 1


def test_gaze_with_one_coordinate_missing_is_missing() -> None:
    signals = signals_of({"gaze_x": [NAN], "gaze_y": [0.5]})

    assert np.isnan(signals[0, [0, 1, SIGNAL_INDEX["on_screen"]]]).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lookahead_us": 2_000_000}, "lookahead_us 2000000 is more than 1000000"),
        ({"lookahead_us": -1}, "lookahead_us -1"),
        ({"lookahead_us": 1.5}, "lookahead_us 1.5 is not a whole number"),
        ({"window_us": 1_500_000}, "window_us 1500000 is not a multiple of 1000000 up to 60000000"),
        ({"window_us": 61_000_000}, "window_us 61000000 is not a multiple of 1000000 up to 60000000"),
        ({"no_such": 1}, "'no_such' is unknown"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused_by_name(values: dict[str, float], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        AnalysisParameters.from_dict(values)


def test_parameters_survive_being_stored() -> None:
    parameters = AnalysisParameters(lookahead_us=50_000, min_confidence=0.3)

    assert AnalysisParameters.from_dict(parameters.to_dict()) == parameters


plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
states = st.dictionaries(
    st.text(min_size=1), st.recursive(plain, lambda inner: st.lists(inner, max_size=4)), max_size=5
)


@given(states)
def test_a_checkpoint_gives_back_what_was_packed(state: dict[str, object]) -> None:
    arrays = {"times": np.arange(5), "values": np.array([[1.5, NAN], [np.inf, -0.0]]), "none": np.empty((0, 3))}

    back = unpack_state(pack_state({"plain": state, "arrays": arrays}))

    assert back["plain"] == state
    for name, array in arrays.items():
        np.testing.assert_array_equal(back["arrays"][name], array)
        assert back["arrays"][name].dtype == array.dtype


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(1, 255))
def test_any_other_bytes_are_a_checkpoint_error(junk: bytes, at: int, flip: int) -> None:
    blob = bytearray(pack_state({"t": np.arange(9), "x": 1}))
    blob[at % len(blob)] ^= flip

    for bad in (bytes(blob), junk, pack_state({"x": 1})[:-1]):
        with pytest.raises(CheckpointError):
            unpack_state(bad)
