"""Incomplete blinks: the share of blinks in which the lids did not meet."""

from __future__ import annotations

from typing import Final

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block
from focus.analysis.metrics.intervals import wilson_interval

COMPLETE_RATIO: Final = 0.8


@METRICS.register("incomplete_blinks")
class IncompleteBlinks(Metric):
    """Between frames the lid may have gone further than in any frame, so low rates count too many. Closed is what the
    deepest closures of the last 90 s have shown: somebody who never closes the eye fully is measured too well."""

    name = "incomplete_blinks"
    label = "Incomplete blinks"
    unit = "%"
    formula = "blinks whose peak closure is below 0.8 / blinks in which the lids were seen; Wilson interval, 95 %"
    parameters = "closure: 0 is this person's open eye, 1 the closed one"
    source = "Chu 2014, doi:10.1097/OPX.0000000000000219; Wilson 1927, doi:10.1080/01621459.1927.10502953"
    has_confidence_interval = True
    valid_from_hz = 100.0
    estimate_from_hz = 25.0
    needs = ("openness",)

    def measure(self, block: Block) -> Sums:
        blinks = [blink for blink in block.events_of("blink") if "closure_peak_ratio" in blink.attributes]
        return {
            "n": len(blinks),
            "incomplete": sum(blink.attributes["closure_peak_ratio"] < COMPLETE_RATIO for blink in blinks),
            "us": sum(blink.duration_us for blink in blinks),
        }

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        n = sums["n"]
        if not n:
            return self.result(quality, None, weight_us=0, missing="no blink has been seen yet")
        share = sums["incomplete"] / n
        low, high = wilson_interval(share, n)
        return self.result(quality, 100 * share, low=100 * low, high=100 * high, weight_us=sums["us"])
