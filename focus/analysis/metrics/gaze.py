"""Fixations and saccades: how many a minute, how long, how far."""

from __future__ import annotations

from focus.analysis.metrics.base import (
    METRICS,
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
    """Below 120 Hz only large saccades are seen, so their mean is too large."""

    name = "saccade_amplitude"
    label = "Saccade amplitude"
    unit = "deg"
    formula = "mean distance between start and end of saccades"
    source = "Leube 2017"
    valid_from_hz = 120.0
    estimate_from_hz = 30.0
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        saccades = [event for event in block.events_of("saccade") if "amplitude_deg" in event.attributes]
        return {
            "n": len(saccades),
            "sum": sum(round(saccade.attributes["amplitude_deg"] / UNIT) for saccade in saccades),
            "us": sum(saccade.duration_us for saccade in saccades),
        }

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        value = sums["sum"] * UNIT / sums["n"] if sums["n"] else None
        estimate = "the size and distance of the screen are assumed" if quality.is_geometry_assumed else ""
        return self.result(
            quality, value, weight_us=sums["us"], missing="no saccade has been seen yet", estimate=estimate
        )
