"""The signals that are drawn, and their lowest and highest value in each of some equal columns of time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from focus.protocol.batch import FrameBatch

FloatArray = npt.NDArray[np.float64]

SERIES: Final = {
    "gaze_x": ("gaze_x",),
    "gaze_y": ("gaze_y",),
    "openness": ("openness_left", "openness_right"),
    "pupil": ("pupil_left", "pupil_right"),
}
"""What is drawn, and the columns that each is the mean of (of those that are there)."""


class LowHigh:
    """Lowest and highest value of each series in `n` equal columns of start_us <= t < stop_us, gathered in pieces."""

    def __init__(self, start_us: int, stop_us: int, n: int) -> None:
        # Never more columns than microseconds, so that each has a width.
        self.n = min(n, stop_us - start_us)
        self._start_us, self._span_us = start_us, stop_us - start_us
        self.low: dict[str, FloatArray] = {}
        self.high: dict[str, FloatArray] = {}

    def add(self, frames: FrameBatch) -> None:
        """Take in frames of the stretch."""
        series = {name: mean_of(frames, sources) for name, sources in SERIES.items()}
        there = {name: values for name, values in series.items() if values is not None}
        self.add_ranges(frames.t_us, there, there)

    def add_ranges(self, t_us: npt.NDArray[np.int64], low: dict[str, FloatArray], high: dict[str, FloatArray]) -> None:
        """Take in lowest and highest values that were found about some rising times of the stretch."""
        if not t_us.size:
            return
        at = self.columns_of(t_us)
        firsts = np.flatnonzero(np.diff(at, prepend=-1))
        touched = at[firsts]
        for name in low:
            lows = self.low.setdefault(name, np.full(self.n, np.nan))
            highs = self.high.setdefault(name, np.full(self.n, np.nan))
            lows[touched] = np.fmin(lows[touched], np.fmin.reduceat(low[name], firsts))
            highs[touched] = np.fmax(highs[touched], np.fmax.reduceat(high[name], firsts))

    def columns_of(self, t_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The column that each time falls into."""
        return (t_us - self._start_us) * self.n // self._span_us

    def middles_us(self) -> list[int]:
        edges = self._start_us + (2 * np.arange(self.n) + 1) * self._span_us // (2 * self.n)
        return [int(t_us) for t_us in edges]

    def as_json(self) -> dict[str, dict[str, list[float | None]]]:
        return {
            name: {"low": json_numbers(self.low[name]), "high": json_numbers(self.high[name])}
            for name in SERIES
            if name in self.low
        }


def mean_of(frames: FrameBatch, sources: tuple[str, ...]) -> FloatArray | None:
    """The mean of those of these columns that are there, eye by eye where one is missing; None without any."""
    found = [frames.columns[name].astype(np.float64) for name in sources if name in frames.columns]
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    left, right = found
    both = (left + right) / 2
    return np.where(np.isnan(left), right, np.where(np.isnan(right), left, both))


def json_numbers(values: npt.NDArray[Any], *, digits: int = 6) -> list[float | None]:
    """Numbers for JSON, which has no NaN: None in its place, and no more significant digits than float32 holds."""
    return [None if value != value else float(f"{value:.{digits}g}") for value in values.tolist()]
