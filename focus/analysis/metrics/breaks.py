"""Breaks: how long since the last one, how many, and the longest time without one.

A break is a time without a face or without frames: of at least 20 s, and a long break of at least 5 min. The time
between two breaks is a stretch, that between two long breaks a long stretch, which may hold short ones. Sums of a part
of a recording keep when its first and last stretch begin and end, so that a stretch, or a break, that crosses a border
is whole again when parts are combined.

After how many minutes a break is due is the person's own choice and stands in no sums: `with_limits` adds it just
before values are made, so that a changed choice holds for every recording that was ever made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums, add_sums
from focus.analysis.metrics.block import Block
from focus.errors import ParameterError

SHORT_US: Final = 20_000_000
LONG_US: Final = 300_000_000
MINUTE_US: Final = 60_000_000
MAX_LIMIT_MIN: Final = 480


@dataclass(frozen=True, slots=True)
class BreakLimits:
    """After how many minutes a break, and a long break, is due: by default 20 (the 20-20-20 rule) and 60."""

    short_min: int = 20
    long_min: int = 60

    def __post_init__(self) -> None:
        for name in ("short_min", "long_min"):
            minutes = getattr(self, name)
            if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= MAX_LIMIT_MIN:
                raise ParameterError(f"{name} {str(minutes)[:20]} is not a whole number within 1..{MAX_LIMIT_MIN}")
        if self.long_min < self.short_min:
            raise ParameterError(f"long_min {self.long_min} is less than short_min {self.short_min}")


DEFAULT_LIMITS: Final = BreakLimits()


def with_limits(sums: Mapping[str, Sums], limits: BreakLimits) -> dict[str, Sums]:
    """Gathered sums with a person's own limits, for `evaluate`; they are not to be combined any more."""
    due_min = {"break_check": limits.short_min, "long_break_check": limits.long_min}
    return {name: {**own, "due_min": due_min[name]} if name in due_min else own for name, own in sums.items()}


class _BreakMetric(Metric):
    """The sums that the metrics of breaks share.

    `breaks`: those seen. `stretches`: how often each length, in microseconds, of the stretches that are over. While
    `end_us` is there, the part is not sealed: `first_us` and `last_us` are its first and last frame with a face,
    `head_us` the end of its first stretch and `tail_us` the beginning of its last.
    """

    least_us: ClassVar[int] = SHORT_US
    due_min: ClassVar[int] = DEFAULT_LIMITS.short_min
    unit = "min"
    parameters = "a break: 20 s or more without face or frames; due every 20 min unless the person chose otherwise"
    source = "American Optometric Association, 20-20-20 rule; Galinsky 2007, doi:10.1002/ajim.20472"
    valid_from_hz = 5.0
    estimate_from_hz = 1.0
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        nothing: Sums = {"breaks": 0, "stretches": {}, "present_us": 0, "end_us": block.stop_us}
        present = block.is_present.nonzero()[0]
        if not len(present):
            return nothing
        t_us, covered_us = block.frames.t_us[present], block.covered_us[present]
        breaks = np.flatnonzero(np.diff(t_us) >= self.least_us) + 1
        parts = []
        for first, stop in pairwise([0, *breaks.tolist(), len(present)]):
            first_us, last_us = int(t_us[first]), int(t_us[stop - 1])
            own = {"first_us": first_us, "head_us": last_us, "tail_us": first_us, "last_us": last_us}
            parts.append(nothing | own | {"present_us": int(covered_us[first:stop].sum())})
        return reduce(self.combine, parts)

    def combine(self, a: Sums, b: Sums) -> Sums:
        if b.get("end_us", 0) < a.get("end_us", 0):
            a, b = b, a
        total = {
            "breaks": a["breaks"] + b["breaks"],
            "stretches": add_sums(a["stretches"], b["stretches"]),
            "present_us": a["present_us"] + b["present_us"],
        }
        if "end_us" in b:
            total["end_us"] = b["end_us"]
        if "first_us" not in a or "first_us" not in b:
            known = a if "first_us" in a else b
            return total | {key: known[key] for key in ("first_us", "head_us", "tail_us", "last_us") if key in known}
        total |= {"first_us": a["first_us"], "head_us": a["head_us"], "tail_us": b["tail_us"], "last_us": b["last_us"]}
        if b["first_us"] - a["last_us"] >= self.least_us:
            total["breaks"] += 1
            if a["breaks"]:
                _close(total, a["last_us"] - a["tail_us"])
            if b["breaks"]:
                _close(total, b["head_us"] - b["first_us"])
            return total
        if a["breaks"] and b["breaks"]:
            _close(total, b["head_us"] - a["tail_us"])
        if not a["breaks"]:
            total["head_us"] = b["head_us"]
        if not b["breaks"]:
            total["tail_us"] = a["tail_us"]
        return total

    def seal(self, sums: Sums) -> Sums:
        total = {"breaks": sums["breaks"], "stretches": dict(sums["stretches"]), "present_us": sums["present_us"]}
        for stretch_us in _open_stretches(sums):
            _close(total, stretch_us)
        return total

    def of_presence(self, sums: Sums, quality: Quality, value: float) -> MetricValue:
        """The value, which needs a face that was seen."""
        seen_us = sums["present_us"]
        return self.result(quality, value if seen_us else None, weight_us=seen_us, missing="no face has been seen yet")


class _LongBreakMetric(_BreakMetric):
    """As above, of long breaks."""

    least_us = LONG_US
    due_min = DEFAULT_LIMITS.long_min
    parameters = "a long break: 5 min or more without face or frames; due every hour unless the person chose otherwise"


class _SinceBreak(_BreakMetric):
    is_of_one_moment = True
    formula = "time from the end of the last break to the end of the recording"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        if "end_us" not in sums:
            missing = "holds for one recording, at its end"
            return self.result(quality, None, weight_us=0, missing=missing)
        if "first_us" not in sums:
            return self.of_presence(sums, quality, 0.0)
        is_away = sums["end_us"] - sums["last_us"] >= self.least_us
        since_us = 0 if is_away else sums["end_us"] - sums["tail_us"]
        return self.of_presence(sums, quality, since_us / MINUTE_US)


class _BreaksMissed(_BreakMetric):
    unit = "breaks"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        due_us = sums.get("due_min", self.due_min) * MINUTE_US
        stretches: dict[str, int] = self.seal(sums)["stretches"]
        missed = sum(int(stretch_us) // due_us * count for stretch_us, count in stretches.items())
        return self.of_presence(sums, quality, float(missed))


@METRICS.register("break_check")
class BreakCheck(_SinceBreak):
    """Counts from the beginning of the recording until the first break; 0 while a break is going on."""

    name = "break_check"
    label = "Time since the last break"


@METRICS.register("long_break_check")
class LongBreakCheck(_LongBreakMetric, _SinceBreak):
    """Short breaks do not end it."""

    name = "long_break_check"
    label = "Time since the last long break"


@METRICS.register("longest_without_break")
class LongestWithoutBreak(_BreakMetric):
    """What counts for strain: one long stretch is more than many short ones."""

    name = "longest_without_break"
    is_of_one_moment = True
    sums_of = "break_check"
    label = "Longest time without a break"
    formula = "longest time between two breaks, or between a break and an end of the recording"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        longest_us = max((int(stretch_us) for stretch_us in self.seal(sums)["stretches"]), default=0)
        return self.of_presence(sums, quality, longest_us / MINUTE_US)


@METRICS.register("breaks")
class Breaks(_BreakMetric):
    """Time away at either end of a recording is none of its breaks."""

    name = "breaks"
    sums_of = "break_check"
    label = "Breaks taken"
    unit = "breaks"
    formula = "times of at least 20 s without a face or without frames"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        return self.of_presence(sums, quality, float(sums["breaks"]))


@METRICS.register("long_breaks")
class LongBreaks(_LongBreakMetric):
    """Each of them is also one of the breaks taken."""

    name = "long_breaks"
    sums_of = "long_break_check"
    label = "Long breaks taken"
    unit = "breaks"
    formula = "times of at least 5 min without a face or without frames"

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        return self.of_presence(sums, quality, float(sums["breaks"]))


@METRICS.register("breaks_missed")
class BreaksMissed(_BreaksMissed):
    """With the limit of 20 min, a stretch of 45 min has missed two breaks."""

    name = "breaks_missed"
    sums_of = "break_check"
    label = "Breaks missed"
    formula = "full times of the limit, 20 min by default, in each stretch without a break"


@METRICS.register("long_breaks_missed")
class LongBreaksMissed(_LongBreakMetric, _BreaksMissed):
    """With the limit of 60 min, 2 h 10 min with short breaks alone have missed two long ones."""

    name = "long_breaks_missed"
    sums_of = "long_break_check"
    label = "Long breaks missed"
    formula = "full times of the limit, 60 min by default, in each stretch without a long break"


def _open_stretches(sums: Sums) -> list[int]:
    """Lengths of the stretches that a neighbour could still make longer."""
    if "first_us" not in sums:
        return []
    if not sums["breaks"]:
        return [sums["last_us"] - sums["first_us"]]
    return [sums["head_us"] - sums["first_us"], sums["last_us"] - sums["tail_us"]]


def _close(total: Sums, stretch_us: int) -> None:
    """Count a stretch that is over."""
    key = str(stretch_us)
    total["stretches"][key] = total["stretches"].get(key, 0) + 1
