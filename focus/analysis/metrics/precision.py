"""Precision: how much the gaze scatters while the eye rests. Compare like with like: filters make it look better."""

from __future__ import annotations

from focus.analysis.metrics.base import (
    METRICS,
    Metric,
    MetricValue,
    Quality,
    Sums,
    counts_of,
    quartiles,
    to_three_digits,
)
from focus.analysis.metrics.block import Block

_PER_DEG = 1000


class _Precision(Metric):
    """The median over fixations of one of their attributes, counted in thousandths of a degree."""

    unit = "deg"
    attribute = ""
    source = "Niehorster 2020, doi:10.3758/s13428-020-01400-9"
    valid_from_hz = 30.0
    estimate_from_hz = 5.0
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        fixations = [each for each in block.events_of("fixation") if self.attribute in each.attributes]
        return {
            "mdeg": counts_of(to_three_digits(each.attributes[self.attribute] * _PER_DEG) for each in fixations),
            "us": sum(each.duration_us for each in fixations),
        }

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        found = quartiles(sums["mdeg"], 1 / _PER_DEG)
        if found is None:
            return self.result(quality, None, weight_us=0, missing="no fixation has been seen yet")
        low, median, high = found
        estimate = "the size and distance of the screen are assumed" if quality.is_geometry_assumed else ""
        return self.result(quality, median, low=low, high=high, weight_us=sums["us"], estimate=estimate)


@METRICS.register("precision_std")
class PrecisionStd(_Precision):
    """Holds the eye's own drift as well as the tracker's noise."""

    name = "precision_std"
    label = "Precision (STD)"
    attribute = "spread_deg"
    formula = "median over fixations of sqrt(var x + var y); interval: quartiles"


@METRICS.register("precision_rms_s2s")
class PrecisionRms(_Precision):
    """Nearly the tracker's noise alone; grows with the rate's jitter and falls with filters."""

    name = "precision_rms_s2s"
    label = "Precision (RMS-S2S)"
    attribute = "rms_s2s_deg"
    formula = "median over fixations of the root mean square distance of consecutive samples; interval: quartiles"
