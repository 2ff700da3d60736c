"""What metrics are measured on: some seconds of a recording that follow each other. Registers nothing.

What several metrics ask of a block is worked out once, when the first of them asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from focus.analysis.events.runs import DecidedFrames
from focus.analysis.traits import RecordingTraits
from focus.analysis.types import BoolArray, Event, EyeState, FloatArray, IntArray

SECOND_US: Final = 1_000_000
_NOTHING: Final[IntArray] = np.empty(0, dtype=np.int64)
GRID_SIDE: Final = 8
"""The screen is divided into this many columns and rows of cells."""


@dataclass(frozen=True, slots=True)
class BlockPupil:
    """The cleaned pupil of a block's frames, NaN where it was not seen, and what ended in the block of its activity:
    modulus maxima counted, and the time they were counted over."""

    cleaned: FloatArray
    n_maxima: int
    activity_us: int


class Block:
    """Whole seconds of a recording (its last one may be shorter): the frames in them and the events that end in them.

    Parameters
    ----------
    start_us, stop_us : int
        From the first second to the last, at most a window; each has frames or events.
    frames : DecidedFrames
        Its frames.
    covered_us : ndarray of int64, shape (n,)
        The time each frame stands for: that since the frame before, or one usual interval after a gap.
    missing_us : int
        Time without frames.
    events : tuple of Event
        In the order of their ends.
    traits : RecordingTraits
        Which signals there are.
    away_yaw_deg, away_pitch_deg : float
        A head turned further is away from the screen.
    pupil : BlockPupil, optional
        None for a tracker that has none.
    """

    def __init__(
        self,
        *,
        start_us: int,
        stop_us: int,
        frames: DecidedFrames,
        covered_us: IntArray,
        missing_us: int,
        events: tuple[Event, ...],
        traits: RecordingTraits,
        away_yaw_deg: float,
        away_pitch_deg: float,
        pupil: BlockPupil | None = None,
    ) -> None:
        self.start_us = start_us
        self.stop_us = stop_us
        self.frames = frames
        self.covered_us = covered_us
        self.missing_us = missing_us
        self.events = events
        self.traits = traits
        self.away_yaw_deg = away_yaw_deg
        self.away_pitch_deg = away_pitch_deg
        self.pupil = pupil

    def time_us(self, where: BoolArray) -> int:
        """Time covered by the frames that are picked."""
        return int(np.dot(self.covered_us, where))

    def events_of(self, kind: str) -> list[Event]:
        """Events of one kind, in the order of their ends."""
        return self._events_by_kind.get(kind, [])

    @cached_property
    def _events_by_kind(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.events:
            found.setdefault(event.kind, []).append(event)
        return found

    @cached_property
    def covered_total_us(self) -> int:
        """Time covered by all frames."""
        return int(self.covered_us.sum())

    @cached_property
    def is_lost(self) -> BoolArray:
        lost: BoolArray = self.frames.states == EyeState.LOST
        return lost

    @cached_property
    def is_blink(self) -> BoolArray:
        blink: BoolArray = self.frames.states == EyeState.BLINK
        return blink

    @cached_property
    def is_present(self) -> BoolArray:
        """Frames in which face or eyes were seen; a blink in which the tracker lost them counts."""
        present: BoolArray = (self.frames.signals[:, 8] == 1) | self.is_blink
        return present

    @cached_property
    def seen_us(self) -> int:
        """Time in which the eyes were seen, open or closed."""
        return self.time_us(~self.is_lost | ~np.isnan(self.frames.signals[:, 2]))

    @cached_property
    def gaze_us(self) -> int:
        """Time in which the state of the gaze is known, blinks included."""
        return self.covered_total_us - self.time_us(self.is_lost)

    @cached_property
    def head(self) -> tuple[BoolArray, BoolArray]:
        """Frames with the head turned away, and frames with a head pose."""
        yaw, pitch = self.frames.signals[:, 5], self.frames.signals[:, 6]
        known = ~(np.isnan(yaw) | np.isnan(pitch))
        # A comparison with NaN is false, so an unknown head is not away.
        away = ((np.abs(yaw) > self.away_yaw_deg) | (np.abs(pitch) > self.away_pitch_deg)) & known
        return away, known

    @property
    def has_screen_gaze(self) -> bool:
        """Whether the tracker says if gaze is on the screen."""
        return self.traits.has_gaze and self.traits.screen_spans is not None

    @cached_property
    def starts_us(self) -> range:
        """When each of its seconds begins."""
        return range(self.start_us, self.stop_us, SECOND_US)

    @cached_property
    def focused_us(self) -> list[int]:
        """Time in each second with gaze on the screen, head towards it and eyes open, less the long closures that end
        in it, whose frames counted until then: it can be less than 0."""
        focused = self.is_present & ~self.head[0]
        if self.has_screen_gaze:
            focused &= (self.frames.signals[:, 7] == 1) | self.is_blink
        places = (self.frames.t_us - self.start_us) // SECOND_US
        # Microseconds of a window are small whole numbers, so that sums in floats are exact.
        found_us = np.bincount(places, weights=self.covered_us * focused, minlength=len(self.starts_us))
        for closure in self.events_of("closure"):
            at = (closure.offset_us - self.start_us) // SECOND_US
            found_us[min(max(at, 0), len(self.starts_us) - 1)] -= closure.duration_us
        return [int(us) for us in found_us]

    @cached_property
    def pupil_um(self) -> tuple[IntArray, IntArray, IntArray]:
        """Times, cleaned diameters in whole micrometres and the time each stands for; none of a pupil not in mm."""
        if self.pupil is None or not self.traits.pupil_in_mm:
            return _NOTHING, _NOTHING, _NOTHING
        seen = ~np.isnan(self.pupil.cleaned)
        um = np.rint(self.pupil.cleaned[seen] * 1000).astype(np.int64)
        return self.frames.t_us[seen], um, self.covered_us[seen]

    @cached_property
    def fixation_cells(self) -> list[int]:
        """The cell of the screen that each fixation lies in, row by row from 0; -1 outside of the screen."""
        spans = self.traits.screen_spans
        if spans is None:
            return [-1] * len(self.events_of("fixation"))
        return [_cell_of(fixation, spans) for fixation in self.events_of("fixation")]


def _cell_of(fixation: Event, spans: tuple[float, float]) -> int:
    place = []
    for name, span in zip(("x_deg", "y_deg"), spans, strict=True):
        deg = fixation.attributes[name]
        share = math.tan(math.radians(deg)) / span + 0.5 if abs(deg) < 89 else -1.0
        if not 0 <= share <= 1:
            return -1
        place.append(min(int(share * GRID_SIDE), GRID_SIDE - 1))
    return place[1] * GRID_SIDE + place[0]
