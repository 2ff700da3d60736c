"""Queries of retention: what is old enough, and taking it away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from focus.storage.account_models import GroupInvitation, LogIn, OneTimeToken
from focus.storage.recording_models import (
    CLOSED,
    Analysis,
    FrameBatchRow,
    FrameChunk,
    Recording,
    RecordingCursor,
    RejectedBatch,
)


def _last_alive() -> ColumnElement[datetime]:
    """When a recording was last alive: its end, else the last sign of its tracker, else its beginning."""
    return func.coalesce(Recording.ended_at, RecordingCursor.lease_until, Recording.started_at)


def recordings_ended_before(session: Session, before: datetime) -> list[str]:
    """Recordings that were last alive before then, the oldest first."""
    query = (
        select(Recording.id)
        .join(RecordingCursor, RecordingCursor.recording_id == Recording.id)
        .where(_last_alive() < before)
        .order_by(Recording.started_at)
    )
    return list(session.scalars(query))


def analysed_recordings_with_frames(session: Session, before: datetime) -> list[str]:
    """Closed recordings that ended before then, still have raw frames, and need them for no analysis any more."""
    unfinished = exists().where(Analysis.recording_id == Recording.id, Analysis.is_complete.is_(False))
    analysed = exists().where(Analysis.recording_id == Recording.id, Analysis.is_complete.is_(True))
    query = (
        select(Recording.id)
        .join(RecordingCursor, RecordingCursor.recording_id == Recording.id)
        .where(
            Recording.state == CLOSED,
            Recording.frames_removed_at.is_(None),
            _last_alive() < before,
            ~unfinished,
            or_(analysed, RecordingCursor.n_frames == 0),
        )
        .order_by(Recording.started_at)
    )
    return list(session.scalars(query))


def remove_frames(session: Session, recording_id: str, *, now: datetime) -> None:
    """Take the raw frames of a recording away, with rejected batches and checkpoints, in which frames are too."""
    for model in (FrameBatchRow, FrameChunk, RejectedBatch):
        session.execute(delete(model).where(model.recording_id == recording_id))
    session.execute(update(Analysis).where(Analysis.recording_id == recording_id).values(checkpoint=None))
    session.execute(update(Recording).where(Recording.id == recording_id).values(frames_removed_at=now))


def count_dead_secrets(session: Session, *, now: datetime) -> int:
    """Log-ins, links and invitations that let nobody in any more."""
    links = select(func.count()).select_from(OneTimeToken).where(OneTimeToken.expires_at <= now)
    logins = select(func.count()).select_from(LogIn).where(LogIn.expires_at <= now)
    invitations = select(func.count()).select_from(GroupInvitation).where(GroupInvitation.expires_at <= now)
    return sum(session.scalar(query) or 0 for query in (links, logins, invitations))


def delete_dead_secrets(session: Session, *, now: datetime) -> None:
    session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at <= now))
    session.execute(delete(LogIn).where(LogIn.expires_at <= now))
    session.execute(delete(GroupInvitation).where(GroupInvitation.expires_at <= now))
