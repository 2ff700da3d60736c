"""PERCLOS: the share of time with the eyes at least 80 % closed."""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block

CLOSED_RATIO: Final = 0.2
"""At most this share of the open eye's openness left is 80 % closed (P80)."""


@METRICS.register("perclos")
class Perclos(Metric):
    """Blinks are included. An eye aspect ratio does not fall to 0 in a closed eye, so closed is measured between the
    person's own open and closed eye where a blink has shown what that is."""

    name = "perclos"
    label = "PERCLOS"
    unit = "%"
    formula = "time with the eyes at least 80 % closed (P80) / time in which the lids were seen; blinks included"
    source = "Wierwille 1994; Abe 2023"
    valid_from_hz = 30.0
    estimate_from_hz = 15.0
    needs = ("openness",)
    parameters = "closed: at most 20 % of the way from the closed eye to the open one is left"

    def measure(self, block: Block) -> Sums:
        openness = block.frames.relative_openness
        seen = ~np.isnan(openness)
        closed = seen & (block.frames.closure >= 1 - CLOSED_RATIO)
        return {"closed_us": block.time_us(closed), "seen_us": block.time_us(seen)}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        seen_us = sums["seen_us"]
        value = 100 * sums["closed_us"] / seen_us if seen_us else None
        return self.result(
            quality,
            value,
            weight_us=seen_us,
            missing="the lids have not been seen yet",
            estimate="the eyes' open and closed positions are learned from this recording",
        )
