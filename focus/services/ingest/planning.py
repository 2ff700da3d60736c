"""What a tick would store: each waiting item against what is known of its recording, in the order of arrival.

Pure: no database, no clock. The plan is a wish; whether it comes true is decided by the one statement that moves the
cursors (`focus.storage.frames.take_steps`), because another process may have taken the recording meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from focus.errors import ClosedRecordingError, FocusError, FrameValueError, LeaseError, SequenceGapError
from focus.services.ingest.items import BatchItem, CloseItem, MarkerItem, SequencedItem
from focus.services.ingest.state import LiveRecording
from focus.storage.frames import CursorStep


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that is not stored, and why."""

    item: SequencedItem
    error: FocusError
    next_seq: int | None = None
    retry_ms: int | None = None


@dataclass(slots=True, eq=False)
class RecordingPlan:
    """What one recording gains in a tick: everything from `first_seq` up to `next_seq`."""

    recording: LiveRecording
    lease: str
    first_seq: int
    next_seq: int
    t_last_us: int
    connection: str
    batches: list[BatchItem] = field(default_factory=list)
    rejected: list[tuple[BatchItem, FrameValueError]] = field(default_factory=list)
    markers: list[MarkerItem] = field(default_factory=list)
    doubtful: list[SequencedItem] = field(default_factory=list)
    """Items below next_seq: duplicates or conflicts, which their checksums tell."""

    @property
    def has_step(self) -> bool:
        return self.next_seq > self.first_seq

    @property
    def accepted(self) -> list[SequencedItem]:
        """All items that get a place in the sequence, in its order."""
        items: list[SequencedItem] = [*self.batches, *(item for item, _ in self.rejected), *self.markers]
        return sorted(items, key=lambda item: item.seq)

    def step(self) -> CursorStep:
        usable = self.batches
        return CursorStep(
            recording_id=self.recording.recording_id,
            lease=self.lease,
            first_seq=self.first_seq,
            next_seq=self.next_seq,
            n_batches=len(usable),
            n_frames=sum(item.n for item in usable),
            n_rejected=len(self.rejected),
            n_frames_rejected=sum(item.n for item, _ in self.rejected),
            t_first_us=usable[0].t0_us if usable else None,
            t_last_us=usable[-1].t1_us if usable else None,
        )

    def take(self, item: SequencedItem) -> None:
        """Give the item, whose seq is the next one, its place."""
        if isinstance(item, MarkerItem):
            self.markers.append(item)
        elif item.fault is not None:
            self.rejected.append((item, item.fault))
        elif item.t0_us <= self.t_last_us:
            fault = FrameValueError(
                f"batch {item.seq} begins at {item.t0_us} us, not after the last stored frame at {self.t_last_us} us"
            )
            self.rejected.append((item, fault))
        else:
            self.batches.append(item)
            self.t_last_us = item.t1_us
        self.next_seq = item.seq + 1


@dataclass(slots=True)
class TickPlan:
    """All recordings of a tick, what is refused without asking the database, and the closes, for after the rest."""

    recordings: dict[str, RecordingPlan] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    closes: list[CloseItem] = field(default_factory=list)


def plan_tick(items: Iterable[SequencedItem | CloseItem], recordings: Mapping[str, LiveRecording]) -> TickPlan:
    """Sort the items of a tick into what can be stored and what cannot."""
    plan = TickPlan()
    for item in items:
        if isinstance(item, CloseItem):
            plan.closes.append(item)
            continue
        recording = recordings.get(item.recording_id)
        error = _standing_error(item, recording)
        if error is not None or recording is None:
            next_seq = recording.next_seq if recording is not None and recording.is_closed else None
            plan.refusals.append(Refusal(item, error or _not_held(item.recording_id), next_seq))
            continue
        _place(item, plan, recording)
    return plan


def _place(item: SequencedItem, plan: TickPlan, recording: LiveRecording) -> None:
    own = plan.recordings.get(recording.recording_id)
    if own is None:
        own = RecordingPlan(
            recording, item.lease, recording.next_seq, recording.next_seq, recording.t_last_us, item.connection
        )
        plan.recordings[recording.recording_id] = own
    if item.seq == own.next_seq:
        own.take(item)
    elif item.seq < own.next_seq:
        own.doubtful.append(item)
    else:
        error = SequenceGapError(f"batch {item.seq} lies beyond the next one, {own.next_seq}")
        plan.refusals.append(Refusal(item, error, own.next_seq))


def _standing_error(item: SequencedItem, recording: LiveRecording | None) -> FocusError | None:
    """Why the connection may not write to the recording at all, whatever the item is."""
    if recording is None:
        return _not_held(item.recording_id)
    if recording.is_closed:
        return ClosedRecordingError(f"recording {item.recording_id} is closed")
    if recording.lease != item.lease:
        return _not_held(item.recording_id)
    return None


def _not_held(recording_id: str) -> LeaseError:
    return LeaseError(f"this connection does not hold recording {recording_id}; open it")


# -- rows -------------------------------------------------------------------------------------------------------------


def batch_rows(plan: RecordingPlan) -> list[tuple[Any, ...]]:
    """The journal rows of a plan, as `focus.storage.frames.BATCH_NAMES` has it."""
    recording_id = plan.recording.recording_id
    return [(recording_id, item.seq, item.n, item.t0_us, item.t1_us, item.crc32, item.payload) for item in plan.batches]


def rejected_rows(plan: RecordingPlan, now: datetime) -> list[dict[str, Any]]:
    """The rows of what is kept aside."""
    return [
        {
            "recording_id": plan.recording.recording_id,
            "seq": item.seq,
            "n": item.n,
            "crc32": item.crc32,
            "payload": item.payload,
            "code": fault.code,
            "reason": fault.message[:1000],
            "rejected_at": now,
        }
        for item, fault in plan.rejected
    ]


def marker_rows(plan: RecordingPlan) -> list[dict[str, Any]]:
    """The rows of the markers."""
    return [
        {
            "recording_id": plan.recording.recording_id,
            "seq": item.seq,
            "t_us": item.t_us,
            "kind": item.kind,
            "body": item.body,
            "crc32": item.crc32,
        }
        for item in plan.markers
    ]
