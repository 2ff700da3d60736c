"""Security headers, error pages for people, problem JSON for the API."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from focus.errors import BusyError, ConflictError, FocusError, FrameValueError, StorageError
from tests.integration.web.conftest import People
from tests.integration.web.made import make_session


@pytest.fixture
def _failing_views(app: Flask) -> None:
    def fail() -> str:
        raise RuntimeError("the inner words of a fault")

    def lose() -> str:
        raise StorageError("row 17 of table secret_things")

    for name, view in (("fail", fail), ("lose", lose)):
        app.add_url_rule(f"/test/{name}", f"test_{name}", view)
        app.add_url_rule(f"/api/v1/test/{name}", f"test_api_{name}", view)
    app.testing = False


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline(people: People) -> None:
    for path in ("/", "/login", "/nothing", "/api/v1/nothing", "/static/css/focus.css"):
        with people.browsers["nobody"].get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
        parts = dict(part.split(" ", 1) for part in policy.split("; "))
        assert parts["default-src"] == "'none'"
        assert parts["script-src"] == parts["style-src"] == parts["connect-src"] == "'self'"
        assert parts["frame-ancestors"] == "'none'"
        assert not re.search(r"unsafe|\*|https?:|data:", policy)


def test_no_page_holds_inline_script_style_or_a_foreign_address(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    going_on = make_session(app, people.ada, state="open")
    ada = people.browsers["ada"]
    for path in ("/", "/account", "/sessions/start", f"/sessions/{recording_id}", f"/sessions/{going_on}/live"):
        page = ada.get(path).text
        assert "</html>" in page
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), path
        assert all(" src=" in script for script in re.findall(r"<script[^>]*>", page)), path
        assert not re.search(r'(src|href|action)="(https?:)?//', page), path


def test_the_usual_headers_are_there_and_pages_are_not_kept(people: People) -> None:
    headers = people.browsers["ada"].get("/account").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_kept_files_with_a_version_in_their_path_may_be_kept_for_good(people: People) -> None:
    kept = {}
    for path in ("vendor/uplot/1.6.32/uPlot.min.css", "css/focus.css", "vendor/uplot/1.6.32/none.css"):
        with people.browsers["nobody"].get(f"/static/{path}") as answer:
            kept[path] = "immutable" in answer.headers.get("Cache-Control", "")

    assert list(kept.values()) == [True, False, False]


@pytest.mark.usefixtures("_failing_views")
def test_a_fault_gives_a_page_without_its_inner_words(app: Flask) -> None:
    for path in ("/test/fail", "/test/lose"):
        answer = app.test_client().get(path)

        assert answer.status_code == 500
        assert "Something went wrong on our side" in answer.text
        assert not re.search("inner words|secret_things|Traceback|RuntimeError", answer.text)


@pytest.mark.usefixtures("_failing_views")
def test_a_fault_in_the_api_gives_problem_json_without_its_inner_words(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/test/fail")

    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == "internal"
    assert "inner words" not in answer.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FrameValueError("value 5 lies outside of 0..1"), 422),
        (ConflictError("it is closed already"), 409),
        (BusyError("the queue is full"), 503),
    ],
)
def test_an_error_of_ours_gives_its_status_and_sentence(app: Flask, error: FocusError, status: int) -> None:
    def refuse() -> str:
        raise error

    app.add_url_rule("/test/refuse", "test_refuse", refuse)
    app.add_url_rule("/api/v1/test/refuse", "test_api_refuse", refuse)

    page = app.test_client().get("/test/refuse")
    problem = app.test_client().get("/api/v1/test/refuse")

    assert (page.status_code, problem.status_code) == (status, status)
    assert error.message in page.text
    assert problem.json is not None
    assert problem.json["detail"] == error.message
    assert problem.json["code"] == error.code


def test_an_unknown_address_gives_a_page_with_a_way_on(people: People) -> None:
    answer = people.browsers["ada"].get("/nothing/here")

    assert "There is nothing here" in answer.text
    assert "To your sessions" in answer.text


def test_a_wrong_method_names_the_right_ones(people: People) -> None:
    answer = people.browsers["ada"].get("/logout")

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
