"""Queries over users, tokens and one-time secrets. Who may ask what is decided in `focus.services.accounts`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from focus.storage.account_models import ApiToken, OneTimeToken, User


def find_user(session: Session, user_id: int) -> User | None:
    return session.get(User, user_id)


def find_user_by_email(session: Session, email: str) -> User | None:
    """The user with this address, which has to be in lower case already."""
    # PostgreSQL takes no U+0000, and no address has it.
    if not email.isprintable():
        return None
    return session.scalar(select(User).where(User.email == email))


def list_users(
    session: Session, *, search: str = "", limit: int = 200, offset: int = 0, after: str | None = None
) -> Sequence[User]:
    """Users in the order of their addresses, behind `after`; `search` is part of an address or a name."""
    query = select(User).order_by(User.email).limit(limit).offset(offset)
    if after is not None:
        query = query.where(User.email > after)
    if search:
        query = query.where(
            or_(
                User.email.contains(search.lower(), autoescape=True),
                func.lower(User.display_name).contains(search.lower(), autoescape=True),
            )
        )
    return session.scalars(query).all()


def count_users(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(User)) or 0


def first_active_admin(session: Session) -> User | None:
    """The administrator who was made first, which on one's own machine is its owner."""
    return session.scalar(select(User).where(User.role == "admin", User.is_active.is_(True)).order_by(User.id).limit(1))


def lock_active_admins(session: Session) -> list[int]:
    """Who the active administrators are; nobody else changes that before the transaction ends."""
    query = select(User.id).where(User.role == "admin", User.is_active.is_(True)).order_by(User.id).with_for_update()
    # On SQLite a savepoint is what takes the turn to write; what is read after it cannot be old.
    with session.begin_nested():
        return list(session.scalars(query))


def add_user(session: Session, user: User) -> None:
    """Add a user; the row has its id afterwards. A taken address raises IntegrityError of SQLAlchemy."""
    session.add(user)
    session.flush()


def find_token(session: Session, token_hash: str) -> ApiToken | None:
    return session.scalar(select(ApiToken).where(ApiToken.token_hash == token_hash))


def find_token_of_user(session: Session, *, user_id: int, token_id: int) -> ApiToken | None:
    return session.scalar(select(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user_id))


def list_tokens(session: Session, *, user_id: int) -> Sequence[ApiToken]:
    """A user's tokens, the newest first, with those that no longer work."""
    return session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())).all()


def add_token(session: Session, token: ApiToken) -> None:
    session.add(token)
    session.flush()


def note_token_use(session: Session, token_id: int, *, at: datetime) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=at))


def revoke_tokens(session: Session, *, user_id: int, at: datetime) -> int:
    """Revoke those of a user's tokens that are not revoked yet; returns how many that were."""
    query = update(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None)).values(revoked_at=at)
    return int(session.execute(query).rowcount)  # type: ignore[attr-defined]


def add_one_time_token(session: Session, token: OneTimeToken) -> None:
    session.add(token)
    session.flush()


def delete_one_time_tokens(session: Session, *, user_id: int, purpose: str) -> None:
    session.execute(delete(OneTimeToken).where(OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose))


def has_one_time_token(session: Session, token_hash: str, *, purpose: str, at: datetime) -> bool:
    """Whether the secret would work now."""
    query = select(OneTimeToken.id).where(
        OneTimeToken.token_hash == token_hash,
        OneTimeToken.purpose == purpose,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > at,
    )
    return session.scalar(query) is not None


def use_one_time_token(session: Session, token_hash: str, *, purpose: str, at: datetime) -> int | None:
    """Mark the secret as used and return its user's id; None when it is unknown, used already or too old.

    One UPDATE decides, so of two requests with the same secret one alone gets in.
    """
    return session.scalar(
        update(OneTimeToken)
        .where(
            OneTimeToken.token_hash == token_hash,
            OneTimeToken.purpose == purpose,
            OneTimeToken.used_at.is_(None),
            OneTimeToken.expires_at > at,
        )
        .values(used_at=at)
        .returning(OneTimeToken.user_id)
    )
