"""What the analysis takes from a tracker's declaration, once, when a recording begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from focus.analysis.geometry import is_geometry_assumed, screen_spans
from focus.protocol.batch import TrackerInfo

_UNDECLARED_INTERVAL_US: Final = 33_333
_UNDECLARED_GAP_US: Final = 500_000
_LEAST_GAP_US: Final = 75_000


@dataclass(frozen=True, slots=True)
class RecordingTraits:
    """What the analysis derives from a tracker's declaration: usual interval, gap limit, and which signals there
    are."""

    interval_us: int
    gap_limit_us: int
    has_gaze: bool
    has_openness: bool
    has_pupil: bool
    pupil_in_mm: bool
    is_geometry_assumed: bool
    screen_spans: tuple[float, float] | None
    """Width and height of the screen over its distance; None where gaze is not known to be on a screen."""

    @classmethod
    def of(cls, tracker: TrackerInfo) -> RecordingTraits:
        """Traits of a tracker.

        A gap is longer than three usual intervals and than 75 ms, or than 500 ms where no rate was declared.
        """
        names = set(tracker.columns)
        interval_us = round(1e6 / tracker.rate_hz) if tracker.rate_hz else _UNDECLARED_INTERVAL_US
        pupils = names & {"pupil_left", "pupil_right"}
        return cls(
            interval_us=interval_us,
            gap_limit_us=max(_LEAST_GAP_US, 3 * interval_us) if tracker.rate_hz else _UNDECLARED_GAP_US,
            has_gaze={"gaze_x", "gaze_y"} <= names,
            has_openness=bool(names & {"openness_left", "openness_right"}),
            has_pupil=bool(pupils),
            pupil_in_mm={tracker.units.get(name, "mm") for name in pupils} == {"mm"},
            is_geometry_assumed=is_geometry_assumed(tracker),
            screen_spans=screen_spans(tracker),
        )
