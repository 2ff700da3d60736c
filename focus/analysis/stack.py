"""Many recordings as one: their newest frames in one pair of arrays, so that one pass computes the rows of all of them.

Between two recordings the time axis jumps by more than any window is long, so a window found by time never reaches from
one into another. Everything that is summed is summed as whole numbers: the difference of two running totals is then
exactly the window's sum, wherever the totals began and however they wrapped around. That is why a row comes out the
same to the last bit alone, beside other recordings, and for any cutting of the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from focus.analysis.signals import SIGNAL_INDEX
from focus.analysis.slow import CONTEXT_INDEX, QUANTUM
from focus.analysis.types import BoolArray, FloatArray, IntArray

MAX_STALE_US: Final = 600_000
"""A value older than this says nothing about a frame."""

MAX_BACK_US: Final = 400_000
"""The longest window that a feature may open before the newest valid value."""

REACH_BACK_US: Final = MAX_STALE_US + MAX_BACK_US
"""How far before a frame its features may look."""

_JUMP_US: Final = 1 << 24  # between recordings; more than any window and far less than what int64 holds


class Series:
    """The valid samples of one signal, or of two that are valid together, compressed over the whole stack.

    Rows and windows are given as positions in the compressed arrays. Positions of rows that have no valid sample near
    enough are 0 and `is_known` is False there: features compute something and then mask it.

    Parameters
    ----------
    t_us : ndarray of int64, shape (n,)
        The stack's time axis.
    values : tuple of ndarrays of float64, shape (n,)
        The signals.
    rows : ndarray of int64, shape (r,)
        The stack's frames that rows are wanted for.
    first : ndarray of int64, shape (r,)
        The first frame of each row's recording.
    """

    def __init__(self, t_us: IntArray, values: tuple[FloatArray, ...], rows: IntArray, first: IntArray) -> None:
        valid = ~np.isnan(values[0])
        for more in values[1:]:
            valid &= ~np.isnan(more)
        self.place: IntArray = np.flatnonzero(valid)
        self.t_us: IntArray = t_us[self.place]
        self.values = tuple(value[self.place] for value in values)
        self.n = len(self.place)
        self._row_t_us = t_us[rows]
        n_before = np.cumsum(valid)
        newest = n_before[rows] - 1
        self.is_known: BoolArray = newest >= 0
        newest = np.maximum(newest, 0)
        if self.n:
            self.is_known &= self.place[newest] >= first
            self.is_known &= self._row_t_us - self.t_us[newest] <= MAX_STALE_US
        # The newest valid sample of each row, at its frame or before.
        self.now: IntArray = np.where(self.is_known, newest, 0)
        self.now_t_us: IntArray = self.t_us[self.now] if self.n else np.zeros(len(rows), dtype=np.int64)
        self.first: IntArray = np.searchsorted(self.place, first)

    def stale_us(self) -> FloatArray:
        """Age of the newest valid sample; NaN where there is none near enough."""
        return np.where(self.is_known, self._row_t_us - self.now_t_us, np.nan)

    def back_at_least(self, span_us: int) -> tuple[IntArray, BoolArray]:
        """The newest sample at least `span_us` before `now`, and whether there is one at most 100 ms + span older."""
        at = np.searchsorted(self.t_us, self.now_t_us - span_us, side="right") - 1
        there = self.is_known & (at >= self.first)
        at = np.where(there, at, 0)
        there &= self.now_t_us - self.t_us[at] <= min(2 * span_us + 100_000, MAX_BACK_US)
        return at, there

    def back_within(self, span_us: int) -> tuple[IntArray, BoolArray]:
        """The oldest sample at most `span_us` before `now`, and whether that is another than `now`."""
        at = np.searchsorted(self.t_us, self.now_t_us - span_us, side="left")
        at = np.where(self.is_known, np.maximum(at, self.first), 0)
        return at, self.is_known & (at < self.now)

    def ahead_within(self, span_us: int) -> tuple[IntArray, BoolArray]:
        """The newest sample at most `span_us` after the row's frame, and whether that is later than `now`."""
        at = np.searchsorted(self.t_us, self._row_t_us + span_us, side="right") - 1
        at = np.maximum(at, 0)
        there = at > self.now if self.n else np.zeros(len(self.now), dtype=bool)
        # Without a sample before the row, the first one ahead of it would have no counterpart.
        there = there & self.is_known
        return np.where(there, at, self.now), there

    def running_sum(self, values: FloatArray) -> IntArray:
        """Running totals in whole quanta with a leading 0: the sum over [a, b] is total[b + 1] - total[a]."""
        total: IntArray = np.empty(len(values) + 1, dtype=np.int64)
        total[0] = 0
        np.cumsum(np.rint(values * (1 / QUANTUM)).astype(np.int64), out=total[1:])
        return total

    def running_maximum(self, values: FloatArray) -> RangeMaximum:
        """A table that answers the maximum of any window."""
        return RangeMaximum(values)


def ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """Whole numbers from each start on, as many as its count, one range after the other."""
    total = np.cumsum(counts)
    offsets = np.repeat(starts - (total - counts), counts)
    result: IntArray = offsets + np.arange(len(offsets))
    return result


class RangeMaximum:
    """Maxima of windows in constant time, from maxima over 1, 2, 4, ... samples; exact, as nothing is added up."""

    def __init__(self, values: FloatArray) -> None:
        self._levels = [values]

    def __call__(self, start: IntArray, stop: IntArray) -> FloatArray:
        """Maximum over samples start..stop, both included; start is at most stop."""
        width = stop - start + 1
        # frexp gives the power of two exactly, where a logarithm might round.
        level = np.frexp(width.astype(np.float64))[1] - 1
        highest = int(level.max(initial=0))
        while len(self._levels) <= highest:
            last, step = self._levels[-1], 1 << (len(self._levels) - 1)
            wider = last.copy()
            np.maximum(last[step:], last[:-step], out=wider[:-step])
            self._levels.append(wider)
        result = np.empty(len(start))
        for each in range(highest + 1):
            here = level == each
            if here.any():
                table = self._levels[each]
                result[here] = np.maximum(table[start[here]], table[stop[here] + 1 - (1 << each)])
        return result


class Stack:
    """The frames of several recordings, and the rows that are wanted of them.

    Parameters
    ----------
    t_us, values : sequences of ndarrays, a pair a recording, none empty
        Frame times and signal matrices, reaching at least `REACH_BACK_US` before the first row and `ahead_us` after it,
        as far as the recording has frames there.
    rows : sequence of (owner, start, stop, ahead_us)
        Runs of frames that rows are wanted for: the recording they are of, the first and the one after the last as
        positions in its arrays, and how far past its frame each row may look.
    context : sequence of ndarrays of float64, shape (len(CONTEXT),)
        Slow context.
    context_counts : sequence of int
        How many rows each of them is for, in the order of the rows.

    Attributes
    ----------
    t_us, values : ndarrays
        Of all recordings, one after the other; `t_us` on the stack's own axis, `own_t_us` on each recording's.
    starts : ndarray of int64, shape (recordings,)
        Where each recording begins.
    """

    def __init__(
        self,
        t_us: Sequence[IntArray],
        values: Sequence[FloatArray],
        *,
        rows: Sequence[tuple[int, int, int, int]],
        context: Sequence[FloatArray],
        context_counts: Sequence[int],
    ) -> None:
        sizes = np.array([len(each) for each in t_us])
        self.starts: IntArray = np.cumsum(sizes) - sizes
        self.own_t_us: IntArray = np.concatenate(t_us)
        begins = self.own_t_us[self.starts]
        spans = self.own_t_us[self.starts + sizes - 1] - begins + _JUMP_US
        self.t_us: IntArray = self.own_t_us + np.repeat(np.cumsum(spans) - spans - begins, sizes)
        self.values: FloatArray = np.concatenate(values)
        owner, start, stop, ahead_us = np.array(rows, dtype=np.int64).reshape(-1, 4).T
        counts = stop - start
        self.rows: IntArray = ranges(self.starts[owner] + start, counts)
        self.first: IntArray = np.repeat(self.starts[owner], counts)
        self.ahead_us: IntArray = np.repeat(ahead_us, counts)
        self.n_rows = len(self.rows)
        self.context: FloatArray = np.empty((0, len(CONTEXT_INDEX)))
        if self.n_rows:
            self.context = np.repeat(np.stack(context), context_counts, axis=0)

    def context_value(self, name: str) -> FloatArray:
        """One value of the slow context, a row each."""
        return self.context[:, CONTEXT_INDEX[name]]

    def signal(self, name: str) -> FloatArray:
        """One signal over the whole stack."""
        return np.ascontiguousarray(self.values[:, SIGNAL_INDEX[name]])

    def series(self, *names: str) -> Series:
        """The samples in which all the named signals are valid."""
        return Series(self.t_us, tuple(self.signal(name) for name in names), self.rows, self.first)

    def reaches(self, span_us: int) -> BoolArray:
        """Whether a row may look this far ahead."""
        return self.ahead_us >= span_us

    @cached_property
    def gaze(self) -> Series:
        return self.series("gaze_x_deg", "gaze_y_deg")

    @cached_property
    def gaze_step_deg(self) -> FloatArray:
        """Distance of each valid gaze sample from the one before it; 0 for the first of a recording."""
        x, y = self.gaze.values
        dx, dy = np.diff(x, prepend=x[:1]), np.diff(y, prepend=y[:1])
        step = np.sqrt(dx * dx + dy * dy)
        step[self._gaze_begins] = 0.0
        return step

    @cached_property
    def gaze_speed_deg_s(self) -> FloatArray:
        """Speed from the valid gaze sample before; 0 for the first of a recording."""
        dt_us = np.diff(self.gaze.t_us, prepend=self.gaze.t_us[:1] - 1)
        speed = self.gaze_step_deg / (dt_us * 1e-6)
        speed[self._gaze_begins] = 0.0
        return speed

    @cached_property
    def _gaze_begins(self) -> BoolArray:
        """Whether a valid gaze sample is the first of its recording, or follows a gap too long to bridge."""
        return np.diff(self.gaze.t_us, prepend=-_JUMP_US) > MAX_BACK_US

    @cached_property
    def openness(self) -> Series:
        return self.series("openness")

    @cached_property
    def pupil(self) -> Series:
        return self.series("pupil")

    @cached_property
    def head(self) -> Series:
        return self.series("head_yaw_deg", "head_pitch_deg")
