"""Fixations: runs of the fixation state, joined over short gaps where the gaze stayed in place.

A fixation is held until it is certain that no other follows within `fixation_merge_gap_us` at less than
`fixation_merge_deg`. Position is the mean gaze, `spread_deg` is sqrt(var x + var y), `rms_s2s_deg` the root mean square
of the steps between consecutive samples (Niehorster 2020, doi:10.3758/s13428-020-01400-9).
"""

from __future__ import annotations

import math
from typing import Any

from focus.analysis.events.base import DETECTORS, DetectorSetup, Ongoing
from focus.analysis.events.runs import Run
from focus.analysis.types import Event, EyeState


@DETECTORS.register("fixation")
class FixationDetector:
    """`fixation` of at least `min_fixation_us`."""

    def __init__(self, setup: DetectorSetup) -> None:
        self._parameters = setup.parameters
        self._held: Run | None = None

    def push(self, run: Run, next_state: int | None) -> list[Event]:
        if run.state != EyeState.FIXATION or not run.n_gaze:
            return []
        held = self._held
        if held is not None and self._is_same_fixation(held, run):
            held.absorb(run, is_adjacent=run.start_us == held.stop_us)
            return []
        self._held = run
        return self._release(held)

    def settle(self, ongoing: Ongoing) -> list[Event]:
        if self._held is None:
            return []
        next_us = ongoing.last_us if ongoing.state not in (EyeState.FIXATION, None) else ongoing.start_us
        if next_us - self._held.stop_us <= self._parameters.fixation_merge_gap_us:
            return []
        held, self._held = self._held, None
        return self._release(held)

    def finish(self) -> list[Event]:
        held, self._held = self._held, None
        return self._release(held)

    def held_us(self) -> int | None:
        return self._held.stop_us if self._held else None

    def _is_same_fixation(self, held: Run, run: Run) -> bool:
        if run.start_us - held.stop_us > self._parameters.fixation_merge_gap_us:
            return False
        dx, dy = run.mean_x_deg - held.mean_x_deg, run.mean_y_deg - held.mean_y_deg
        return math.sqrt(dx * dx + dy * dy) <= self._parameters.fixation_merge_deg

    def _release(self, run: Run | None) -> list[Event]:
        if run is None or run.duration_us < self._parameters.min_fixation_us:
            return []
        attributes = {"x_deg": run.mean_x_deg, "y_deg": run.mean_y_deg, "spread_deg": run.spread_deg}
        if run.n_steps:
            attributes["rms_s2s_deg"] = run.rms_step_deg
        return [Event("fixation", run.start_us, run.stop_us, attributes)]

    def state(self) -> dict[str, Any]:
        return {"held": self._held.to_dict() if self._held else None}

    def load(self, state: dict[str, Any]) -> None:
        self._held = Run.from_dict(state["held"]) if state["held"] else None
