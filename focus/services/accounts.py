"""Accounts: who somebody is, and what lets them in. Called by the pages, the Socket.IO connect, and the command line.

Nothing here commits: the caller ends the transaction. Passwords are kept as argon2id hashes, and secrets (API tokens,
log-in links) as SHA-256, which is enough for 256 random bits. Neither stands in a log line or in an error's sentence.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from focus.errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    ParameterError,
    PermissionDeniedError,
    UnverifiedError,
)
from focus.services import looks
from focus.services.passwords import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, hash_password, is_password, renewed_hash
from focus.storage import accounts as queries
from focus.storage import audit
from focus.storage import groups as group_queries
from focus.storage import logins as login_queries
from focus.storage import recordings as recording_queries
from focus.storage.account_models import MAX_EMAIL_LENGTH, ROLES, ApiToken, OneTimeToken, User

logger = logging.getLogger(__name__)

SCOPES: Final = ("frames:write", "recordings:read")
TOKEN_PREFIX: Final = "focus_"
FIRST_ACCOUNT_EMAIL: Final = "admin@localhost"

# Only mail that arrives proves an address, so this refuses what cannot be one and no more.
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)*")
_LOGIN_PURPOSE = "login"
_SHOWN_CHARACTERS = len(TOKEN_PREFIX) + 6
_USE_IS_NOTED_EVERY = timedelta(minutes=1)

__all__ = [
    "MAX_PASSWORD_LENGTH",
    "MIN_PASSWORD_LENGTH",
    "SCOPES",
    "Principal",
    "authenticate",
    "change_password",
    "clean_text",
    "create_login_secret",
    "create_token",
    "create_user",
    "first_account",
    "force_password_reset",
    "get_user",
    "get_user_by_email",
    "hash_password",
    "list_tokens",
    "list_users",
    "normalise_email",
    "operator_principal",
    "principal_of_user",
    "redeem_login_secret",
    "require_password",
    "revoke_all_tokens",
    "revoke_token",
    "set_active",
    "set_role",
    "user_of_token",
    "view_user",
]


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who has been recognised, and what this way of coming in allows.

    `token_id` is None for a log-in, which has every scope and the id of its row in `login_id`.
    """

    user_id: int
    role: str
    scopes: frozenset[str]
    token_id: int | None = None
    login_id: int | None = None

    @property
    def actor_id(self) -> int | None:
        """Whom the audit log names; None for who works in the shell."""
        return self.user_id or None

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def require_scope(self, scope: str) -> None:
        """Raise `PermissionDeniedError` unless this way of coming in allows it."""
        if scope not in self.scopes:
            raise PermissionDeniedError(f"this token does not have the scope {scope!r}")

    def require_admin(self) -> None:
        """Raise `PermissionDeniedError` for anybody but an administrator."""
        if not self.is_admin:
            raise PermissionDeniedError("only an administrator may do this")


def principal_of_user(user: User) -> Principal:
    """The principal of somebody who is logged in."""
    return Principal(user_id=user.id, role=user.role, scopes=frozenset(SCOPES), login_id=user.login_id or None)


def operator_principal() -> Principal:
    """Who works in the shell of the installation, and may see and do everything there anyway."""
    return Principal(user_id=0, role="admin", scopes=frozenset(SCOPES))


# -- users ------------------------------------------------------------------------------------------------------------


def normalise_email(email: str) -> str:
    """The address as it is kept: without blanks around it, in lower case; ParameterError if it is none.

    A host without a domain is allowed (`admin@localhost`), because an installation may know nobody outside itself.
    """
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address) or len(address) > MAX_EMAIL_LENGTH:
        raise ParameterError(f"{address[:MAX_EMAIL_LENGTH]!r} is not an e-mail address")
    return address


def clean_text(text: str) -> str:
    """A line that people typed, without blanks around it and without what cannot be shown, as U+0000."""
    return "".join(character for character in text if character.isprintable()).strip()


def create_user(
    session: Session,
    email: str,
    *,
    password: str | None = None,
    role: str = "member",
    display_name: str = "",
    now: datetime | None = None,
) -> User:
    """Add an account for somebody who is known; without a password it can be entered by a log-in link alone.

    Whoever adds it vouches for the address. People who add themselves come through `registration`.

    Raises
    ------
    ParameterError
        If the address, the role or the password is not acceptable.
    ConflictError
        If the address is taken.
    """
    if role not in ROLES:
        raise ParameterError(f"there is no role {role!r}; there are: {', '.join(ROLES)}")
    now = now or datetime.now(UTC)
    address = normalise_email(email)
    user = User(
        email=address,
        display_name=clean_text(display_name)[:120],
        password_hash=None if password is None else hash_password(password, email=address),
        role=role,
        is_active=True,
        email_verified_at=now,
        created_at=now,
    )
    add_user(session, user)
    return user


def add_user(session: Session, user: User) -> None:
    """Store a new account; ConflictError if its address is taken."""
    try:
        with session.begin_nested():
            queries.add_user(session, user)
    except IntegrityError:
        raise ConflictError(f"there is an account for {user.email} already") from None
    _note(session, "user.created", actor_id=None, kind="user", key=user.id, at=user.created_at)


def get_user(session: Session, user_id: int) -> User:
    """The user with this id; NotFoundError if there is none."""
    user = queries.find_user(session, user_id)
    if user is None:
        raise NotFoundError(f"there is no user {user_id}")
    return user


def get_user_by_email(session: Session, email: str) -> User:
    """The user with this address, in any case of letters; NotFoundError if there is none."""
    user = queries.find_user_by_email(session, email.strip().lower())
    if user is None:
        raise NotFoundError(f"there is no account for {email.strip()}")
    return user


def list_users(
    session: Session,
    principal: Principal,
    *,
    search: str = "",
    limit: int = 200,
    offset: int = 0,
    after_id: int | None = None,
) -> Sequence[User]:
    """All users, for an administrator, in the order of their addresses; behind the user `after_id`, if given.

    Raises
    ------
    PermissionDeniedError
        If somebody else asks.
    NotFoundError
        If there is no user `after_id` any more.
    """
    principal.require_admin()
    looks.note_look(session, principal.actor_id, looks.LIST, kind="user", key="")
    after = None if after_id is None else get_user(session, after_id).email
    return queries.list_users(session, search=search, limit=limit, offset=offset, after=after)


def view_user(session: Session, principal: Principal, user_id: int) -> User:
    """Anybody's account, for an administrator to look at; an account of somebody else is a look (`looks.note_look`).

    Raises
    ------
    PermissionDeniedError
        If somebody else asks.
    NotFoundError
        If there is no such account.
    """
    principal.require_admin()
    user = get_user(session, user_id)
    if user.id != principal.user_id:
        looks.note_look(session, principal.actor_id, looks.ACCOUNT, kind="user", key=str(user.id))
    return user


def authenticate(session: Session, email: str, password: str) -> User:
    """The active user with this address and password.

    An unknown address, a wrong password and a disabled account give the same sentence after the same time.

    Raises
    ------
    AuthenticationError
        If there is no such user.
    UnverifiedError
        If the password is right and the address was never confirmed.
    """
    user = queries.find_user_by_email(session, email.strip().lower())
    known_hash = user.password_hash if user is not None and user.is_active else None
    is_right = is_password(known_hash, password)
    if user is None or known_hash is None or not is_right:
        raise AuthenticationError("the e-mail address or the password is wrong")
    if user.email_verified_at is None:
        raise UnverifiedError("the e-mail address is not confirmed yet; open the link that was mailed to it")
    user.password_hash = renewed_hash(known_hash, password) or known_hash
    return user


def require_password(user: User, password: str | None) -> None:
    """Go on only if this is the account's password, or it has none; AuthenticationError otherwise."""
    if user.password_hash is not None and not is_password(user.password_hash, password or ""):
        raise AuthenticationError("the current password is wrong")


def change_password(session: Session, user: User, *, current: str | None, new: str) -> None:
    """Give a user another password; every browser they are logged in with is out.

    `current` is their password so far, or None where the account has none yet.

    Raises
    ------
    AuthenticationError
        If `current` is not right.
    ParameterError
        If `new` is too short or too long.
    """
    require_password(user, current)
    user.password_hash = hash_password(new, email=user.email)
    login_queries.delete_logins(session, user_id=user.id)
    _note(session, "user.password_changed", actor_id=user.id, kind="user", key=user.id)


# -- by administrators ------------------------------------------------------------------------------------------------


def set_role(session: Session, principal: Principal, user_id: int, role: str) -> User:
    """Give somebody another role; every browser they are logged in with is out.

    Raises
    ------
    PermissionDeniedError
        If the asker is no administrator.
    ParameterError
        If there is no such role.
    ConflictError
        If they are the last administrator that is active.
    """
    principal.require_admin()
    if role not in ROLES:
        raise ParameterError(f"there is no role {role[:40]!r}; there are: {', '.join(ROLES)}")
    user = get_user(session, user_id)
    if role != user.role:
        _keep_one_admin(session, user, "get another role")
        before, user.role = user.role, role
        _close_runs(session, user)
        login_queries.delete_logins(session, user_id=user.id)
        _note(
            session,
            "user.role_changed",
            actor_id=principal.actor_id,
            kind="user",
            key=user.id,
            details={"from": before, "to": role},
        )
    return user


def set_active(session: Session, principal: Principal, user_id: int, *, is_active: bool) -> User:
    """Let somebody in again, or keep them out: log-ins end, tokens stop working, open connections are closed.

    Raises
    ------
    PermissionDeniedError
        If the asker is no administrator.
    ConflictError
        If they are the last administrator that is active.
    """
    principal.require_admin()
    user = get_user(session, user_id)
    if is_active != user.is_active:
        if not is_active:
            _keep_one_admin(session, user, "be disabled")
        user.is_active = is_active
        _close_runs(session, user)
        login_queries.delete_logins(session, user_id=user.id)
        action = "user.enabled" if is_active else "user.disabled"
        _note(session, action, actor_id=principal.actor_id, kind="user", key=user.id)
    return user


def force_password_reset(session: Session, principal: Principal, user_id: int) -> User:
    """Shut everybody out of an account that may be stolen; a mailed link (`registration`) sets another password.

    Whoever had the password may have made tokens with it, so these end, too: the password is worthless, log-ins and
    log-in links end, API tokens are revoked, and open connections are closed.

    Raises
    ------
    PermissionDeniedError
        If the asker is no administrator.
    """
    principal.require_admin()
    user = get_user(session, user_id)
    user.password_hash = None
    login_queries.delete_logins(session, user_id=user.id)
    queries.delete_one_time_tokens(session, user_id=user.id, purpose=_LOGIN_PURPOSE)
    n_revoked = revoke_all_tokens(session, user)
    _note(
        session,
        "user.reset_forced",
        actor_id=principal.actor_id,
        kind="user",
        key=user.id,
        details={"tokens": n_revoked},
    )
    return user


def _close_runs(session: Session, user: User) -> None:
    """End the recordings that somebody runs for others or others for them: what allowed it may not hold any more."""
    runs = group_queries.open_runs(session, run_by_id=user.id) + group_queries.open_runs(session, owner_ids=[user.id])
    for recording in runs:
        recording_queries.close_recording(session, recording.id, ended_at=datetime.now(UTC))


def is_last_admin(session: Session, user: User) -> bool:
    """Whether this is the only active administrator; it cannot change before the transaction ends."""
    return queries.lock_active_admins(session) == [user.id]


def _keep_one_admin(session: Session, user: User, what: str) -> None:
    if is_last_admin(session, user):
        raise ConflictError(f"the last active administrator cannot {what}; make another one first")


# -- API tokens -------------------------------------------------------------------------------------------------------


def create_token(
    session: Session,
    user: User,
    *,
    name: str,
    scopes: Iterable[str],
    expires: timedelta | None = None,
    now: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token of a user, and its secret, which is shown this once and kept nowhere.

    Raises
    ------
    ParameterError
        If a scope is unknown, there is none, the name is empty or `expires` is not in the future.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        shown = ", ".join(unknown) or "(none)"
        raise ParameterError(f"there is no scope {shown}; there are: {', '.join(SCOPES)}")
    name = clean_text(name)
    if not 1 <= len(name) <= 120:
        raise ParameterError(f"a token's name has 1 to 120 characters; this one has {len(name)}")
    if expires is not None and expires <= timedelta(0):
        raise ParameterError(f"a token expires in the future; {expires} is not")
    now = now or datetime.now(UTC)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=user.id,
        name=name,
        prefix=secret[:_SHOWN_CHARACTERS],
        token_hash=_digest(secret),
        scopes=wanted,
        created_at=now,
        expires_at=None if expires is None else now + expires,
    )
    queries.add_token(session, token)
    _note(session, "token.created", actor_id=user.id, kind="api_token", key=token.id, at=now)
    return token, secret


def user_of_token(session: Session, secret: str, *, scope: str | None = None, now: datetime | None = None) -> Principal:
    """Who this token stands for; its last use is noted, once a minute at most.

    Without `scope` the caller asks the principal for what is needed.

    Raises
    ------
    AuthenticationError
        If the token is unknown, expired or revoked, or its user is disabled.
    PermissionDeniedError
        If it does not have the scope.
    """
    now = now or datetime.now(UTC)
    token = queries.find_token(session, _digest(secret))
    if token is None:
        raise AuthenticationError("the token is unknown")
    if token.revoked_at is not None:
        raise AuthenticationError("the token has been revoked")
    if token.expires_at is not None and token.expires_at <= now:
        raise AuthenticationError(f"the token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC")
    user = token.user
    if not user.is_active:
        raise AuthenticationError("the token's account is disabled")
    principal = Principal(user_id=user.id, role=user.role, scopes=frozenset(token.scopes), token_id=token.id)
    if scope is not None:
        principal.require_scope(scope)
    if token.last_used_at is None or now - token.last_used_at >= _USE_IS_NOTED_EVERY:
        queries.note_token_use(session, token.id, at=now)
    return principal


def list_tokens(session: Session, principal: Principal) -> Sequence[ApiToken]:
    """One's own tokens, the newest first, with those that no longer work."""
    return queries.list_tokens(session, user_id=principal.user_id)


def revoke_token(session: Session, principal: Principal, token_id: int, *, now: datetime | None = None) -> ApiToken:
    """End one of one's own tokens; ending it again changes nothing. NotFoundError if it is not one's own."""
    token = queries.find_token_of_user(session, user_id=principal.user_id, token_id=token_id)
    if token is None:
        raise NotFoundError(f"you have no token {token_id}")
    if token.revoked_at is None:
        token.revoked_at = now or datetime.now(UTC)
        _note(session, "token.revoked", actor_id=principal.user_id, kind="api_token", key=token.id, at=token.revoked_at)
    return token


def revoke_all_tokens(session: Session, user: User, *, now: datetime | None = None) -> int:
    """End every token of a user that is not revoked yet; returns how many that were."""
    return queries.revoke_tokens(session, user_id=user.id, at=now or datetime.now(UTC))


# -- log-in links -----------------------------------------------------------------------------------------------------


def create_login_secret(session: Session, user: User, *, holds: timedelta, now: datetime | None = None) -> str:
    """A secret that logs this user in once, until `holds` has passed."""
    now = now or datetime.now(UTC)
    secret = secrets.token_urlsafe(32)
    queries.add_one_time_token(
        session,
        OneTimeToken(
            user_id=user.id,
            purpose=_LOGIN_PURPOSE,
            token_hash=_digest(secret),
            created_at=now,
            expires_at=now + holds,
        ),
    )
    return secret


def redeem_login_secret(session: Session, secret: str, *, now: datetime | None = None) -> User:
    """The user whom a log-in link lets in; AuthenticationError if it is unknown, used already or too old."""
    user_id = queries.use_one_time_token(session, _digest(secret), purpose=_LOGIN_PURPOSE, at=now or datetime.now(UTC))
    user = None if user_id is None else queries.find_user(session, user_id)
    if user is None or not user.is_active:
        raise AuthenticationError("this log-in link has been used already or is too old")
    return user


def first_account(session: Session) -> User | None:
    """The owner of an installation: the first active administrator, made now when there is no account at all.

    None where there are accounts and no administrator among them is active.
    """
    if queries.count_users(session) == 0:
        try:
            return create_user(session, FIRST_ACCOUNT_EMAIL, role="admin", display_name="Owner")
        except ConflictError:
            logger.info("another server that starts has just made the first account")
    return queries.first_active_admin(session)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _note(
    session: Session,
    action: str,
    *,
    actor_id: int | None,
    kind: str,
    key: int,
    at: datetime | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    audit.add_entry(
        session,
        action,
        at=at or datetime.now(UTC),
        actor_id=actor_id,
        object_kind=kind,
        object_id=str(key),
        details=details,
    )
