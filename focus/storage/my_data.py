"""Queries over everything that one person has: for their export, for its job, and for their deletion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.orm import Session

from focus.storage.account_models import User
from focus.storage.audit import about_person
from focus.storage.base import Base
from focus.storage.groups import list_memberships
from focus.storage.operation_models import AuditEntry, Job
from focus.storage.recording_models import Recording

UNFINISHED = ("waiting", "running")


def rows_of_person(session: Session, table_name: str, user_id: int) -> list[dict[str, Any]]:
    """All rows of a table that belong to a person by a column `user_id` or `owner_id`, by column name."""
    table: Table = Base.metadata.tables[table_name]
    column = table.c.user_id if "user_id" in table.c else table.c.owner_id
    rows = session.execute(select(table).where(column == user_id).order_by(*table.primary_key)).mappings()
    return [dict(row) for row in rows]


def memberships_of(session: Session, user_id: int) -> list[dict[str, Any]]:
    """The groups that a person is in, with the name of each and of its researcher."""
    return [
        {
            "group_id": group.id,
            "name": group.name,
            "researcher_id": owner.id,
            "researcher": owner.display_name,
            "joined_at": row.joined_at,
        }
        for row, group, owner in list_memberships(session, user_id)
    ]


def rows_of_key(
    session: Session, table_name: str, key: str, value: Any, *, without: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Rows of a table with this value in a column, one after the other, in the order of their keys."""
    table: Table = Base.metadata.tables[table_name]
    columns = [column for column in table.columns if column.name not in without]
    query = select(*columns).where(table.c[key] == value).order_by(*table.primary_key)
    for row in session.execute(query.execution_options(yield_per=2000)).mappings():
        yield dict(row)


def audit_of_person(session: Session, user_id: int) -> list[dict[str, Any]]:
    """What somebody did, and what others did with them, their recordings and the groups they are in."""
    table = Base.metadata.tables[AuditEntry.__tablename__]
    query = select(table).where(or_(table.c.actor_id == user_id, about_person(user_id)))
    return [dict(row) for row in session.execute(query.order_by(table.c.id)).mappings()]


def recording_ids_of(session: Session, user_id: int) -> list[str]:
    """The recordings of a person, the oldest first."""
    query = select(Recording.id).where(Recording.owner_id == user_id).order_by(Recording.started_at, Recording.id)
    return list(session.scalars(query))


# -- jobs -------------------------------------------------------------------------------------------------------------


def add_job(session: Session, job: Job) -> None:
    session.add(job)
    session.flush()


def find_job(session: Session, *, owner_id: int, job_id: int, kind: str) -> Job | None:
    return session.scalar(select(Job).where(Job.id == job_id, Job.owner_id == owner_id, Job.kind == kind))


def list_jobs(session: Session, *, owner_id: int, kind: str) -> Sequence[Job]:
    """A person's jobs of a kind, the newest first."""
    return session.scalars(select(Job).where(Job.owner_id == owner_id, Job.kind == kind).order_by(Job.id.desc())).all()


def cancel_jobs(session: Session, *, owner_id: int, kind: str, now: datetime) -> None:
    """Whoever works on one of them learns it when noting progress."""
    session.execute(
        update(Job)
        .where(Job.owner_id == owner_id, Job.kind == kind, Job.state.in_(UNFINISHED))
        .values(state="cancelled", ended_at=now)
    )


def move_job(session: Session, job_id: int, **values: Any) -> bool:
    """Note how an unfinished job stands; False if it was cancelled or is gone."""
    query = update(Job).where(Job.id == job_id, Job.state.in_(UNFINISHED)).values(**values)
    return bool(session.execute(query).rowcount)  # type: ignore[attr-defined]


def ended_jobs(session: Session, *, kind: str, before: datetime) -> list[int]:
    """Jobs of a kind that ended before then."""
    return list(session.scalars(select(Job.id).where(Job.kind == kind, Job.ended_at < before)))


def delete_jobs(session: Session, job_ids: Sequence[int]) -> None:
    session.execute(delete(Job).where(Job.id.in_(job_ids)))


# -- deletion ---------------------------------------------------------------------------------------------------------


def job_ids_of(session: Session, user_id: int) -> list[int]:
    return list(session.scalars(select(Job.id).where(Job.owner_id == user_id)))


def delete_user(session: Session, user_id: int) -> bool:
    """Remove a person; the database takes along every row that belongs to them."""
    session.flush()
    removed = session.execute(delete(User).where(User.id == user_id))
    session.expire_all()
    return bool(removed.rowcount)  # type: ignore[attr-defined]
