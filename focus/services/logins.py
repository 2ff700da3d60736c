"""Log-ins as rows: a cookie lets in only as long as its row is there.

The cookie holds a random key that is made anew at each log-in, the row its SHA-256. Logging out, logging out
everywhere, a new password, another role and disabling an account all delete rows, and with them every copy of the
cookie. Nothing here commits: the caller ends the transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from focus.errors import NotFoundError
from focus.services.accounts import Principal, clean_text
from focus.storage import audit
from focus.storage import logins as queries
from focus.storage.account_models import LogIn, User

VISIT_IS_NOTED_EVERY: Final = timedelta(minutes=5)
MAX_BROWSER_LENGTH: Final = 120


def begin_login(
    session: Session, user: User, *, holds: timedelta, browser: str = "", now: datetime | None = None
) -> LogIn:
    """Let this person in with a new key, which `user.get_id()` then returns for the cookie."""
    now = now or datetime.now(UTC)
    key = secrets.token_urlsafe(32)
    login = LogIn(
        user_id=user.id,
        key_hash=_digest(key),
        browser=clean_text(browser)[:MAX_BROWSER_LENGTH],
        created_at=now,
        last_seen_at=now,
        expires_at=now + holds,
    )
    queries.add_login(session, login)
    audit.add_entry(session, "user.logged_in", at=now, actor_id=user.id, object_kind="user", object_id=str(user.id))
    user.login_key, user.login_id = key, login.id
    return login


def user_of_login(session: Session, key: str, *, now: datetime | None = None) -> User | None:
    """Whom the key of a cookie lets in; None if its log-in has ended or run out, or the user is disabled."""
    found = queries.find_login(session, _digest(key), now=now or datetime.now(UTC))
    if found is None:
        return None
    login, user = found
    user.login_key, user.login_id = key, login.id
    return user


def note_visit(session: Session, user: User, *, holds: timedelta, now: datetime | None = None) -> bool:
    """Move on the end of the log-in through which this user was found, every few minutes; whether it was due."""
    now = now or datetime.now(UTC)
    login = session.get(LogIn, user.login_id) if user.login_id else None
    if login is None or now - login.last_seen_at < VISIT_IS_NOTED_EVERY:
        return False
    queries.note_visit(session, login.id, at=now, expires_at=now + holds)
    return True


def list_logins(session: Session, principal: Principal, *, now: datetime | None = None) -> Sequence[LogIn]:
    """One's own log-ins that work, the one that was used last in front."""
    return queries.list_logins(session, user_id=principal.user_id, now=now or datetime.now(UTC))


def end_login(session: Session, principal: Principal, login_id: int) -> None:
    """Log one of one's own browsers out; NotFoundError if it is not one's own."""
    if not queries.delete_logins(session, user_id=principal.user_id, login_id=login_id):
        raise NotFoundError(f"you have no log-in {login_id}")


def end_all_logins(session: Session, principal: Principal, *, now: datetime | None = None) -> int:
    """Log out everywhere; returns how many browsers that were."""
    n_ended = queries.delete_logins(session, user_id=principal.user_id)
    audit.add_entry(
        session,
        "user.logged_out_everywhere",
        at=now or datetime.now(UTC),
        actor_id=principal.actor_id,
        object_kind="user",
        object_id=str(principal.user_id),
    )
    return n_ended


def ended_principals(
    session: Session, principals: Collection[Principal], *, now: datetime | None = None
) -> set[Principal]:
    """Those who are not let in any more: token revoked or run out, log-in ended, account disabled or gone.

    Also those whose role is another one now: what they were let in with no longer holds.
    """
    now = now or datetime.now(UTC)
    tokens = sorted({found.token_id for found in principals if found.token_id is not None})
    logins = sorted({found.login_id for found in principals if found.login_id is not None})
    working_tokens = queries.working_tokens(session, tokens, now=now) if tokens else set()
    working_logins = queries.working_logins(session, logins, now=now) if logins else set()
    return {
        found
        for found in principals
        if (found.token_id is not None and (found.token_id, found.role) not in working_tokens)
        or (found.login_id is not None and (found.login_id, found.role) not in working_logins)
    }


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
