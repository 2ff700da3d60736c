"""Blinks: how many a minute, how long, and how long the eyes stayed closed beyond a blink."""

from __future__ import annotations

from focus.analysis.metrics.base import (
    METRICS,
    Metric,
    MetricValue,
    Quality,
    Sums,
    durations_ms,
    weighted_quantile,
)
from focus.analysis.metrics.block import Block
from focus.analysis.metrics.intervals import poisson_interval


@METRICS.register("blink_rate")
class BlinkRate(Metric):
    """Rests on valid time: a minute in which the face was seen for 30 s counts as half a minute."""

    name = "blink_rate"
    label = "Blink rate"
    unit = "1/min"
    formula = "blinks / minutes in which the eyes were seen; exact Poisson interval, 95 %"
    source = "Toda 2014; Garwood 1936, doi:10.1093/biomet/28.3-4.437"
    has_confidence_interval = True
    valid_from_hz = 10.0
    estimate_from_hz = 5.0

    def measure(self, block: Block) -> Sums:
        return {"n": len(block.events_of("blink")), "seen_us": block.seen_us}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        minutes = sums["seen_us"] / 60e6
        if not minutes:
            return self.result(quality, None, weight_us=0, missing="the eyes have not been seen yet")
        low, high = poisson_interval(sums["n"])
        estimate = "" if quality.has_openness else "without eye openness, short losses of gaze count as blinks"
        return self.result(
            quality,
            sums["n"] / minutes,
            low=low / minutes,
            high=high / minutes,
            weight_us=sums["seen_us"],
            estimate=estimate,
        )


@METRICS.register("blink_duration")
class BlinkDuration(Metric):
    """Known to one frame interval at both ends."""

    name = "blink_duration"
    label = "Blink duration"
    unit = "ms"
    formula = "median time from onset to offset of blinks; interval: plus and minus one frame interval"
    source = "Nystrom 2024, doi:10.3758/s13428-023-02333-9"
    valid_from_hz = 100.0
    estimate_from_hz = 25.0
    needs_steady_rate = True
    parameters = "50 to 500 ms; a longer closure is a long closure"

    def measure(self, block: Block) -> Sums:
        blinks = block.events_of("blink")
        return {"ms": durations_ms(blinks), "us": sum(blink.duration_us for blink in blinks)}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        median = weighted_quantile({int(key): count for key, count in sums["ms"].items()}, 0.5)
        frame_ms = 1e3 / quality.rate_hz if quality.rate_hz else 0.0
        if median is None:
            return self.result(quality, None, weight_us=0, missing="no blink has been seen yet")
        return self.result(
            quality,
            float(median),
            low=max(0.0, median - frame_ms),
            high=median + frame_ms,
            weight_us=sums["us"],
            estimate=""
            if quality.has_openness
            else "measured from the loss of gaze, about 60 ms shorter than the lid's",
        )


@METRICS.register("long_closures")
class LongClosures(Metric):
    """Closures longer than a blink, a sign of sleepiness or of rest."""

    name = "long_closures"
    label = "Long closures"
    unit = "1/min"
    formula = "closures longer than 500 ms / minutes in which the eyes were seen; exact Poisson interval, 95 %"
    source = "Wierwille 1994"
    has_confidence_interval = True
    valid_from_hz = 10.0
    estimate_from_hz = 5.0
    needs = ("openness",)

    def measure(self, block: Block) -> Sums:
        return {"n": len(block.events_of("closure")), "seen_us": block.seen_us}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        minutes = sums["seen_us"] / 60e6
        if not minutes:
            return self.result(quality, None, weight_us=0, missing="the eyes have not been seen yet")
        low, high = poisson_interval(sums["n"])
        return self.result(
            quality, sums["n"] / minutes, low=low / minutes, high=high / minutes, weight_us=sums["seen_us"]
        )
