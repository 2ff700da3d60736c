"""What the engine keeps in memory of a recording while it is open or being analysed.

All of it can be lost at any moment: it is made again from the database (`loading.py`). Only the engine's task changes
it; the handlers of `realtime` read `next_seq` and `lease`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from focus.analysis.pipeline import RecordingPipeline
from focus.analysis.types import Event, MetricWindow, StateClassifier, StateRun
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.services.beside_frames import LiveFacts
from focus.services.ingest.items import Answer, CloseItem, CloseResult

MAX_WAITING_FRAMES: Final = 20_000
"""Decoded frames of one recording that may wait for the analysis; what comes beyond is read back from the database."""

_RECENT_CHECKSUMS: Final = 256


@dataclass(slots=True)
class Findings:
    """Results of an analysis that are not written yet."""

    runs: list[StateRun] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    windows: list[MetricWindow] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.runs or self.events or self.windows)

    def put_before(self, earlier: Findings) -> None:
        """Take back what could not be written."""
        self.runs[:0] = earlier.runs
        self.events[:0] = earlier.events
        self.windows[:0] = earlier.windows


@dataclass(slots=True, eq=False)
class RunningAnalysis:
    """A pipeline, the model that it keeps from its beginning to its end, and how far it has come.

    fed_seq: all batches below it were given to `waiting` or to the pipeline; pushed_seq: all below it were pushed.
    """

    analysis_id: int
    pipeline: RecordingPipeline
    classifier: StateClassifier
    fed_seq: int = 0
    pushed_seq: int = 0
    n_final: int = 0
    waiting: deque[tuple[int, FrameBatch]] = field(default_factory=deque)
    n_waiting: int = 0
    waiting_since_s: float = 0.0
    is_reading: bool = False
    findings: Findings = field(default_factory=Findings)
    has_progress: bool = False
    written_at_s: float = 0.0
    checkpoint: bytes | None = None
    checkpoint_seq: int = 0
    checkpoint_at_s: float = 0.0
    checkpoint_us: int = 0
    is_finishing: bool = False
    is_finished: bool = False

    def feed(self, seq: int, frames: FrameBatch | None, now_s: float) -> None:
        """Take the batch (None for a marker or a rejected batch) if it is the next one and there is room.

        Otherwise it is left out, and read back from the database when the analysis gets there.
        """
        if seq != self.fed_seq or self.is_reading:
            return
        if frames is not None:
            if self.n_waiting and self.n_waiting + len(frames) > MAX_WAITING_FRAMES:
                return
            if not self.waiting:
                self.waiting_since_s = now_s
            self.waiting.append((seq + 1, frames))
            self.n_waiting += len(frames)
        self.fed_seq = seq + 1
        if not self.waiting:
            self.pushed_seq = self.fed_seq

    def push_waiting(self, max_frames: int) -> list[FrameBatch]:
        """Push waiting batches, at least one, up to about `max_frames`; returns what was pushed."""
        pushed: list[FrameBatch] = []
        n_frames = 0
        while self.waiting and (not pushed or n_frames + len(self.waiting[0][1]) <= max_frames):
            reach, frames = self.waiting.popleft()
            self.n_waiting -= len(frames)
            self.pipeline.push(frames)
            self.pushed_seq = reach
            pushed.append(frames)
            n_frames += len(frames)
        # What is left is as old as what was taken, so that it goes first the next time.
        if not self.waiting:
            self.pushed_seq = self.fed_seq
        self.has_progress = True
        return pushed


@dataclass(slots=True, eq=False)
class LiveRecording:
    """A recording in this process; `connection` is None while no tracker is connected."""

    recording_id: str
    owner_id: int
    tracker: TrackerInfo
    next_seq: int
    t_last_us: int = -1
    n_frames: int = 0
    n_rejected: int = 0
    lease: str | None = None
    connection: str | None = None
    is_closed: bool = False
    analysis: RunningAnalysis | None = None
    is_loading: bool = False
    n_failures: int = 0
    failed_seq: int = 0
    """How far the analysis had been fed when it failed; beyond it the failure is forgotten."""
    received_s: float | None = None
    journal_frames: int = 0
    journal_t0_us: int | None = None
    idle_since_s: float = 0.0
    lease_moved_at_s: float = 0.0
    facts: LiveFacts = field(default_factory=LiveFacts)
    closers: list[tuple[CloseItem, CloseResult, float]] = field(default_factory=list)
    _checksums: dict[int, int] = field(default_factory=dict)

    def remember(self, seq: int, crc32: int) -> None:
        """Keep the checksum of a stored item, so that a duplicate soon after needs no query."""
        self._checksums[seq] = crc32
        if len(self._checksums) > _RECENT_CHECKSUMS:
            del self._checksums[next(iter(self._checksums))]

    def checksum_of(self, seq: int) -> int | None:
        return self._checksums.get(seq)

    @property
    def is_caught_up(self) -> bool:
        """Whether the analysis has taken everything that is stored."""
        analysis = self.analysis
        return analysis is not None and not analysis.waiting and analysis.pushed_seq >= self.next_seq


def answer_closer(item: CloseItem, result: CloseResult) -> None:
    answer: Answer[CloseResult] = item.answer
    if not answer.is_given:
        answer.give(result)
