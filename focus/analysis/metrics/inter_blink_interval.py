"""Inter-blink interval: how long from one blink to the next."""

from __future__ import annotations

from focus.analysis.metrics.base import (
    METRICS,
    Metric,
    MetricValue,
    Quality,
    Sums,
    add_sums,
    counts_of,
    quartiles,
    to_three_digits,
)
from focus.analysis.metrics.block import Block
from focus.analysis.metrics.chain import Item, join_ends, losses, marks_of, steps_of


@METRICS.register("inter_blink_interval")
class InterBlinkInterval(Metric):
    """A long closure ends a sequence of blinks as a loss does: the time in it is no time between blinks."""

    name = "inter_blink_interval"
    label = "Inter-blink interval"
    unit = "s"
    formula = "median time from onset to onset of blinks, never across a gap, loss or long closure; interval: quartiles"
    source = "Naase 2005; Toda 2014"
    valid_from_hz = 30.0
    estimate_from_hz = 10.0

    def measure(self, block: Block) -> Sums:
        blinks = block.events_of("blink")
        marks = marks_of(
            ((blink.offset_us, {"onset_us": blink.onset_us}) for blink in blinks),
            [*losses(block), *block.events_of("closure")],
        )
        ends, steps = steps_of(marks)
        return {**_sums_of(steps), "ends": ends}

    def combine(self, a: Sums, b: Sums) -> Sums:
        ends, step = join_ends(a["ends"], b["ends"])
        total = add_sums(a, b) if step is None else add_sums(add_sums(a, b), _sums_of([step]))
        total["ends"] = ends
        return total

    def seal(self, sums: Sums) -> Sums:
        return {**sums, "ends": {}}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        found = quartiles(sums["ms"], 1e-3)
        if found is None:
            missing = "no two blinks have been seen without a loss between them"
            return self.result(quality, None, weight_us=0, missing=missing)
        low, median, high = found
        estimate = "" if quality.has_openness else "without eye openness, short losses of gaze count as blinks"
        return self.result(quality, median, low=low, high=high, weight_us=sums["us"], estimate=estimate)


def _sums_of(steps: list[tuple[Item, Item]]) -> Sums:
    intervals_us = [b["onset_us"] - a["onset_us"] for a, b in steps]
    return {"ms": counts_of(to_three_digits(us / 1000) for us in intervals_us), "us": sum(intervals_us)}
