"""Queries over log-ins: the rows without which a log-in cookie is worthless."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from focus.storage.account_models import ApiToken, LogIn, User


def add_login(session: Session, login: LogIn) -> None:
    session.add(login)
    session.flush()


def find_login(session: Session, key_hash: str, *, now: datetime) -> tuple[LogIn, User] | None:
    """The log-in of this key and its user, if it has not run out and the user is active."""
    query = (
        select(LogIn, User)
        .join(User, User.id == LogIn.user_id)
        .where(LogIn.key_hash == key_hash, LogIn.expires_at > now, User.is_active.is_(True))
    )
    row = session.execute(query).one_or_none()
    return None if row is None else (row[0], row[1])


def note_visit(session: Session, login_id: int, *, at: datetime, expires_at: datetime) -> None:
    session.execute(update(LogIn).where(LogIn.id == login_id).values(last_seen_at=at, expires_at=expires_at))


def list_logins(session: Session, *, user_id: int, now: datetime) -> Sequence[LogIn]:
    """The log-ins of a person that work, the one that was used last in front."""
    query = select(LogIn).where(LogIn.user_id == user_id, LogIn.expires_at > now).order_by(LogIn.last_seen_at.desc())
    return session.scalars(query).all()


def delete_logins(session: Session, *, user_id: int, login_id: int | None = None) -> int:
    """End one log-in of a person, or all of them; returns how many there were."""
    query = delete(LogIn).where(LogIn.user_id == user_id)
    if login_id is not None:
        query = query.where(LogIn.id == login_id)
    return int(session.execute(query).rowcount)  # type: ignore[attr-defined]


def working_logins(session: Session, login_ids: Sequence[int], *, now: datetime) -> set[tuple[int, str]]:
    """Those of these log-ins that still let in, each with the role that its person has now."""
    query = (
        select(LogIn.id, User.role)
        .join(User, User.id == LogIn.user_id)
        .where(LogIn.id.in_(login_ids), LogIn.expires_at > now, User.is_active.is_(True))
    )
    return {(row[0], row[1]) for row in session.execute(query)}


def working_tokens(session: Session, token_ids: Sequence[int], *, now: datetime) -> set[tuple[int, str]]:
    """Those of these API tokens that still let in, each with the role that its person has now."""
    query = (
        select(ApiToken.id, User.role)
        .join(User, User.id == ApiToken.user_id)
        .where(
            ApiToken.id.in_(token_ids),
            ApiToken.revoked_at.is_(None),
            (ApiToken.expires_at.is_(None)) | (ApiToken.expires_at > now),
            User.is_active.is_(True),
        )
    )
    return {(row[0], row[1]) for row in session.execute(query)}
