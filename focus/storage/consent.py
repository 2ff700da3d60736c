"""Queries over consent, and the locks that make a decision and the opening of a recording come one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from focus.storage.account_models import Consent, User


def add_consent(session: Session, row: Consent) -> None:
    session.add(row)
    session.flush()


def newest_consents(session: Session, user_ids: Sequence[int]) -> Sequence[Consent]:
    """The row that holds for each person and purpose; of one moment's rows the one that was added last."""
    newest = (
        select(func.max(Consent.id))
        .where(Consent.user_id.in_(user_ids))
        .group_by(Consent.user_id, Consent.purpose)
        .scalar_subquery()
    )
    return session.scalars(select(Consent).where(Consent.id.in_(newest))).all()


def list_consents(session: Session, user_id: int) -> list[Consent]:
    """All decisions of a person, the newest first."""
    return list(session.scalars(select(Consent).where(Consent.user_id == user_id).order_by(Consent.id.desc())))


def lock_user(session: Session, user_id: int) -> None:
    """Nobody opens a recording of this person before the transaction ends."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update())


def share_active_user(session: Session, user_id: int) -> bool:
    """Whether the account is there and active; it stays so, and no consent of it changes, before the transaction ends.

    SQLite has one writer at a time and needs no lock.
    """
    query = select(User.is_active).where(User.id == user_id).with_for_update(read=True)
    return bool(session.scalar(query))
