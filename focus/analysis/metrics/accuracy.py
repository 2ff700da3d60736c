"""Accuracy: how far the measured gaze lies from what was looked at."""

from __future__ import annotations

from collections.abc import Mapping

from focus.analysis.metrics.base import METRICS, UNIT, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block


def with_validation(sums: Mapping[str, Sums], accuracy_deg: float | None) -> dict[str, Sums]:
    """Sums of a whole recording with what the validation found; each recording counts by the time it was recorded."""
    if accuracy_deg is None or "accuracy" not in sums:
        return dict(sums)
    loss = sums.get("data_loss", {})
    us = loss.get("covered_us", 0) + loss.get("missing_us", 0)
    return {**sums, "accuracy": {"us": us, "sum": round(accuracy_deg / UNIT) * us}}


@METRICS.register("accuracy")
class Accuracy(Metric):
    """Frames alone do not tell it: it is what the validation found of the calibration that applied when the recording
    was opened."""

    name = "accuracy"
    label = "Accuracy"
    unit = "deg"
    formula = "mean distance from target to gaze over the points of the calibration's validation"
    parameters = "points of the validation are others than those of the calibration"
    source = "Niehorster 2020, doi:10.3758/s13428-020-01400-9"
    valid_from_hz = 0.0
    estimate_from_hz = 0.0
    needs = ("gaze",)
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        return {"us": 0, "sum": 0}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        value = sums["sum"] * UNIT / sums["us"] if sums["us"] else None
        missing = "no calibration with a validation applied to this recording"
        return self.result(quality, value, weight_us=sums["us"], missing=missing)
