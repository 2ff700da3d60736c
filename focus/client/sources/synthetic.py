"""A simulated person in front of a simulated tracker."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from focus.analysis.synthetic import TASKS, TOURS, TRACKERS, SimulatedTracker, random_person, stream_person
from focus.client.sources import SOURCES
from focus.client.sources.base import Source, frames_after
from focus.errors import ParameterError
from focus.protocol.batch import FrameBatch, TrackerInfo


@SOURCES.register("synthetic")
class SyntheticSource(Source):
    """a simulated person

    Parameters
    ----------
    seed : int
        The same seed, tracker and task give the same frames.
    duration_s : float
        Where the recording ends, in its own time; infinity for a person who stays.
    tracker : SimulatedTracker
    task : str
        A name in `focus.analysis.synthetic.TASKS` or `TOURS`.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        duration_s: float = 60.0,
        tracker: SimulatedTracker = TRACKERS["desktop"],
        task: str = "mixed",
    ) -> None:
        if not duration_s > 0:
            raise ParameterError(f"duration_s {duration_s} is not positive")
        if seed < 0:
            raise ParameterError(f"seed {seed} is negative")
        if task not in TASKS and task not in TOURS:
            raise ParameterError(f"task {task!r} is none of {', '.join((*TASKS, *TOURS))}")
        self._seed = seed
        self._duration_s = duration_s
        self._simulated = tracker
        self._task = task

    @property
    def tracker(self) -> TrackerInfo:
        return self._simulated.info()

    def frames(self, *, after_us: int = -1) -> Iterator[FrameBatch]:
        rng = np.random.default_rng(self._seed)
        for block in stream_person(random_person(rng), self._simulated, rng=rng, task=self._task):
            n = int(block.t_us.searchsorted(self._duration_s * 1e6))
            later = frames_after(block[:n], after_us) if n else None
            if later is not None:
                yield later
            if n < len(block):
                return

    @classmethod
    def add_arguments(cls, parser: argparse._ArgumentGroup) -> None:
        parser.add_argument("--duration", default=60.0, type=float, metavar="S", help="seconds (default: %(default)g)")
        parser.add_argument("--seed", default=0, type=int, help="another number is another person (default: 0)")
        parser.add_argument("--device", default="desktop", choices=sorted(TRACKERS), help="(default: %(default)s)")

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """As the class; a ``--task`` that the simulation knows is what the person does."""
        task = arguments.task if arguments.task in TASKS or arguments.task in TOURS else "mixed"
        return cls(seed=arguments.seed, duration_s=arguments.duration, tracker=TRACKERS[arguments.device], task=task)

    @classmethod
    def example(cls, folder: Path) -> Self:
        return cls(duration_s=3.0)
