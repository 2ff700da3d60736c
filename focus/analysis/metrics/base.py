"""The interface of a metric, its registry, and the three things done with all of them: measure, combine, evaluate.

A metric gathers *sums*: plain JSON, whole numbers throughout, so that adding is exact and order does not matter. Sums
of some seconds are measured, sums of two stretches are combined, and only then is a value made of them. A minute, a
recording, a day and a group are therefore all the same computation, and the value of two windows together is exactly
the value of the whole. Times in sums are microseconds; other values are whole multiples of `UNIT`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Literal

from focus.analysis.metrics.block import Block
from focus.analysis.types import Event
from focus.registry import Registry

Sums = dict[str, Any]
Verdict = Literal["valid", "estimate", "withheld"]

UNIT: Final = 1e-6
"""What one whole number in a sum stands for, where it is no count and no time."""

RATE_TOLERANCE: Final = 0.9
"""A tracker of 60 Hz that delivers 54 still counts as one of 60 Hz."""

LOSS_LIMIT: Final = 0.2
"""Where more than this share of the data is lost, what is left may not stand for the whole. Our choice."""

JITTER_LIMIT: Final = 0.5
"""Where the quartiles of the frame intervals are further apart than this share of the median, single intervals are not
known well enough for durations and speeds."""

UNEVEN_LIMIT: Final = 2.2
"""Frames are uneven where half of the time lies in intervals longer than this many medians. Our choice: of a steady
tracker it is 1 median, of one that drops every third frame 2, of frames at random times (a Poisson process) 2.4."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What decides a metric's verdict: how the recording was measured, never which tracker it claims to be from.

    `rate_hz` is one over the median frame interval. Where frames come in bursts (`is_uneven`), or recordings of very
    different rates are combined, most of the time passed at a lower rate than that: then it is one over the interval
    that half of the recorded time lies beyond.
    """

    rate_hz: float
    jitter_us: float
    is_uneven: bool
    loss_ratio: float
    recorded_s: float
    has_gaze: bool
    has_openness: bool
    has_pupil: bool
    pupil_in_mm: bool
    is_geometry_assumed: bool
    has_screen: bool


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric's value with how far to trust it.

    `low` and `high` bound a 95 % interval or the resolution, where one can be told; `weight_s` is the seconds of valid
    data behind the value. A withheld value is None and `reason` says why, in words for the person whose data it is.
    """

    name: str
    label: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    weight_s: float
    verdict: Verdict
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {name: getattr(self, name) for name in MetricValue.__slots__}


class Metric:
    """Base of all metrics. A subclass states the class attributes, measures a block and makes a value of sums.

    Attributes
    ----------
    name, label, unit : str
        For code, for people, of the value.
    formula, source : str
        How it is computed and where that comes from, for docs and methods paragraphs.
    valid_from_hz, estimate_from_hz : float
        Measured rates from which the value is valid, and from which it is at least an estimate.
    needs : tuple of str
        Signals without which there is no value.
    parameters : str
        What was chosen in the computation, for docs; empty where the formula says it all.
    sums_of : str
        The name of the metric whose sums this one makes its value of; empty for its own.
    is_of_one_moment : bool
        Whether the value is that of one moment or one extreme, and so of one person even where many are combined: a
        group does not show it.
    has_confidence_interval : bool
        Whether `low` and `high` bound a 95 % interval of the value; else they are quartiles, a spread or a resolution,
        which say nothing about whether two values differ.
    suffers_from_loss, needs_steady_rate : bool
        Whether lost data and uneven frame intervals make the value less trustworthy.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    unit: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    valid_from_hz: ClassVar[float]
    estimate_from_hz: ClassVar[float]
    needs: ClassVar[tuple[str, ...]] = ()
    parameters: ClassVar[str] = ""
    sums_of: ClassVar[str] = ""
    has_confidence_interval: ClassVar[bool] = False
    is_of_one_moment: ClassVar[bool] = False
    suffers_from_loss: ClassVar[bool] = True
    needs_steady_rate: ClassVar[bool] = False

    def measure(self, block: Block) -> Sums:
        """Sums of one block."""
        raise NotImplementedError

    def combine(self, a: Sums, b: Sums) -> Sums:
        """Sums of two neighbouring stretches of a recording, or of any two that are sealed."""
        return add_sums(a, b)

    def seal(self, sums: Sums) -> Sums:
        """Sums of a whole recording without what only its own other stretches could use; see `seal` below."""
        return sums

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        """The value of gathered sums."""
        raise NotImplementedError

    def result(
        self,
        quality: Quality,
        value: float | None,
        *,
        weight_us: int,
        low: float | None = None,
        high: float | None = None,
        missing: str = "nothing of it has been seen yet",
        estimate: str = "",
    ) -> MetricValue:
        """A value with the verdict that the quality of the recording allows.

        `missing` says why `value` is None, where the recording itself would allow one; a text in `estimate` says why
        the value is an estimate whatever the recording.
        """
        verdict, reason = self._verdict(quality)
        if verdict != "withheld" and value is None:
            verdict, reason = "withheld", missing
        elif verdict != "withheld" and estimate:
            verdict, reason = "estimate", f"{reason}; {estimate}" if reason else estimate
        if verdict == "withheld":
            value = low = high = None
        return MetricValue(
            self.name, self.label, self.unit, value, low, high, weight_us * 1e-6, verdict, reason
        )  # fmt: skip

    def _verdict(self, quality: Quality) -> tuple[Verdict, str]:
        for signal in self.needs:
            if not getattr(quality, f"has_{signal}"):
                return "withheld", f"this recording has no {_SIGNAL_WORDS[signal]}"
        if quality.rate_hz < self.estimate_from_hz * RATE_TOLERANCE:
            return "withheld", (
                f"needs {self.estimate_from_hz:g} Hz or more; this recording has {quality.rate_hz:.3g} Hz"
            )
        if quality.rate_hz < self.valid_from_hz * RATE_TOLERANCE:
            return "estimate", (
                f"measured well from {self.valid_from_hz:g} Hz; this recording has {quality.rate_hz:.3g} Hz"
            )
        if self.suffers_from_loss and quality.loss_ratio > LOSS_LIMIT:
            return "estimate", f"{quality.loss_ratio:.0%} of the data is lost"
        if (self.suffers_from_loss or self.needs_steady_rate) and quality.is_uneven:
            return "estimate", UNEVEN_WORDS
        if self.needs_steady_rate and quality.jitter_us * quality.rate_hz > JITTER_LIMIT * 1e6:
            return "estimate", f"the quartiles of the frame intervals are {quality.jitter_us / 1e3:.3g} ms apart"
        return "valid", ""


UNEVEN_WORDS: Final = "the frames come in bursts"

_SIGNAL_WORDS: Final = {
    "gaze": "gaze",
    "openness": "eye openness",
    "pupil": "pupil data",
    "screen": "gaze on a screen of known extent",
}

METRICS: Final[Registry[Callable[[], Metric]]] = Registry("metric", "focus.analysis.metrics")


@cache
def all_metrics() -> tuple[Metric, ...]:
    """One instance of each metric."""
    return tuple(make() for _, make in METRICS)


@cache
def metrics_with_sums() -> tuple[Metric, ...]:
    """Those that gather sums of their own."""
    return tuple(metric for metric in all_metrics() if not metric.sums_of)


def add_sums(a: Sums, b: Sums) -> Sums:
    """Numbers added, flags or-ed, dicts joined key by key."""
    total = dict(a)
    for key, value in b.items():
        own = total.get(key)
        if own is None:
            total[key] = value
        elif own is True or own is False:
            total[key] = own or value
        else:
            total[key] = add_sums(own, value) if type(own) is dict else own + value
    return total


def first_seconds(a: dict[str, int], b: dict[str, int], n: int) -> dict[str, int]:
    """Of numbers by the start of the second they belong to, in order in both: those of the first `n` seconds."""
    if not a or not b:
        return a or b
    if int(next(iter(b))) < int(next(iter(a))):
        a, b = b, a
    if int(next(reversed(a))) < int(next(iter(b))):
        if len(a) >= n:
            return a
        both = [*a.items(), *b.items()]
    else:
        both = sorted({**a, **b}.items(), key=lambda item: int(item[0]))
    return dict(both[:n])


def measure(block: Block) -> dict[str, Sums]:
    """Sums of a block by the name of the metric."""
    return {metric.name: metric.measure(block) for metric in metrics_with_sums()}


def combine(a: Mapping[str, Sums], b: Mapping[str, Sums]) -> dict[str, Sums]:
    """Sums of two stretches, by the name of the metric; an empty one changes nothing.

    The stretches are neighbours in one recording, in any order, or sealed, of any recordings.
    """
    both: dict[str, Sums] = {**a, **b}
    if not a or not b:
        return both
    for metric in metrics_with_sums():
        if metric.name in a and metric.name in b:
            both[metric.name] = metric.combine(a[metric.name], b[metric.name])
    return both


def seal(sums: Mapping[str, Sums]) -> dict[str, Sums]:
    """Sums of a whole recording, made ready to be combined with those of others, in any order.

    What happens over the border of two recordings belongs to neither: sealing drops what would join them, and settles
    what is measured against a recording's own beginning. The value stays what it was, but for metrics that tell how
    things stand at a recording's end.
    """
    return {metric.name: metric.seal(sums[metric.name]) for metric in metrics_with_sums() if metric.name in sums}


def quality_of(sums: Mapping[str, Sums]) -> Quality:
    """How a stretch was measured, from the sums of the metrics `rate` and `data_loss`."""
    rate = sums.get("rate", {})
    low_us, median_us, high_us = (_interval_us(rate, share) for share in (0.25, 0.5, 0.75))
    loss = sums.get("data_loss", {})
    expected = loss.get("covered_us", 0) + loss.get("missing_us", 0)
    interval_us = _usual_interval_us(rate) if _is_beyond_median(rate) else median_us
    return Quality(
        rate_hz=1e6 / interval_us if interval_us else 0.0,
        jitter_us=high_us - low_us,
        is_uneven=is_uneven(rate),
        loss_ratio=(loss.get("invalid_us", 0) + loss.get("missing_us", 0)) / expected if expected else 0.0,
        recorded_s=expected * 1e-6,
        has_gaze=rate.get("has_gaze", False),
        has_openness=rate.get("has_openness", False),
        has_pupil=rate.get("has_pupil", False),
        pupil_in_mm=rate.get("pupil_in_mm", False),
        is_geometry_assumed=rate.get("is_geometry_assumed", False),
        has_screen=rate.get("has_screen", False),
    )


def _interval_us(rate: Sums, share: float) -> float:
    """A quantile of the frame intervals, which are counted by tenths of a millisecond; 0 without any.

    Within its tenth it lies where its rank says, as if the intervals were spread evenly about their mean: of 16666 and
    16667 us, as a tracker of 60 Hz with a clock of whole microseconds has them, the median is 16666.7, and of intervals
    that scatter it is that of a finer count to a few microseconds.
    """
    counts = {int(key): count for key, count in rate.get("intervals", {}).items()}
    tenth = weighted_quantile(counts, share)
    if tenth is None:
        return 0.0
    n, rest_us, square_us2 = (int(rate[name][str(tenth)]) for name in ("intervals", "rests_us", "squares_us2"))
    below = sum(count for key, count in counts.items() if key < tenth)
    rank = (share * sum(counts.values()) - below) / n
    # Of numbers spread evenly over a width, the variance is a twelfth of its square.
    width_us = math.sqrt(12 * (square_us2 * n - rest_us * rest_us)) / n
    within_us: float = rest_us / n + (rank - 0.5) * width_us
    return 100 * tenth + max(-50.0, min(50.0, within_us))


def is_uneven(rate: Sums) -> bool:
    """Whether the frames of a recording come in bursts, from its sums of the metric `rate`, sealed or not."""
    return bool(rate.get("is_uneven", _is_beyond_median(rate)))


def _is_beyond_median(rate: Sums) -> bool:
    return _usual_interval_us(rate) > UNEVEN_LIMIT * _interval_us(rate, 0.5)


def _usual_interval_us(rate: Sums) -> float:
    """The frame interval such that half of the covered time lies in longer ones, to a tenth of a millisecond.

    Gaps, which are counted among the intervals and are no covered time, are the longest of all, so it is found without
    reaching them.
    """
    passed_us = 0
    counts = rate.get("intervals", {})
    for tenth in sorted(map(int, counts)):
        passed_us += 100 * tenth * counts[str(tenth)] + rate["rests_us"][str(tenth)]
        if 2 * passed_us >= rate["covered_us"]:
            return 100.0 * tenth
    return 0.0


def evaluate(sums: Mapping[str, Sums]) -> tuple[MetricValue, ...]:
    """The values of all metrics whose sums were gathered, in the order of their names."""
    quality = quality_of(sums)
    return tuple(
        metric.value(sums[own], quality) for metric in all_metrics() if (own := metric.sums_of or metric.name) in sums
    )


def weighted_quantile(counts: Mapping[int, int], share: float) -> int | None:
    """The smallest key that at least this share of the counts does not exceed; None without counts."""
    total = sum(counts.values())
    reached = 0
    for key in sorted(counts):
        reached += counts[key]
        if reached >= share * total:
            return key
    return None


def durations_ms(events: list[Event]) -> dict[str, int]:
    """Counts of durations, rounded to milliseconds, as sums."""
    return counts_of(round(event.duration_us / 1000) for event in events)


def counts_of(values: Iterable[int]) -> dict[str, int]:
    """How often each whole number occurs, as sums."""
    return {str(value): count for value, count in Counter(values).items()}


def to_three_digits(value: float) -> int:
    """Rounded to a whole number of at most three significant digits, which bounds how many a histogram can hold."""
    if value < 999.5:
        return round(value)
    step = 10 ** (len(str(int(value))) - 3)
    return int(round(value / step) * step)


def quartiles(counts: Mapping[str, int], scale: float = 1.0) -> tuple[float, float, float] | None:
    """Quartiles of numbers counted by `counts_of`, times a scale; None without any."""
    if not counts:
        return None
    numbers = {int(key): count for key, count in counts.items()}
    low, middle, high = (weighted_quantile(numbers, share) or 0 for share in (0.25, 0.5, 0.75))
    return low * scale, middle * scale, high * scale
