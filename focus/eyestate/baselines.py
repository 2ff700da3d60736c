"""Classifiers without learning, of our own, run beside the model: I-VT and I-DT for gaze, thresholds for the eyelid.

They see a whole recording at once, so their look-ahead is not bounded; that is said where they are printed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from focus.analysis.parameters import AnalysisParameters
from focus.analysis.signals import to_signals
from focus.analysis.types import BoolArray, EyeState, FloatArray, IntArray, StateArray
from focus.eyestate.dataset import LabelledRecording

IVT_DEG_S: Final = 30.0
"""Olsen & Matos (2012), doi:10.1145/2168556.2168625: 30 deg/s with speeds over 20 ms."""
IVT_WINDOW_US: Final = 20_000
IDT_DEG: Final = 1.0
IDT_US: Final = 100_000
"""Salvucci & Goldberg (2000): 0.5-1 deg of dispersion, at least 100 ms."""
EAR_CLOSED: Final = 0.2
"""Soukupova & Cech (2016): an eye aspect ratio below 0.2 is a closed eye."""
RELATIVE_CLOSED: Final = 0.75
"""An eye below this share of its median opening is closed."""
_BLINK_LOSS_US: Final = 500_000


def velocity_threshold_states(recording: LabelledRecording) -> StateArray:
    """I-VT: a frame faster than 30 deg/s is a saccade, a loss of up to 500 ms a blink, all else fixation.

    References
    ----------
    Salvucci & Goldberg (2000), doi:10.1145/355017.355028.
    """
    t_us, gaze = gaze_in_degrees(recording)
    step = max(1, round(IVT_WINDOW_US / 2 / float(np.median(np.diff(t_us)))))
    before, after = np.maximum(np.arange(t_us.size) - step, 0), np.minimum(np.arange(t_us.size) + step, t_us.size - 1)
    moved = gaze[after] - gaze[before]
    speed = np.hypot(moved[:, 0], moved[:, 1]) / ((t_us[after] - t_us[before]) * 1e-6)
    states = np.where(speed > IVT_DEG_S, EyeState.SACCADE, EyeState.FIXATION).astype(np.uint8)
    return with_losses(states, t_us, np.isnan(gaze[:, 0]))


def dispersion_threshold_states(recording: LabelledRecording) -> StateArray:
    """I-DT: windows of at least 100 ms within 1 deg are fixations, frames outside of them saccades.

    References
    ----------
    Salvucci & Goldberg (2000), doi:10.1145/355017.355028.
    """
    t_us, gaze = gaze_in_degrees(recording)
    valid = np.flatnonzero(~np.isnan(gaze[:, 0]))
    states = np.full(t_us.size, EyeState.SACCADE, dtype=np.uint8)
    x, y, times = gaze[valid, 0].tolist(), gaze[valid, 1].tolist(), t_us[valid].tolist()
    first = 0
    while first < len(times):
        low_x = high_x = x[first]
        low_y = high_y = y[first]
        last = first
        while last + 1 < len(times):
            new_x, new_y = x[last + 1], y[last + 1]
            wide = max(high_x, new_x) - min(low_x, new_x) + max(high_y, new_y) - min(low_y, new_y)
            if wide > IDT_DEG or times[last + 1] - times[last] > 75_000:
                break
            low_x, high_x, low_y, high_y = min(low_x, new_x), max(high_x, new_x), min(low_y, new_y), max(high_y, new_y)
            last += 1
        if times[last] - times[first] >= IDT_US:
            states[valid[first : last + 1]] = EyeState.FIXATION
            first = last + 1
        else:
            first += 1
    return with_losses(states, t_us, np.isnan(gaze[:, 0]))


def fixed_eyelid_states(recording: LabelledRecording) -> StateArray:
    """An eye aspect ratio below 0.2 is a blink. Soukupova & Cech (2016), Computer Vision Winter Workshop."""
    return _eyelid_states(recording, EAR_CLOSED)


def relative_eyelid_states(recording: LabelledRecording) -> StateArray:
    """Less than three quarters of the recording's median opening is a blink."""
    openness = _signals(recording, 0.0)[:, 2]
    return _eyelid_states(recording, RELATIVE_CLOSED * float(np.nanmedian(openness)))


def _eyelid_states(recording: LabelledRecording, limit: float) -> StateArray:
    openness = _signals(recording, 0.0)[:, 2]
    return np.where(openness < limit, EyeState.BLINK, EyeState.FIXATION).astype(np.uint8)


def _signals(recording: LabelledRecording, min_confidence: float) -> FloatArray:
    frames = recording.frames
    return to_signals(frames.columns, len(frames), recording.tracker, min_confidence=min_confidence)


def gaze_in_degrees(recording: LabelledRecording) -> tuple[IntArray, FloatArray]:
    """Times, and gaze in degrees of shape (n, 2), NaN where it is missing or not trusted."""
    signals = _signals(recording, AnalysisParameters().min_confidence)
    return recording.frames.t_us, signals[:, :2]


def with_losses(states: StateArray, t_us: IntArray, lost: BoolArray) -> StateArray:
    """Losses of up to 500 ms become blinks and longer ones lost."""
    states[lost] = EyeState.LOST
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if t_us[min(stop, t_us.size - 1)] - t_us[start] <= _BLINK_LOSS_US:
            states[start:stop] = EyeState.BLINK
    return states


GAZE_BASELINES: Final[dict[str, Callable[[LabelledRecording], StateArray]]] = {
    "I-VT 30 deg/s": velocity_threshold_states,
    "I-DT 1 deg": dispersion_threshold_states,
}
EYELID_BASELINES: Final[dict[str, Callable[[LabelledRecording], StateArray]]] = {
    "openness < 0.2": fixed_eyelid_states,
    "openness < 0.75 median": relative_eyelid_states,
}
