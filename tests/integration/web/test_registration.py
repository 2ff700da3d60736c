"""Registering, confirming, resetting and changing the address, as a stranger's browser sees it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from focus.services import accounts, passwords
from focus.services.mail import letters_in_outbox
from focus.storage.database import db
from tests.conftest import AppFactory
from tests.integration.realtime.wire import token_of
from tests.integration.web.conftest import People
from tests.integration.web.made import PASSWORD, browser_of, csrf_of, make_person

ADDRESS = "dora@example.org"
ANOTHER = "quite another sentence"


def fill(client: FlaskClient, page: str, **fields: str) -> TestResponse:
    """Open a page and send its form."""
    token = csrf_of(client.get(page).text)
    return client.post(page, data={**fields, "csrf_token": token})


def register(client: FlaskClient, email: str = ADDRESS, password: str = PASSWORD) -> TestResponse:
    return fill(client, "/register", email=email, display_name="Dora", new=password, again=password)


def outbox(app: Flask) -> list[Path]:
    app.extensions["focus.desk"].finish()
    return sorted((app.extensions["focus.settings"].INSTANCE / "outbox").glob("*.eml"))


def link_in(letter: Path) -> str:
    found = re.search(r"http://127\.0\.0\.1:5000(/(?:verify|reset|email)/\S+)", letter.read_text())
    assert found is not None
    return found[1]


def log_in(client: FlaskClient, password: str = PASSWORD, email: str = ADDRESS) -> TestResponse:
    return fill(client, "/login", email=email, password=password)


def test_from_the_first_page_to_a_confirmed_account(app: Flask) -> None:
    client = app.test_client()
    assert "/register" in client.get("/").text

    asked = register(client)
    (letter,) = outbox(app)
    unconfirmed = log_in(client)
    confirmed = fill(client, link_in(outbox(app)[-1]), password=PASSWORD)

    assert (asked.status_code, unconfirmed.status_code, confirmed.status_code) == (200, 422, 303)
    assert "is not confirmed yet" in unconfirmed.text
    assert letter.stat().st_mode & 0o777 == 0o600
    assert "Welcome. A few questions" in client.get(confirmed.headers["Location"]).text


def test_a_mailed_link_is_not_used_up_by_opening_it(app: Flask) -> None:
    register(app.test_client())
    link = link_in(outbox(app)[0])
    for _ in range(2):
        assert app.test_client().get(link).status_code == 200

    first = fill(app.test_client(), link, password=PASSWORD)
    again = app.test_client().get(link)

    assert (first.status_code, again.status_code) == (303, 410)
    assert "has been used already" in again.text


@pytest.mark.parametrize("page", ["/register", "/forgot"])
def test_a_known_and_an_unknown_address_get_the_same_answer(app: Flask, page: str) -> None:
    make_person(app, ADDRESS, password=PASSWORD)
    forms = {"/register": {"new": ANOTHER, "again": ANOTHER, "display_name": ""}, "/forgot": {}}
    answers = [fill(app.test_client(), page, email=email, **forms[page]) for email in (ADDRESS, "new@example.org")]

    pages = [re.sub(r'value="[^"]*"', "", answer.text) for answer in answers]

    assert pages[0] == pages[1]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [name for name, _ in answers[0].headers] == [name for name, _ in answers[1].headers]


@pytest.mark.parametrize("page", ["/forgot", "/register", "/api/v1/accounts/forgot", "/api/v1/accounts"])
def test_a_known_address_costs_the_answer_nothing_that_an_unknown_one_does_not(app: Flask, page: str) -> None:
    # Time itself is what a stranger would measure, and what a busy machine measures wrongly: this counts its causes.
    make_person(app, ADDRESS)
    asked: list[object] = []
    # Held back, as behind a mail server that is slow: the answer must not wait for what becomes of it.
    app.extensions["focus.desk"]._take = asked.append
    client = app.test_client()
    proof = csrf_of(client.get("/forgot").text)
    more = {} if "forgot" in page else {"password": PASSWORD, "new": PASSWORD, "again": PASSWORD}

    with watched(app) as statements:
        for email in (ADDRESS, "new@example.org"):
            if page.startswith("/api"):
                body = {"email": email, **({"password": PASSWORD} if more else {})}
                assert client.post(page, json=body).status_code == 202
            else:
                assert client.post(page, data={"email": email, "csrf_token": proof, **more}).status_code == 200

    assert len(asked) == 2
    assert statements == []


def test_a_log_in_that_fails_costs_one_hash_whoever_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    known, disabled = (make_person(app, f"{name}@example.org", password=PASSWORD) for name in ("ada", "gone"))
    without = make_person(app, "link@example.org")
    with app.app_context():
        accounts.get_user(db.session(), disabled.user_id).is_active = False
        db.session.commit()
    hashed: list[int] = []
    verify = passwords._verify
    monkeypatch.setattr(passwords, "_verify", lambda *both: hashed.append(1) or verify(*both))
    found: dict[str, tuple[int, list[str]]] = {}
    for email in (known.email, disabled.email, without.email, "nobody@example.org"):
        hashed.clear()
        client = app.test_client()
        proof = csrf_of(client.get("/login").text)
        with watched(app) as statements:
            client.post("/login", data={"email": email, "password": "not the password", "csrf_token": proof})
        found[email] = (len(hashed), statements)

    assert list(found.values()) == [found[known.email]] * 4
    assert found[known.email][0] == 1


@contextmanager
def watched(app: Flask) -> Iterator[list[str]]:
    """What the database is asked, without the values."""
    statements: list[str] = []
    with app.app_context():
        engine = db.engine

    def see(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", see)
    yield statements
    event.remove(engine, "before_cursor_execute", see)


def test_a_forgotten_password_is_set_by_the_link_and_every_browser_is_out(app: Flask) -> None:
    person = make_person(app, ADDRESS, password=PASSWORD)
    inside = browser_of(app, person)
    stranger = app.test_client()
    fill(stranger, "/forgot", email=ADDRESS)

    answer = fill(stranger, link_in(outbox(app)[0]), new=ANOTHER, again=ANOTHER)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert inside.get("/account").status_code == 302
    assert log_in(app.test_client()).status_code == 422
    assert log_in(app.test_client(), ANOTHER).status_code == 302


def test_who_may_have_lost_the_account_revokes_its_api_tokens_with_the_new_password(app: Flask) -> None:
    person = make_person(app, ADDRESS, password=PASSWORD)
    secret = token_of(app, person.email, "recordings:read")
    stranger = app.test_client()
    fill(stranger, "/forgot", email=ADDRESS)

    fill(stranger, link_in(outbox(app)[0]), new=ANOTHER, again=ANOTHER, end_tokens="y")

    answer = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.get_json()["detail"]) == (401, "the token has been revoked")


def test_an_address_is_changed_by_the_link_and_the_old_one_is_told(app: Flask) -> None:
    person = make_person(app, ADDRESS, password=PASSWORD)
    client = browser_of(app, person)
    form = {"email": "new@example.org", "csrf_token": csrf_of(client.get("/account").text)}
    refused = client.post("/account/email", data={**form, "current": "wrong"})
    client.post("/account/email", data={**form, "current": PASSWORD})
    (letter,) = outbox(app)

    fill(client, link_in(letter))

    assert refused.status_code == 422
    assert "new@example.org" in client.get("/account").text
    texts = [letter.read_text() for letter in outbox(app)]
    assert any(f"To: {ADDRESS}" in text and "another e-mail address from now on" in text for text in texts)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"email": "no address"}, "This is not an e-mail address."),
        ({"new": "short", "again": "short"}, "at least 12 characters"),
        ({"new": "password1234", "again": "password1234"}, "one of the most common ones"),
        ({"again": "something else!"}, "are not the same"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused_with_its_reason(
    app: Flask, changed: dict[str, str], said: str
) -> None:
    form = {"email": ADDRESS, "new": PASSWORD, "again": PASSWORD, **changed}

    answer = fill(app.test_client(), "/register", **form)

    assert answer.status_code == 422
    assert said in answer.text
    assert outbox(app) == []


def test_registration_can_be_closed(make_app: AppFactory, sqlite_url: str) -> None:
    client = make_app(DATABASE_URL=sqlite_url, REGISTRATION="closed").test_client()

    assert client.get("/register").status_code == 404
    assert "/register" not in client.get("/").text


def test_forms_of_strangers_are_limited_by_address_and_by_account(make_app: AppFactory, sqlite_url: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, MAIL_FORM_LIMIT="4 per hour", MAIL_ACCOUNT_LIMIT="2 per hour")
    one, other = app.test_client(), app.test_client()

    by_account = [fill(one, "/forgot", email=ADDRESS).status_code for _ in range(3)]
    elsewhere = other.post(
        "/forgot",
        data={"email": ADDRESS, "csrf_token": csrf_of(other.get("/forgot").text)},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    ).status_code
    by_address = [fill(one, "/forgot", email=f"other{n}@example.org").status_code for n in range(2)]

    assert by_account == [200, 200, 429]
    assert elsewhere == 429
    assert by_address == [200, 429]


def test_log_in_is_limited_by_account_from_wherever_it_is_tried(make_app: AppFactory, sqlite_url: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, LOGIN_ACCOUNT_LIMIT="2 per hour")
    client = app.test_client()
    token = csrf_of(client.get("/login").text)
    form = {"email": ADDRESS, "password": "wrong", "csrf_token": token}

    found = [
        client.post("/login", data=form, environ_base={"REMOTE_ADDR": f"192.0.2.{n}"}).status_code for n in range(3)
    ]

    assert found == [422, 422, 429]


def test_the_log_tells_no_password_token_cookie_or_address(
    make_app: AppFactory, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app(DATABASE_URL=sqlite_url, LOG_LEVEL="DEBUG")
    client = app.test_client()
    register(client)
    link = link_in(outbox(app)[0])
    fill(client, link, password=PASSWORD)
    log_in(app.test_client(), "a wrong password")
    made = client.post(
        "/account/tokens",
        data={
            "name": "lab",
            "scopes": "frames:write",
            "lifetime_days": "30",
            "csrf_token": csrf_of(client.get("/account").text),
        },
    )
    secret = re.search(r'id="secret">(focus_[^<]+)<', made.text)
    cookie = client.get_cookie("focus_login")
    fill(app.test_client(), "/forgot", email=ADDRESS)
    outbox(app)

    log = capsys.readouterr().err

    assert secret is not None
    assert cookie is not None
    assert "POST accounts.verify 303" in log
    for hidden in (PASSWORD, "a wrong password", ADDRESS, secret[1], cookie.value, link.rsplit("/", 1)[1]):
        assert hidden not in log


def test_a_letter_is_deleted_with_its_person(app: Flask, people: People) -> None:
    register(app.test_client())
    fill(app.test_client(), link_in(outbox(app)[0]), password=PASSWORD)
    with app.app_context():
        user = accounts.get_user_by_email(db.session(), ADDRESS)
        instance = app.extensions["focus.settings"].INSTANCE
        assert len(letters_in_outbox(instance, user.id, user.email)) == 1
        assert letters_in_outbox(instance, people.ada.user_id, people.ada.email) == []


def test_the_log_of_a_failed_message_holds_no_address(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    class BrokenMailer:
        def send(self, letter: object) -> None:
            raise OSError(f"550 {ADDRESS} is unknown")

    app.extensions["focus.desk"]._mailer = BrokenMailer()
    with caplog.at_level(logging.INFO):
        register(app.test_client())
        outbox(app)

    assert "a message could not be sent: OSError" in caplog.text
    assert ADDRESS not in caplog.text
