"""Focus time: how long the eyes were open and on the screen."""

from __future__ import annotations

import numpy as np

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block


@METRICS.register("focus_time")
class FocusTime(Metric):
    """A proxy for attention: looking is not thinking. Blinks count as open eyes. Frames of a long closure count as well
    until it is over, and then its whole length is taken off; so a window in which one ends may fall short of it."""

    name = "focus_time"
    label = "Focus time"
    unit = "min"
    formula = "time with gaze on the screen, head towards it and eyes open, less the long closures"
    parameters = "head: yaw within 25 deg, pitch within 30 deg; what a tracker does not tell is not asked for"
    source = "definition of this project"
    valid_from_hz = 5.0
    estimate_from_hz = 1.0
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        return {
            "us": sum(block.focused_us),
            "known_us": block.covered_total_us,
            "asks_gaze": block.has_screen_gaze,
            "asks_head": bool(np.any(block.head[1])),
        }

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        sees_eyes = quality.has_openness or quality.has_gaze or quality.has_pupil
        rule = ["eyes open" if sees_eyes else "face present", *(["gaze on the screen"] if sums["asks_gaze"] else [])]
        rule += ["head towards the screen"] if sums["asks_head"] else []
        known_us = sums["known_us"]
        return self.result(
            quality,
            max(0, sums["us"]) / 60e6 if known_us else None,
            weight_us=known_us,
            missing="no frame has come yet",
            estimate=f"a proxy for attention: {', '.join(rule)}, outside long closures",
        )
