"""From where a tracker measures gaze to degrees of visual angle, and whether a gaze point lies on the screen."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from focus.analysis.types import FloatArray
from focus.protocol.batch import ScreenGeometry, TrackerInfo

ASSUMED_SCREEN: Final = ScreenGeometry(width_mm=527.0, height_mm=296.0, distance_mm=600.0)
"""A 24 inch screen at arm's length, used when a tracker measures on a screen and does not say which. Amplitudes in
degrees are then an estimate, and the provenance says so."""

ASSUMED_SCENE_DEG: Final = (90.0, 60.0)
"""Field of view of a head-mounted scene camera, for gaze in 0..1 of its picture."""


def to_degrees(gaze_x: FloatArray, gaze_y: FloatArray, tracker: TrackerInfo) -> tuple[FloatArray, FloatArray]:
    """Gaze in degrees of visual angle, x to the right, y downwards.

    Parameters
    ----------
    gaze_x, gaze_y : ndarray of float64, shape (n,)
        Gaze in the tracker's `gaze_space`; NaN where it was lost.
    tracker : TrackerInfo
        Says the space and, for `screen`, the screen's size and distance.

    Returns
    -------
    tuple of two ndarrays of float64, shape (n,)
        Degrees from the middle of the screen or scene; for `deg` what the tracker sent.
    """
    if tracker.gaze_space == "deg":
        return gaze_x, gaze_y
    if tracker.gaze_space == "scene":
        return (gaze_x - 0.5) * ASSUMED_SCENE_DEG[0], (gaze_y - 0.5) * ASSUMED_SCENE_DEG[1]
    to_x, to_y = _spans_of(tracker.screen or ASSUMED_SCREEN)
    return np.degrees(np.arctan((gaze_x - 0.5) * to_x)), np.degrees(np.arctan((gaze_y - 0.5) * to_y))


def is_geometry_assumed(tracker: TrackerInfo) -> bool:
    """Whether degrees rest on an assumed screen or field of view."""
    return tracker.gaze_space == "scene" or (tracker.gaze_space == "screen" and tracker.screen is None)


def screen_spans(tracker: TrackerInfo) -> tuple[float, float] | None:
    """Width and height of the screen over its distance: x_deg is arctan((x - 0.5) * width), and the same with y.

    None where gaze is not measured against a screen. An assumed one gives back the place that the tracker sent.
    """
    if tracker.gaze_space == "scene" or (tracker.gaze_space == "deg" and tracker.screen is None):
        return None
    return _spans_of(tracker.screen or ASSUMED_SCREEN)


def screen_halves_deg(tracker: TrackerInfo) -> tuple[float, float] | None:
    """How far the screen reaches from its middle to the sides, and up and down, in degrees; None as above."""
    spans = screen_spans(tracker)
    return None if spans is None else (math.degrees(math.atan(spans[0] / 2)), math.degrees(math.atan(spans[1] / 2)))


def _spans_of(screen: ScreenGeometry) -> tuple[float, float]:
    return screen.width_mm / screen.distance_mm, screen.height_mm / screen.distance_mm
