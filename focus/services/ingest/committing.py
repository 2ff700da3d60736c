"""From a plan to what is stored: the transaction of a tick, its answers, and what the analysis is fed.

`Committer` changes the recordings it is given according to what the database decided, and answers every item of the
plan: stored, refused or evicted. Called by the engine's task alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from focus.errors import (
    BusyError,
    ClosedRecordingError,
    FocusError,
    LeaseError,
    NotFoundError,
    SequenceConflictError,
    SequenceGapError,
    StorageError,
)
from focus.protocol.messages import Evicted, Refused, Stored
from focus.services.ingest.items import BatchItem, CloseItem, CloseResult, RefusalError, SequencedItem, TrackerReplies
from focus.services.ingest.meter import RateMeter
from focus.services.ingest.planning import RecordingPlan, Refusal, TickPlan
from focus.services.ingest.stage import give_back
from focus.services.ingest.state import Findings, LiveRecording
from focus.services.ingest.transactions import ClosePlan, TickOutcome, TickWrite, write_tick
from focus.services.ingest.worker import DatabaseWorker, OutageError
from focus.storage.frames import CursorState
from focus.storage.results import ResultWrite

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_MS: Final = 1000
"""When a client should try again after the database failed: long enough not to add to its trouble."""

CLOSE_PATIENCE_S: Final = 8.0
"""A close is answered once the analysis is complete, or after this long: the frames are stored in any case."""

Writes = dict[str, tuple[ResultWrite, Findings]]


class Committer:
    """Writes plans and results through one worker.

    Parameters
    ----------
    writer : DatabaseWorker
        The only one that writes frames and results in this process.
    recordings : dict
        The engine's; a recording that turns out to be gone is taken out of it.
    retry : callable
        Given items that have to be planned again, because the database is further than was known.
    meter : RateMeter
        Told how many frames were stored.
    """

    def __init__(
        self,
        writer: DatabaseWorker,
        recordings: dict[str, LiveRecording],
        *,
        retry: Callable[[list[SequencedItem]], None],
        now: Callable[[], datetime],
        now_s: Callable[[], float],
        meter: RateMeter,
    ) -> None:
        self._meter = meter
        self._writer = writer
        self._recordings = recordings
        self._retry = retry
        self._now = now
        self._now_s = now_s

    def commit(self, plan: TickPlan, results: Writes, replies: TrackerReplies) -> set[str]:
        """Store what can be stored and answer everything; returns the recordings whose results are written."""
        closes = self._plan_closes(plan)
        write = TickWrite(
            now=self._now(),
            plans=list(plan.recordings.values()),
            results=[result for result, _ in results.values()],
            closes=[_close_plan(item) for item in closes.values()],
        )
        written: set[str] = set()
        if write:
            try:
                outcome = self._writer.run(partial(_write, write))
            except StorageError as err:
                self._after_failure(err, write, closes, results, written, replies)
            else:
                written.update(results)
                for own in write.plans:
                    self._settle(own, outcome, replies)
                for item in closes.values():
                    self._settle_close(item, outcome)
        for refusal in plan.refusals:
            self._refuse_planned(refusal, replies)
        return written

    # -- closes -------------------------------------------------------------------------------------------------------

    def _plan_closes(self, plan: TickPlan) -> dict[str, CloseItem]:
        """Closes that fit what this tick stores; the others are answered at once."""
        fitting: dict[str, CloseItem] = {}
        for item in plan.closes:
            recording = self._recordings.get(item.recording_id)
            if (
                recording is None
                or recording.lease != item.lease
                or recording.is_closed
                or item.recording_id in fitting
            ):
                item.answer.fail(LeaseError(f"this connection does not hold recording {item.recording_id}; open it"))
                continue
            own = plan.recordings.get(item.recording_id)
            next_seq = own.next_seq if own is not None else recording.next_seq
            if item.last_seq + 1 != next_seq:
                gap = SequenceGapError(f"{next_seq - 1} is the last that came, not {item.last_seq}")
                item.answer.fail(RefusalError(gap, next_seq=recording.next_seq))
                continue
            fitting[item.recording_id] = item
        return fitting

    def _settle_close(self, item: CloseItem, outcome: TickOutcome) -> None:
        recording = self._recordings.get(item.recording_id)
        if recording is None or item.recording_id not in outcome.closed:
            item.answer.fail(LeaseError(f"this connection does not hold recording {item.recording_id} any more"))
            return
        recording.is_closed = True
        recording.lease = None
        recording.connection = None
        result = CloseResult(recording.next_seq, recording.n_frames, recording.n_rejected)
        recording.closers.append((item, result, self._now_s() + CLOSE_PATIENCE_S))

    # -- what became of a plan ----------------------------------------------------------------------------------------

    def _settle(self, plan: RecordingPlan, outcome: TickOutcome, replies: TrackerReplies) -> None:
        recording_id = plan.recording.recording_id
        if plan.has_step and recording_id not in outcome.taken:
            self._not_taken(plan, outcome.cursors.get(recording_id), replies)
            return
        planned = {item.seq: item.crc32 for item in plan.accepted}
        if plan.has_step:
            _take(plan, self._now_s())
            self._meter.add(sum(item.n for item in plan.batches), self._now_s())
        has_duplicate = False
        checksums = outcome.checksums.get(recording_id, {})
        for item in plan.doubtful:
            known = planned.get(item.seq, plan.recording.checksum_of(item.seq))
            if (checksums.get(item.seq) if known is None else known) == item.crc32:
                has_duplicate = True
            else:
                conflict = SequenceConflictError(f"batch {item.seq} is stored with another checksum")
                refuse(replies, item, conflict, next_seq=plan.recording.next_seq)
        if plan.has_step or has_duplicate:
            rejected = tuple(item.seq for item, _ in plan.rejected)
            replies.stored(plan.connection, Stored(recording_id, plan.recording.next_seq, rejected))

    def _not_taken(self, plan: RecordingPlan, cursor: CursorState | None, replies: TrackerReplies) -> None:
        """The cursor in the database was not where it was thought to be, or has another lease."""
        recording = plan.recording
        items: list[SequencedItem] = sorted([*plan.accepted, *plan.doubtful], key=lambda item: item.seq)
        if cursor is not None and cursor.lease == plan.lease:
            # A transaction that was given up was committed after all. What it stored are duplicates now.
            recording.next_seq = cursor.next_seq
            recording.t_last_us = -1 if cursor.t_last_us is None else cursor.t_last_us
            self._retry(items)
            return
        error: FocusError
        if cursor is None:
            self._recordings.pop(recording.recording_id, None)
            error = NotFoundError(f"recording {recording.recording_id} was deleted")
        elif cursor.lease is None:
            recording.is_closed = True
            recording.next_seq = cursor.next_seq
            error = ClosedRecordingError(f"recording {recording.recording_id} is closed")
        else:
            recording.next_seq = cursor.next_seq
            error = LeaseError(f"another connection holds recording {recording.recording_id} now")
            replies.evicted(plan.connection, Evicted(recording.recording_id))
        recording.lease = None
        recording.connection = None
        for item in items:
            refuse(replies, item, error, next_seq=recording.next_seq if cursor is not None else None)

    def _refuse_planned(self, refusal: Refusal, replies: TrackerReplies) -> None:
        next_seq = refusal.next_seq
        recording = self._recordings.get(refusal.item.recording_id)
        if next_seq is not None and recording is not None:
            next_seq = recording.next_seq  # as it stands now that the tick is stored
        refuse(replies, refusal.item, refusal.error, next_seq=next_seq)

    # -- failure ------------------------------------------------------------------------------------------------------

    def _after_failure(
        self,
        error: StorageError,
        write: TickWrite,
        closes: dict[str, CloseItem],
        results: Writes,
        written: set[str],
        replies: TrackerReplies,
    ) -> None:
        """Nothing of the tick is known to be stored."""
        if isinstance(error, OutageError):
            logger.warning("the database does not take frames: %s", error.message)
            self._refuse_all(write.plans, list(closes.values()), replies)
            for recording_id, (result, findings) in results.items():
                give_back(self._recordings.get(recording_id), result, findings)
            return
        # Something in it cannot be stored. One after the other, so that it takes nothing else with it.
        logger.error("a tick of %d recordings could not be stored: %s", len(write.plans), error.message)
        for plan in write.plans:
            close = closes.pop(plan.recording.recording_id, None)
            self._commit_alone(plan, close, write.now, replies)
        for close in closes.values():
            self._commit_alone(None, close, write.now, replies)
        for recording_id, (result, findings) in results.items():
            self._write_alone(recording_id, result, findings, write.now, written)

    def _commit_alone(
        self, plan: RecordingPlan | None, close: CloseItem | None, now: datetime, replies: TrackerReplies
    ) -> None:
        write = TickWrite(now=now, plans=[plan] if plan else [], closes=[_close_plan(close)] if close else [])
        try:
            outcome = self._writer.run(partial(_write, write))
        except StorageError as err:
            logger.warning("a recording's batches could not be stored: %s", err.message)
            self._refuse_all(write.plans, [close] if close else [], replies)
            return
        if plan is not None:
            self._settle(plan, outcome, replies)
        if close is not None:
            self._settle_close(close, outcome)

    def _write_alone(
        self, recording_id: str, result: ResultWrite, findings: Findings, now: datetime, written: set[str]
    ) -> None:
        recording = self._recordings.get(recording_id)
        try:
            self._writer.run(partial(_write, TickWrite(now=now, results=[result])))
        except StorageError as err:
            if isinstance(err, OutageError):
                give_back(recording, result, findings)
            elif recording is not None:
                logger.error("the results of recording %s cannot be stored: %s", recording_id, err.message)
                recording.analysis = None
                recording.n_failures += 1
        else:
            written.add(recording_id)

    def _refuse_all(self, plans: list[RecordingPlan], closes: list[CloseItem], replies: TrackerReplies) -> None:
        busy = BusyError("the database does not take frames just now")
        for plan in plans:
            for item in sorted([*plan.accepted, *plan.doubtful], key=lambda item: item.seq):
                refuse(replies, item, busy, next_seq=plan.recording.next_seq, retry_ms=RETRY_MS)
        for close in closes:
            close.answer.fail(RefusalError(busy, retry_ms=RETRY_MS))


def refuse(
    replies: TrackerReplies,
    item: SequencedItem,
    error: FocusError,
    *,
    next_seq: int | None = None,
    retry_ms: int | None = None,
) -> None:
    """Tell the sender of an item that it is not stored."""
    message = Refused(item.recording_id, item.seq, error.code, error.message[:1000], next_seq, retry_ms)
    replies.refused(item.connection, message)


def as_busy(_error: StorageError) -> FocusError:
    """What a client is told when a transaction failed: it is the server's trouble, and may pass."""
    return RefusalError(BusyError("the database does not answer just now"), retry_ms=RETRY_MS)


def _take(plan: RecordingPlan, now_s: float) -> None:
    """The step is committed: what is known of the recording moves on, and the analysis gets the frames."""
    recording, analysis = plan.recording, plan.recording.analysis
    for item in plan.accepted:
        recording.remember(item.seq, item.crc32)
    recording.next_seq = plan.next_seq
    recording.t_last_us = plan.t_last_us
    recording.n_rejected += len(plan.rejected)
    for marker in plan.markers:
        recording.facts.note_marker(marker.t_us, marker.kind, marker.body)
    usable = {item.seq for item in plan.batches}
    for item in plan.accepted:
        is_usable = isinstance(item, BatchItem) and item.seq in usable
        if analysis is not None:
            analysis.feed(item.seq, item.frames if is_usable and isinstance(item, BatchItem) else None, now_s)
        if is_usable and isinstance(item, BatchItem):
            recording.n_frames += item.n
            recording.journal_frames += item.n
            if recording.journal_t0_us is None:
                recording.journal_t0_us = item.t0_us


def _close_plan(item: CloseItem) -> ClosePlan:
    return ClosePlan(item.recording_id, item.lease, item.clock_samples)


def _write(write: TickWrite, session: Session) -> TickOutcome:
    return write_tick(session, write)
