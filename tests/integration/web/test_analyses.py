"""Other analyses of a session, from the card on the report."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from focus.analysis.parameters import AnalysisParameters
from focus.errors import ConflictError
from focus.eyestate.installed import shipped_name
from focus.services import reanalysis, recordings
from focus.services.reanalysis_runner import ReanalysisRunner
from focus.storage.database import db
from tests.integration.web.made import LENGTH_S, RATE_HZ, browser_of, csrf_in, make_person, make_session
from tests.unit.analysis.fakes import ThresholdClassifier


@pytest.fixture
def runner(app: Flask) -> ReanalysisRunner:
    """The server's, with a model of a few thresholds."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app.extensions["focus.reanalyses"] = made = ReanalysisRunner(url, lambda _release: ThresholdClassifier())
    return made


def analyses(app: Flask, recording_id: str) -> list[tuple[int, str, bool, int, bool]]:
    with app.app_context():
        recording = recordings.find_recording(db.session(), recording_id)
        listed = reanalysis.list_analyses(db.session(), recording)
        return [(a.number, a.model_release, a.is_complete, a.n_frames, shown) for a, shown in listed]


def post(client: FlaskClient, path: str, **fields: str) -> int:
    return client.post(path, data={"csrf_token": csrf_in(client), **fields}).status_code


def test_a_researcher_analyses_again_and_shows_the_new_analysis(app: Flask, runner: ReanalysisRunner) -> None:
    person = make_person(app, "researcher@example.org", role="researcher")
    recording_id = make_session(app, person)
    client = browser_of(app, person)

    runner.start(recording_id, release="any", parameters=AnalysisParameters(lookahead_us=50_000)).join(60)
    shown = post(client, f"/sessions/{recording_id}/analyses/1/show")

    assert shown == 303
    n_frames = LENGTH_S * RATE_HZ
    assert analyses(app, recording_id)[1] == (1, "ThresholdClassifier", True, n_frames, True)
    page = client.get(f"/sessions/{recording_id}").text
    assert "ThresholdClassifier" in page
    assert "50 ms" in page


def test_the_form_starts_an_analysis(app: Flask, runner: ReanalysisRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    person = make_person(app, "researcher@example.org", role="researcher")
    recording_id = make_session(app, person)
    started: list[tuple[str, str, int]] = []
    monkeypatch.setattr(
        runner,
        "start",
        lambda recording, *, release, parameters: started.append((recording, release, parameters.lookahead_us)),
    )

    release = shipped_name()

    status = post(browser_of(app, person), f"/sessions/{recording_id}/analyses", release=release, lookahead_ms="75")

    assert status == 303
    assert started == [(recording_id, release, 75_000)]


def test_an_analysis_that_was_asked_for_can_be_removed_and_the_live_one_cannot(
    app: Flask, runner: ReanalysisRunner
) -> None:
    person = make_person(app, "researcher@example.org", role="researcher")
    recording_id = make_session(app, person)
    runner.start(recording_id, release="any", parameters=AnalysisParameters()).join(60)
    client = browser_of(app, person)

    statuses = [post(client, f"/sessions/{recording_id}/analyses/{number}/remove") for number in (1, 0)]

    assert statuses == [303, 409]
    assert [row[0] for row in analyses(app, recording_id)] == [0]


@pytest.mark.parametrize("path", ["", "/0/show", "/0/remove"])
def test_members_and_strangers_cannot(app: Flask, path: str) -> None:
    owner = make_person(app, "owner@example.org")
    stranger = make_person(app, "stranger@example.org", role="researcher")
    recording_id = make_session(app, owner)

    statuses = [
        post(browser_of(app, person), f"/sessions/{recording_id}/analyses{path}", lookahead_ms="1", release="x")
        for person in (owner, stranger)
    ]

    assert statuses == [403, 404]
    assert "Analyse again" not in browser_of(app, owner).get(f"/sessions/{recording_id}").text


def test_one_recording_is_analysed_once_at_a_time(app: Flask, runner: ReanalysisRunner) -> None:
    recording_id = make_session(app, make_person(app, "researcher@example.org", role="researcher"))
    runner._running.add(recording_id)

    with pytest.raises(ConflictError, match="being analysed already"):
        runner.start(recording_id, release="any", parameters=AnalysisParameters())


@pytest.mark.parametrize("lookahead_ms", ["", "soon", "nan", "inf", "-inf", "1e999", "-1", "2000"])
def test_a_look_ahead_that_cannot_be_is_refused_with_its_reason(app: Flask, lookahead_ms: str) -> None:
    person = make_person(app, "researcher@example.org", role="researcher")
    recording_id = make_session(app, person)

    status = post(browser_of(app, person), f"/sessions/{recording_id}/analyses", release="x", lookahead_ms=lookahead_ms)

    assert status == 422
