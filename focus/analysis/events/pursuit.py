"""Smooth pursuit: runs of the pursuit state, with the distance between their ends and the mean speed over it."""

from __future__ import annotations

import math

from focus.analysis.events.base import DETECTORS, RunDetector
from focus.analysis.events.runs import Run
from focus.analysis.types import Event, EyeState


@DETECTORS.register("pursuit")
class PursuitDetector(RunDetector):
    """`pursuit` with amplitude, direction and mean speed."""

    def detect(self, run: Run, next_state: int | None) -> Event | None:
        if run.state != EyeState.PURSUIT:
            return None
        attributes: dict[str, float] = {}
        if run.first_x is not None and run.first_y is not None and run.last_x is not None and run.last_y is not None:
            dx, dy = run.last_x - run.first_x, run.last_y - run.first_y
            attributes["amplitude_deg"] = math.sqrt(dx * dx + dy * dy)
            attributes["direction_deg"] = math.degrees(math.atan2(-dy, dx))
            if run.duration_us > 0:
                attributes["mean_speed_deg_s"] = attributes["amplitude_deg"] / (run.duration_us * 1e-6)
        return Event("pursuit", run.start_us, run.stop_us, attributes)
