"""Two sessions or two analyses side by side."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from flask import Flask

from focus.analysis.pipeline import CODE_VERSION
from focus.services import comparison
from focus.services.accounts import get_user, principal_of_user
from focus.storage import results
from focus.storage.database import db
from tests.integration.web.conftest import People
from tests.integration.web.made import BLINKS_AT_S, WEBCAM, make_session
from tests.integration.web.test_reports import text_of


def test_two_sessions_stand_side_by_side_with_their_differences(app: Flask, people: People) -> None:
    a = make_session(app, people.ada, title="With a tracker")
    b = make_session(app, people.ada, title="With a webcam", tracker=WEBCAM)

    page = people.browsers["ada"].get(f"/reports/compare?a={a}&b={b}").text

    words = text_of(page)
    assert "With a tracker" in words
    row = re.search(r'data-metric="fixation_rate">.*?</tr>', page, re.DOTALL)
    assert row is not None
    assert "this recording has no gaze" in row[0]
    assert re.search(rf"Blinks\s+{len(BLINKS_AT_S)}\s+{len(BLINKS_AT_S)}\s+0", words)


def test_two_analyses_of_one_session_differ_by_what_was_set(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    with app.app_context():
        results.begin_analysis(
            db.session(),
            recording_id,
            model_release="another-release",
            parameters={"lookahead_us": 0},
            code_version=str(CODE_VERSION),
            started_at=datetime.now(UTC),
            origin="again",
        )
        db.session.commit()
        principal = principal_of_user(get_user(db.session(), people.ada.user_id))

        sides = [comparison.side_of(db.session(), principal, f"{recording_id}:{number}") for number in (0, 1)]
        found = comparison.parameter_differences(*sides)

    assert found == [("model release", "test-release-7", "another-release"), ("lookahead_us", 150_000, 0)]
    page = people.browsers["ada"].get(f"/reports/compare?a={recording_id}:0&b={recording_id}:1").text
    assert "Analysed differently in 2 points" in page


def test_a_difference_is_b_less_a_and_apart_where_intervals_do_not_meet() -> None:
    def value(number: float, low: float, high: float) -> dict[str, object]:
        return {"name": "x", "label": "X", "unit": "1/min", "value": number, "low": low, "high": high}

    class Made:
        def __init__(self, values: dict[str, object]) -> None:
            self.values = {name: values}

    name = "blink_rate"
    (apart,) = comparison.metric_pairs(Made(value(10, 8, 12)), Made(value(15, 13, 17)))  # type: ignore[arg-type]
    (near,) = comparison.metric_pairs(Made(value(-10, -12, -8)), Made(value(-9, -11, -7)))  # type: ignore[arg-type]

    assert (apart.difference, apart.percent, apart.is_apart) == (5, 50, True)
    assert (near.difference, near.percent, near.is_apart) == (1, 10, False)
    # One standard deviation of the pupil to either side is no interval of its mean.
    name = "pupil_diameter"
    (spread,) = comparison.metric_pairs(Made(value(10, 8, 12)), Made(value(15, 13, 17)))  # type: ignore[arg-type]
    assert (spread.difference, spread.is_apart) == (5, False)


def test_nothing_of_somebody_else_can_be_compared(app: Flask, people: People) -> None:
    of_ada, of_bob = make_session(app, people.ada), make_session(app, people.bob, title="Secret")

    answer = people.browsers["ada"].get(f"/reports/compare?a={of_ada}&b={of_bob}")

    assert answer.status_code == 404
    assert "Secret" not in answer.text


def test_the_choice_holds_ones_own_sessions(app: Flask, people: People) -> None:
    make_session(app, people.ada, title="Mine")
    make_session(app, people.bob, title="Secret")

    page = people.browsers["ada"].get("/reports/compare").text

    assert "Mine" in page
    assert "Secret" not in page
