"""Log in, log out, the one-time link, the account page and its tokens."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from focus.errors import AuthenticationError
from focus.services import accounts
from focus.storage.database import db
from tests.integration.realtime.wire import token_of
from tests.integration.web.conftest import People
from tests.integration.web.made import PASSWORD, csrf_in, csrf_of, make_person


def log_in(client: FlaskClient, email: str, password: str, address: str = "/login") -> TestResponse:
    token = csrf_of(client.get(address).text)
    return client.post(address, data={"email": email, "password": password, "csrf_token": token})


def test_the_right_password_leads_to_the_sessions(app: Flask) -> None:
    make_person(app, "dora@example.org", password=PASSWORD)
    client = app.test_client()

    answer = log_in(client, "Dora@Example.org", PASSWORD)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "Your first session is one click away" in client.get("/").text


def test_a_wrong_password_and_an_unknown_address_get_the_same_page(app: Flask) -> None:
    make_person(app, "dora@example.org", password=PASSWORD)
    pages = []
    for email in ("dora@example.org", "nobody@example.org"):
        answer = log_in(app.test_client(), email, "not the password")
        assert answer.status_code == 422
        pages.append(re.sub(r'value="[^"]*"', "", answer.text))

    assert pages[0] == pages[1]
    assert "The e-mail address or the password is wrong." in pages[0]


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/sessions/start", "/sessions/start"),
        ("//evil.example/x", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_after_the_log_in_only_an_own_page_follows(app: Flask, target: str, leads_to: str) -> None:
    make_person(app, "dora@example.org", password=PASSWORD)

    answer = log_in(app.test_client(), "dora@example.org", PASSWORD, f"/login?next={target}")

    assert answer.headers["Location"] == leads_to


def test_a_login_link_works_once(app: Flask, people: People) -> None:
    with app.app_context():
        user = accounts.get_user(db.session, people.ada.user_id)
        secret = accounts.create_login_secret(db.session, user, holds=timedelta(minutes=1))
        db.session.commit()
    client, later = app.test_client(), app.test_client()

    # What previews a link asks with HEAD, and must not use it up.
    assert client.head(f"/login/{secret}").status_code == 204
    first = client.get(f"/login/{secret}")
    second = later.get(f"/login/{secret}")

    assert (first.status_code, second.status_code) == (302, 401)
    assert client.get("/account").status_code == 200
    assert "used already or is too old" in second.text
    assert later.get("/account").status_code == 302


def test_logging_out_ends_the_login(people: People) -> None:
    ada = people.browsers["ada"]

    ada.post("/logout", data={"csrf_token": csrf_in(ada)})

    assert ada.get("/account").status_code == 302


def test_a_token_is_shown_once_works_and_is_revoked(app: Flask, people: People) -> None:
    ada = people.browsers["ada"]
    form = {"name": "Room 2", "scopes": "frames:write", "lifetime_days": "30", "csrf_token": csrf_in(ada)}

    page = ada.post("/account/tokens", data=form).text
    secret = re.search(r'id="secret">(focus_[^<]+)<', page)

    assert secret is not None
    with app.app_context():
        principal = accounts.user_of_token(db.session, secret[1], scope="frames:write")
        assert principal.user_id == people.ada.user_id
        token_id = principal.token_id
    later = ada.get("/account").text
    assert "Room 2" in later
    assert secret[1] not in later

    ada.post(f"/account/tokens/{token_id}/revoke", data={"csrf_token": csrf_in(ada)})

    assert "1 that no longer works" in ada.get("/account").text
    with app.app_context(), pytest.raises(AuthenticationError, match="revoked"):
        accounts.user_of_token(db.session, secret[1], scope="frames:write")


def test_another_member_cannot_revoke_a_token(app: Flask, people: People) -> None:
    with app.app_context():
        user = accounts.get_user(db.session, people.ada.user_id)
        token, secret = accounts.create_token(db.session, user, name="mine", scopes=["frames:write"])
        db.session.commit()
        token_id = token.id
    bob = people.browsers["bob"]

    answer = bob.post(f"/account/tokens/{token_id}/revoke", data={"csrf_token": csrf_in(bob)})

    assert answer.status_code == 404
    with app.app_context():
        assert accounts.user_of_token(db.session, secret, scope="frames:write").token_id == token_id


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "give the token a name"),
        ({"scopes": []}, "tick at least one"),
        ({"scopes": "everything"}, "is not a valid choice"),
        ({"lifetime_days": "12"}, "Not a valid choice"),
    ],
)
def test_a_wrong_token_form_says_what_is_wrong_and_makes_none(
    people: People, wrong: dict[str, object], words: str
) -> None:
    ada = people.browsers["ada"]
    form = {"name": "x", "scopes": "frames:write", "lifetime_days": "30", "csrf_token": csrf_in(ada), **wrong}

    answer = ada.post("/account/tokens", data=form)

    assert answer.status_code == 422
    assert words in answer.text.replace("&#39;", "'")
    assert "You have no token that works." in answer.text


def test_an_account_without_a_password_can_set_one(app: Flask, people: People) -> None:
    ada = people.browsers["ada"]
    form = {"new": PASSWORD, "again": PASSWORD, "csrf_token": csrf_in(ada)}

    answer = ada.post("/account/password", data=form)

    assert answer.status_code == 302
    assert log_in(app.test_client(), "ada@example.org", PASSWORD).status_code == 302


def test_a_password_is_changed_only_with_the_current_one(app: Flask) -> None:
    make_person(app, "dora@example.org", password=PASSWORD)
    client = app.test_client()
    log_in(client, "dora@example.org", PASSWORD)
    new = "another twelve letters"
    form = {"current": "wrong", "new": new, "again": new, "csrf_token": csrf_in(client)}

    refused = client.post("/account/password", data=form)
    taken = client.post("/account/password", data={**form, "current": PASSWORD})

    assert (refused.status_code, taken.status_code) == (422, 302)
    assert "The current password is wrong." in refused.text


@pytest.mark.parametrize("end_tokens", ["", "y"])
def test_a_new_password_ends_api_tokens_where_that_is_ticked_and_says_so(
    app: Flask, people: People, end_tokens: str
) -> None:
    ada, secret = people.browsers["ada"], token_of(app, people.ada.email, "recordings:read")
    form = {"new": PASSWORD, "again": PASSWORD, "csrf_token": csrf_in(ada)}

    page = ada.post("/account/password", data={**form, "end_tokens": end_tokens}, follow_redirects=True).text

    answer = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == (401 if end_tokens else 200)
    assert ("Your API tokens are revoked." in page) == bool(end_tokens)
    assert ("Your API tokens still work." in page) != bool(end_tokens)


def test_a_short_password_and_two_that_differ_are_refused(people: People) -> None:
    ada = people.browsers["ada"]
    form = {"csrf_token": csrf_in(ada)}

    short = ada.post("/account/password", data={**form, "new": "short", "again": "short"})
    differ = ada.post("/account/password", data={**form, "new": PASSWORD, "again": PASSWORD + "x"})

    assert (short.status_code, differ.status_code) == (422, 422)
    assert "A password has at least 12 characters." in short.text
    assert "The two new passwords are not the same." in differ.text
