"""The signals that the analysis works on, made of a tracker's columns frame by frame.

Each frame's signals depend on that frame alone, so they do not depend on how the stream was cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from focus.analysis.geometry import screen_halves_deg, to_degrees
from focus.analysis.types import Float32Array, FloatArray
from focus.protocol.batch import TrackerInfo

SIGNALS: Final = (
    "gaze_x_deg",
    "gaze_y_deg",
    "openness",
    "openness_difference",
    "pupil",
    "head_yaw_deg",
    "head_pitch_deg",
    "on_screen",
    "face",
)
"""Names of the columns of a signal matrix. `openness` and `pupil` are means of the eyes that were seen;
`openness_difference` is left minus right; `on_screen` is 1, 0 or NaN (not known); `face` is 1 where anything was
seen."""

SIGNAL_INDEX: Final = {name: index for index, name in enumerate(SIGNALS)}


def to_signals(
    columns: Mapping[str, Float32Array], n: int, tracker: TrackerInfo, *, min_confidence: float
) -> FloatArray:
    """The signal matrix of frames.

    Parameters
    ----------
    columns : mapping of str to ndarray of float32, shape (n,)
        Signals as the tracker sent them; one that is absent is missing throughout.
    n : int
        How many frames there are.
    tracker : TrackerInfo
        Says the gaze space and the screen.
    min_confidence : float
        Frames with less confidence count as lost: all their signals are NaN and `face` is 0.

    Returns
    -------
    ndarray of float64, shape (n, len(SIGNALS))
        NaN is missing.
    """
    signals = np.full((n, len(SIGNALS)), np.nan)
    if "gaze_x" in columns and "gaze_y" in columns:
        gaze_x = columns["gaze_x"].astype(np.float64)
        gaze_y = columns["gaze_y"].astype(np.float64)
        lost = np.isnan(gaze_x) | np.isnan(gaze_y)
        gaze_x[lost] = np.nan
        gaze_y[lost] = np.nan
        signals[:, 0], signals[:, 1] = to_degrees(gaze_x, gaze_y, tracker)
        if tracker.gaze_space == "screen":
            inside = (gaze_x >= 0) & (gaze_x <= 1) & (gaze_y >= 0) & (gaze_y <= 1)
            signals[:, 7] = np.where(lost, np.nan, inside)
        elif (half_deg := screen_halves_deg(tracker)) is not None:
            inside = (np.abs(gaze_x) <= half_deg[0]) & (np.abs(gaze_y) <= half_deg[1])
            signals[:, 7] = np.where(lost, np.nan, inside)
    if "openness_left" in columns or "openness_right" in columns:
        signals[:, 2] = _mean_of_eyes(columns, "openness_left", "openness_right")
        if "openness_left" in columns and "openness_right" in columns:
            signals[:, 3] = columns["openness_left"].astype(np.float64) - columns["openness_right"]
    if "pupil_left" in columns or "pupil_right" in columns:
        pupil = _mean_of_eyes(columns, "pupil_left", "pupil_right")
        pupil[pupil == 0] = np.nan  # Trackers write 0 for a pupil that was not found.
        signals[:, 4] = pupil
    if "head_yaw" in columns:
        signals[:, 5] = columns["head_yaw"]
    if "head_pitch" in columns:
        signals[:, 6] = columns["head_pitch"]
    seen = ~(np.isnan(signals[:, 0]) & np.isnan(signals[:, 2]) & np.isnan(signals[:, 4]) & np.isnan(signals[:, 5]))
    if "confidence" in columns:
        confidence = columns["confidence"]
        doubted = confidence < min_confidence
        if doubted.any():
            signals[doubted, :] = np.nan
        # A tracker that trusts the frame has seen the face, whatever else it could measure.
        seen = (seen & ~doubted) | (confidence >= min_confidence)
    signals[:, 8] = seen
    return signals


def _mean_of_eyes(columns: Mapping[str, Float32Array], left: str, right: str) -> FloatArray:
    """Mean of both eyes, or the one that was seen."""
    if left not in columns:
        return columns[right].astype(np.float64)
    if right not in columns:
        return columns[left].astype(np.float64)
    a = columns[left].astype(np.float64)
    b = columns[right].astype(np.float64)
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, (a + b) / 2))
