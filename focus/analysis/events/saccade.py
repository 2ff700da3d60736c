"""Saccades: runs of the saccade state, post-saccadic oscillation included.

Amplitude and direction reach from the last gaze before the saccade to the last gaze of it; direction is 0 to the right
and 90 upwards. The peak speed is over at least 8 ms, so at low rates it falls short of the eye's (at 30 Hz 36 to 72 %).
`onset_between_us` and `offset_between_us` are times between frames, as in a blink.
"""

from __future__ import annotations

import math

from focus.analysis.events.base import DETECTORS, RunDetector
from focus.analysis.events.runs import Run
from focus.analysis.types import Event, EyeState


@DETECTORS.register("saccade")
class SaccadeDetector(RunDetector):
    """`saccade` with amplitude, direction and peak speed where gaze was seen on both sides."""

    def detect(self, run: Run, next_state: int | None) -> Event | None:
        if run.state != EyeState.SACCADE:
            return None
        attributes = run.between_frames
        before = self.previous
        from_x, from_y = (before.last_x, before.last_y) if before and before.n_gaze else (run.first_x, run.first_y)
        if from_x is not None and from_y is not None and run.last_x is not None and run.last_y is not None:
            dx, dy = run.last_x - from_x, run.last_y - from_y
            attributes["amplitude_deg"] = math.sqrt(dx * dx + dy * dy)
            attributes["direction_deg"] = math.degrees(math.atan2(-dy, dx))
        if run.peak_speed_deg_s >= 0:
            attributes["peak_speed_deg_s"] = run.peak_speed_deg_s
        return Event("saccade", run.start_us, run.stop_us, attributes)
