"""Passwords: which are acceptable, and their argon2id hashes. Called by `accounts` and `registration`.

No sentence here repeats a password, and none is logged.
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from focus.concurrency import run_blocking
from focus.errors import ParameterError
from focus.services.common_passwords import fold

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 1024
MIN_DIFFERENT_CHARACTERS: Final = 5

_COMMON_PATH: Final = Path(__file__).with_name("common_passwords.txt")
_hasher = PasswordHasher()


def check_password(password: str, *, email: str = "") -> None:
    """Refuse what is guessed first: short, common, a repeated piece, or the address itself.

    Raises
    ------
    ParameterError
        Saying why; the sentence does not contain the password.
    """
    if len(password) < MIN_PASSWORD_LENGTH:
        raise ParameterError(f"the password has {len(password)} characters; at least {MIN_PASSWORD_LENGTH} are needed")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise ParameterError(f"the password has {len(password)} characters; at most {MAX_PASSWORD_LENGTH} are allowed")
    folded = fold(password)
    if folded in _common_passwords():
        raise ParameterError("the password is one of the most common ones, which are tried first")
    n_different = len(set(folded))
    if n_different < MIN_DIFFERENT_CHARACTERS:
        raise ParameterError(
            f"the password has {n_different} different characters; at least {MIN_DIFFERENT_CHARACTERS} are needed"
        )
    if _is_repetition(folded):
        raise ParameterError("the password is one piece repeated; please choose another one")
    name = fold(email.partition("@")[0])
    if email and folded in {fold(email), name, name * 2, name * 3}:
        raise ParameterError("the password is the e-mail address; please choose another one")


def hash_password(password: str, *, email: str = "") -> str:
    """The argon2id hash of a password that is acceptable; ParameterError as `check_password`."""
    check_password(password, email=email)
    return run_blocking(_hasher.hash, password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; without a hash it takes as long and is False."""
    is_right = run_blocking(_verify, password_hash or _hash_of_nobody(), password[:MAX_PASSWORD_LENGTH])
    return is_right and password_hash is not None


def renewed_hash(password_hash: str, password: str) -> str | None:
    """A hash with today's cost if this one was made with another, else None."""
    return run_blocking(_hasher.hash, password) if _hasher.check_needs_rehash(password_hash) else None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _is_repetition(text: str) -> bool:
    # A text that is a repeated piece is found in its own double before the middle.
    return text in (text + text)[1:-1]


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(fold(line) for line in _COMMON_PATH.read_text().splitlines())


@cache
def _hash_of_nobody() -> str:
    """A hash to compare with when the address is unknown, so that the answer takes as long as for a known one."""
    return _hasher.hash(secrets.token_hex())
