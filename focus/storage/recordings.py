"""Queries of recordings and their leases. All functions take a session inside a transaction that the caller ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from focus.storage.account_models import User
from focus.storage.recording_models import (
    CLOSED,
    LIVE,
    OPEN,
    Analysis,
    FrameBatchRow,
    FrameChunk,
    Recording,
    RecordingCursor,
)


@dataclass(frozen=True, slots=True)
class JournalSize:
    """How much of a recording lies in the journal: frames, and the time of the first of them (None without any)."""

    n_frames: int
    t0_us: int | None


def find_recording(session: Session, recording_id: str) -> Recording | None:
    return session.get(Recording, recording_id)


def lock_recording(session: Session, recording_id: str) -> Recording | None:
    """As `find_recording`, and nobody else changes its cursor before the transaction ends."""
    cursor = session.execute(
        select(RecordingCursor)
        .where(RecordingCursor.recording_id == recording_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    return None if cursor is None else session.get(Recording, recording_id, populate_existing=True)


def add_recording(
    session: Session,
    *,
    recording_id: str,
    owner_id: int,
    tracker: dict[str, Any],
    started_at: datetime,
    title: str = "",
    task: str = "",
    consent: str = "",
    device: str = "",
    client: str = "",
    calibration: dict[str, Any] | None = None,
    run_by_id: int | None = None,
) -> Recording:
    """A new open recording without frames and without a lease."""
    recording = Recording(
        id=recording_id,
        owner_id=owner_id,
        run_by_id=run_by_id,
        tracker=tracker,
        started_at=started_at,
        title=title,
        task=task,
        consent=consent,
        device=device,
        client=client,
        calibration=calibration,
        state=OPEN,
        cursor=RecordingCursor(recording_id=recording_id),
    )
    session.add(recording)
    session.flush()
    return recording


def list_recordings(
    session: Session,
    *,
    owner_id: int | None,
    state: str | None = None,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
    after: tuple[datetime, str] | None = None,
) -> list[Recording]:
    """Recordings, newest first; of everybody when `owner_id` is None.

    With `after`, the time of beginning and the id of a recording, those that follow it in this order.
    """
    query = select(Recording).order_by(Recording.started_at.desc(), Recording.id).limit(limit).offset(offset)
    if after is not None:
        query = query.where(follows(*after))
    return list(session.execute(_chosen(query, owner_id, state, search)).scalars())


def follows(started_at: datetime, recording_id: str) -> ColumnElement[bool]:
    """Whether a recording stands behind this one in a list with the newest in front."""
    return or_(Recording.started_at < started_at, and_(Recording.started_at == started_at, Recording.id > recording_id))


def list_open_with_owner(session: Session, *, owner_ids: Sequence[int], limit: int) -> list[tuple[Recording, User]]:
    """Open recordings of these people with their owners, newest first."""
    query = (
        select(Recording, User)
        .join(User, User.id == Recording.owner_id)
        .where(Recording.state == OPEN, Recording.owner_id.in_(owner_ids))
        .order_by(Recording.started_at.desc(), Recording.id)
        .limit(limit)
    )
    return [(recording, owner) for recording, owner in session.execute(query)]


def count_recordings(session: Session, *, owner_id: int | None, state: str | None = None, search: str = "") -> int:
    query = select(func.count()).select_from(Recording)
    return int(session.execute(_chosen(query, owner_id, state, search)).scalar_one())


def _chosen(query: Any, owner_id: int | None, state: str | None, search: str) -> Any:
    if owner_id is not None:
        query = query.where(Recording.owner_id == owner_id)
    if state is not None:
        query = query.where(Recording.state == state)
    if search:
        pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where(
            or_(
                Recording.title.ilike(pattern, escape="\\"),
                Recording.task.ilike(pattern, escape="\\"),
                Recording.id.ilike(pattern, escape="\\"),
            )
        )
    return query


def give_lease(session: Session, recording: Recording, *, lease: str, until: datetime) -> None:
    """Make `lease` the only one with which the recording can be written to."""
    recording.cursor.lease = lease
    recording.cursor.lease_until = until
    session.flush()


def release_lease(session: Session, recording_id: str, *, lease: str, now: datetime) -> None:
    """Let anybody open the recording from now on, if the lease still holds; what was sent under it is still taken."""
    session.execute(
        update(RecordingCursor)
        .where(RecordingCursor.recording_id == recording_id, RecordingCursor.lease == lease)
        .values(lease_until=now)
    )


def extend_leases(session: Session, leases: Sequence[tuple[str, str]], *, until: datetime) -> None:
    """Move on the end of leases (recording id, lease) whose connections are alive and send nothing."""
    for recording_id, lease in leases:
        session.execute(
            update(RecordingCursor)
            .where(RecordingCursor.recording_id == recording_id, RecordingCursor.lease == lease)
            .values(lease_until=until)
        )


def hold_recording(session: Session, recording_id: str, *, until: datetime | None) -> None:
    """Keep the engine from analysing a closed recording until then, because somebody else does; None lets go of it."""
    session.execute(
        update(RecordingCursor)
        .where(RecordingCursor.recording_id == recording_id, RecordingCursor.lease.is_(None))
        .values(lease_until=until)
    )


def close_recording(session: Session, recording_id: str, *, ended_at: datetime, lease: str | None = None) -> bool:
    """Take the lease away for good; False if the recording was closed before or is gone.

    With `lease`, also False if that is not the recording's lease any more.
    """
    ended = update(RecordingCursor).where(RecordingCursor.recording_id == recording_id)
    if lease is not None:
        ended = ended.where(RecordingCursor.lease == lease)
    if not session.execute(ended.values(lease=None, lease_until=None)).rowcount:  # type: ignore[attr-defined]
        return False
    closed = session.execute(
        update(Recording)
        .where(Recording.id == recording_id, Recording.state == OPEN)
        .values(state=CLOSED, ended_at=ended_at)
    )
    return bool(closed.rowcount)  # type: ignore[attr-defined]


def delete_recording(session: Session, recording_id: str) -> bool:
    """Remove a recording with its frames and results; False if there is none."""
    session.flush()
    removed = session.execute(delete(Recording).where(Recording.id == recording_id))
    session.expire_all()
    return bool(removed.rowcount)  # type: ignore[attr-defined]


def open_recording_ids(session: Session, *, owner_id: int) -> list[str]:
    query = select(Recording.id).where(Recording.owner_id == owner_id, Recording.state == OPEN)
    return list(session.execute(query).scalars())


def set_clock_samples(session: Session, recording_id: str, samples: list[Any]) -> None:
    session.execute(update(Recording).where(Recording.id == recording_id).values(clock_samples=samples))


def journal_size(session: Session, recording_id: str) -> JournalSize:
    query = select(func.coalesce(func.sum(FrameBatchRow.n), 0), func.min(FrameBatchRow.t0_us)).where(
        FrameBatchRow.recording_id == recording_id
    )
    n_frames, t0_us = session.execute(query).one()
    return JournalSize(int(n_frames), t0_us)


def stored_bytes(session: Session, recording_id: str) -> int:
    """Bytes that the frames of a recording take, journal and chunks together."""
    total = 0
    for model in (FrameBatchRow, FrameChunk):
        query = select(func.coalesce(func.sum(func.length(model.payload)), 0)).where(model.recording_id == recording_id)
        total += int(session.execute(query).scalar_one())
    return total


def recordings_to_analyse(
    session: Session, *, now: datetime, limit: int, old_code_versions: Sequence[str] = ()
) -> list[str]:
    """Recordings with stored batches that no analysis has taken, and which nobody is sending to just now.

    Also closed ones whose analysis was not completed; and, after all others, closed ones with frames whose newest live
    analysis was made by one of the old versions of the code.
    """
    is_old = (
        (Recording.state == CLOSED)
        & Recording.frames_removed_at.is_(None)
        & Analysis.is_complete
        & Analysis.code_version.in_(old_code_versions)
    )
    newest = (
        select(Analysis.recording_id, func.max(Analysis.number).label("number"))
        .where(Analysis.origin == LIVE)
        .group_by(Analysis.recording_id)
        .subquery()
    )
    query = (
        select(Recording.id)
        .join(RecordingCursor, RecordingCursor.recording_id == Recording.id)
        .outerjoin(newest, newest.c.recording_id == Recording.id)
        .outerjoin(Analysis, (Analysis.recording_id == Recording.id) & (Analysis.number == newest.c.number))
        .where(
            or_(RecordingCursor.lease_until.is_(None), RecordingCursor.lease_until < now),
            or_(
                (Recording.state == CLOSED) & (Analysis.id.is_(None) | Analysis.is_complete.is_(False)),
                func.coalesce(Analysis.analysed_seq, 0) < RecordingCursor.next_seq,
                is_old,
            ),
        )
        .order_by(is_old, Recording.started_at)
        .limit(limit)
    )
    return list(session.execute(query).scalars())
