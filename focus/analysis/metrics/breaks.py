"""Breaks: how long since the last one, how many, and the longest time without one.

A break is a time of at least 20 s without a face or without frames. The time between two breaks is a stretch. Sums of
a part of a recording keep when its first and last stretch begin and end, so that a stretch, or a break, that crosses a
border is whole again when parts are combined.
"""

from __future__ import annotations

from typing import Final

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block

SHORT_US: Final = 20_000_000
LONG_US: Final = 300_000_000
DUE_US: Final = 20 * 60_000_000
"""After this long without a break one is missed, and another after each further such time."""


class _BreakMetric(Metric):
    """The sums that all metrics of breaks share.

    `short`, `long`: breaks of at least 20 s and 5 min, each break once. `longest_us`, `missed`: of the stretches that
    are over. While `end_us` is there, the part is not sealed: `first_us` and `last_us` are its first and last frame
    with a face, `head_us` the end of its first stretch and `tail_us` the beginning of its last.
    """

    parameters = "short: 20 s to 5 min without face or frames; long: 5 min or more; one is due every 20 min"
    source = "American Optometric Association, 20-20-20 rule; Galinsky 2007, doi:10.1002/ajim.20472"
    valid_from_hz = 5.0
    estimate_from_hz = 1.0
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        sums: Sums = {"short": 0, "long": 0, "longest_us": 0, "missed": 0, "present_us": 0, "end_us": block.stop_us}
        present = block.is_present.nonzero()[0]
        if len(present):
            first_us, last_us = int(block.frames.t_us[present[0]]), int(block.frames.t_us[present[-1]])
            sums |= {"first_us": first_us, "head_us": last_us, "tail_us": first_us, "last_us": last_us}
            sums["present_us"] = block.time_us(block.is_present)
        return sums

    def combine(self, a: Sums, b: Sums) -> Sums:
        if b.get("end_us", 0) < a.get("end_us", 0):
            a, b = b, a
        total = {
            "short": a["short"] + b["short"],
            "long": a["long"] + b["long"],
            "longest_us": max(a["longest_us"], b["longest_us"]),
            "missed": a["missed"] + b["missed"],
            "present_us": a["present_us"] + b["present_us"],
        }
        if "end_us" in b:
            total["end_us"] = b["end_us"]
        if "first_us" not in a or "first_us" not in b:
            known = a if "first_us" in a else b
            return total | {key: known[key] for key in ("first_us", "head_us", "tail_us", "last_us") if key in known}
        total |= {"first_us": a["first_us"], "head_us": a["head_us"], "tail_us": b["tail_us"], "last_us": b["last_us"]}
        away_us = b["first_us"] - a["last_us"]
        has_break_a, has_break_b = _has_break(a), _has_break(b)
        if away_us >= SHORT_US:
            total["long" if away_us >= LONG_US else "short"] += 1
            if has_break_a:
                _close(total, a["last_us"] - a["tail_us"])
            if has_break_b:
                _close(total, b["head_us"] - b["first_us"])
            return total
        if has_break_a and has_break_b:
            _close(total, b["head_us"] - a["tail_us"])
        if not has_break_a:
            total["head_us"] = b["head_us"]
        if not has_break_b:
            total["tail_us"] = a["tail_us"]
        return total

    def seal(self, sums: Sums) -> Sums:
        total = {key: sums[key] for key in ("short", "long", "longest_us", "missed", "present_us")}
        for stretch_us in _open_stretches(sums):
            _close(total, stretch_us)
        return total


@METRICS.register("break_check")
class BreakCheck(_BreakMetric):
    """Counts from the beginning of the recording until the first break; 0 while a break is going on."""

    name = "break_check"
    label = "Time since the last break"
    unit = "min"
    formula = "time from the end of the last break to the end of the recording"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        if "end_us" not in sums:
            missing = "holds for one recording, at its end"
            return self.result(quality, None, weight_us=0, missing=missing)
        if "first_us" not in sums:
            return self.result(quality, None, weight_us=0, missing="no face has been seen yet")
        is_away = sums["end_us"] - sums["last_us"] >= SHORT_US
        since_us = 0 if is_away else sums["end_us"] - sums["tail_us"]
        return self.result(quality, since_us / 60e6, weight_us=sums["present_us"])


@METRICS.register("longest_without_break")
class LongestWithoutBreak(_BreakMetric):
    """What counts for strain: one long stretch is more than many short ones."""

    name = "longest_without_break"
    sums_of = "break_check"
    label = "Longest time without a break"
    unit = "min"
    formula = "longest time between two breaks, or between a break and an end of the recording"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        longest_us = self.seal(sums)["longest_us"]
        value = longest_us / 60e6 if sums["present_us"] else None
        return self.result(quality, value, weight_us=sums["present_us"], missing="no face has been seen yet")


@METRICS.register("breaks")
class Breaks(_BreakMetric):
    """Time away at either end of a recording is none of its breaks."""

    name = "breaks"
    sums_of = "break_check"
    label = "Breaks taken"
    unit = "breaks"
    formula = "times of at least 20 s without a face or without frames"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        value = float(sums["short"] + sums["long"]) if sums["present_us"] else None
        return self.result(quality, value, weight_us=sums["present_us"], missing="no face has been seen yet")


@METRICS.register("breaks_missed")
class BreaksMissed(_BreakMetric):
    """A stretch of 45 min has missed two breaks."""

    name = "breaks_missed"
    sums_of = "break_check"
    label = "Breaks missed"
    unit = "breaks"
    formula = "full 20 minutes in each stretch without a break"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        value = float(self.seal(sums)["missed"]) if sums["present_us"] else None
        return self.result(quality, value, weight_us=sums["present_us"], missing="no face has been seen yet")


def _has_break(sums: Sums) -> bool:
    return bool(sums["short"] + sums["long"])


def _open_stretches(sums: Sums) -> list[int]:
    """Lengths of the stretches that a neighbour could still make longer."""
    if "first_us" not in sums:
        return []
    if not _has_break(sums):
        return [sums["last_us"] - sums["first_us"]]
    return [sums["head_us"] - sums["first_us"], sums["last_us"] - sums["tail_us"]]


def _close(total: Sums, stretch_us: int) -> None:
    """Count a stretch that is over."""
    total["longest_us"] = max(total["longest_us"], stretch_us)
    total["missed"] += stretch_us // DUE_US
