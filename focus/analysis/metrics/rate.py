"""Frame rate: one over the median interval between frames. The spread of the intervals is the jitter."""

from __future__ import annotations

import numpy as np

from focus.analysis.metrics.base import METRICS, UNEVEN_WORDS, Metric, MetricValue, Quality, Sums, is_uneven
from focus.analysis.metrics.block import Block
from focus.analysis.types import IntArray


@METRICS.register("rate")
class Rate(Metric):
    """Also carries which signals the recording has, as every verdict rests on it."""

    name = "rate"
    label = "Frame rate"
    unit = "Hz"
    formula = "1 / median interval between consecutive frames; interval: from the quartiles of the intervals"
    parameters = "intervals are counted by tenths of a millisecond, with the mean and spread in each for what is finer"
    source = "Hooge 2022"
    valid_from_hz = 0.0
    estimate_from_hz = 0.0
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        tenths, places, counts = np.unique(_tenths_of_ms(block), return_inverse=True, return_counts=True)
        keys = [str(tenth) for tenth in tenths.tolist()]
        # What an interval has more than its tenths: a small whole number, so that sums in floats are exact.
        rest_us = block.frames.dt_us - 100 * tenths[places]
        rests_us = np.bincount(places, weights=rest_us).astype(np.int64)
        squares_us2 = np.bincount(places, weights=rest_us * rest_us).astype(np.int64)
        return {
            "intervals": dict(zip(keys, counts.tolist(), strict=True)),
            "rests_us": dict(zip(keys, rests_us.tolist(), strict=True)),
            "squares_us2": dict(zip(keys, squares_us2.tolist(), strict=True)),
            "has_gaze": block.traits.has_gaze,
            "has_openness": block.traits.has_openness,
            "has_pupil": block.traits.has_pupil,
            "pupil_in_mm": block.traits.pupil_in_mm,
            "is_geometry_assumed": block.traits.is_geometry_assumed,
            "has_screen": block.traits.screen_spans is not None,
            "n": len(block.frames),
            "covered_us": block.covered_total_us,
        }

    def seal(self, sums: Sums) -> Sums:
        """Whether frames came in bursts is settled: recordings of several rates together have none for that."""
        return {**sums, "is_uneven": is_uneven(sums)}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        rate_hz = quality.rate_hz or None
        interval_us = 1e6 / rate_hz if rate_hz else 0.0
        half_us = quality.jitter_us / 2
        low = 1e6 / (interval_us + half_us) if rate_hz else None
        high = 1e6 / (interval_us - half_us) if rate_hz and interval_us > half_us else None
        return self.result(
            quality,
            rate_hz,
            low=low,
            high=high,
            weight_us=round(quality.recorded_s * 1e6),
            missing="no frame has come yet",
            estimate=UNEVEN_WORDS if quality.is_uneven else "",
        )


def _tenths_of_ms(block: Block) -> IntArray:
    tenths: IntArray = np.rint(block.frames.dt_us / 100).astype(np.int64)
    return tenths
