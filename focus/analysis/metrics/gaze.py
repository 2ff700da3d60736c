"""Fixations and saccades: how many a minute, how long, how far."""

from __future__ import annotations

import math
from typing import Final

from focus.analysis.metrics.base import (
    METRICS,
    RATE_TOLERANCE,
    UNIT,
    Metric,
    MetricValue,
    Quality,
    Sums,
    durations_ms,
    quartiles,
)
from focus.analysis.metrics.block import Block
from focus.analysis.metrics.intervals import poisson_interval
from focus.analysis.types import Event

LARGE_DEG: Final = 5.0
"""A saccade of this size lasts 32 ms (Baloh 1975), so that at 30 Hz a frame lies in it."""


class _EventRate(Metric):
    """Events of one kind a minute of valid gaze."""

    has_confidence_interval = True
    unit = "1/min"
    kind = ""
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        return {"n": len(block.events_of(self.kind)), "seen_us": block.gaze_us}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        minutes = sums["seen_us"] / 60e6
        if not minutes:
            return self.result(quality, None, weight_us=0, missing="no gaze has been seen yet")
        low, high = poisson_interval(sums["n"])
        return self.result(
            quality, sums["n"] / minutes, low=low / minutes, high=high / minutes, weight_us=sums["seen_us"]
        )


@METRICS.register("fixation_rate")
class FixationRate(_EventRate):
    name = "fixation_rate"
    label = "Fixations"
    kind = "fixation"
    formula = "fixations / minutes with gaze; exact Poisson interval, 95 %"
    source = "Salvucci & Goldberg 2000, doi:10.1145/355017.355028"
    valid_from_hz = 60.0
    estimate_from_hz = 30.0


@METRICS.register("saccade_rate")
class SaccadeRate(_EventRate):
    name = "saccade_rate"
    label = "Saccades"
    kind = "saccade"
    formula = "saccades / minutes with gaze; exact Poisson interval, 95 %"
    source = "Leube 2017"
    valid_from_hz = 120.0
    estimate_from_hz = 30.0


class _EventDuration(Metric):
    """Median duration of events of one kind."""

    unit = "ms"
    kind = ""
    needs = ("gaze",)
    needs_steady_rate = True

    def measure(self, block: Block) -> Sums:
        events = block.events_of(self.kind)
        return {"ms": durations_ms(events), "us": sum(event.duration_us for event in events)}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        found = quartiles(sums["ms"])
        if found is None:
            return self.result(quality, None, weight_us=0, missing=f"no {self.kind} has been seen yet")
        low, median, high = found
        return self.result(quality, median, low=low, high=high, weight_us=sums["us"])


@METRICS.register("fixation_duration")
class FixationDuration(_EventDuration):
    name = "fixation_duration"
    label = "Fixation duration"
    kind = "fixation"
    formula = "median time from onset to offset of fixations (60 ms or more); interval: quartiles"
    source = "Salvucci & Goldberg 2000, doi:10.1145/355017.355028"
    valid_from_hz = 60.0
    estimate_from_hz = 30.0


@METRICS.register("saccade_duration")
class SaccadeDuration(_EventDuration):
    name = "saccade_duration"
    label = "Saccade duration"
    kind = "saccade"
    formula = "median time from onset to offset of saccades; interval: quartiles"
    source = "Leube 2017"
    valid_from_hz = 250.0
    estimate_from_hz = 120.0


@METRICS.register("saccade_amplitude")
class SaccadeAmplitude(Metric):
    """At lower rates small saccades are missed, so the mean of those that are found says little: below the rate that it
    is valid from, it is the mean of the large ones alone, which are found."""

    name = "saccade_amplitude"
    label = "Saccade amplitude"
    unit = "deg"
    formula = "mean distance between start and end of saccades; interval: one standard deviation to either side"
    parameters = "below 120 Hz: of saccades above 5 deg alone"
    source = "Leube 2017"
    valid_from_hz = 120.0
    estimate_from_hz = 30.0
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        saccades = [event for event in block.events_of("saccade") if "amplitude_deg" in event.attributes]
        large = [event for event in saccades if event.attributes["amplitude_deg"] > LARGE_DEG]
        return {"all": _amplitudes(saccades), "large": _amplitudes(large)}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        sees_small = quality.rate_hz >= self.valid_from_hz * RATE_TOLERANCE
        own = sums["all" if sees_small else "large"]
        n = own["n"]
        notes = [] if sees_small else [f"of saccades above {LARGE_DEG:g} deg alone"]
        notes += ["the size and distance of the screen are assumed"] if quality.is_geometry_assumed else []
        value = spread = None
        if n:
            value = own["sum"] * UNIT / n
            # Whole numbers of any size: the difference is exact.
            spread = math.sqrt(n * own["square"] - own["sum"] ** 2) / n * UNIT
        return self.result(
            quality,
            value,
            low=None if value is None or spread is None else max(0.0, value - spread),
            high=None if value is None or spread is None else value + spread,
            weight_us=own["us"],
            missing="no saccade has been seen yet" if sees_small else f"no saccade above {LARGE_DEG:g} deg was seen",
            estimate="; ".join(notes),
        )


def _amplitudes(saccades: list[Event]) -> Sums:
    sizes = [round(saccade.attributes["amplitude_deg"] / UNIT) for saccade in saccades]
    return {
        "n": len(sizes),
        "sum": sum(sizes),
        "square": sum(size * size for size in sizes),
        "us": sum(saccade.duration_us for saccade in saccades),
    }
