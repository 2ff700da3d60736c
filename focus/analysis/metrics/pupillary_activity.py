"""Pupillary activity: the low/high index (LHIPA)."""

from __future__ import annotations

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block


@METRICS.register("pupillary_activity")
class PupillaryActivity(Metric):
    """Falls where bursts of slow oscillation come up, as under mental load; see `focus.analysis.pupil_activity`. It is
    made of ratios, so it needs no millimetres."""

    name = "pupillary_activity"
    label = "Pupillary activity (LHIPA)"
    unit = "1/s"
    formula = (
        "modulus maxima below the universal threshold of the low/high ratio of wavelet coefficients / valid seconds"
    )
    parameters = (
        "sym16; whole segments of 30 s, two thirds of them valid, cleaned and averaged to 20 Hz; "
        "low 2.5-5 Hz, high 5-10 Hz"
    )
    source = "Duchowski 2020, doi:10.1145/3313831.3376394"
    valid_from_hz = 60.0
    estimate_from_hz = 60.0
    needs = ("pupil",)
    needs_steady_rate = True

    def measure(self, block: Block) -> Sums:
        pupil = block.pupil
        return {"n": pupil.n_maxima, "us": pupil.activity_us} if pupil else {"n": 0, "us": 0}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        value = sums["n"] / (sums["us"] * 1e-6) if sums["us"] else None
        return self.result(
            quality,
            value,
            weight_us=sums["us"],
            missing="needs 30 s in which the pupil was seen most of the time",
            estimate="compares a person with themselves under the same light; other studies' bands differ",
        )
