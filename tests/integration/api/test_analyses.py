"""Analyses of a recording by the API: the list, another one, which is shown, removing one."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from focus.analysis.parameters import AnalysisParameters
from focus.services.reanalysis_runner import ReanalysisRunner
from focus.storage.database import db
from focus.storage.operation_models import AuditEntry
from focus.storage.recording_models import Recording
from tests.integration.api.conftest import Caller, by_login, by_token
from tests.integration.web.made import LENGTH_S, RATE_HZ, Person, make_person, make_session
from tests.unit.analysis.fakes import ThresholdClassifier


@pytest.fixture(autouse=True)
def started(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, AnalysisParameters]]:
    """What is asked of the server's runner, which has a model of a few thresholds and is waited for."""
    asked: list[tuple[str, AnalysisParameters]] = []
    runner = ReanalysisRunner(app.config["SQLALCHEMY_DATABASE_URI"], lambda _release: ThresholdClassifier())
    start = runner.start

    def start_and_wait(recording_id: str, *, release: str, parameters: AnalysisParameters) -> None:
        asked.append((release, parameters))
        start(recording_id, release=release, parameters=parameters).join(60)

    monkeypatch.setattr(runner, "start", start_and_wait)
    app.extensions["focus.reanalyses"] = runner
    return asked


@pytest.fixture
def leader(app: Flask) -> Person:
    return make_person(app, "leader@example.org", role="researcher")


def numbers(caller: Caller, recording_id: str) -> list[tuple[int, bool]]:
    items = caller.get(f"/recordings/{recording_id}/analyses").get_json()["items"]
    return [(each["number"], each["is_shown"]) for each in items]


def test_another_analysis_is_made_with_other_parameters_shown_and_removed(
    app: Flask, leader: Person, started: list[tuple[str, AnalysisParameters]]
) -> None:
    recording_id, page = make_session(app, leader), by_login(app, leader)
    script = by_token(app, leader, "recordings:read")

    begun = page.post(f"/recordings/{recording_id}/analyses", json={"release": "mine", "lookahead_us": 50_000})
    made = script.get(f"/recordings/{recording_id}/analyses").get_json()
    shown = page.post(f"/recordings/{recording_id}/analyses/1/show").get_json()["items"]
    summary = script.get(f"/recordings/{recording_id}").get_json()["analysis"]
    kept = page.delete(f"/recordings/{recording_id}/analyses/0")
    removed = page.delete(f"/recordings/{recording_id}/analyses/1")

    assert begun.status_code == 202
    assert started == [("mine", AnalysisParameters(lookahead_us=50_000))]
    assert [(each["number"], each["origin"]) for each in made["items"]] == [(0, "live"), (1, "again")]
    assert (made["items"][1]["frames"], made["items"][1]["is_complete"]) == (LENGTH_S * RATE_HZ, True)
    assert not made["is_running"]
    assert [each["is_shown"] for each in shown] == [False, True]
    assert (summary["number"], summary["parameters"]["lookahead_us"]) == (1, 50_000)
    assert (kept.status_code, removed.status_code) == (409, 204)
    assert numbers(script, recording_id) == [(0, True)]


def test_what_is_left_out_is_as_for_a_recording_that_is_opened_now(
    app: Flask, leader: Person, started: list[tuple[str, AnalysisParameters]]
) -> None:
    from focus.eyestate.installed import shipped_name

    recording_id = make_session(app, leader)

    by_login(app, leader).post(f"/recordings/{recording_id}/analyses", json={})

    lookahead_us = app.extensions["focus.settings"].LOOKAHEAD_MS * 1000
    assert started == [(shipped_name(), AnalysisParameters(lookahead_us=lookahead_us))]


def test_an_open_recording_and_an_analysis_that_is_not_there_are_refused(
    app: Flask, leader: Person, started: list[tuple[str, AnalysisParameters]]
) -> None:
    recording_id, page = make_session(app, leader), by_login(app, leader)
    with app.app_context():
        db.session.get_one(Recording, recording_id).state = "open"
        db.session.commit()

    found = [
        page.post(f"/recordings/{recording_id}/analyses", json={}).status_code,
        page.post(f"/recordings/{recording_id}/analyses/7/show").status_code,
        page.delete(f"/recordings/{recording_id}/analyses/7").status_code,
        page.post(f"/recordings/{recording_id}/analyses", json={"lookahead_us": 1_000_001}).status_code,
    ]

    assert found == [409, 404, 404, 422]
    assert started == []


def test_what_an_administrator_does_to_somebodys_analyses_and_title_is_written_down(app: Flask, ada: Person) -> None:
    recording_id = make_session(app, ada)
    admin = by_login(app, make_person(app, "admin@example.org", role="admin"))

    admin.post(f"/recordings/{recording_id}/analyses", json={})
    admin.post(f"/recordings/{recording_id}/analyses/1/show")
    admin.delete(f"/recordings/{recording_id}/analyses/1")
    admin.call("PATCH", f"/recordings/{recording_id}", json={"title": "Else"})

    assert changes(app, recording_id) == [
        ("recording.analysed_again", {"owner": ada.user_id}),
        ("recording.analysis_chosen", {"owner": ada.user_id}),
        ("recording.analysis_removed", {"owner": ada.user_id}),
        ("recording.renamed", {"owner": ada.user_id}),
    ]


def test_what_its_owner_does_is_no_row_of_the_audit_log(app: Flask, leader: Person) -> None:
    recording_id, page = make_session(app, leader), by_login(app, leader)

    page.post(f"/recordings/{recording_id}/analyses", json={})
    page.call("PATCH", f"/recordings/{recording_id}", json={"title": "Else"})

    assert changes(app, recording_id) == []


def changes(app: Flask, recording_id: str) -> list[tuple[str, Any]]:
    with app.app_context():
        query = select(AuditEntry).where(AuditEntry.object_id == recording_id, AuditEntry.action.like("recording.%"))
        return [(entry.action, entry.details) for entry in db.session.scalars(query.order_by(AuditEntry.id))]
