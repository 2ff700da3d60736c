"""Links that are mailed: signed, timed, good for one use, and bound to the password that the account has now.

The token names the user, carries a random nonce and is signed (itsdangerous) with a fingerprint of the password hash,
so it dies when the password changes. The nonce's SHA-256 is a row of `one_time_token`; using the link takes the row in
one statement, so of two requests with one link one alone gets through. Nothing here commits: the caller does.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from focus.errors import AuthenticationError
from focus.storage import accounts as queries
from focus.storage.account_models import OneTimeToken, User

VERIFY: Final = "verify"
RESET: Final = "reset"
CHANGE_EMAIL: Final = "change_email"

MAX_LINK_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True)
class MailedLink:
    """What a link that still works says: for whom, and for a change of address, to which."""

    user: User
    email: str
    nonce_hash: str


class LinkMaker:
    """Makes and reads the tokens of mailed links.

    Parameters
    ----------
    secret_key : str
        Of the installation.
    """

    def __init__(self, secret_key: str) -> None:
        self._key = secret_key.encode()

    def make(
        self,
        session: Session,
        user: User,
        purpose: str,
        *,
        holds: timedelta,
        email: str | None = None,
        now: datetime | None = None,
    ) -> str:
        """A token for this purpose that works once, until `holds` has passed; links made before it stop working."""
        now = now or datetime.now(UTC)
        nonce = secrets.token_urlsafe(24)
        queries.delete_one_time_tokens(session, user_id=user.id, purpose=purpose)
        row = OneTimeToken(
            user_id=user.id,
            purpose=purpose,
            token_hash=_digest(nonce),
            created_at=now,
            expires_at=now + holds,
        )
        queries.add_one_time_token(session, row)
        body = {"user": user.id, "email": email or user.email, "nonce": nonce}
        return self._signer(user, purpose).dumps(body)

    def read(self, session: Session, token: str, purpose: str, *, now: datetime | None = None) -> MailedLink:
        """What a link says, without using it up.

        Raises
        ------
        AuthenticationError
            If it was not made here, is too old, was used already, or the password has changed since.
        """
        user, body = self._open(session, token, purpose)
        nonce_hash = _digest(str(body["nonce"]))
        if not queries.has_one_time_token(session, nonce_hash, purpose=purpose, at=now or datetime.now(UTC)):
            raise _worthless()
        return MailedLink(user, str(body["email"]), nonce_hash)

    def use(self, session: Session, token: str, purpose: str, *, now: datetime | None = None) -> MailedLink:
        """What a link says; from now on it does not work any more. Raises as `read`."""
        now = now or datetime.now(UTC)
        link = self.read(session, token, purpose, now=now)
        if queries.use_one_time_token(session, link.nonce_hash, purpose=purpose, at=now) != link.user.id:
            raise _worthless()
        return link

    def _open(self, session: Session, token: str, purpose: str) -> tuple[User, dict[str, object]]:
        if len(token) > MAX_LINK_LENGTH:
            raise _worthless()
        # Whose link it is has to be known before its signature can be checked: the password is in the key.
        _, claimed = self._serializer(b"", purpose).loads_unsafe(token)
        user_id = claimed.get("user") if isinstance(claimed, dict) else None
        user = queries.find_user(session, user_id) if type(user_id) is int and 0 < user_id < 2**63 else None
        if user is None or not user.is_active:
            raise _worthless()
        try:
            body = self._signer(user, purpose).loads(token)
        except BadSignature:
            raise _worthless() from None
        return user, body

    def _signer(self, user: User, purpose: str) -> URLSafeSerializer:
        fingerprint = hmac.digest(self._key, (user.password_hash or "").encode(), "sha256")
        return self._serializer(fingerprint, purpose)

    def _serializer(self, fingerprint: bytes, purpose: str) -> URLSafeSerializer:
        options = {"digest_method": hashlib.sha256}
        return URLSafeSerializer(self._key + fingerprint, salt=f"focus.link.{purpose}", signer_kwargs=options)


def _worthless() -> AuthenticationError:
    return AuthenticationError("this link has been used already, is too old, or was replaced by a newer one")


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()
