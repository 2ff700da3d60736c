"""Data loss: invalid and missing frames over expected ones, blinks apart."""

from __future__ import annotations

import numpy as np

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block


@METRICS.register("data_loss")
class DataLoss(Metric):
    """A frame counts as invalid when what its tracker declared was not seen and no blink explains it."""

    name = "data_loss"
    label = "Data loss"
    unit = "%"
    formula = "(time of invalid frames + time without frames) / recorded time; blinks are not counted as loss"
    source = "Hooge 2022"
    valid_from_hz = 0.0
    estimate_from_hz = 0.0
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        if block.traits.has_gaze:
            invalid = block.is_lost
        else:
            invalid = np.isnan(block.frames.relative_openness) & (block.frames.signals[:, 8] != 1)
        return {
            "invalid_us": block.time_us(invalid),
            "missing_us": block.missing_us,
            "covered_us": block.covered_total_us,
        }

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        expected_us = sums["covered_us"] + sums["missing_us"]
        value = 100 * quality.loss_ratio if expected_us else None
        return self.result(quality, value, weight_us=expected_us, missing="no frame has come yet")
