"""Accounts on SQLite and PostgreSQL: passwords, tokens, log-in links, and who may do what."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.errors import AuthenticationError, ConflictError, NotFoundError, ParameterError, PermissionDeniedError
from focus.services import accounts
from focus.storage.account_models import ApiToken, OneTimeToken, User
from focus.storage.operation_models import AuditEntry

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def session(database_session: Session) -> Session:
    return database_session


@pytest.fixture
def ada(session: Session) -> User:
    user = accounts.create_user(session, "Ada@Example.org ", display_name="Ada", now=NOW)
    user.password_hash = hash_of_password()
    return user


@cache
def hash_of_password() -> str:
    return accounts.hash_password(PASSWORD)


# -- users ------------------------------------------------------------------------------------------------------------


def test_an_address_is_kept_in_lower_case_and_found_in_any(session: Session, ada: User) -> None:
    assert ada.email == "ada@example.org"
    assert accounts.get_user_by_email(session, "ADA@example.ORG") is ada


def test_an_address_can_be_taken_once(session: Session, ada: User) -> None:
    with pytest.raises(ConflictError, match=r"for ada@example\.org already"):
        accounts.create_user(session, "ada@EXAMPLE.org")

    assert session.scalars(select(User)).all() == [ada]


@pytest.mark.parametrize(
    "email", ["", "ada", "@example.org", "a b@example.org", "a@b@c", "ada@", "a@b..c", "a" * 251 + "@b.c"]
)
def test_what_cannot_be_an_address_is_refused(session: Session, email: str) -> None:
    with pytest.raises(ParameterError, match="is not an e-mail address"):
        accounts.create_user(session, email)


def test_a_short_password_is_refused_with_both_lengths(session: Session) -> None:
    with pytest.raises(ParameterError, match="has 11 characters; at least 12"):
        accounts.create_user(session, "ada@example.org", password="x" * 11)


def test_an_unknown_role_is_refused_with_the_known_ones(session: Session) -> None:
    with pytest.raises(ParameterError, match=r"'owner'.*member, researcher, admin"):
        accounts.create_user(session, "ada@example.org", role="owner")


def test_a_password_is_kept_as_argon2id_and_not_as_itself(ada: User) -> None:
    assert ada.password_hash is not None
    assert ada.password_hash.startswith("$argon2id$")
    assert PASSWORD not in ada.password_hash


def test_the_right_password_lets_in(session: Session, ada: User) -> None:
    assert accounts.authenticate(session, " ADA@example.org", PASSWORD) is ada


@pytest.mark.parametrize(("email", "password"), [("ada@example.org", "wrong"), ("eve@example.org", PASSWORD), ("", "")])
def test_an_unknown_address_and_a_wrong_password_get_the_same_sentence(
    session: Session, ada: User, email: str, password: str
) -> None:
    with pytest.raises(AuthenticationError) as refused:
        accounts.authenticate(session, email, password)

    assert refused.value.message == "the e-mail address or the password is wrong"


def test_a_disabled_account_is_not_let_in(session: Session, ada: User) -> None:
    ada.is_active = False

    with pytest.raises(AuthenticationError):
        accounts.authenticate(session, ada.email, PASSWORD)


def test_an_account_without_a_password_is_not_let_in_by_one(session: Session) -> None:
    user = accounts.create_user(session, "link@example.org")

    with pytest.raises(AuthenticationError):
        accounts.authenticate(session, user.email, "")


def test_a_password_hashed_with_weaker_settings_is_hashed_again_at_log_in(session: Session, ada: User) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    ada.password_hash = weak

    accounts.authenticate(session, ada.email, PASSWORD)

    assert ada.password_hash != weak
    assert accounts.authenticate(session, ada.email, PASSWORD) is ada


def test_a_password_is_changed_by_whoever_knows_it(session: Session, ada: User) -> None:
    accounts.change_password(session, ada, current=PASSWORD, new="another long password")

    assert accounts.authenticate(session, ada.email, "another long password") is ada
    with pytest.raises(AuthenticationError):
        accounts.authenticate(session, ada.email, PASSWORD)


@pytest.mark.parametrize("current", [None, "", "wrong"])
def test_a_password_is_not_changed_without_the_current_one(session: Session, ada: User, current: str | None) -> None:
    with pytest.raises(AuthenticationError, match="current password is wrong"):
        accounts.change_password(session, ada, current=current, new="another long password")

    assert accounts.authenticate(session, ada.email, PASSWORD) is ada


def test_users_are_listed_for_administrators_alone(session: Session, ada: User) -> None:
    admin = accounts.create_user(session, "root@example.org", role="admin")

    assert accounts.list_users(session, accounts.principal_of_user(admin), search="aDa") == [ada]
    with pytest.raises(PermissionDeniedError):
        accounts.list_users(session, accounts.principal_of_user(ada))


def test_the_first_account_is_made_once_and_is_an_administrator(session: Session) -> None:
    first = accounts.first_account(session)
    again = accounts.first_account(session)

    assert first is not None
    assert first is again
    assert (first.role, first.password_hash) == ("admin", None)


def test_no_account_is_made_where_there_are_some(session: Session, ada: User) -> None:
    assert accounts.first_account(session) is None
    assert session.scalars(select(User)).all() == [ada]


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_stands_for_its_user_with_its_scopes(session: Session, ada: User) -> None:
    token, secret = accounts.create_token(session, ada, name="lab", scopes=["frames:write"])

    principal = accounts.user_of_token(session, secret, scope="frames:write")

    assert principal == accounts.Principal(ada.id, "member", frozenset({"frames:write"}), token_id=token.id)


def test_a_token_is_kept_as_its_sha256_alone(session: Session, ada: User) -> None:
    token, secret = accounts.create_token(session, ada, name="lab", scopes=["frames:write"])

    assert token.token_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret.startswith(token.prefix)
    # 43 characters are 256 random bits; those that are shown leave more than 200.
    assert len(secret) - len(token.prefix) >= 37


def test_a_token_without_the_scope_is_refused(session: Session, ada: User) -> None:
    _, secret = accounts.create_token(session, ada, name="lab", scopes=["recordings:read"])

    with pytest.raises(PermissionDeniedError, match="frames:write"):
        accounts.user_of_token(session, secret, scope="frames:write")


def test_a_token_works_until_its_end(session: Session, ada: User) -> None:
    _, secret = accounts.create_token(
        session, ada, name="lab", scopes=["frames:write"], expires=timedelta(hours=1), now=NOW
    )

    accounts.user_of_token(session, secret, scope="frames:write", now=NOW + timedelta(minutes=59))
    with pytest.raises(AuthenticationError, match="expired at 2026-01-02 04:04 UTC"):
        accounts.user_of_token(session, secret, scope="frames:write", now=NOW + timedelta(hours=1))


def test_a_revoked_token_is_refused(session: Session, ada: User) -> None:
    token, secret = accounts.create_token(session, ada, name="lab", scopes=["frames:write"])

    accounts.revoke_token(session, accounts.principal_of_user(ada), token.id)

    with pytest.raises(AuthenticationError, match="revoked"):
        accounts.user_of_token(session, secret, scope="frames:write")


def test_somebody_elses_token_cannot_be_revoked(session: Session, ada: User) -> None:
    token, secret = accounts.create_token(session, ada, name="lab", scopes=["frames:write"])
    eve = accounts.create_user(session, "eve@example.org")

    with pytest.raises(NotFoundError):
        accounts.revoke_token(session, accounts.principal_of_user(eve), token.id)

    assert accounts.user_of_token(session, secret, scope="frames:write").user_id == ada.id


def test_the_token_of_a_disabled_account_is_refused(session: Session, ada: User) -> None:
    _, secret = accounts.create_token(session, ada, name="lab", scopes=["frames:write"])
    ada.is_active = False

    with pytest.raises(AuthenticationError, match="disabled"):
        accounts.user_of_token(session, secret, scope="frames:write")


@pytest.mark.parametrize("secret", ["", "focus_", "focus_" + "x" * 43, "\N{PILE OF POO}"])
def test_an_unknown_token_is_refused(session: Session, ada: User, secret: str) -> None:
    with pytest.raises(AuthenticationError, match="unknown"):
        accounts.user_of_token(session, secret, scope="frames:write")


def test_the_last_use_is_noted_once_a_minute_at_most(session: Session, ada: User) -> None:
    token, secret = accounts.create_token(session, ada, name="lab", scopes=["frames:write"], now=NOW)
    seen = []
    for after_s in (1, 30, 62):
        accounts.user_of_token(session, secret, scope="frames:write", now=NOW + timedelta(seconds=after_s))
        session.commit()
        noted = session.scalar(select(ApiToken.last_used_at).where(ApiToken.id == token.id))
        assert noted is not None
        seen.append((noted - NOW).total_seconds())

    assert seen == [1, 1, 62]


@pytest.mark.parametrize(
    ("name", "scopes", "expires", "said"),
    [
        ("lab", [], None, r"no scope \(none\)"),
        ("lab", ["frames:write", "root"], None, "no scope root"),
        (" ", ["frames:write"], None, "this one has 0"),
        ("x" * 121, ["frames:write"], None, "this one has 121"),
        ("lab", ["frames:write"], timedelta(0), "in the future"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    session: Session, ada: User, name: str, scopes: list[str], expires: timedelta | None, said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        accounts.create_token(session, ada, name=name, scopes=scopes, expires=expires)

    assert session.scalars(select(ApiToken)).all() == []


# -- log-in links -----------------------------------------------------------------------------------------------------


def test_a_log_in_link_works_once(session: Session, ada: User) -> None:
    secret = accounts.create_login_secret(session, ada, holds=timedelta(minutes=30), now=NOW)

    assert accounts.redeem_login_secret(session, secret, now=NOW) is ada
    with pytest.raises(AuthenticationError, match="used already or is too old"):
        accounts.redeem_login_secret(session, secret, now=NOW)


def test_a_log_in_link_ends_in_time(session: Session, ada: User) -> None:
    secret = accounts.create_login_secret(session, ada, holds=timedelta(minutes=30), now=NOW)

    with pytest.raises(AuthenticationError):
        accounts.redeem_login_secret(session, secret, now=NOW + timedelta(minutes=30))


def test_a_log_in_link_is_not_kept_as_itself(session: Session, ada: User) -> None:
    secret = accounts.create_login_secret(session, ada, holds=timedelta(minutes=30))

    kept = session.scalar(select(OneTimeToken.token_hash))
    assert kept == hashlib.sha256(secret.encode()).hexdigest()


def test_a_disabled_account_is_not_entered_by_a_link(session: Session, ada: User) -> None:
    secret = accounts.create_login_secret(session, ada, holds=timedelta(minutes=30))
    ada.is_active = False

    with pytest.raises(AuthenticationError):
        accounts.redeem_login_secret(session, secret)


def test_deleting_a_user_takes_tokens_and_links_along(session: Session, ada: User) -> None:
    accounts.create_token(session, ada, name="lab", scopes=["frames:write"])
    accounts.create_login_secret(session, ada, holds=timedelta(minutes=30))
    session.commit()

    session.delete(ada)
    session.commit()

    assert session.scalars(select(ApiToken)).all() == []
    assert session.scalars(select(OneTimeToken)).all() == []


def test_the_audit_log_names_ids_and_neither_addresses_nor_secrets(session: Session, ada: User) -> None:
    token, secret = accounts.create_token(session, ada, name="lab", scopes=["frames:write"])
    accounts.revoke_token(session, accounts.principal_of_user(ada), token.id)

    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.action, entry.object_id) for entry in entries] == [
        ("user.created", str(ada.id)),
        ("token.created", str(token.id)),
        ("token.revoked", str(token.id)),
    ]
    shown = str([(entry.action, entry.object_id, entry.details) for entry in entries])
    assert ada.email not in shown
    assert secret not in shown
