"""Accuracy: how far the measured gaze lies from what was looked at."""

from __future__ import annotations

from focus.analysis.metrics.base import METRICS, UNIT, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block


@METRICS.register("accuracy")
class Accuracy(Metric):
    """Frames alone do not tell it: a validation adds its targets to `n` and their offsets, in whole `UNIT` degrees, to
    `sum` with `combine`."""

    name = "accuracy"
    label = "Accuracy"
    unit = "deg"
    formula = "mean distance from target to gaze over the points of a validation"
    parameters = "points of the validation are others than those of the calibration"
    source = "Niehorster 2020, doi:10.3758/s13428-020-01400-9"
    valid_from_hz = 0.0
    estimate_from_hz = 0.0
    needs = ("gaze",)
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        return {"n": 0, "sum": 0, "us": 0}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        value = sums["sum"] * UNIT / sums["n"] if sums["n"] else None
        return self.result(quality, value, weight_us=sums["us"], missing="no validation was made in this recording")
