"""How fast saccades are: their peak velocity, and the main sequence that ties it to their amplitude."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from focus.analysis.metrics.base import (
    METRICS,
    UNIT,
    Metric,
    MetricValue,
    Quality,
    Sums,
    counts_of,
    quartiles,
    to_three_digits,
)
from focus.analysis.metrics.block import Block
from focus.analysis.types import FloatArray

BINS_PER_OCTAVE: Final = 3
MIN_SACCADES: Final = 50
MIN_BINS: Final = 5
MIN_IN_BIN: Final = 3
_SCALES_DEG: Final[FloatArray] = np.geomspace(0.5, 60.0, 400)


@METRICS.register("saccade_peak_velocity")
class SaccadePeakVelocity(Metric):
    """At 30 Hz 36 to 72 % of the true peak is left, at 250 Hz 97 %."""

    name = "saccade_peak_velocity"
    label = "Saccade peak velocity"
    unit = "deg/s"
    formula = "median of the greatest speed (over 8 ms) in each saccade; interval: quartiles"
    source = "Mack 2017"
    valid_from_hz = 250.0
    estimate_from_hz = 250.0
    needs = ("gaze",)
    needs_steady_rate = True

    def measure(self, block: Block) -> Sums:
        saccades = [each for each in block.events_of("saccade") if "peak_speed_deg_s" in each.attributes]
        return {
            "deg_s": counts_of(to_three_digits(each.attributes["peak_speed_deg_s"]) for each in saccades),
            "us": sum(each.duration_us for each in saccades),
        }

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        found = quartiles(sums["deg_s"])
        if found is None:
            return self.result(quality, None, weight_us=0, missing="no saccade has been seen yet")
        low, median, high = found
        return self.result(quality, median, low=low, high=high, weight_us=sums["us"], estimate=_geometry_words(quality))


class _MainSequence(Metric):
    """One of the two constants of V = Vmax (1 - exp(-A / c)), fitted to means over bins of amplitude."""

    has_confidence_interval = True
    source = "Bahill 1975, doi:10.1016/0025-5564(75)90075-9"
    parameters = "bins of a third of an octave with at least 3 saccades; 5 bins and 50 saccades at least"
    valid_from_hz = 250.0
    estimate_from_hz = 250.0
    needs = ("gaze",)
    needs_steady_rate = True

    def measure(self, block: Block) -> Sums:
        bins: dict[str, Sums] = {}
        n, total_us = 0, 0
        for saccade in block.events_of("saccade"):
            amplitude = saccade.attributes.get("amplitude_deg", 0.0)
            speed = saccade.attributes.get("peak_speed_deg_s", 0.0)
            if amplitude <= 0 or speed <= 0:
                continue
            own = bins.setdefault(
                str(math.floor(BINS_PER_OCTAVE * math.log2(amplitude))), {"n": 0, "amplitude": 0, "speed": 0}
            )
            own["n"] += 1
            own["amplitude"] += round(amplitude / UNIT)
            own["speed"] += round(speed / UNIT)
            n, total_us = n + 1, total_us + saccade.duration_us
        return {"bins": bins, "n": n, "us": total_us}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        n = sums["n"]
        if n < MIN_SACCADES:
            return self.result(quality, None, weight_us=0, missing=f"needs {MIN_SACCADES} saccades; there are {n}")
        bins = [each for each in sums["bins"].values() if each["n"] >= MIN_IN_BIN]
        if len(bins) < MIN_BINS:
            return self.result(
                quality,
                None,
                weight_us=0,
                missing=f"needs saccades of {MIN_BINS} different sizes; there are {len(bins)}",
            )
        counts = np.array([each["n"] for each in bins], dtype=float)
        amplitudes = np.array([each["amplitude"] for each in bins]) * UNIT / counts
        speeds = np.array([each["speed"] for each in bins]) * UNIT / counts
        fit = fit_main_sequence(amplitudes, speeds, counts)
        if fit is None:
            missing = "the saccades are too much alike in size to show where their speed levels off"
            return self.result(quality, None, weight_us=0, missing=missing)
        value, error = self.pick(fit)
        return self.result(
            quality,
            value,
            low=max(0.0, value - 1.96 * error),
            high=value + 1.96 * error,
            weight_us=sums["us"],
            estimate=_geometry_words(quality),
        )

    def pick(self, fit: MainSequenceFit) -> tuple[float, float]:
        """The constant and its standard error."""
        raise NotImplementedError


@METRICS.register("main_sequence")
class MainSequenceSpeed(_MainSequence):
    """The speed that the largest saccades approach."""

    name = "main_sequence"
    label = "Main sequence: top speed"
    unit = "deg/s"
    formula = "Vmax of peak speed = Vmax (1 - exp(-amplitude / c)), least squares on binned means; interval: 95 %"

    def pick(self, fit: MainSequenceFit) -> tuple[float, float]:
        return fit.top_speed_deg_s, fit.top_speed_error_deg_s


@METRICS.register("main_sequence_scale")
class MainSequenceScale(_MainSequence):
    """The amplitude at which 63 % of the top speed is reached."""

    name = "main_sequence_scale"
    sums_of = "main_sequence"
    label = "Main sequence: scale"
    unit = "deg"
    formula = "c of peak speed = Vmax (1 - exp(-amplitude / c)), least squares on binned means; interval: 95 %"

    def pick(self, fit: MainSequenceFit) -> tuple[float, float]:
        return fit.scale_deg, fit.scale_error_deg


@dataclass(frozen=True, slots=True)
class MainSequenceFit:
    """The two constants with their standard errors."""

    top_speed_deg_s: float
    top_speed_error_deg_s: float
    scale_deg: float
    scale_error_deg: float


def fit_main_sequence(
    amplitudes_deg: FloatArray, speeds_deg_s: FloatArray, counts: FloatArray
) -> MainSequenceFit | None:
    """The weighted least-squares fit of V = Vmax (1 - exp(-A / c)).

    Parameters
    ----------
    amplitudes_deg, speeds_deg_s, counts : ndarrays of float64, shape (bins,)
        Mean amplitude, mean peak speed and number of saccades of each bin; at least three bins.

    Returns
    -------
    MainSequenceFit or None
        None where the points do not bend within the range of scales, so that the top speed cannot be told.
    """

    def loss(scale: FloatArray) -> tuple[FloatArray, FloatArray]:
        # For a given scale the best top speed has a closed form.
        shape = 1 - np.exp(-amplitudes_deg / scale[:, None])
        top = (counts * shape * speeds_deg_s).sum(axis=1) / (counts * shape * shape).sum(axis=1)
        return (counts * (speeds_deg_s - top[:, None] * shape) ** 2).sum(axis=1), top

    scales = _SCALES_DEG
    for _ in range(4):
        losses, tops = loss(scales)
        best = int(losses.argmin())
        if best in (0, len(scales) - 1):
            return None
        scale, top, remaining = float(scales[best]), float(tops[best]), float(losses[best])
        scales = np.linspace(scales[best - 1], scales[best + 1], 41)
    decay = np.exp(-amplitudes_deg / scale)
    slopes = np.stack([1 - decay, -top * amplitudes_deg / scale**2 * decay])
    information = (slopes * counts) @ slopes.T
    variance = remaining / (len(counts) - 2) * np.linalg.inv(information)
    return MainSequenceFit(top, float(variance[0, 0] ** 0.5), scale, float(variance[1, 1] ** 0.5))


def _geometry_words(quality: Quality) -> str:
    return "the size and distance of the screen are assumed" if quality.is_geometry_assumed else ""
