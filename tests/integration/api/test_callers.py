"""Who may call: tokens by the header alone, log-ins with the proof that our own page asks, strangers not too often."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from focus.services.accounts import get_user, operator_principal, set_active
from focus.storage.account_models import ApiToken
from focus.storage.database import db
from tests.conftest import AppFactory
from tests.integration.api.conftest import API, Caller, by_login, by_token
from tests.integration.realtime.wire import token_of
from tests.integration.web.made import Person, browser_of, make_person, make_session

NO_TOKENS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer focus_unknown",
    "Basic YTpi",
    "focus_x",
    "Bearer " + "x" * 500,
    "Bearer \x00",
]


@pytest.mark.parametrize("header", NO_TOKENS)
def test_a_header_without_a_token_that_works_is_401_even_in_a_browser_that_is_logged_in(
    app: Flask, ada: Person, header: str
) -> None:
    answer = Caller(browser_of(app, ada)).get("/me", headers={"Authorization": header})

    assert (answer.status_code, answer.get_json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_says_whose_it_is_and_what_it_may(app: Flask, ada: Person) -> None:
    me = by_token(app, ada, "recordings:read").get("/me").get_json()

    assert (me["email"], me["scopes"]) == ("ada@example.org", ["recordings:read"])
    with app.app_context():
        assert db.session.scalars(select(ApiToken.last_used_at)).one() is not None


@pytest.mark.parametrize("end", ["revoked_at", "expires_at"])
def test_a_token_that_has_ended_is_401(app: Flask, ada: Person, end: str) -> None:
    caller = by_token(app, ada, "recordings:read")
    with app.app_context():
        setattr(db.session.scalars(select(ApiToken)).one(), end, datetime.now(UTC) - timedelta(seconds=1))
        db.session.commit()

    assert caller.get("/recordings").status_code == 401


def test_a_disabled_accounts_token_and_log_in_are_401(app: Flask, ada: Person) -> None:
    token, page = by_token(app, ada, "recordings:read"), by_login(app, ada)
    with app.app_context():
        set_active(db.session(), operator_principal(), ada.user_id, is_active=False)
        db.session.commit()

    assert (token.get("/recordings").status_code, page.get("/recordings").status_code) == (401, 401)


def test_a_token_without_the_scope_is_403(app: Flask, ada: Person) -> None:
    answer = by_token(app, ada, "frames:write").get("/recordings")

    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert "recordings:read" in answer.get_json()["detail"]


def test_a_token_may_not_make_another_one(app: Flask, ada: Person) -> None:
    body = {"name": "more", "scopes": ["frames:write"]}

    answer = by_token(app, ada, "frames:write", "recordings:read").post("/me/tokens", json=body)

    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("query", ["token={}", "access_token={}", "search={}", "Authorization=Bearer%20{}"])
def test_a_token_in_an_address_is_refused_whatever_else_is_sent(app: Flask, ada: Person, query: str) -> None:
    secret = token_of(app, ada.email, "recordings:read")
    caller = Caller(app.test_client(), {"Authorization": f"Bearer {secret}"})

    answers = [caller.get(f"/recordings?{query.format(secret)}"), caller.get(f"/openapi.json?{query.format(secret)}")]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert all(secret not in answer.text and "revoke it" in answer.text for answer in answers)


def test_a_token_in_an_address_lets_nobody_in(app: Flask, ada: Person) -> None:
    secret = token_of(app, ada.email, "recordings:read")

    assert app.test_client().get(f"{API}/me?token={secret}").status_code == 422


# -- cookies ----------------------------------------------------------------------------------------------------------


def test_a_change_by_cookie_needs_the_header_of_our_own_page(app: Flask, ada: Person) -> None:
    page = by_login(app, ada)
    body = {"name": "mine", "scopes": ["frames:write"]}

    without = Caller(page.client).post("/me/tokens", json=body)
    wrong = Caller(page.client, {"X-CSRFToken": "x"}).post("/me/tokens", json=body)
    right = page.post("/me/tokens", json=body)

    assert [(each.status_code, each.get_json()["code"]) for each in (without, wrong)] == [(403, "csrf")] * 2
    assert right.status_code == 201


def test_every_change_by_cookie_is_refused_without_the_header(app: Flask, ada: Person) -> None:
    recording_id = make_session(app, ada)
    client = Caller(browser_of(app, ada))
    document = client.get("/openapi.json").get_json()
    changes = [
        (method, path.removeprefix(API))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in ("post", "put", "patch", "delete") and operation["security"]
    ]
    assert len(changes) > 15

    found = {
        (method, path): client.call(
            method.upper(),
            # Whatever else has a number in its address: the header is missed before anybody looks for it.
            re.sub(r"\{\w+\}", "1", path.replace("{recording_id}", recording_id)),
            json={},
        ).get_json()["code"]
        for method, path in changes
    }

    assert found == dict.fromkeys(changes, "csrf")
    assert by_token(app, ada, "recordings:read").get(f"/recordings/{recording_id}").status_code == 200


def test_another_browsers_csrf_token_is_no_proof(app: Flask, ada: Person, bob: Person) -> None:
    foreign = by_login(app, bob).headers["X-CSRFToken"]

    answer = Caller(browser_of(app, ada), {"X-CSRFToken": foreign}).delete("/me/logins")

    assert answer.get_json()["code"] == "csrf"


def test_a_token_needs_no_such_header(app: Flask, ada: Person) -> None:
    body = {
        "tracker": "t",
        "screen": {"width_mm": 500, "height_mm": 300, "distance_mm": 600},
        "points": [{"x": 0.5, "y": 0.5}],
        "coefficients": {"a": 1.0},
        "accuracy_deg": 1.0,
    }

    assert by_token(app, ada, "frames:write").post("/me/calibrations", json=body).status_code == 201


# -- strangers --------------------------------------------------------------------------------------------------------


def test_strangers_are_limited_and_told_when_to_come_back(make_app: AppFactory, sqlite_url: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, STRANGER_LIMIT="3 per hour")
    ada = make_person(app, "ada@example.org")
    known, stranger = by_token(app, ada, "recordings:read"), Caller(app.test_client())
    wrong = {"Authorization": "Bearer focus_guess"}

    found = [stranger.get(path).status_code for path in ("/openapi.json", "/recordings", "/docs")]
    late = stranger.get("/recordings", headers=wrong)

    assert found == [200, 401, 200]
    assert (late.status_code, late.get_json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(late.headers["Retry-After"]) <= 3601
    assert known.get("/recordings").status_code == 200


@pytest.mark.parametrize("path", ["/accounts", "/accounts/forgot"])
def test_what_strangers_may_ask_is_limited_for_an_account_too(make_app: AppFactory, sqlite_url: str, path: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, MAIL_ACCOUNT_LIMIT="2 per hour", MAIL_FORM_LIMIT="100 per hour")
    stranger = Caller(app.test_client())
    body = {"email": "Somebody@example.org", "password": "correct horse battery"}
    body = body if path == "/accounts" else {"email": body["email"]}

    found = [stranger.post(path, json=body).status_code for _ in range(3)]
    app.extensions["focus.desk"].finish()

    assert found == [202, 202, 429]


@pytest.mark.parametrize("path", ["/accounts", "/accounts/forgot"])
def test_a_known_address_is_answered_as_an_unknown_one(app: Flask, ada: Person, path: str) -> None:
    stranger = Caller(app.test_client())
    more = {"password": "correct horse battery"} if path == "/accounts" else {}

    answers = [stranger.post(path, json={"email": email, **more}) for email in (ada.email, "new@example.org")]
    app.extensions["focus.desk"].finish()

    assert [(each.status_code, each.text, sorted(each.headers.keys())) for each in answers[:1]] == [
        (each.status_code, each.text, sorted(each.headers.keys())) for each in answers[1:]
    ]
    assert answers[0].status_code == 202


def test_a_person_registers_confirms_and_resets_without_a_page(app: Flask) -> None:
    stranger, desk = Caller(app.test_client()), app.extensions["focus.desk"]
    stranger.post("/accounts", json={"email": "eve@example.org", "password": "correct horse battery"})
    desk.finish()

    wrong = stranger.post("/accounts/verify", json={"token": last_link(app), "password": "another horse battery"})
    verified = stranger.post("/accounts/verify", json={"token": last_link(app), "password": "correct horse battery"})
    stranger.post("/accounts/forgot", json={"email": "eve@example.org"})
    desk.finish()
    link = last_link(app)
    weak = stranger.post("/accounts/reset", json={"token": link, "password": "password1234"})
    reset = stranger.post("/accounts/reset", json={"token": link, "password": "quite another horse"})
    again = stranger.post("/accounts/reset", json={"token": link, "password": "a third long password"})

    found = [each.status_code for each in (wrong, verified, weak, reset, again)]
    assert found == [403, 204, 422, 204, 403]
    assert "password1234" not in weak.text


def last_link(app: Flask) -> str:
    """The token of the link in the letter that was written last."""
    outbox = app.extensions["focus.settings"].INSTANCE / "outbox"
    text = sorted(outbox.glob("*.eml"))[-1].read_text()
    address = next(line for line in text.splitlines() if line.startswith("http"))
    return address.rpartition("/")[2]


def test_a_password_is_changed_by_who_knows_it_and_the_browser_stays_in(app: Flask) -> None:
    person = make_person(app, "ada@example.org", password="correct horse battery")
    page, other = by_login(app, person), by_login(app, person)

    wrong = page.post("/me/password", json={"current": "no", "new": "quite another horse"})
    right = page.post("/me/password", json={"current": "correct horse battery", "new": "quite another horse"})

    assert (wrong.status_code, wrong.get_json()["code"], right.status_code) == (403, "forbidden", 204)
    assert (page.get("/me").status_code, other.get("/me").status_code) == (200, 401)


@pytest.mark.parametrize(("asked", "status"), [({}, 200), ({"end_tokens": True}, 401)])
def test_a_new_password_ends_api_tokens_where_that_is_asked_for(
    app: Flask, ada: Person, asked: dict[str, bool], status: int
) -> None:
    script = by_token(app, ada, "recordings:read")

    by_login(app, ada).post("/me/password", json={"new": "quite another horse", **asked})

    assert script.get("/me").status_code == status


def test_a_link_for_a_new_password_ends_api_tokens_where_that_is_asked_for(app: Flask, ada: Person) -> None:
    script, stranger = by_token(app, ada, "recordings:read"), Caller(app.test_client())
    stranger.post("/accounts/forgot", json={"email": ada.email})
    app.extensions["focus.desk"].finish()
    body = {"token": last_link(app), "password": "quite another horse", "end_tokens": True}

    answer = stranger.post("/accounts/reset", json=body)

    assert (answer.status_code, script.get("/me").status_code) == (204, 401)


def test_deleting_the_account_needs_the_word_and_the_password(app: Flask) -> None:
    person = make_person(app, "ada@example.org", password="correct horse battery")
    make_person(app, "admin@example.org", role="admin")
    page = by_login(app, person)

    found = [
        page.post("/me/delete", json=body).status_code
        for body in (
            {"word": "delete", "current": "correct horse battery"},
            {"word": "DELETE"},
            {"word": "DELETE", "current": "correct horse battery"},
        )
    ]

    assert found == [422, 403, 204]
    with app.app_context(), pytest.raises(Exception, match="there is no user"):
        get_user(db.session(), person.user_id)


def test_basic_credentials_are_no_way_in(app: Flask) -> None:
    make_person(app, "ada@example.org", password="correct horse battery")
    credentials = base64.b64encode(b"ada@example.org:correct horse battery").decode()

    assert Caller(app.test_client(), {"Authorization": f"Basic {credentials}"}).get("/me").status_code == 401
