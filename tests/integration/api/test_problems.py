"""Every error under /api/v1 is problem JSON with a stable code, and never a page."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.conftest import AppFactory
from tests.integration.api.conftest import API, Caller, by_login, by_token
from tests.integration.web.made import Person, make_person, make_session

MISSING = "00000000-0000-4000-8000-000000000000"
TOKEN = {"name": "t", "scopes": ["frames:write"]}


def problem_of(answer: Any) -> tuple[int, str]:
    body = answer.get_json()
    assert answer.content_type == "application/problem+json"
    assert set(body) >= {"type", "title", "status", "code", "detail"}
    assert body["status"] == answer.status_code
    assert body["detail"]
    return answer.status_code, body["code"]


REQUESTS: dict[str, tuple[str, str, dict[str, Any], tuple[int, str]]] = {
    "no JSON": ("POST", "/me/tokens", {"data": b"{", "content_type": "application/json"}, (400, "bad_request")),
    "NaN": ("POST", "/me/tokens", {"data": b"NaN", "content_type": "application/json"}, (400, "bad_request")),
    "deep": (
        "POST",
        "/me/tokens",
        {"data": b"[" * 100_000, "content_type": "application/json"},
        (400, "bad_request"),
    ),
    "a missing recording": ("GET", f"/recordings/{MISSING}", {}, (404, "not_found")),
    "no address": ("GET", "/nothing/here", {}, (404, "not_found")),
    "not a uuid": ("GET", "/recordings/x", {}, (404, "not_found")),
    "a number too long": ("DELETE", f"/me/tokens/{10**30}", {}, (404, "not_found")),
    "another method": ("PUT", "/me/tokens", {"json": TOKEN}, (405, "method_not_allowed")),
    "too large": (
        "POST",
        "/me/tokens",
        {"data": b" " * 400_000, "content_type": "application/json"},
        (413, "request_entity_too_large"),
    ),
    "a form": ("POST", "/me/tokens", {"data": TOKEN}, (415, "unsupported_media_type")),
    "an unknown field": ("POST", "/me/tokens", {"json": {**TOKEN, "admin": True}}, (422, "parameter")),
    "a missing field": ("POST", "/me/tokens", {"json": {}}, (422, "parameter")),
    "a list": ("POST", "/me/tokens", {"json": []}, (422, "parameter")),
    "a wrong argument": ("GET", "/recordings?limit=many", {}, (422, "parameter")),
    "no purpose": ("PUT", "/me/consent/fame", {"json": {"decision": "given"}}, (404, "not_found")),
    "a strange cursor": ("GET", "/recordings?cursor=WyJldmVudHMiXQ", {}, (422, "parameter")),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_what_cannot_be_done_is_a_problem_with_its_code(app: Flask, ada: Person, case: str) -> None:
    method, path, named, expected = REQUESTS[case]

    answer = by_login(app, ada).call(method, path, **named)

    assert problem_of(answer) == expected


def test_a_wrong_field_is_named_with_its_reason(app: Flask, ada: Person) -> None:
    answer = by_login(app, ada).post("/me/tokens", json={"name": "", "scopes": ["everything"], "more": 1})

    body = answer.get_json()
    assert set(body["errors"]) == {"name", "scopes", "more"}
    assert "name: " in body["detail"]


def test_a_wrong_method_names_the_right_ones(app: Flask, ada: Person) -> None:
    answer = by_login(app, ada).call("PUT", "/me/tokens")

    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))


def test_somebody_elses_recording_cannot_be_told_from_one_that_is_not_there(
    app: Flask, ada: Person, bob: Person
) -> None:
    recording_id, caller = make_session(app, ada), by_token(app, bob, "recordings:read")

    theirs, none = (caller.get(f"/recordings/{each}") for each in (recording_id, MISSING))

    assert problem_of(theirs) == problem_of(none) == (404, "not_found")
    assert theirs.get_json()["detail"].replace(recording_id, MISSING) == none.get_json()["detail"]


def test_a_fault_is_a_problem_without_its_inner_words(app: Flask) -> None:
    def fail() -> str:
        raise RuntimeError("inner words")

    app.add_url_rule(f"{API}/fail", "api_fail", fail)
    app.testing = False

    answer = Caller(app.test_client()).get("/fail")

    assert problem_of(answer) == (500, "internal")
    assert "inner words" not in answer.text


def test_with_registration_closed_nobody_can_ask_for_an_account(make_app: AppFactory, sqlite_url: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, REGISTRATION="closed")

    answer = Caller(app.test_client()).post(
        "/accounts", json={"email": "a@example.org", "password": "correct horse battery"}
    )

    assert problem_of(answer) == (404, "not_found")


def test_the_last_administrator_cannot_leave_the_others_behind(app: Flask, ada: Person) -> None:
    admin = make_person(app, "admin@example.org", role="admin")

    answer = by_login(app, admin).post("/me/delete", json={"word": "DELETE"})

    assert problem_of(answer) == (409, "conflict")
