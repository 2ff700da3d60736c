"""Scanpath length: how far the gaze travels from fixation to fixation."""

from __future__ import annotations

import math

from focus.analysis.metrics.base import METRICS, UNIT, Metric, MetricValue, Quality, Sums, add_sums
from focus.analysis.metrics.block import Block
from focus.analysis.metrics.chain import Item, join_ends, losses, marks_of, steps_of


@METRICS.register("scanpath_length")
class ScanpathLength(Metric):
    """A step over a loss of tracking is left out with the time of the loss; one over a blink counts."""

    name = "scanpath_length"
    label = "Scanpath length"
    unit = "deg/min"
    formula = "sum of the distances between consecutive fixations / minutes with gaze, never across a loss"
    source = "Goldberg & Kotval 1999, doi:10.1016/S0169-8141(98)00068-7"
    valid_from_hz = 60.0
    estimate_from_hz = 30.0
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        fixations = block.events_of("fixation")
        items = (
            (each.offset_us, {"x": round(each.attributes["x_deg"] / UNIT), "y": round(each.attributes["y_deg"] / UNIT)})
            for each in fixations
        )
        ends, steps = steps_of(marks_of(items, losses(block)))
        return {"n": len(steps), "sum": sum(map(_distance, steps)), "seen_us": block.gaze_us, "ends": ends}

    def combine(self, a: Sums, b: Sums) -> Sums:
        total = add_sums(a, b)
        total["ends"], step = join_ends(a["ends"], b["ends"])
        if step is not None:
            total["n"] += 1
            total["sum"] += _distance(step)
        return total

    def seal(self, sums: Sums) -> Sums:
        return {**sums, "ends": {}}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        minutes = sums["seen_us"] / 60e6
        value = sums["sum"] * UNIT / minutes if sums["n"] else None
        estimate = "the size and distance of the screen are assumed" if quality.is_geometry_assumed else ""
        missing = "no two fixations have been seen without a loss between them"
        return self.result(quality, value, weight_us=sums["seen_us"], missing=missing, estimate=estimate)


def _distance(step: tuple[Item, Item]) -> int:
    a, b = step
    return math.isqrt((b["x"] - a["x"]) ** 2 + (b["y"] - a["y"]) ** 2)
