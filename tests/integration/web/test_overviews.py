"""Reports of long recordings: with an overview they say the same as without one, and lose no blink."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from focus.services import overviews, recordings, reports, timeline
from focus.storage import results
from focus.storage.database import db
from focus.storage.recording_models import Analysis
from tests.integration.web.conftest import People
from tests.integration.web.made import BLINKS_AT_S, LENGTH_S, make_session

LENGTH_US = LENGTH_S * 1_000_000


@pytest.fixture
def recording_id(app: Flask, people: People, monkeypatch: pytest.MonkeyPatch) -> str:
    """A session of twenty seconds, where that is long enough for its overview to be used."""
    monkeypatch.setattr(timeline, "LEAST_SPAN_US", 0)
    monkeypatch.setattr(reports, "MAX_FIXATIONS", 2)
    # Steps that cut the recording, and events, where they like.
    monkeypatch.setattr(overviews, "STEP_US", 4_000_000)
    made = make_session(app, people.ada)
    with app.app_context():
        analysis = results.shown_analysis(db.session(), made)
        assert analysis is not None
        db.session.get(Analysis, analysis.id).is_complete = True
        db.session.commit()
    return made


def test_a_report_says_the_same_with_an_overview_and_without(app: Flask, recording_id: str) -> None:
    with app.app_context():
        found = recordings.find_recording(db.session(), recording_id)
        before = everything(found)

        n_made = overviews.make_missing(db.session())

        assert n_made == 1
        assert overviews.facts_of(db.session(), results.shown_analysis(db.session(), recording_id)) is not None
        after = everything(recordings.find_recording(db.session(), recording_id))
    assert after == before
    assert before["map"]["n_fixations"] > 3
    assert before["map"]["fixations"] is None


def everything(recording: Any) -> dict[str, Any]:
    """What a report says of the whole of a recording."""
    session = db.session()
    return {
        "summary": recordings.summary(session, recording),
        "rates": reports.blink_rates(session, recording),
        "map": reports.gaze_map(session, recording),
    }


def test_an_overview_is_made_once(app: Flask, recording_id: str) -> None:
    with app.app_context():
        assert [overviews.make_missing(db.session()) for _ in range(2)] == [1, 0]


def test_seconds_of_an_overview_hold_every_blink_and_all_of_the_time(app: Flask, recording_id: str) -> None:
    with app.app_context():
        overviews.make_missing(db.session())
        found = overviews.overview_of(db.session(), results.shown_analysis(db.session(), recording_id))

    assert found is not None
    assert found.n_seconds == LENGTH_S
    closed = [second for second in range(LENGTH_S) if found.low["openness"][second] < 0.1]
    assert closed == [int(at) for at in BLINKS_AT_S]
    assert [second for second in range(LENGTH_S) if found.onsets["blink"][second]] == pytest.approx(BLINKS_AT_S, abs=1)
    total_ms = sum(values.astype(int) for values in found.state_ms.values())
    # Each second is full, but for a rounded millisecond of each of its states.
    assert total_ms.tolist() == pytest.approx([1000] * LENGTH_S, abs=5)


def test_a_timeline_from_an_overview_counts_what_the_rows_say(app: Flask, people: People, recording_id: str) -> None:
    address = f"/api/v1/recordings/{recording_id}/timeline?start_us=0&stop_us={LENGTH_US}&points=10"
    ada = people.browsers["ada"]
    plain = ada.get(address).json
    with app.app_context():
        overviews.make_missing(db.session())

    summed = ada.get(address).json

    assert plain is not None
    assert summed is not None
    assert plain["summed"] is None
    assert summed["series"] == plain["series"]
    counted = {kind: sum(counts) for kind, counts in summed["summed"]["onsets"].items()}
    kinds = [event["kind"] for event in plain["events"]]
    assert counted == {kind: kinds.count(kind) for kind in set(kinds)}
    assert sum(shares[3] for shares in summed["summed"]["shares"].values()) == pytest.approx(1, abs=0.01)


def test_a_closer_look_reads_the_frames_themselves(app: Flask, people: People, recording_id: str) -> None:
    with app.app_context():
        overviews.make_missing(db.session())

    closer = people.browsers["ada"].get(f"/api/v1/recordings/{recording_id}/timeline?points=1000").json

    assert closer is not None
    assert closer["summed"] is None
    assert [event["kind"] for event in closer["events"]].count("blink") == len(BLINKS_AT_S)


def test_an_analysis_that_begins_anew_has_no_overview(app: Flask, recording_id: str) -> None:
    with app.app_context():
        overviews.make_missing(db.session())
        analysis = results.shown_analysis(db.session(), recording_id)
        assert analysis is not None

        results.reset_analysis(db.session(), analysis.id)
        db.session.commit()

        assert overviews.facts_of(db.session(), db.session.get(Analysis, analysis.id)) is None
