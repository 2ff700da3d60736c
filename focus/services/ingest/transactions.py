"""The transactions of the engine, as functions of a session: a tick, opening, loading, releasing.

They run in the thread of a `DatabaseWorker`, touch nothing of the engine but the plans they are given, and the worker
commits them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.errors import ClosedRecordingError, ConflictError, FocusError, LeaseError, PermissionDeniedError
from focus.protocol.batch import TrackerInfo
from focus.services import calibrations, consent, group_access
from focus.services.beside_frames import LiveFacts, live_facts
from focus.services.ingest.items import ClockSample, OpenItem, RefusalError
from focus.services.ingest.planning import RecordingPlan, batch_rows, marker_rows, rejected_rows
from focus.storage import frames as frame_queries
from focus.storage import recordings as recording_queries
from focus.storage import results
from focus.storage.frames import CursorState
from focus.storage.recording_models import CLOSED, Analysis, Recording
from focus.storage.results import ResultWrite

LEASE_TERM: Final = timedelta(seconds=30)
"""How long a recording stays with a connection of which nothing is heard; then anybody may open it."""

MAX_CLOCK_SAMPLES: Final = 200


@dataclass(frozen=True, slots=True)
class ClosePlan:
    """A recording to be closed in this transaction, after everything before is in."""

    recording_id: str
    lease: str
    clock_samples: Sequence[ClockSample]


@dataclass(slots=True)
class TickWrite:
    """What one transaction of the engine writes."""

    now: datetime
    plans: list[RecordingPlan] = field(default_factory=list)
    results: list[ResultWrite] = field(default_factory=list)
    closes: list[ClosePlan] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.plans or self.results or self.closes)


@dataclass(slots=True)
class TickOutcome:
    """What became of it.

    taken: recordings whose step was taken. cursors: how the others stand; one that is gone is not in it. checksums: of
    stored items that a plan was in doubt about. closed: recordings that this transaction closed.
    """

    taken: set[str] = field(default_factory=set)
    cursors: dict[str, CursorState] = field(default_factory=dict)
    checksums: dict[str, dict[int, int]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)


def write_tick(session: Session, write: TickWrite) -> TickOutcome:
    """Store a tick: frames first, then results, then closes."""
    outcome = TickOutcome()
    stepping = [plan for plan in write.plans if plan.has_step]
    outcome.taken = frame_queries.take_steps(
        session, [plan.step() for plan in stepping], lease_until=write.now + LEASE_TERM
    )
    taken = [plan for plan in stepping if plan.recording.recording_id in outcome.taken]
    frame_queries.add_batches(session, [row for plan in taken for row in batch_rows(plan)])
    frame_queries.add_rejected(session, [row for plan in taken for row in rejected_rows(plan, write.now)])
    frame_queries.add_markers(session, [row for plan in taken for row in marker_rows(plan)])
    lost = [plan.recording.recording_id for plan in stepping if plan.recording.recording_id not in outcome.taken]
    outcome.cursors = frame_queries.cursor_states(session, lost)
    for plan in write.plans:
        seqs = [item.seq for item in plan.doubtful if plan.recording.checksum_of(item.seq) is None]
        if seqs:
            recording_id = plan.recording.recording_id
            outcome.checksums[recording_id] = frame_queries.checksums_of(
                session, recording_id, first_seq=min(seqs), last_seq=max(seqs)
            )
    if write.results:
        results.write_results(session, write.results)
    for close in write.closes:
        if close.recording_id not in lost and _close(session, close, write.now):
            outcome.closed.add(close.recording_id)
    return outcome


def _close(session: Session, close: ClosePlan, now: datetime) -> bool:
    _add_clock_samples(session, close.recording_id, close.clock_samples)
    return recording_queries.close_recording(session, close.recording_id, ended_at=now, lease=close.lease)


# -- opening ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """An open recording and its new lease; `analysis_id` is that of a new analysis without frames, or None."""

    recording_id: str
    owner_id: int
    lease: str
    next_seq: int
    n_frames: int
    n_rejected: int
    t_last_us: int | None
    analysis_id: int | None
    facts: LiveFacts


@dataclass(frozen=True, slots=True)
class AnalysisIdentity:
    """What an analysis is made with; another one is a new analysis."""

    model_release: str
    parameters: dict[str, Any]
    code_version: str

    @classmethod
    def of(cls, analysis: Analysis) -> AnalysisIdentity:
        """What a stored analysis was made with."""
        return cls(analysis.model_release, analysis.parameters, analysis.code_version)


def open_recordings(
    session: Session, items: Sequence[OpenItem], identity: AnalysisIdentity, now: datetime
) -> list[Opened | FocusError]:
    """Open each recording or say why not; in the order of the items."""
    opened: list[Opened | FocusError] = []
    for item in items:
        try:
            opened.append(_open_recording(session, item, identity, now))
        except FocusError as err:  # raised before anything was written for this item
            opened.append(err)
    return opened


def _open_recording(session: Session, item: OpenItem, identity: AnalysisIdentity, now: datetime) -> Opened:
    request = item.request
    owner_id, run_by_id = item.user_id, None
    # First of all: who withdraws consent locks in the same order, and closes what this transaction opens.
    if request.participant is None or request.participant == item.user_id:
        consent.require_recording(session, item.user_id)
    else:
        group_access.require_run(session, item.user_id, request.participant)
        owner_id, run_by_id = request.participant, item.user_id
    recording = recording_queries.lock_recording(session, request.recording)
    analysis_id = None
    if recording is None:
        recording = recording_queries.add_recording(
            session,
            recording_id=request.recording,
            owner_id=owner_id,
            run_by_id=run_by_id,
            tracker=request.tracker.to_dict(),
            started_at=now,
            task=request.task or "",
            consent=request.consent or "",
            device=item.device,
            client=item.client,
            calibration=calibrations.provenance(session, owner_id, request.tracker),
        )
    else:
        _check_open(recording, item, owner_id, now)
    if recording.next_seq == 0 and results.newest_analysis(session, recording.id) is None:
        analysis_id = _begin(session, recording.id, identity, now).id
    lease = uuid.uuid4().hex
    recording_queries.give_lease(session, recording, lease=lease, until=now + LEASE_TERM)
    return Opened(
        recording_id=recording.id,
        owner_id=recording.owner_id,
        lease=lease,
        next_seq=recording.next_seq,
        n_frames=recording.n_frames,
        n_rejected=recording.n_rejected,
        t_last_us=recording.t_last_us,
        analysis_id=analysis_id,
        facts=live_facts(session, recording, analysis_id),
    )


def _check_open(recording: Recording, item: OpenItem, owner_id: int, now: datetime) -> None:
    request, cursor = item.request, recording.cursor
    is_run_by_asker = recording.owner_id == item.user_id or recording.run_by_id == item.user_id
    if recording.owner_id != owner_id or not is_run_by_asker:
        raise PermissionDeniedError(f"recording {recording.id} belongs to somebody else")
    if recording.state == CLOSED:
        closed = ClosedRecordingError(f"recording {recording.id} is closed")
        raise RefusalError(closed, next_seq=cursor.next_seq)
    if recording.tracker != request.tracker.to_dict():
        raise ConflictError(f"recording {recording.id} was begun with another tracker, geometry or columns")
    is_held = cursor.lease is not None and cursor.lease_until is not None and cursor.lease_until > now
    if is_held and not request.takeover and request.lease != cursor.lease:
        rest = cursor.lease_until - now  # type: ignore[operator]  # is_held says that it is there
        held = LeaseError(f"another connection holds recording {recording.id}; a takeover would end it")
        raise RefusalError(held, retry_ms=max(1, round(rest.total_seconds() * 1000)))


def _begin(session: Session, recording_id: str, identity: AnalysisIdentity, now: datetime) -> Analysis:
    return results.begin_analysis(
        session,
        recording_id,
        model_release=identity.model_release,
        parameters=identity.parameters,
        code_version=identity.code_version,
        started_at=now,
    )


def begin_analysis(session: Session, recording_id: str, identity: AnalysisIdentity, now: datetime) -> int | None:
    """Begin a new analysis of a recording; None if the recording is gone."""
    if recording_queries.find_recording(session, recording_id) is None:
        return None
    return _begin(session, recording_id, identity, now).id


# -- the rest ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recording as the database has it, with what its newest analysis needs to go on."""

    recording_id: str
    owner_id: int
    tracker: TrackerInfo
    is_closed: bool
    lease: str | None
    next_seq: int
    n_frames: int
    n_rejected: int
    t_last_us: int | None
    journal_frames: int
    journal_t0_us: int | None
    analysis_id: int | None
    facts: LiveFacts
    made_with: AnalysisIdentity | None
    """Model, parameters and code of the newest analysis."""
    checkpoint: bytes | None
    checkpoint_seq: int


def load_recording(session: Session, recording_id: str) -> Loaded | None:
    """What is known of a recording and its analysis; None if it is gone."""
    recording = recording_queries.find_recording(session, recording_id)
    if recording is None:
        return None
    analysis = results.newest_analysis(session, recording_id, with_checkpoint=True)
    journal = recording_queries.journal_size(session, recording_id)
    return Loaded(
        recording_id=recording.id,
        owner_id=recording.owner_id,
        tracker=TrackerInfo.from_dict(recording.tracker),
        is_closed=recording.state == CLOSED,
        lease=recording.cursor.lease,
        next_seq=recording.next_seq,
        n_frames=recording.n_frames,
        n_rejected=recording.n_rejected,
        t_last_us=recording.t_last_us,
        journal_frames=journal.n_frames,
        journal_t0_us=journal.t0_us,
        analysis_id=analysis.id if analysis is not None else None,
        facts=live_facts(session, recording, analysis.id if analysis is not None else None),
        made_with=AnalysisIdentity.of(analysis) if analysis is not None else None,
        checkpoint=analysis.checkpoint if analysis is not None else None,
        checkpoint_seq=analysis.checkpoint_seq if analysis is not None else 0,
    )


def release_recording(
    session: Session, recording_id: str, lease: str, clock_samples: Sequence[ClockSample], now: datetime
) -> None:
    """Let go of a recording whose connection has ended."""
    _add_clock_samples(session, recording_id, clock_samples)
    recording_queries.release_lease(session, recording_id, lease=lease, now=now)


def _add_clock_samples(session: Session, recording_id: str, clock_samples: Sequence[ClockSample]) -> None:
    recording = recording_queries.find_recording(session, recording_id) if clock_samples else None
    if recording is not None:
        samples = [*recording.clock_samples, *([int(ns) for ns in sample] for sample in clock_samples)]
        recording_queries.set_clock_samples(session, recording_id, samples[-MAX_CLOCK_SAMPLES:])
