"""What pages say of an analysis that an older version of the analysis code made."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import update

from focus.storage.database import db
from focus.storage.recording_models import Analysis
from tests.integration.web.conftest import People
from tests.integration.web.made import browser_of, make_session


def test_a_report_says_that_its_analysis_is_outdated_and_still_shows_its_events(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    with app.app_context():
        db.session.execute(update(Analysis).values(code_version="1"))
        db.session.commit()
    browser = browser_of(app, people.ada)

    page = browser.get(f"/sessions/{recording_id}").text

    assert "made by an older version of FOCUS (1)" in page
    assert 'data-metric="blink_rate"' not in page
    assert 'data-count="blink">Blinks 3<' in page


def test_a_day_leaves_outdated_sessions_out_and_says_how_many(app: Flask, people: People) -> None:
    old, _new = (make_session(app, people.ada) for _ in range(2))
    with app.app_context():
        db.session.execute(update(Analysis).where(Analysis.recording_id == old).values(code_version="1"))
        db.session.commit()
        today = datetime.now(UTC).date().isoformat()

    page = browser_of(app, people.ada).get(f"/reports/day/{today}").text

    assert "1 session is left out of these numbers" in page
    assert "from 20 s of valid data" in page
