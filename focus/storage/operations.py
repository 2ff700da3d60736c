"""Queries of what administrators see of an installation: recordings with their health, background jobs, what runs.

All functions take a session inside a transaction that the caller ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from focus.storage.account_models import User
from focus.storage.operation_models import Job
from focus.storage.recording_models import AGAIN, LIVE, Analysis, Recording
from focus.storage.recordings import follows


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording with its owner and the live analysis that was begun last; None where there is none."""

    recording: Recording
    owner: User
    analysis: Analysis | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """A background job with whoever asked for it; None for the server itself."""

    job: Job
    owner: User | None


def list_recordings(
    session: Session,
    *,
    search: str = "",
    state: str = "",
    limit: int = 50,
    offset: int = 0,
    after: tuple[datetime, str] | None = None,
) -> list[RecordingRow]:
    """Everybody's recordings, newest first; `search` is part of a title, task or id, or of the owner's address.

    With `after`, the time of beginning and the id of a recording, those that follow it in this order.
    """
    newest = (
        select(Analysis.recording_id, func.max(Analysis.number).label("number"))
        .where(Analysis.origin == LIVE)
        .group_by(Analysis.recording_id)
        .subquery()
    )
    query = (
        select(Recording, User, Analysis)
        .join(User, User.id == Recording.owner_id)
        .outerjoin(newest, newest.c.recording_id == Recording.id)
        .outerjoin(Analysis, and_(Analysis.recording_id == Recording.id, Analysis.number == newest.c.number))
    )
    if state:
        query = query.where(Recording.state == state)
    if search:
        texts = (Recording.title, Recording.task, Recording.id, User.email)
        query = query.where(or_(*(func.lower(text).contains(search.lower(), autoescape=True) for text in texts)))
    query = query.order_by(Recording.started_at.desc(), Recording.id).limit(limit).offset(offset)
    if after is not None:
        query = query.where(follows(*after))
    return [RecordingRow(recording, owner, analysis) for recording, owner, analysis in session.execute(query)]


def list_jobs(
    session: Session,
    *,
    search: str = "",
    state: str = "",
    limit: int = 50,
    offset: int = 0,
    before_id: int | None = None,
) -> list[JobRow]:
    """Everybody's background jobs, newest first; `search` is part of a kind, a message or the owner's address.

    With `before_id` those that are older.
    """
    query = select(Job, User).outerjoin(User, User.id == Job.owner_id)
    if before_id is not None:
        query = query.where(Job.id < before_id)
    if state:
        query = query.where(Job.state == state)
    if search:
        texts = (Job.kind, Job.message, User.email, cast(Job.id, String))
        query = query.where(or_(*(func.lower(text).contains(search.lower(), autoescape=True) for text in texts)))
    query = query.order_by(Job.id.desc()).limit(limit).offset(offset)
    return [JobRow(job, owner) for job, owner in session.execute(query)]


def find_job(session: Session, job_id: int) -> Job | None:
    return session.get(Job, job_id)


def analyses_again(session: Session, *, limit: int) -> list[tuple[Analysis, Recording]]:
    """Analyses that somebody asked for and that are not complete, newest first."""
    query = (
        select(Analysis, Recording)
        .join(Recording, Recording.id == Analysis.recording_id)
        .where(Analysis.origin == AGAIN, Analysis.is_complete.is_(False))
        .order_by(Analysis.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def users_by_id(session: Session, user_ids: Sequence[int]) -> dict[int, User]:
    """Those of these people who are there."""
    return {user.id: user for user in session.scalars(select(User).where(User.id.in_(user_ids)))}
