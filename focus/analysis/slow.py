"""What a recording knows of its person and tracker from the last seconds to minutes: the noise of its gaze, how far
these eyes open, how deep they close, the usual frame interval.

Times lie on a grid of half seconds since the recording began. A frame in a cell of the grid is judged by the cells
before it and never by its own, so its context does not depend on how the stream was cut. Sums are integers, so
adding a cell and taking it away again leaves exactly what was there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from focus.analysis.signals import SIGNALS
from focus.analysis.types import BoolArray, FloatArray, IntArray

CELL_US: Final = 500_000
SHORT_CELLS: Final = 4  # 2 s: noise and interval
LONG_CELLS: Final = 40  # 20 s: how far the eyes open, where the head is
MEMORY_CELLS: Final = 180  # 90 s: how deep the eyes close
QUANTUM: Final = 2.0**-17
"""Positions are summed as whole multiples of this many degrees (or ratios): finer than any tracker, and exact."""
_STEP_LIMIT_US: Final = 250_000

CONTEXT: Final = (
    "interval_us",
    "gaze_step_noise_deg",
    "gaze_speed_noise_deg_s",
    "gaze_x_mean_deg",
    "gaze_y_mean_deg",
    "openness_open",
    "openness_median",
    "openness_closed",
    "openness_noise",
    "pupil_mean",
    "head_pitch_mean_deg",
    "head_yaw_mean_deg",
)
CONTEXT_INDEX: Final = {name: index for index, name in enumerate(CONTEXT)}

# Openness is counted in bins of 5 %, from an eye aspect ratio of 0.02 to an eyelid distance of 30 mm.
_EDGES: Final[FloatArray] = np.concatenate([[0.0], np.geomspace(0.02, 30.0, 150)])
_N_BINS: Final = len(_EDGES)

# Places in a cell's row of integer sums.
_N_STEPS, _DT, _N_GAZE_STEPS, _ROOT_STEP, _ROOT_SPEED, _N_GAZE, _X, _Y = range(8)
_N_OPEN_STEPS, _OPEN_STEP, _N_PUPIL, _PUPIL, _N_HEAD, _PITCH, _YAW = range(8, 15)
_N_SUMS: Final = 15
_NO_MINIMUM: Final = np.iinfo(np.int64).max
_N_DEEPEST: Final = 3
_LONG_AGO_US: Final = -(1 << 40)


@dataclass(frozen=True, slots=True)
class CellFrames:
    """The frames of a cell that is over, and the last frame before it (`before_us` is -1 where there was none)."""

    cell: int
    t_us: IntArray
    values: FloatArray
    before_us: int
    before_values: FloatArray


@dataclass(frozen=True, slots=True)
class CellSums:
    """What is remembered of a cell: sums, an openness histogram and the least openness, all in whole numbers."""

    sums: IntArray
    counts: IntArray
    minimum: int


class SlowContext:
    """Context of one recording, cell by cell.

    `push` takes frames in order and gives back the cells that they end; `enter` takes what `measure_cells` made of
    those, so that the cells of many recordings can be measured in one pass. `rows_of` then answers for every frame that
    was pushed and is not older than what `forget_before` was told.
    """

    def __init__(self) -> None:
        self._cell = 0  # the cell that is open
        self._t_us: list[IntArray] = []  # frames of the open cell
        self._values: list[FloatArray] = []
        self._last_t_us = -1  # the last frame before the open cell; -1: there was none
        self._last_values: FloatArray = np.full(len(SIGNALS), np.nan)
        self._rows: dict[int, FloatArray] = {0: np.full(len(CONTEXT), np.nan)}
        self._forget_everything()

    def _forget_everything(self) -> None:
        self._sums: IntArray = np.zeros((LONG_CELLS, _N_SUMS), dtype=np.int64)
        self._counts: IntArray = np.zeros((LONG_CELLS, _N_BINS), dtype=np.int64)
        self._minima: IntArray = np.full(MEMORY_CELLS, _NO_MINIMUM, dtype=np.int64)
        self._short_total: IntArray = np.zeros(_N_SUMS, dtype=np.int64)
        self._long_total: IntArray = np.zeros(_N_SUMS, dtype=np.int64)
        self._long_counts: IntArray = np.zeros(_N_BINS, dtype=np.int64)

    def push(self, t_us: IntArray, values: FloatArray) -> list[CellFrames]:
        """Take frames that are later than all before; the arrays are kept and must not change.

        Parameters
        ----------
        t_us : ndarray of int64, shape (n,)
            Frame times.
        values : ndarray of float64, shape (n, len(SIGNALS))
            Their signals.

        Returns
        -------
        list of CellFrames
            Cells that are over, in order. They have to be measured and entered before the next call.
        """
        if t_us[-1] < (self._cell + 1) * CELL_US:
            self._t_us.append(t_us)
            self._values.append(values)
            return []
        cells = t_us // CELL_US
        bounds = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), len(t_us)]
        over: list[CellFrames] = []
        cell = self._cell
        for begin, stop in pairwise(bounds):
            now = int(cells[begin])
            if now > cell:
                over.append(self._end_cell(cell))
                cell = now
            self._t_us.append(t_us[begin:stop])
            self._values.append(values[begin:stop])
        over.append(CellFrames(cell, t_us[:0], values[:0], -1, self._last_values))  # the one that is open now
        return over

    def _end_cell(self, cell: int) -> CellFrames:
        before_us, before = self._last_t_us, self._last_values
        if not self._t_us:
            return CellFrames(cell, np.empty(0, dtype=np.int64), np.empty((0, len(SIGNALS))), before_us, before)
        t_us, values = np.concatenate(self._t_us), np.concatenate(self._values)
        self._last_t_us, self._last_values = int(t_us[-1]), values[-1]
        self._t_us, self._values = [], []
        return CellFrames(cell, t_us, values, before_us, before)

    def enter(self, over: list[CellFrames], measured: list[CellSums]) -> None:
        """Remember the cells that `push` gave back; each cell after them gets its context."""
        for (this, following), sums in zip(pairwise(over), measured, strict=False):
            self._enter(this.cell, sums)
            if following.cell - this.cell > MEMORY_CELLS:
                self._forget_everything()
            else:
                for empty in range(this.cell + 1, following.cell):
                    self._enter(empty, _NOTHING)
            self._cell = following.cell
            self._rows[following.cell] = self._describe()

    def rows_of(self, t_us: IntArray) -> tuple[list[FloatArray], list[int]]:
        """Context of frames, in a compact form: rows by the names in `CONTEXT`, and how many frames each is for.

        Parameters
        ----------
        t_us : ndarray of int64, shape (n,), n at least 1
            Times of frames that were pushed, in order. NaN stands in a row where there is no history yet.
        """
        first, last = int(t_us[0]) // CELL_US, int(t_us[-1]) // CELL_US
        if first == last:
            return [self._rows[first]], [len(t_us)]
        cells = t_us // CELL_US
        starts = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), len(cells)]
        rows = [self._rows[cell] for cell in cells[starts[:-1]].tolist()]
        return rows, [stop - start for start, stop in pairwise(starts)]

    def forget_before(self, t_us: int) -> None:
        """Frames before this time will not be asked for again."""
        oldest = min(t_us // CELL_US, self._cell)
        if len(self._rows) > 1 and next(iter(self._rows)) < oldest:
            self._rows = {cell: row for cell, row in self._rows.items() if cell >= oldest}

    def _enter(self, cell: int, new: CellSums) -> None:
        """Put a cell that is over into the history, in the place of the one that leaves it."""
        place = cell % LONG_CELLS
        leaving_short = self._sums[(cell - SHORT_CELLS) % LONG_CELLS]
        self._short_total += new.sums - leaving_short
        self._long_total += new.sums - self._sums[place]
        self._long_counts += new.counts - self._counts[place]
        self._sums[place] = new.sums
        self._counts[place] = new.counts
        self._minima[cell % MEMORY_CELLS] = new.minimum

    def _describe(self) -> FloatArray:
        """The context of frames in the cell that is open now, from the cells before it."""
        row = np.full(len(CONTEXT), np.nan)
        short = self._short_total
        if short[_N_STEPS]:
            row[0] = short[_DT] / short[_N_STEPS]
        if short[_N_GAZE_STEPS]:
            row[1] = (short[_ROOT_STEP] * QUANTUM / short[_N_GAZE_STEPS]) ** 2
            row[2] = (short[_ROOT_SPEED] * QUANTUM / short[_N_GAZE_STEPS]) ** 2
        if short[_N_GAZE]:
            row[3] = short[_X] * QUANTUM / short[_N_GAZE]
            row[4] = short[_Y] * QUANTUM / short[_N_GAZE]
        total = np.cumsum(self._long_counts)
        if total[-1]:
            row[5] = _quantile(self._long_counts, total, 0.85)
            row[6] = _quantile(self._long_counts, total, 0.5)
        deepest = np.partition(self._minima, _N_DEEPEST - 1)[_N_DEEPEST - 1]
        if deepest != _NO_MINIMUM:
            row[7] = deepest * QUANTUM
        if short[_N_OPEN_STEPS]:
            row[8] = short[_OPEN_STEP] * QUANTUM / short[_N_OPEN_STEPS]
        if short[_N_PUPIL]:
            row[9] = short[_PUPIL] * QUANTUM / short[_N_PUPIL]
        if self._long_total[_N_HEAD]:
            row[10] = self._long_total[_PITCH] * QUANTUM / self._long_total[_N_HEAD]
            row[11] = self._long_total[_YAW] * QUANTUM / self._long_total[_N_HEAD]
        return row

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        cells = sorted(self._rows)
        return {
            "cell": self._cell,
            "t_us": np.concatenate([*self._t_us, np.empty(0, dtype=np.int64)]),
            "values": np.concatenate([*self._values, np.empty((0, len(SIGNALS)))]),
            "last_t_us": self._last_t_us,
            "last_values": self._last_values,
            "cells": cells,
            "rows": np.stack([self._rows[cell] for cell in cells]),
            "sums": self._sums,
            "counts": self._counts,
            "minima": self._minima,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._cell = state["cell"]
        self._t_us = [state["t_us"]] if len(state["t_us"]) else []
        self._values = [state["values"]] if len(state["t_us"]) else []
        self._last_t_us, self._last_values = state["last_t_us"], state["last_values"]
        self._rows = dict(zip(state["cells"], state["rows"], strict=True))
        self._sums, self._counts, self._minima = state["sums"], state["counts"], state["minima"]
        # Totals are sums of whole numbers, so they come out of the cells exactly.
        recent = [(self._cell - back) % LONG_CELLS for back in range(1, SHORT_CELLS + 1)]
        self._short_total = self._sums[recent].sum(axis=0)
        self._long_total = self._sums.sum(axis=0)
        self._long_counts = self._counts.sum(axis=0)


_NOTHING: Final = CellSums(np.zeros(_N_SUMS, dtype=np.int64), np.zeros(_N_BINS, dtype=np.int64), _NO_MINIMUM)


def measure_cells(cells: list[CellFrames]) -> list[CellSums]:
    """The sums of cells, of any recordings, in one pass."""
    full = [cell for cell in cells if len(cell.t_us)]
    if not full:
        return [_NOTHING] * len(cells)
    # Each cell's frames follow the frame before it, so that the step into the cell counts as well.
    sizes = np.array([len(cell.t_us) + 1 for cell in full])
    starts = np.cumsum(sizes) - sizes
    t_us: IntArray = np.empty(sizes.sum(), dtype=np.int64)
    values = np.empty((len(t_us), len(SIGNALS)))
    is_frame = np.ones(len(t_us), dtype=bool)
    is_frame[starts] = False
    t_us[starts] = [cell.before_us if cell.before_us >= 0 else _LONG_AGO_US for cell in full]
    values[starts] = [cell.before_values for cell in full]
    t_us[is_frame] = np.concatenate([cell.t_us for cell in full])
    values[is_frame] = np.concatenate([cell.values for cell in full])

    dt_us = np.diff(t_us, prepend=t_us[:1])
    steps = np.diff(values, axis=0, prepend=values[:1])
    is_step = is_frame & (dt_us <= _STEP_LIMIT_US)
    columns: IntArray = np.zeros((_N_SUMS, len(t_us)), dtype=np.int64)
    columns[_N_STEPS] = is_step
    columns[_DT] = np.where(is_step, dt_us, 0)
    step_deg = np.sqrt(steps[:, 0] * steps[:, 0] + steps[:, 1] * steps[:, 1])
    is_gaze_step = is_step & ~np.isnan(step_deg)
    step_deg = np.where(is_gaze_step, step_deg, 0.0)
    columns[_N_GAZE_STEPS] = is_gaze_step
    # A mean of square roots follows the small steps of fixation and is hardly moved by a saccade.
    columns[_ROOT_STEP] = _whole(np.sqrt(step_deg))
    columns[_ROOT_SPEED] = _whole(np.sqrt(step_deg / (np.where(is_gaze_step, dt_us, 1) * 1e-6)))
    _add_up(columns, values, is_frame, (0, 1), (_N_GAZE, _X, _Y))
    _add_up(columns, np.abs(steps), is_step, (2,), (_N_OPEN_STEPS, _OPEN_STEP))
    _add_up(columns, values, is_frame, (4,), (_N_PUPIL, _PUPIL))
    _add_up(columns, values, is_frame, (6, 5), (_N_HEAD, _PITCH, _YAW))
    sums = np.add.reduceat(columns, starts, axis=1).T

    openness = values[:, 2]
    seen = is_frame & ~np.isnan(openness)
    owner = np.repeat(np.arange(len(full)), sizes)
    bins = np.clip(np.searchsorted(_EDGES, openness[seen], side="right") - 1, 0, _N_BINS - 1)
    counts = np.bincount(owner[seen] * _N_BINS + bins, minlength=len(full) * _N_BINS).reshape(len(full), _N_BINS)
    least: IntArray = np.full(len(t_us), _NO_MINIMUM, dtype=np.int64)
    least[seen] = _whole(openness[seen])
    minima = np.minimum.reduceat(least, starts).tolist()
    measured = iter(zip(sums, counts, minima, strict=True))
    return [CellSums(*next(measured)) if len(cell.t_us) else _NOTHING for cell in cells]


def _add_up(
    columns: IntArray, values: FloatArray, where: BoolArray, signals: tuple[int, ...], places: tuple[int, ...]
) -> None:
    """Fill in a count and the sums of signals that are valid together."""
    valid = where.copy()
    for signal in signals:
        valid &= ~np.isnan(values[:, signal])
    columns[places[0]] = valid
    for signal, place in zip(signals, places[1:], strict=True):
        columns[place] = _whole(np.where(valid, values[:, signal], 0.0))


def _whole(values: Any) -> Any:
    """As whole multiples of `QUANTUM`."""
    return np.rint(values * (1 / QUANTUM)).astype(np.int64)


def _quantile(counts: IntArray, cumulated: IntArray, share: float) -> float:
    """The quantile of values counted in bins, linear within the bin."""
    wanted = share * int(cumulated[-1])
    at = int(np.searchsorted(cumulated, wanted))
    below = int(cumulated[at - 1]) if at else 0
    upper = _EDGES[at + 1] if at + 1 < _N_BINS else _EDGES[at]
    return float(_EDGES[at] + (wanted - below) / int(counts[at]) * (upper - _EDGES[at]))
