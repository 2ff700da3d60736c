"""The interface of an exporter, what it reads from, and its registry.

An exporter is a generator: it writes a piece and yields which share of its work is done. Whoever drives it (a progress
bar, a download that sends what has been written so far) decides when the next piece is made, so neither a long
recording nor a slow receiver costs memory. It may read frames and events as often as it likes: each pass reads the
database page by page.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from focus.analysis.types import Event, EyeState
from focus.protocol.batch import FrameBatch, IntArray, TrackerInfo
from focus.protocol.schema import COLUMN_BY_NAME, COLUMNS
from focus.registry import Registry
from focus.services import recordings
from focus.storage import frames as frame_queries
from focus.storage import results
from focus.storage.recording_models import Recording

EXPORT_VERSION: Final = 1
"""Rises when names or meanings in exported files change; stands in every export."""

_SPACE_UNITS: Final = {"screen": "share of the screen", "deg": "deg", "scene": "share of the scene picture"}


class Target(Protocol):
    """Where files go: a folder, or a zip that is sent while it is written."""

    def open(self, path: str, *, is_packed: bool = False) -> AbstractContextManager[BinaryIO]:
        """A new file to be written from its beginning to its end, one at a time.

        `is_packed` says that its bytes are compressed already. Parts of the path are separated by a slash.
        """


@dataclass(frozen=True, slots=True)
class ExportedMarker:
    """A named moment of the recording."""

    t_us: int
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExportSource:
    """One recording and the analysis that is shown, as an exporter may read them. Use `export_source` to make one.

    `analysis` is None while there is none; its keys are those of `recordings.summary`. `metrics` are MetricValue dicts.
    """

    recording_id: str
    title: str
    task: str
    owner_id: int
    started_at: datetime
    duration_us: int
    n_frames: int
    t_first_us: int
    tracker: TrackerInfo
    analysis: dict[str, Any] | None
    metrics: tuple[dict[str, Any], ...]
    _session: Session
    _analysis_id: int | None

    @property
    def start_ns(self) -> int:
        """When the recording began (t_us 0), in nanoseconds since 1970, exact to the microsecond."""
        whole = int(self.started_at.replace(microsecond=0).timestamp())
        return whole * 1_000_000_000 + self.started_at.microsecond * 1000

    def frames(self) -> Iterator[FrameBatch]:
        """All frames in order, a page at a time."""
        for _, frames in frame_queries.iterate_pages(self._session, self.recording_id):
            yield frames

    def events(self, *kinds: str) -> Iterator[Event]:
        """Events of these kinds (of all, if none is named), by onset."""
        if self._analysis_id is not None:
            yield from results.iterate_events(self._session, self._analysis_id, kinds=kinds or None)

    def markers(self) -> Iterator[ExportedMarker]:
        """Markers in the order of their times."""
        found = [
            ExportedMarker(row.t_us, row.kind, row.body)
            for row in frame_queries.markers_of(self._session, self.recording_id)
        ]
        yield from sorted(found, key=lambda marker: marker.t_us)

    def states_at(self, t_us: IntArray) -> npt.NDArray[np.int16]:
        """The code of the final `EyeState` of each of these frames; -1 where it is not known yet."""
        codes = np.full(t_us.size, -1, dtype=np.int16)
        if self._analysis_id is None:
            return codes
        runs = results.runs_between(self._session, self._analysis_id, start_us=int(t_us[0]), stop_us=int(t_us[-1]) + 1)
        if runs:
            at = np.searchsorted(np.array([run.start_us for run in runs]), t_us, side="right") - 1
            is_inside = (at >= 0) & (t_us < np.array([run.stop_us for run in runs])[at])
            codes[is_inside] = np.array([int(run.state) for run in runs], dtype=np.int16)[at[is_inside]]
        return codes

    def unit_of(self, column: str) -> str:
        """The unit of a column as this recording has it."""
        if column.startswith("gaze_"):
            return _SPACE_UNITS[self.tracker.gaze_space]
        declared = self.tracker.units.get(column)
        if declared == "own":
            return "the tracker's own unit"
        if declared is None and column.startswith("openness"):
            return "ratio"
        if declared is None and column.startswith("pupil"):
            return "the tracker's own unit"
        return declared or COLUMN_BY_NAME[column].unit

    def columns(self) -> tuple[str, ...]:
        """Names of the tracker's columns in the order of `focus.protocol.schema`."""
        return tuple(column.name for column in COLUMNS if column.name in self.tracker.columns)

    def provenance(self) -> dict[str, Any]:
        """What the numbers come from, JSON-able: recording, tracker, units, and how it was analysed."""
        return {
            "made_by": "FOCUS",
            "export_version": EXPORT_VERSION,
            "recording": self.recording_id,
            "started_at": self.started_at.isoformat(),
            "task": self.task,
            "n_frames": self.n_frames,
            "time_unit": "us since started_at",
            "units": {name: self.unit_of(name) for name in self.columns()},
            "tracker": self.tracker.to_dict(),
            "analysis": self.analysis,
        }


def export_source(session: Session, recording: Recording) -> ExportSource:
    """What an exporter reads of this recording; the asker may see it."""
    summary = recordings.summary(session, recording)
    shown = results.shown_analysis(session, recording.id)
    return ExportSource(
        recording_id=recording.id,
        title=recording.title,
        task=recording.task,
        owner_id=recording.owner_id,
        started_at=recording.started_at,
        duration_us=summary["duration_us"],
        n_frames=recording.n_frames,
        t_first_us=recording.t_first_us or 0,
        tracker=TrackerInfo.from_dict(recording.tracker),
        analysis=summary["analysis"],
        metrics=tuple(summary["metrics"]),
        _session=session,
        _analysis_id=shown.id if shown is not None else None,
    )


class Exporter(ABC):
    """Base of all exporters.

    Attributes
    ----------
    label : str
        For people, in lists and on buttons.
    description : str
        One sentence: which files, for whom.
    read_back_by : str or None
        Name of the importer that reads these files and gives the same frames.
    """

    label: ClassVar[str]
    description: ClassVar[str]
    read_back_by: ClassVar[str | None] = None

    def check(self) -> None:
        """Raise `NotFoundError` if this installation lacks a package that the format needs."""
        return

    @abstractmethod
    def write(self, source: ExportSource, target: Target) -> Iterator[float]:
        """Write all files, yielding the share that is done, 0 to 1, after each piece."""


EXPORTERS: Final[Registry[Exporter]] = Registry("export format", "focus.services.exports")


class Passes:
    """Shares of a work that goes over the frames several times."""

    def __init__(self, n_frames: int, n_passes: int) -> None:
        self._total = max(n_frames * n_passes, 1)
        self._done = 0

    def took(self, n_frames: int) -> float:
        """The share after this many frames more."""
        self._done += n_frames
        return min(self._done / self._total, 1.0)


class EventNumbers:
    """Which event of a kind each frame lies in, told page by page; events are numbered from 1 by onset."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._number = 0
        self._held: Event | None = None
        self._step()

    def at(self, t_us: IntArray) -> IntArray:
        """Numbers for these frames, which follow those of the call before; 0 is none."""
        numbers = np.zeros(t_us.size, dtype=np.int64)
        while self._held is not None and self._held.onset_us <= t_us[-1]:
            start, stop = np.searchsorted(t_us, (self._held.onset_us, self._held.offset_us))
            numbers[start:stop] = self._number
            if self._held.offset_us > t_us[-1]:
                break
            self._step()
        return numbers

    def _step(self) -> None:
        self._held = next(self._events, None)
        self._number += 1


STATE_LABELS: Final = tuple(state.label for state in EyeState)
