"""Who gets which page: nobody, a member, another member, an administrator."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.conftest import People
from tests.integration.web.made import csrf_in, make_session

MISSING = "00000000-0000-4000-8000-000000000000"

# Address, then the status for nobody, the owner, another member, an administrator.
PAGES = [
    ("/", 200, 200, 200, 200),
    ("/login", 200, 302, 302, 302),
    ("/account", 302, 200, 200, 200),
    ("/sessions/start", 302, 200, 200, 200),
    ("/sessions/import", 302, 200, 200, 200),
    ("/sessions/{id}", 302, 200, 404, 200),
    ("/sessions/{id}/report.html", 302, 200, 404, 200),
    ("/sessions/{id}/live", 302, 302, 404, 302),
    ("/sessions/{id}/delete", 302, 200, 404, 200),
    (f"/sessions/{MISSING}", 302, 404, 404, 404),
    ("/sessions/not-a-uuid", 404, 404, 404, 404),
    ("/track", 302, 200, 200, 200),
    ("/track/worker.js", 200, 200, 200, 200),
    ("/static/vendor/mediapipe-face-mesh/none/face.js", 404, 404, 404, 404),
    (f"/sessions/{MISSING}/export/csv", 302, 404, 404, 404),
    ("/reports", 302, 200, 200, 200),
    ("/reports/day/2026-11-23", 302, 200, 200, 200),
    ("/reports/day/2026-11-31", 302, 404, 404, 404),
    ("/reports/week/2026-11-23", 302, 200, 200, 200),
    ("/reports/compare", 302, 200, 200, 200),
    ("/reports/compare?a={id}", 302, 200, 404, 200),
    ("/reports/compare?a={id}&b=x", 302, 422, 404, 422),
    ("/register", 200, 200, 200, 200),
    ("/forgot", 200, 200, 200, 200),
    ("/verify/no-link", 410, 410, 410, 410),
    ("/reset/no-link", 410, 410, 410, 410),
    ("/email/no-link", 410, 410, 410, 410),
    ("/account/profile", 302, 200, 200, 200),
    ("/account/consent", 302, 200, 200, 200),
    ("/account/data", 302, 200, 200, 200),
    ("/account/data/exports/1", 302, 404, 404, 404),
    ("/account/data/exports/1/file", 302, 404, 404, 404),
    ("/admin/", 302, 403, 403, 302),
    ("/groups", 302, 200, 200, 200),
    ("/groups/1", 302, 403, 403, 404),
    ("/groups/1/delete", 302, 403, 403, 404),
    ("/groups/1/members/1", 302, 403, 403, 404),
    ("/groups/invitation/no-link", 302, 410, 410, 410),
    ("/admin/users", 302, 403, 403, 200),
    ("/admin/sessions", 302, 403, 403, 200),
    ("/admin/models", 302, 403, 403, 200),
    ("/admin/models/no-model", 302, 403, 403, 404),
    ("/api/v1/recordings/{id}", 401, 200, 404, 200),
    ("/api/v1/recordings/{id}/timeline", 401, 200, 404, 200),
    ("/api/v1/recordings/{id}/gaze-map", 401, 200, 404, 200),
    ("/api/v1/recordings/{id}/eye-strain", 401, 200, 404, 200),
    ("/api/imports/1", 401, 404, 404, 404),
    ("/nothing/here", 404, 404, 404, 404),
]


def status_of(browser: FlaskClient, address: str) -> int:
    """The status of a page; an answer that sends a file is closed."""
    answer = browser.get(address)
    answer.close()
    return answer.status_code


def test_each_page_is_open_to_those_it_is_for(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    browsers = [people.browsers[name] for name in ("nobody", "ada", "bob", "admin")]

    found = [
        (address, *(status_of(browser, address.format(id=recording_id)) for browser in browsers))
        for address, *_statuses in PAGES
    ]

    assert found == PAGES


def test_every_page_is_in_this_table(app: Flask) -> None:
    reached = {
        app.url_map.bind("localhost").match(address.format(id=MISSING).partition("?")[0], method="GET")[0]
        for address, *_statuses in PAGES
        if not address.startswith(("/nothing", "/sessions/not"))
    }
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and rule.endpoint.partition(".")[0] in app.blueprints
        and not rule.endpoint.startswith("api_")
    }

    assert pages - reached == {"accounts.log_in_by_link"}


@pytest.mark.parametrize("action", ["delete", "stop"])
def test_another_member_can_neither_stop_nor_delete_a_session(app: Flask, people: People, action: str) -> None:
    recording_id = make_session(app, people.ada, state="open")
    bob = people.browsers["bob"]

    answer = bob.post(f"/sessions/{recording_id}/{action}", data={"csrf_token": csrf_in(bob)})

    assert answer.status_code == 404
    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text
    assert "This session is still going on." in page


def test_nobody_is_sent_to_the_log_in_and_back(people: People) -> None:
    answer = people.browsers["nobody"].get("/sessions/start")

    assert answer.headers["Location"] == "/login?next=%2Fsessions%2Fstart"


def test_every_form_is_refused_without_its_csrf_token(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, state="open")
    forms = [
        re.sub(r"<int:\w+>", "1", rule.rule.replace("<uuid:recording_id>", recording_id))
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
    ]
    assert len(forms) >= 9

    found = {path: people.browsers["ada"].post(path).status_code for path in forms}

    assert found == dict.fromkeys(forms, 400)
