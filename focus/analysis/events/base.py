"""The interface of an event detector and its registry.

A detector sees the consolidated runs of one recording in order and says which events they make. It goes into a file of
its own in this package and registers itself; a pipeline makes one of each for every recording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from focus.analysis.events.runs import Run
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.types import Event
from focus.registry import Registry


@dataclass(frozen=True, slots=True)
class DetectorSetup:
    """What a detector is told of the recording: the parameters, and which signals its tracker declared."""

    parameters: AnalysisParameters
    has_gaze: bool
    has_openness: bool


@dataclass(frozen=True, slots=True)
class Ongoing:
    """The run that a detector will be given next: its state (None while that is open), since when, and how far it is.

    No run to come begins before `start_us` or stops before `last_us`, and none of another state begins before
    `last_us`.
    """

    state: int | None
    start_us: int
    last_us: int


class Detector(Protocol):
    """Turns runs into events; holds back what the next runs may still change."""

    def push(self, run: Run, next_state: int | None) -> list[Event]:
        """Take the next run; `next_state` is the state of the run after it, None at the end of the recording."""

    def settle(self, ongoing: Ongoing) -> list[Event]:
        """Events that were held and are certain, given the run that is going on."""

    def finish(self) -> list[Event]:
        """Events that were held, at the end of the recording."""

    def held_us(self) -> int | None:
        """The earliest offset that an event being held may get; None if nothing is held."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""


DETECTORS: Final[Registry[Callable[[DetectorSetup], Detector]]] = Registry("event detector", "focus.analysis.events")


class RunDetector:
    """A detector that decides on each run at once and holds nothing but the run before."""

    def __init__(self, setup: DetectorSetup) -> None:
        self.setup = setup
        self.previous: Run | None = None

    def push(self, run: Run, next_state: int | None) -> list[Event]:
        """Ask `detect`, and remember the run for the next call."""
        event = self.detect(run, next_state)
        self.previous = run
        return [event] if event else []

    def detect(self, run: Run, next_state: int | None) -> Event | None:
        """The event that this run makes, if any; `self.previous` is the run before it."""
        raise NotImplementedError

    def settle(self, ongoing: Ongoing) -> list[Event]:
        return []

    def finish(self) -> list[Event]:
        return []

    def held_us(self) -> int | None:
        return None

    def state(self) -> dict[str, Any]:
        return {"previous": self.previous.to_dict() if self.previous else None}

    def load(self, state: dict[str, Any]) -> None:
        self.previous = Run.from_dict(state["previous"]) if state["previous"] else None
