"""Gaze entropy: how evenly the gaze is spread over the screen, and how little its next place follows from this one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums, add_sums
from focus.analysis.metrics.block import GRID_SIDE, Block
from focus.analysis.metrics.chain import Item, join_ends, losses, marks_of, steps_of

MIN_FIXATIONS: Final = 50
MIN_TRANSITIONS: Final = 100


@METRICS.register("gaze_entropy_stationary")
class StationaryGazeEntropy(Metric):
    """Weighted by dwell, as fixations are not counted well at low rates. 0 is one cell, 1 all cells alike."""

    name = "gaze_entropy_stationary"
    label = "Gaze entropy, stationary"
    unit = "of 1"
    formula = "-sum p log2 p / log2 N; p: share of the fixation time in each of N cells of the screen"
    parameters = "8 by 8 cells; at least 50 fixations on the screen"
    source = "Shiferaw 2019, doi:10.1016/j.neubiorev.2018.12.007"
    valid_from_hz = 60.0
    estimate_from_hz = 30.0
    needs = ("gaze", "screen")

    def measure(self, block: Block) -> Sums:
        cells: dict[str, int] = {}
        n = 0
        for fixation, cell in zip(block.events_of("fixation"), block.fixation_cells, strict=True):
            if cell >= 0:
                cells[str(cell)] = cells.get(str(cell), 0) + fixation.duration_us
                n += 1
        return {"cells_us": cells, "n": n}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        n = sums["n"]
        total_us = sum(sums["cells_us"].values())
        missing = f"needs {MIN_FIXATIONS} fixations on the screen; there are {n}"
        value = _entropy_bits(sums["cells_us"].values()) / math.log2(GRID_SIDE**2) if n >= MIN_FIXATIONS else None
        return self.result(quality, value, weight_us=total_us, missing=missing)


@METRICS.register("gaze_entropy_transition")
class TransitionGazeEntropy(Metric):
    """Of transitions from cell to cell, none of them over a loss or over a fixation beside the screen."""

    name = "gaze_entropy_transition"
    label = "Gaze entropy, transition"
    unit = "bit"
    formula = "-sum_i p_i sum_j p_ij log2 p_ij; p_i: share of transitions from cell i, p_ij: share of those to cell j"
    parameters = "8 by 8 cells; at least 100 transitions from one cell to another"
    source = "Krejtz 2015, doi:10.1145/2834121"
    valid_from_hz = 60.0
    estimate_from_hz = 60.0
    needs = ("gaze", "screen")

    def measure(self, block: Block) -> Sums:
        fixations = block.events_of("fixation")
        items: Iterable[tuple[int, Item | None]] = (
            (fixation.offset_us, {"cell": cell} if cell >= 0 else None)
            for fixation, cell in zip(fixations, block.fixation_cells, strict=True)
        )
        ends, steps = steps_of(marks_of(items, losses(block)))
        moves: dict[str, int] = {}
        for step in steps:
            _count(moves, step)
        return {"moves": moves, "us": sum(each.duration_us for each in fixations), "ends": ends}

    def combine(self, a: Sums, b: Sums) -> Sums:
        total = add_sums(a, b)
        total["ends"], step = join_ends(a["ends"], b["ends"])
        if step is not None:
            total["moves"] = dict(total["moves"])
            _count(total["moves"], step)
        return total

    def seal(self, sums: Sums) -> Sums:
        return {**sums, "ends": {}}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        rows: dict[str, list[int]] = {}
        for move, count in sums["moves"].items():
            rows.setdefault(move.partition(">")[0], []).append(count)
        n = sum(map(sum, rows.values()))
        value = sum(sum(row) / n * _entropy_bits(row) for row in rows.values()) if n >= MIN_TRANSITIONS else None
        missing = f"needs {MIN_TRANSITIONS} transitions between cells of the screen; there are {n}"
        return self.result(quality, value, weight_us=sums["us"], missing=missing)


def _count(moves: dict[str, int], step: tuple[Item, Item]) -> None:
    """Add a transition, unless it stays in its cell."""
    a, b = step[0]["cell"], step[1]["cell"]
    if a != b:
        key = f"{a}>{b}"
        moves[key] = moves.get(key, 0) + 1


def _entropy_bits(weights: Iterable[int]) -> float:
    """-sum p log2 p of shares."""
    parts = [weight for weight in weights if weight]
    total = sum(parts)
    return math.fsum(-part / total * math.log2(part / total) for part in parts)
