"""Log-ins as rows, and what administrators do to accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.errors import AuthenticationError, ConflictError, NotFoundError, ParameterError, PermissionDeniedError
from focus.services import accounts, logins
from focus.services.accounts import Principal
from focus.storage.account_models import LogIn, User
from focus.storage.operation_models import AuditEntry

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


@pytest.fixture
def ada(session: Session) -> User:
    return accounts.create_user(session, "ada@example.org")


@pytest.fixture
def root(session: Session) -> Principal:
    return accounts.principal_of_user(accounts.create_user(session, "root@example.org", role="admin"))


def enter(session: Session, user: User) -> str:
    logins.begin_login(session, user, holds=HOUR, browser="Browser", now=NOW)
    return user.get_id()


def lets_in(session: Session, key: str, *, now: datetime = NOW) -> bool:
    return logins.user_of_login(session, key, now=now) is not None


def test_a_key_lets_in_until_its_end_and_is_kept_as_its_hash_alone(session: Session, ada: User) -> None:
    first, second = enter(session, ada), enter(session, ada)

    assert first != second
    assert lets_in(session, first, now=NOW + timedelta(minutes=59))
    assert not lets_in(session, first, now=NOW + HOUR)
    kept = session.scalars(select(LogIn.key_hash)).all()
    assert not {first, second} & set(kept)


def test_a_visit_moves_the_end_on_every_few_minutes(session: Session, ada: User) -> None:
    key = enter(session, ada)
    user = logins.user_of_login(session, key, now=NOW)
    assert user is not None

    moved = [logins.note_visit(session, user, holds=HOUR, now=NOW + timedelta(minutes=at)) for at in (1, 6)]
    session.expire_all()

    assert moved == [False, True]
    assert lets_in(session, key, now=NOW + timedelta(minutes=65))


@pytest.mark.parametrize("key", ["", "1", "x" * 43, "\0"])
def test_an_unknown_key_lets_nobody_in(session: Session, ada: User, key: str) -> None:
    enter(session, ada)

    assert not lets_in(session, key)


def test_logging_out_everywhere_ends_ones_own_log_ins_alone(session: Session, ada: User, root: Principal) -> None:
    own = [enter(session, ada) for _ in range(2)]
    others = enter(session, accounts.get_user(session, root.user_id))

    assert logins.end_all_logins(session, accounts.principal_of_user(ada)) == 2

    assert [lets_in(session, key) for key in (*own, others)] == [False, False, True]


def test_somebody_elses_log_in_is_not_ended(session: Session, ada: User, root: Principal) -> None:
    key = enter(session, ada)

    with pytest.raises(NotFoundError):
        logins.end_login(session, root, ada.login_id)

    assert lets_in(session, key)


@pytest.mark.parametrize("change", ["password", "role", "disabled", "reset"])
def test_a_change_of_the_account_makes_every_old_cookie_worthless(
    session: Session, ada: User, root: Principal, change: str
) -> None:
    key = enter(session, ada)
    if change == "password":
        accounts.change_password(session, ada, current=None, new="another long password")
    elif change == "role":
        accounts.set_role(session, root, ada.id, "researcher")
    elif change == "disabled":
        accounts.set_active(session, root, ada.id, is_active=False)
        accounts.set_active(session, root, ada.id, is_active=True)
    else:
        accounts.force_password_reset(session, root, ada.id)

    assert not lets_in(session, key)


def test_after_a_forced_reset_the_old_password_is_worthless(session: Session, ada: User, root: Principal) -> None:
    accounts.change_password(session, ada, current=None, new="another long password")

    accounts.force_password_reset(session, root, ada.id)

    with pytest.raises(AuthenticationError):
        accounts.authenticate(session, ada.email, "another long password")


def test_a_forced_reset_ends_whatever_a_thief_may_have_made(session: Session, ada: User, root: Principal) -> None:
    _, secret = accounts.create_token(session, ada, name="theirs", scopes=["frames:write"])
    by_token = accounts.user_of_token(session, secret, now=NOW)
    link = accounts.create_login_secret(session, ada, holds=HOUR)

    accounts.force_password_reset(session, root, ada.id)

    assert logins.ended_principals(session, [by_token], now=NOW) == {by_token}
    with pytest.raises(AuthenticationError, match="revoked"):
        accounts.user_of_token(session, secret, now=NOW)
    with pytest.raises(AuthenticationError):
        accounts.redeem_login_secret(session, link)
    noted = session.scalars(select(AuditEntry.details).where(AuditEntry.action == "user.reset_forced")).all()
    assert noted == [{"tokens": 1}]


def test_who_ended_is_told_apart_from_who_is_still_there(session: Session, ada: User) -> None:
    enter(session, ada)
    by_cookie = accounts.principal_of_user(ada)
    tokens = [accounts.create_token(session, ada, name=name, scopes=["frames:write"]) for name in ("one", "two")]
    by_token = [accounts.user_of_token(session, secret, scope="frames:write", now=NOW) for _, secret in tokens]
    accounts.revoke_token(session, by_cookie, tokens[0][0].id)
    everybody = [by_cookie, *by_token, accounts.operator_principal()]

    assert logins.ended_principals(session, everybody, now=NOW) == {by_token[0]}
    assert logins.ended_principals(session, everybody, now=NOW + HOUR) == {by_token[0], by_cookie}
    ada.role = "researcher"
    session.flush()
    assert logins.ended_principals(session, everybody, now=NOW) == {by_cookie, *by_token}
    ada.role, ada.is_active = "member", False
    session.flush()
    assert logins.ended_principals(session, everybody, now=NOW) == {by_cookie, *by_token}


def test_only_administrators_change_other_accounts(session: Session, ada: User, root: Principal) -> None:
    member = accounts.principal_of_user(ada)

    for change in (
        lambda: accounts.set_role(session, member, root.user_id, "member"),
        lambda: accounts.set_active(session, member, root.user_id, is_active=False),
        lambda: accounts.force_password_reset(session, member, root.user_id),
    ):
        with pytest.raises(PermissionDeniedError):
            change()


def test_the_last_administrator_keeps_their_place(session: Session, ada: User, root: Principal) -> None:
    with pytest.raises(ConflictError):
        accounts.set_role(session, root, root.user_id, "member")
    with pytest.raises(ConflictError):
        accounts.set_active(session, root, root.user_id, is_active=False)
    with pytest.raises(ParameterError, match="'king'"):
        accounts.set_role(session, root, ada.id, "king")

    accounts.set_role(session, root, ada.id, "admin")
    accounts.set_role(session, root, root.user_id, "member")

    changes = session.scalars(select(AuditEntry.details).where(AuditEntry.action == "user.role_changed")).all()
    assert changes == [{"from": "member", "to": "admin"}, {"from": "admin", "to": "member"}]
