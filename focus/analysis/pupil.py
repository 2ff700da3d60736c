"""Cleaning of the pupil's diameter, frame by frame and for one recording.

What is done follows Kret & Sjak-Shie (2019), doi:10.3758/s13428-018-1075-y, with their constants: a range, outliers of
the dilation speed, edges of gaps, and linear interpolation over short gaps. Their 4 Hz low-pass filter is left out: it
leaves a mean as it is, and would take away the oscillations that `focus.analysis.pupil_activity` counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.types import BoolArray, FloatArray, IntArray

RANGE_MM: Final = (1.5, 9.0)
SPEED_MADS: Final = 16.0
"""A dilation speed this many median absolute deviations above the median is an artifact."""
GAP_US: Final = 75_000
"""A pupil missing for longer has edges that are not trusted: the lid was on its way."""
TRIM_US: Final = 50_000
BRIDGE_US: Final = 250_000
"""Over gaps up to this long values are interpolated; longer ones stay gaps."""
REACH_US: Final = TRIM_US + BRIDGE_US
"""How far before and after a frame its cleaned value looks, beside the outliers, for which everything given counts."""


def clean_pupil(
    t_us: IntArray, pupil: FloatArray, *, covered: BoolArray, in_mm: bool, span_us: tuple[int, int]
) -> FloatArray:
    """The pupil without artifacts.

    Parameters
    ----------
    t_us : ndarray of int64, shape (n,)
        Frame times.
    pupil : ndarray of float64, shape (n,)
        Diameters; NaN is missing.
    covered : ndarray of bool, shape (n,)
        Frames in which the lid covers the pupil: those of blinks.
    in_mm : bool
        Whether the range of human pupils can be asked for.
    span_us : tuple of int
        From when to when frames were looked for: none between the span's ends and the first or last frame is a gap too.

    Returns
    -------
    ndarray of float64, shape (n,)
        Diameters, interpolated over short gaps; NaN in long ones and before the first and after the last good value.

    Notes
    -----
    Where most neighbouring values are equal, as with a tracker of coarse resolution, the deviation is 0 and says
    nothing about outliers: then none is taken out for its speed.
    """
    good = ~np.isnan(pupil)
    good &= ~covered
    if in_mm:
        good &= (pupil >= RANGE_MM[0]) & (pupil <= RANGE_MM[1])
    times, values = t_us[good], pupil[good]
    if len(times) > 2:
        kept = ~_is_too_fast(times, values)
        kept &= ~_is_at_an_edge(times, kept, span_us)
        times, values = times[kept], values[kept]
    if not len(times):
        return np.full(len(t_us), np.nan)
    cleaned = np.interp(t_us, times, values, left=np.nan, right=np.nan)
    before = times.searchsorted(t_us, side="right") - 1
    after = np.minimum(times.searchsorted(t_us, side="left"), len(times) - 1)
    cleaned[times[after] - times[before] > BRIDGE_US] = np.nan
    return cleaned


def _is_too_fast(t_us: IntArray, values: FloatArray) -> BoolArray:
    """Whether the greater of the speeds before and after each value stands out."""
    speed = np.abs(np.diff(values)) / np.diff(t_us)
    fastest = np.empty(len(values))
    fastest[0], fastest[-1] = speed[0], speed[-1]
    np.maximum(speed[1:], speed[:-1], out=fastest[1:-1])
    middle = _median(fastest)
    deviation = _median(np.abs(fastest - middle))
    if deviation == 0:
        return np.zeros(len(values), dtype=bool)
    return fastest > middle + SPEED_MADS * deviation


def _is_at_an_edge(t_us: IntArray, kept: BoolArray, span_us: tuple[int, int]) -> BoolArray:
    """Whether a value lies less than `TRIM_US` from a gap between values that are kept."""
    times: IntArray = np.concatenate([[span_us[0]], t_us[kept], [span_us[1]]])
    gaps = np.flatnonzero(np.diff(times) > GAP_US)
    if not len(gaps):
        return np.zeros(len(t_us), dtype=bool)
    last_before, first_after = times[gaps], times[gaps + 1]
    coming = np.minimum(last_before.searchsorted(t_us, side="left"), len(gaps) - 1)
    gone = np.maximum(first_after.searchsorted(t_us, side="right") - 1, 0)
    until_gap_us, since_gap_us = last_before[coming] - t_us, t_us - first_after[gone]
    edge: BoolArray = (until_gap_us >= 0) & (until_gap_us < TRIM_US) | (since_gap_us >= 0) & (since_gap_us < TRIM_US)
    return edge


def _median(values: FloatArray) -> float:
    """The upper median; `np.median` takes ten times as long on a second of frames."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])
