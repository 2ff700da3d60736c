"""Registering, confirming, resetting, changing the address: through the services, on SQLite."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.errors import AuthenticationError, ConflictError, ParameterError, UnverifiedError
from focus.services import accounts, logins, registration
from focus.services.links import CHANGE_EMAIL, RESET, VERIFY, LinkMaker
from focus.services.mail import Letter
from focus.services.passwords import hash_password
from focus.storage.account_models import LogIn, User

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
PASSWORD = "twelve or more letters"
POST = registration.Correspondence(LinkMaker("k" * 64), "https://focus.example.org", timedelta(hours=24))
ADDRESS = "ada@example.org"


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


@pytest.fixture(scope="module")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def ada(session: Session, password_hash: str) -> User:
    user = accounts.create_user(session, ADDRESS, now=NOW)
    user.password_hash = password_hash
    session.flush()
    return user


def token_in(letter: Letter | None) -> str:
    assert letter is not None
    found = re.search(r"https://focus\.example\.org/\w+/(\S+)", letter.text)
    assert found is not None, letter.text
    return found[1]


def ask(session: Session, password_hash: str, email: str = ADDRESS) -> Letter:
    return registration.register(session, POST, email=email, password_hash=password_hash, now=NOW)


def test_a_new_account_lets_in_once_its_address_is_confirmed(session: Session, password_hash: str) -> None:
    token = token_in(ask(session, password_hash))
    with pytest.raises(UnverifiedError):
        accounts.authenticate(session, ADDRESS, PASSWORD)

    user = registration.confirm_address(session, POST.links, token, password=PASSWORD, now=NOW)

    assert accounts.authenticate(session, ADDRESS, PASSWORD) is user
    assert (user.role, user.email_verified_at) == ("member", NOW)


def test_opening_the_link_without_the_password_confirms_nothing(session: Session, password_hash: str) -> None:
    token = token_in(ask(session, password_hash))

    with pytest.raises(AuthenticationError, match="not the password you chose"):
        registration.confirm_address(session, POST.links, token, password="another long one", now=NOW)

    with pytest.raises(UnverifiedError):
        accounts.authenticate(session, ADDRESS, PASSWORD)
    registration.confirm_address(session, POST.links, token, password=PASSWORD, now=NOW)


def test_registering_a_known_address_changes_nothing_and_tells_its_owner(session: Session, ada: User) -> None:
    before = ada.password_hash

    letter = ask(session, "another hash")

    assert (letter.kind, letter.to, ada.password_hash) == ("known", ADDRESS, before)
    assert session.scalars(select(User)).all() == [ada]


def test_the_newest_registration_of_an_unproved_address_counts(session: Session, password_hash: str) -> None:
    first = token_in(ask(session, "a stranger's hash"))
    second = token_in(ask(session, password_hash))

    with pytest.raises(AuthenticationError, match="replaced by a newer one"):
        POST.links.read(session, first, VERIFY, now=NOW)
    registration.confirm_address(session, POST.links, second, password=PASSWORD, now=NOW)


def test_a_forgotten_password_is_set_once_and_ends_every_log_in(session: Session, ada: User) -> None:
    logins.begin_login(session, ada, holds=timedelta(hours=1), now=NOW)
    token = token_in(registration.forgot(session, POST, email=ADDRESS, now=NOW))

    registration.set_forgotten_password(session, POST.links, token, password="another long password", now=NOW)

    assert accounts.authenticate(session, ADDRESS, "another long password") is ada
    assert session.scalars(select(LogIn)).all() == []
    with pytest.raises(AuthenticationError):
        registration.set_forgotten_password(session, POST.links, token, password="a third long password", now=NOW)


def test_a_reset_link_dies_with_the_password_it_was_made_for(session: Session, ada: User) -> None:
    token = token_in(registration.forgot(session, POST, email=ADDRESS, now=NOW))

    accounts.change_password(session, ada, current=PASSWORD, new="another long password")

    with pytest.raises(AuthenticationError):
        POST.links.read(session, token, RESET, now=NOW)


def test_a_reset_link_holds_for_an_hour(session: Session, ada: User) -> None:
    token = token_in(registration.forgot(session, POST, email=ADDRESS, now=NOW))

    assert POST.links.read(session, token, RESET, now=NOW + timedelta(minutes=59)).user is ada
    with pytest.raises(AuthenticationError):
        POST.links.read(session, token, RESET, now=NOW + timedelta(minutes=60))


def test_a_common_password_is_refused_and_the_link_still_works(session: Session, ada: User) -> None:
    token = token_in(registration.forgot(session, POST, email=ADDRESS, now=NOW))

    with pytest.raises(ParameterError, match="most common"):
        registration.set_forgotten_password(session, POST.links, token, password="password1234", now=NOW)

    assert POST.links.read(session, token, RESET, now=NOW).user is ada


def test_a_link_works_for_its_purpose_and_key_alone(session: Session, ada: User) -> None:
    token = token_in(registration.forgot(session, POST, email=ADDRESS, now=NOW))

    for links, purpose in ((POST.links, VERIFY), (POST.links, CHANGE_EMAIL), (LinkMaker("x" * 64), RESET)):
        with pytest.raises(AuthenticationError):
            links.read(session, token, purpose, now=NOW)


@pytest.mark.parametrize(
    "token", ["", ".", "a.b", "x" * 3000, "eyJ1c2VyIjoxfQ.AAAA", "eyJ1c2VyIjoiMSJ9.x", "W10.x", "\0"]
)
def test_what_is_no_link_is_refused_as_one_that_is_used_up(session: Session, ada: User, token: str) -> None:
    with pytest.raises(AuthenticationError, match="used already, is too old"):
        POST.links.read(session, token, RESET, now=NOW)


@pytest.mark.parametrize("is_active", [True, False])
def test_no_letter_is_written_for_an_unknown_or_disabled_account(session: Session, ada: User, is_active: bool) -> None:
    ada.is_active = is_active
    email = "nobody@example.org" if is_active else ADDRESS

    assert registration.forgot(session, POST, email=email, now=NOW) is None


def test_a_new_address_holds_once_its_link_came_back_and_the_old_one_is_told(session: Session, ada: User) -> None:
    letter = registration.change_of_email(session, POST, user_id=ada.id, email="new@example.org", now=NOW)
    assert letter is not None
    assert (letter.to, ada.email) == ("new@example.org", ADDRESS)

    _, told = registration.set_email(session, POST.links, token_in(letter), now=NOW)

    assert (ada.email, told.to) == ("new@example.org", ADDRESS)
    with pytest.raises(AuthenticationError):
        registration.set_email(session, POST.links, token_in(letter), now=NOW)


def test_an_address_that_was_taken_meanwhile_is_not_taken_away(session: Session, ada: User) -> None:
    letter = registration.change_of_email(session, POST, user_id=ada.id, email="new@example.org", now=NOW)
    accounts.create_user(session, "new@example.org")

    with pytest.raises(ConflictError):
        registration.set_email(session, POST.links, token_in(letter), now=NOW)

    assert ada.email == ADDRESS


def test_a_change_to_a_known_address_tells_its_owner_and_has_no_link(session: Session, ada: User) -> None:
    bob = accounts.create_user(session, "bob@example.org")

    letter = registration.change_of_email(session, POST, user_id=ada.id, email=bob.email, now=NOW)

    assert letter is not None
    assert (letter.user_id, letter.to) == (bob.id, bob.email)
    assert "https://" not in letter.text
