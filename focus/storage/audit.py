"""The audit log: rows are added here and changed nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, cast, or_, select
from sqlalchemy.orm import Session

from focus.storage.account_models import Membership
from focus.storage.database import is_writing
from focus.storage.operation_models import AuditEntry
from focus.storage.recording_models import Recording


def add_entry(
    session: Session,
    action: str,
    *,
    at: datetime,
    actor_id: int | None,
    object_kind: str = "",
    object_id: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Note that somebody did something; `actor_id` is None for the command line and the server itself."""
    session.add(
        AuditEntry(
            action=action,
            at=at,
            actor_id=actor_id,
            object_kind=object_kind,
            object_id=object_id,
            details=details or {},
        )
    )


def add_entry_apart(
    session: Session,
    action: str,
    *,
    at: datetime,
    unless_since: datetime,
    actor_id: int,
    object_kind: str,
    object_id: str,
) -> None:
    """As `add_entry`, committed at once in a transaction of its own, on the database of the caller's session.

    Nothing is added if the same was noted at `unless_since` or later. Where the caller holds the turn to write (SQLite
    has one writer), the row goes with the caller's own transaction.
    """
    who: dict[str, Any] = {"actor_id": actor_id, "object_kind": object_kind, "object_id": object_id}
    if is_writing(session):
        if not _has_entry_since(session, unless_since, action, **who):
            add_entry(session, action, at=at, **who)
        return
    # Looked up here, too: the caller's transaction may have begun before the last of them was added.
    with Session(session.get_bind()) as apart:
        if not _has_entry_since(apart, unless_since, action, **who):
            add_entry(apart, action, at=at, **who)
            apart.commit()


def _has_entry_since(
    session: Session, since: datetime, action: str, *, actor_id: int, object_kind: str, object_id: str
) -> bool:
    query = select(AuditEntry.id).where(
        AuditEntry.object_kind == object_kind,
        AuditEntry.object_id == object_id,
        AuditEntry.at >= since,
        AuditEntry.action == action,
        AuditEntry.actor_id == actor_id,
    )
    return session.scalar(query.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted: of an action or a family of them ("look."), about or by one person."""

    action: str = ""
    user_id: int | None = None


def list_entries(
    session: Session,
    wanted: EntryFilter | None = None,
    *,
    limit: int = 100,
    before_id: int | None = None,
    offset: int = 0,
) -> Sequence[AuditEntry]:
    """The newest entries first; `before_id` goes on from an earlier page."""
    query = select(AuditEntry).where(*_conditions(wanted or EntryFilter()))
    query = query.order_by(AuditEntry.id.desc()).limit(limit).offset(offset)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return session.scalars(query).all()


def list_actions(session: Session) -> Sequence[str]:
    """Every action that was ever noted, by name."""
    return session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)).all()


def looks_at(session: Session, user_id: int, *, limit: int) -> Sequence[AuditEntry]:
    """The newest looks of others at this person, their sessions and the groups they are in since they joined."""
    mine = and_(about_person(user_id), AuditEntry.action.startswith("look."), AuditEntry.actor_id != user_id)
    return session.scalars(select(AuditEntry).where(mine).order_by(AuditEntry.id.desc()).limit(limit)).all()


def about_person(user_id: int) -> Any:
    """The condition that an entry is about a person: their account, their sessions, or a group while they are in it."""
    recordings = select(Recording.id).where(Recording.owner_id == user_id)
    # A group's id as text, as the log keeps it.
    joined = (
        select(Membership.group_id)
        .where(
            Membership.user_id == user_id,
            AuditEntry.object_id == cast(Membership.group_id, String),
            AuditEntry.at >= Membership.joined_at,
        )
        .exists()
    )
    return or_(
        and_(AuditEntry.object_kind == "user", AuditEntry.object_id == str(user_id)),
        and_(AuditEntry.object_kind == "recording", AuditEntry.object_id.in_(recordings)),
        # What somebody else did with a session that is no more.
        and_(AuditEntry.action.startswith("recording."), AuditEntry.details["owner"].as_integer() == user_id),
        and_(AuditEntry.object_kind == "group", joined),
    )


def _conditions(wanted: EntryFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.action.endswith("."):
        conditions.append(AuditEntry.action.startswith(wanted.action, autoescape=True))
    elif wanted.action:
        conditions.append(AuditEntry.action == wanted.action)
    if wanted.user_id is not None:
        conditions.append(or_(AuditEntry.actor_id == wanted.user_id, about_person(wanted.user_id)))
    return conditions
