"""The pupil's diameter, and its dilation: how far it is from the baseline of the recording.

The baseline is what the pupil was in the first minute, unless a stretch was marked: markers stand beside the frames, so
`with_marked_baseline` brings what the seconds of that stretch measured to the sums of the whole recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums, add_sums, first_seconds
from focus.analysis.metrics.block import SECOND_US, Block

MM: Final = 1e-3
"""Sums of the pupil are in whole micrometres."""

BASELINE_SECONDS: Final = 60
MIN_MARKED_SECONDS: Final = 3
"""Fewer seconds that lie whole in a marked stretch make no baseline. Our choice."""

MIN_SECOND_US: Final = 500_000
"""A second counts for the baseline when the pupil was seen in at least half of it."""

CLEANING: Final = (
    "1.5 to 9 mm; dilation speed up to 16 MAD above the median; 50 ms left out beside gaps of more than 75 ms; "
    "gaps up to 250 ms interpolated, longer ones never"
)
NOT_IN_MM: Final = "the tracker does not measure the pupil in mm"
_CLEANING_SOURCE: Final = "Kret & Sjak-Shie 2019, doi:10.3758/s13428-018-1075-y"


def marked_seconds(sums: Iterable[Mapping[str, Sums]], stretches: Sequence[tuple[int, int]]) -> list[int]:
    """Medians in micrometres of the valid seconds that lie whole in one of the stretches (start_us, stop_us).

    Parameters
    ----------
    sums : iterable of mapping
        Of windows of at most a minute, which still know each of their seconds.
    stretches : sequence of tuple of int
        What was marked as baseline.
    """
    seconds = {
        int(start_us): middle_um
        for each in sums
        for start_us, middle_um in each.get("pupil_dilation", {}).get("baseline", {}).items()
    }
    return [
        middle_um
        for start_us, middle_um in sorted(seconds.items())
        if any(first_us <= start_us and start_us + SECOND_US <= stop_us for first_us, stop_us in stretches)
    ]


def with_marked_baseline(sums: Mapping[str, Sums], middles_um: Sequence[int]) -> dict[str, Sums]:
    """Sums of a whole recording with the seconds of its marked baseline, to be sealed or evaluated as they are."""
    if "pupil_dilation" not in sums:
        return dict(sums)
    return {**sums, "pupil_dilation": {**sums["pupil_dilation"], "marked": list(middles_um)}}


class _PupilMetric(Metric):
    """What both have in common: the cleaned diameter in mm, weighted by the time it was seen."""

    unit = "mm"
    parameters = CLEANING
    valid_from_hz = 60.0
    estimate_from_hz = 60.0
    needs = ("pupil",)


@METRICS.register("pupil_diameter")
class PupilDiameter(_PupilMetric):
    """Light moves it more than anything else does, and the tracker's own error of size with gaze direction is in it."""

    name = "pupil_diameter"
    label = "Pupil diameter"
    formula = "mean cleaned diameter, weighted by time; interval: one standard deviation to either side"
    source = _CLEANING_SOURCE

    def measure(self, block: Block) -> Sums:
        _, um, time_us = block.pupil_um
        return {
            "us": int(time_us.sum()),
            "sum": int(np.dot(um, time_us)),
            "square": int(np.dot(um * um, time_us)),
        }

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        if not quality.pupil_in_mm:
            return self.result(quality, None, weight_us=0, missing=NOT_IN_MM)
        if not sums["us"]:
            return self.result(quality, None, weight_us=0, missing="the pupil has not been seen yet")
        mean_um = sums["sum"] / sums["us"]
        # Whole numbers of any size: the difference is exact.
        variance = (sums["square"] * sums["us"] - sums["sum"] ** 2) / sums["us"] ** 2
        mean, spread = mean_um * MM, variance**0.5 * MM
        return self.result(quality, mean, low=mean - spread, high=mean + spread, weight_us=sums["us"])


@METRICS.register("pupil_dilation")
class PupilDilation(_PupilMetric):
    """Subtractive, in mm, as percent of a baseline grow with every error in it."""

    name = "pupil_dilation"
    label = "Pupil dilation"
    formula = (
        "mean cleaned diameter - baseline; baseline: median of the medians of the first 60 valid seconds, or of the "
        "seconds marked with baseline_start and baseline_stop"
    )
    source = f"Mathot 2018, doi:10.3758/s13428-017-1007-2; {_CLEANING_SOURCE}"

    def measure(self, block: Block) -> Sums:
        t_us, um, time_us = block.pupil_um
        baseline: dict[str, int] = {}
        for start_us in block.starts_us:
            first, last = t_us.searchsorted([start_us, start_us + SECOND_US]).tolist()
            if int(time_us[first:last].sum()) >= MIN_SECOND_US:
                middle = (last - first) // 2
                baseline[str(start_us)] = int(np.partition(um[first:last], middle)[middle])
        return {
            "us": int(time_us.sum()),
            "sum": int(np.dot(um, time_us)),
            "baseline": baseline,
            "settled": {"us": 0, "sum": 0},
        }

    def combine(self, a: Sums, b: Sums) -> Sums:
        total = {
            "us": a["us"] + b["us"],
            "sum": a["sum"] + b["sum"],
            "settled": add_sums(a["settled"], b["settled"]),
        }
        total["baseline"] = first_seconds(a["baseline"], b["baseline"], BASELINE_SECONDS)
        return total

    def seal(self, sums: Sums) -> Sums:
        """What has a baseline becomes plain dilation; what has none is dropped."""
        return {"us": 0, "sum": 0, "baseline": {}, "settled": _settled(sums)}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        if not quality.pupil_in_mm:
            return self.result(quality, None, weight_us=0, missing=NOT_IN_MM)
        settled = _settled(sums)
        if settled["us"]:
            return self.result(quality, settled["sum"] * MM / settled["us"], weight_us=settled["us"])
        if "marked" in sums and len(sums["marked"]) < MIN_MARKED_SECONDS:
            missing = f"the marked baseline needs {MIN_MARKED_SECONDS} valid seconds; it has {len(sums['marked'])}"
            return self.result(quality, None, weight_us=0, missing=missing)
        seconds = len(sums["baseline"])
        missing = f"the baseline needs {BASELINE_SECONDS} valid seconds; there are {seconds}"
        return self.result(quality, None, weight_us=0, missing=missing)


def _settled(sums: Sums) -> Sums:
    """Time and summed dilation, of what has a baseline."""
    middles = sorted(sums.get("marked", sums["baseline"].values()))
    if len(middles) < (MIN_MARKED_SECONDS if "marked" in sums else BASELINE_SECONDS):
        return dict(sums["settled"])
    dilation = sums["sum"] - middles[len(middles) // 2] * sums["us"]
    return add_sums(sums["settled"], {"us": sums["us"], "sum": dilation})
