"""Whatever is typed into a form, or sent in its place, the answer is a page and never a fault of the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from focus.services import accounts, groups
from focus.storage.database import db
from tests.conftest import AppFactory
from tests.integration.web.made import Person, browser_of

NO_LIMIT = "100000 per second"

FIELDS = {
    "/login": ("email", "password"),
    "/register": ("email", "display_name", "new", "again"),
    "/forgot": ("email",),
    "/account/email": ("email", "current"),
    "/account/password": ("current", "new", "again"),
    "/account/tokens": ("name", "scopes", "lifetime_days"),
    "/account/profile": (
        "display_name",
        "birth_year",
        "screen_h_per_day",
        "sleep_h_per_night",
        "eye_strain",
        "correction",
    ),
    "/account/consent": ("purpose", "answer"),
    "/account/data/sessions/delete": ("word",),
    "/account/delete": ("word", "current"),
    "/sessions/start/demo": ("kind",),
    "/groups": ("name",),
    "/groups/1/rename": ("name",),
    "/groups/1/invitations": ("email",),
    "/groups/invitation/no-key": ("answer",),
    "/admin/users/1/role": ("role",),
}

WORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ("", "0", "-1", "1e999", "nan", "99999999999999999999", "\0", "\ud800", "a@b.c", "ada@example.org", "x" * 300)
    ),
    st.sampled_from(
        ("frames:write", "own_reports", "give", "refuse", "glasses", "2000", "7.5", "30", "twelve letters!")
    ),
)


@pytest.fixture
def browser(make_app: AppFactory, database_url: str, quick_hashes: None) -> Iterator[tuple[Flask, FlaskClient]]:
    limits = dict.fromkeys(
        ("LOGIN_LIMIT", "LOGIN_ACCOUNT_LIMIT", "MAIL_FORM_LIMIT", "MAIL_ACCOUNT_LIMIT", "INVITE_LIMIT"), NO_LIMIT
    )
    app = make_app(DATABASE_URL=database_url, **limits)
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        user = accounts.create_user(db.session(), "ada@example.org", role="admin")
        groups.create_group(db.session(), accounts.principal_of_user(user), "Lab")
        db.session.commit()
        person = Person(user.id, user.email, user.role)
    yield app, browser_of(app, person)
    app.extensions["focus.desk"].finish()
    app.extensions["focus.engine"].dispose()


@pytest.mark.parametrize("path", FIELDS)
def test_no_input_of_a_form_is_a_fault_of_the_server(browser: tuple[Flask, FlaskClient], path: str) -> None:
    _app, client = browser

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(form=st.dictionaries(st.sampled_from(FIELDS[path]), st.lists(WORDS, min_size=1, max_size=2)))
    def check(form: dict[str, list[str]]) -> None:
        sent = {name: [word.encode("utf-8", "surrogatepass") for word in words] for name, words in form.items()}
        answer = client.post(path, data=sent)
        assert answer.status_code < 500, answer.text

    check()


SEARCHES = {
    "/admin/users": ("q", "page"),
    "/admin/groups": ("q", "page"),
    "/admin/sessions": ("q", "state", "page"),
    "/admin/jobs": ("q", "state", "page"),
    "/admin/audit": ("person", "action", "page"),
    "/groups/1": ("days",),
    "/track": ("participant",),
}


@pytest.mark.parametrize("path", SEARCHES)
def test_no_search_is_a_fault_of_the_server(browser: tuple[Flask, FlaskClient], path: str) -> None:
    _app, client = browser

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(asked=st.dictionaries(st.sampled_from(SEARCHES[path]), WORDS | st.sampled_from(("%", "_", "\\", "look."))))
    def check(asked: dict[str, str]) -> None:
        sent = {name: word.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for name, word in asked.items()}
        answer = client.get(path, query_string=sent)
        assert answer.status_code < 500, answer.text

    check()


@pytest.mark.parametrize("number", ["0", "9223372036854775807", "9223372036854775808", "9" * 60])
def test_no_number_in_an_address_is_a_fault_of_the_server(browser: tuple[Flask, FlaskClient], number: str) -> None:
    _app, client = browser
    found = [
        client.get(f"/account/data/exports/{number}").status_code,
        client.post(f"/account/tokens/{number}/revoke").status_code,
        client.post(f"/account/logins/{number}/end").status_code,
        client.post(f"/account/calibrations/{number}/delete").status_code,
        client.get(f"/groups/1/members/{number}").status_code,
        client.get(f"/track?participant={number}").status_code,
        client.post(f"/groups/{number}/leave").status_code,
        client.get(f"/admin/users/{number}").status_code,
        client.post(f"/admin/users/{number}/disable").status_code,
        client.post(f"/admin/jobs/{number}/retry").status_code,
        client.post(f"/groups/1/invitations/{number}/withdraw").status_code,
        client.post(f"/groups/1/members/{number}/remove").status_code,
    ]

    assert set(found) <= {404, 422}
    assert found.count(422) <= 1


@pytest.mark.parametrize("page", ["verify", "reset", "email", "login", "groups/invitation"])
def test_no_link_is_a_fault_of_the_server(browser: tuple[Flask, FlaskClient], page: str) -> None:
    app, _client = browser
    stranger = app.test_client()

    @settings(max_examples=40, deadline=None)
    @given(token=st.text(st.characters(exclude_characters="/?#", exclude_categories=("Cs",)), min_size=1, max_size=80))
    def check(token: str) -> None:
        assert stranger.get(f"/{page}/{token}").status_code in (302, 308, 400, 401, 404, 410)

    check()
