"""Decided frames and events of a recording, gathered into blocks of whole seconds, and blocks into metric windows.

A second is measured once all its frames are decided and all events that end in it are known. While somebody watches
that is one second at a time, otherwise all that wait and follow each other without a gap: sums add up exactly, so it
makes no difference. Of a recording with a pupil, the frames around each second are looked at as well.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

import numpy as np

from focus.analysis.events.runs import DecidedFrames, join_frames
from focus.analysis.metrics import Block, BlockPupil, combine, measure
from focus.analysis.metrics.block import SECOND_US
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pupil import REACH_US, clean_pupil
from focus.analysis.pupil_activity import PupilActivity
from focus.analysis.signals import SIGNAL_INDEX
from focus.analysis.traits import RecordingTraits
from focus.analysis.types import Event, EyeState, MetricWindow

PUPIL: Final = SIGNAL_INDEX["pupil"]

PATIENT_US: Final = 5_000_000
PATIENT_FRAMES: Final = 300
"""So much time, or so many frames, wait for each other before their seconds are measured where nobody asks for them: to
measure five seconds at 60 Hz at once takes less than twice as long as to measure one."""


class BlockKeeper:
    """The blocks of one recording. Told frames and events as they become final; `close` gives finished windows."""

    def __init__(self, traits: RecordingTraits, parameters: AnalysisParameters) -> None:
        self._traits = traits
        self._parameters = parameters
        self._parts: list[tuple[DecidedFrames, int, int]] = []  # frames start..stop - 1 of what may be a shared array
        self._last_us = -1
        self._events: list[Event] = []
        self._start_us = 0
        self._window: dict[str, Any] = {}  # sums of the window that is open
        self._closed: dict[str, Any] = {}  # sums of all windows before it
        # How far from a block the frames lie that are looked at with it.
        self._reach_us = REACH_US if traits.has_pupil else 0
        self._activity = PupilActivity()

    def add_frames(self, frames: DecidedFrames, start: int, stop: int, last_us: int) -> None:
        """Frames start..stop - 1, the last one at `last_us`."""
        self._parts.append((frames, start, stop))
        self._last_us = last_us

    def add_events(self, events: list[Event]) -> None:
        """Events that are final."""
        self._events += events

    def sums_so_far(self) -> dict[str, Any]:
        """Sums of all blocks that were measured."""
        return combine(self._closed, self._window)

    def is_due(self, prompt: bool) -> bool:
        """Whether frames reach beyond the open block, so that it may be over; without `prompt`, a good deal beyond."""
        waiting_us = self._last_us - self._reach_us - self._start_us
        if prompt or waiting_us < SECOND_US:
            return waiting_us >= SECOND_US
        return waiting_us >= PATIENT_US or sum(stop - start for _, start, stop in self._parts) >= PATIENT_FRAMES

    def close(self, settled_us: int, *, is_last: bool) -> list[MetricWindow]:
        """Measure the blocks that are over; returns the windows that are.

        Parameters
        ----------
        settled_us : int
            Every event that ends before this time was added.
        is_last : bool
            Whether the recording is over, and so is everything in it.
        """
        reached_us = min(settled_us, self._last_us - self._reach_us)
        if not self._parts or not (is_last or self._start_us + SECOND_US <= reached_us):
            return []
        frames = join_frames([shared.part(start, stop) for shared, start, stop in self._parts])
        end_us = self._last_us
        limit_us = end_us + 1 if is_last else reached_us
        self._events.sort(key=lambda event: (event.offset_us, event.kind))
        windows: list[MetricWindow] = []
        begin = int(frames.t_us.searchsorted(self._start_us))  # before it lie frames that were measured
        while (is_last and begin < len(frames)) or self._start_us + SECOND_US <= limit_us:
            stops = self._seconds_to_measure(frames, begin, limit_us, is_last)
            is_end = bool(stops) and is_last and stops[-1] == len(frames)
            if stops:
                next_us = self._start_us + len(stops) * SECOND_US
                n_events = len(self._events) if is_end else _n_before(self._events, next_us)
                self._measure(frames, [begin, *stops], self._events[:n_events], end_us + 1 if is_end else next_us)
                del self._events[:n_events]
                begin, self._start_us = stops[-1], next_us
            else:
                self._skip_to(min(int(frames.t_us[begin]), limit_us) // SECOND_US * SECOND_US)
            if self._start_us % self._parameters.window_us == 0 or is_end:
                windows += self._close_window(end_us + 1 if is_end else self._start_us)
        kept = int(frames.t_us.searchsorted(self._start_us - self._reach_us))
        self._parts = [(frames.part(kept, len(frames)), 0, len(frames) - kept)] if kept < len(frames) else []
        return windows

    def _seconds_to_measure(self, frames: DecidedFrames, begin: int, limit_us: int, is_last: bool) -> list[int]:
        """Where the seconds of a block that is over end among the frames: those of the open window without a gap."""
        window_us = self._parameters.window_us
        left_us = window_us - self._start_us % window_us
        n = (left_us if is_last else min(left_us, limit_us - self._start_us)) // SECOND_US
        ends_us = self._start_us + SECOND_US * np.arange(1, n + 1)
        found: list[int] = []
        n_events = 0
        for end_us, stop in zip(ends_us.tolist(), frames.t_us.searchsorted(ends_us).tolist(), strict=True):
            n_before = _n_before(self._events, end_us)
            if stop == begin and n_before == n_events:
                break
            found.append(stop)
            if is_last and stop == len(frames):
                break
            begin, n_events = stop, n_before
        return found

    def _skip_to(self, next_us: int) -> None:
        """Nothing was recorded in the open block: go on with a later one, but not past a window that has something."""
        window_us = self._parameters.window_us
        window_end_us = (self._start_us // window_us + 1) * window_us
        self._start_us = min(next_us, window_end_us) if self._window else next_us

    def _close_window(self, stop_us: int) -> list[MetricWindow]:
        if not self._window:
            return []
        window_us = self._parameters.window_us
        window = MetricWindow((stop_us - 1) // window_us * window_us, stop_us, self._window)
        self._closed = combine(self._closed, self._window)
        self._window = {}
        return [window]

    def _measure(self, around: DecidedFrames, bounds: list[int], events: list[Event], stop_us: int) -> None:
        """Measure the seconds between these bounds among the frames, the last of which ends at `stop_us`."""
        traits = self._traits
        frames = around.part(bounds[0], bounds[-1])
        covered_us = np.where(frames.dt_us > traits.gap_limit_us, traits.interval_us, frames.dt_us)
        sums = measure(
            Block(
                start_us=self._start_us,
                stop_us=stop_us,
                frames=frames,
                covered_us=covered_us,
                missing_us=int((frames.dt_us - covered_us).sum()),
                events=tuple(events),
                traits=traits,
                away_yaw_deg=self._parameters.away_yaw_deg,
                away_pitch_deg=self._parameters.away_pitch_deg,
                pupil=self._pupil(around, bounds, stop_us) if traits.has_pupil else None,
            )
        )
        self._window = combine(self._window, sums)

    def _pupil(self, around: DecidedFrames, bounds: list[int], stop_us: int) -> BlockPupil:
        """The pupil in these seconds, each cleaned in the light of the frames around it."""
        cleaned, n_maxima, activity_us = [], 0, 0
        starts_us = range(self._start_us, stop_us, SECOND_US)
        for start_us, first, last in zip(starts_us, bounds[:-1], bounds[1:], strict=True):
            found = self._pupil_of_second(around, (first, last), start_us, min(start_us + SECOND_US, stop_us))
            cleaned.append(found.cleaned)
            n_maxima += found.n_maxima
            activity_us += found.activity_us
        return BlockPupil(np.concatenate(cleaned), n_maxima, activity_us)

    def _pupil_of_second(self, around: DecidedFrames, part: tuple[int, int], start_us: int, stop_us: int) -> BlockPupil:
        # At the ends of the recording there is nothing to be looked for.
        span_us = max(start_us - self._reach_us, 0), min(stop_us + self._reach_us, max(self._last_us, stop_us))
        first, last = (int(each) for each in around.t_us.searchsorted(span_us))
        near = around.part(first, last)
        is_covered = near.states == EyeState.BLINK
        pupil = near.signals[:, PUPIL]
        cleaned = clean_pupil(near.t_us, pupil, covered=is_covered, in_mm=self._traits.pupil_in_mm, span_us=span_us)
        activity = self._activity.push(start_us, stop_us, near.t_us, cleaned)
        return BlockPupil(cleaned[part[0] - first : part[1] - first], *activity)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        frames = join_frames([shared.part(start, stop) for shared, start, stop in self._parts]) if self._parts else None
        return {
            "frames": {name: getattr(frames, name) for name in DecidedFrames.__slots__} if frames else None,
            "events": [[e.kind, e.onset_us, e.offset_us, dict(e.attributes)] for e in self._events],
            "times": [self._start_us, self._last_us],
            "window": self._window,
            "closed": self._closed,
            "activity": self._activity.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        frames = DecidedFrames(**state["frames"]) if state["frames"] else None
        self._parts = [(frames, 0, len(frames))] if frames else []
        self._events = [Event(*values) for values in state["events"]]
        self._start_us, self._last_us = state["times"]
        self._window, self._closed = state["window"], state["closed"]
        self._activity.load(state["activity"])


def _n_before(events: list[Event], t_us: int) -> int:
    """How many of some events, which are in the order of their ends, end before a time."""
    return bisect_left(events, t_us, key=lambda event: event.offset_us)
