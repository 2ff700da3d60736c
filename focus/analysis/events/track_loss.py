"""Losses of tracking: runs of the lost state, with the blink runs at their ends in which no lid was seen.

A tracker that declared no gaze is lost only where its lids are not seen either.
"""

from __future__ import annotations

from typing import Any

from focus.analysis.events.base import DETECTORS, DetectorSetup, Ongoing
from focus.analysis.events.blink import is_part_of_loss
from focus.analysis.events.runs import Run
from focus.analysis.types import Event, EyeState


@DETECTORS.register("track_loss")
class TrackLossDetector:
    """`track_loss`, from the first frame that was lost to the first that was not."""

    def __init__(self, setup: DetectorSetup) -> None:
        self._setup = setup
        self._state_before: int | None = None
        self._onset_us: int | None = None
        self._offset_us = 0

    def push(self, run: Run, next_state: int | None) -> list[Event]:
        is_loss = self._is_loss(run) or is_part_of_loss(run, self._state_before, next_state)
        self._state_before = run.state
        if not is_loss:
            return self.finish()
        if self._onset_us is None:
            self._onset_us = run.start_us
        self._offset_us = run.stop_us
        return []

    def settle(self, ongoing: Ongoing) -> list[Event]:
        return []

    def finish(self) -> list[Event]:
        if self._onset_us is None:
            return []
        event = Event("track_loss", self._onset_us, self._offset_us, {})
        self._onset_us = None
        return [event]

    def held_us(self) -> int | None:
        return self._offset_us if self._onset_us is not None else None

    def _is_loss(self, run: Run) -> bool:
        if run.state != EyeState.LOST:
            return False
        return self._setup.has_gaze or 2 * run.n_openness < run.n_frames or not run.n_frames

    def state(self) -> dict[str, Any]:
        return {"before": self._state_before, "onset_us": self._onset_us, "offset_us": self._offset_us}

    def load(self, state: dict[str, Any]) -> None:
        self._state_before, self._onset_us = state["before"], state["onset_us"]
        self._offset_us = state["offset_us"]
