"""The low/high index of pupillary activity (LHIPA): how often the ratio of slow to fast pupil oscillation peaks.

The index is defined over a whole trial, and its bands depend on the trial's length and rate. Here it is counted over
segments of 30 s at 20 Hz, whatever the tracker's rate, so that recordings can be compared and segments added up. The
published rule then takes levels 1 and 2 of the transform: 5-10 Hz as the fast and 2.5-5 Hz as the slow oscillation. At
a higher rate both would lie above what a pupil does; at a lower one the rule would take the same level twice.

Duchowski, Krejtz, Gehrer, Bafna & Bækgaard (2020), doi:10.1145/3313831.3376394.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from focus.analysis.types import BoolArray, FloatArray, IntArray
from focus.analysis.wavelet import detail_coefficients, highest_level

STEP_US: Final = 50_000
SEGMENT_US: Final = 30_000_000
SEGMENT_STEPS: Final = SEGMENT_US // STEP_US
MIN_VALID_RATIO: Final = 2 / 3
"""A segment in which less of the pupil was seen is left out."""
_HIGH_LEVEL: Final = 1


def count_ratio_maxima(pupil: FloatArray) -> int:
    """Modulus maxima of the low/high ratio that lie below the universal threshold.

    Parameters
    ----------
    pupil : ndarray of float64, shape (n,)
        Diameters at equal steps, n a multiple of the low level's step; NaN is missing and bridged for the transform,
        but nothing is counted there.

    Returns
    -------
    int
        The index is this over the seconds of the series that are not missing.
    """
    missing = np.isnan(pupil)
    index = np.arange(len(pupil))
    if missing.any():
        pupil = np.interp(index, index[~missing], pupil[~missing])
    low_level = max(_HIGH_LEVEL, highest_level(len(pupil)) // 2)
    high = detail_coefficients(pupil, _HIGH_LEVEL) / math.sqrt(2**_HIGH_LEVEL)
    low = detail_coefficients(pupil, low_level) / math.sqrt(2**low_level)
    high = high[:: 2 ** (low_level - _HIGH_LEVEL)]
    ratio = np.abs(np.divide(low, high, out=np.zeros_like(low), where=high != 0))
    maxima = np.where(_is_maximum(ratio), ratio, 0.0)[~missing[:: 2**low_level]]
    if len(maxima) < 2:
        return 0
    threshold = np.std(maxima) * math.sqrt(2 * math.log2(len(maxima)))
    return int(np.count_nonzero((maxima > 0) & (maxima <= threshold)))


def _is_maximum(modulus: FloatArray) -> BoolArray:
    """Not below either neighbour, and above at least one."""
    before = np.concatenate([modulus[:1], modulus[:-1]])
    after = np.concatenate([modulus[1:], modulus[-1:]])
    found: BoolArray = (modulus >= before) & (modulus >= after) & ((modulus > before) | (modulus > after))
    return found


class PupilActivity:
    """Gathers the pupil of one recording at 20 Hz and counts each segment of 30 s that is over.

    Segments lie on a grid since the recording began. One whose end falls into a gap is counted with the next block.
    """

    def __init__(self) -> None:
        self._segment = 0
        self._steps: FloatArray | None = None  # of the open segment; None before the first pupil in it

    def push(self, start_us: int, stop_us: int, t_us: IntArray, cleaned: FloatArray) -> tuple[int, int]:
        """Take the pupil of a block.

        Parameters
        ----------
        start_us, stop_us : int
            The block, which lies within one segment.
        t_us, cleaned : ndarrays, shape (n,)
            Frames of the block and around it with the cleaned pupil.

        Returns
        -------
        tuple of int
            Maxima and microseconds of valid pupil of the segments that are over.
        """
        total, total_us = 0, 0
        if start_us // SEGMENT_US != self._segment:
            total, total_us = self._close()
            self._segment = start_us // SEGMENT_US
        first, last = -(-start_us // STEP_US), stop_us // STEP_US
        seen = ~np.isnan(cleaned)
        if last > first and seen.any():
            if self._steps is None:
                self._steps = np.full(SEGMENT_STEPS, np.nan)
            edges_us = np.arange(first, last + 1) * STEP_US
            at = first - self._segment * SEGMENT_STEPS
            self._steps[at : at + last - first] = _step_means(edges_us, t_us, cleaned, seen)
        if stop_us == (self._segment + 1) * SEGMENT_US:
            n, us = self._close()
            self._segment += 1
            total, total_us = total + n, total_us + us
        return total, total_us

    def _close(self) -> tuple[int, int]:
        steps, self._steps = self._steps, None
        if steps is None:
            return 0, 0
        n_valid = int(np.count_nonzero(~np.isnan(steps)))
        if n_valid < MIN_VALID_RATIO * SEGMENT_STEPS:
            return 0, 0
        return count_ratio_maxima(steps), n_valid * STEP_US

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"segment": self._segment, "steps": self._steps}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._segment, self._steps = state["segment"], state["steps"]


def _step_means(edges_us: IntArray, t_us: IntArray, cleaned: FloatArray, seen: BoolArray) -> FloatArray:
    """Mean over each step of the line through the values; NaN where a step touches a long gap or reaches beyond."""
    times, values = t_us[seen], cleaned[seen]
    if len(times) < 2:
        return np.full(len(edges_us) - 1, np.nan)
    area = np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(times))])
    means: FloatArray = np.diff(np.interp(edges_us, times, area, left=np.nan, right=np.nan)) / STEP_US
    places = np.flatnonzero(seen)
    for gap in np.flatnonzero(np.diff(places) > 1).tolist():
        means[(edges_us[1:] > times[gap]) & (edges_us[:-1] < times[gap + 1])] = np.nan
    return means
