"""Pages of days, weeks and the last twelve weeks: combined numbers, the person's own days, empty states."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask

from focus.protocol.batch import TrackerInfo
from focus.services import days, glance, overviews, recordings
from focus.services.accounts import get_user, principal_of_user
from focus.storage.database import db
from tests.integration.web.conftest import People
from tests.integration.web.made import BLINKS_AT_S, FULL_TRACKER, LENGTH_S, WEBCAM, Person, make_session
from tests.integration.web.test_reports import text_of

DAY = date(2026, 3, 4)


def make_session_at(
    app: Flask, owner: Person, at: datetime, title: str = "Reading", *, tracker: TrackerInfo = FULL_TRACKER
) -> str:
    """A session that began at a moment."""
    recording_id = make_session(app, owner, title=title, tracker=tracker)
    with app.app_context():
        recordings.find_recording(db.session(), recording_id).started_at = at
        db.session.commit()
    return recording_id


def moment(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def test_a_day_is_the_combination_of_its_sessions(app: Flask, people: People) -> None:
    for hour in (8, 17):
        make_session_at(app, people.ada, moment(hour))
    with app.app_context():
        principal = principal_of_user(get_user(db.session(), people.ada.user_id))

        (day,) = days.days_of(db.session(), principal, DAY, 1)
        values = day.values

    assert len(day.sessions) == 2
    assert values["blink_rate"]["value"] == pytest.approx(2 * len(BLINKS_AT_S) / (2 * LENGTH_S / 60), rel=0.01)
    assert values["blink_rate"]["weight_s"] == pytest.approx(2 * LENGTH_S, rel=0.01)
    # Nine hours between two sessions are no break, and twice three blinks no blink of nine hours.
    assert values["breaks"]["value"] == 0
    assert day.recorded_us() == pytest.approx(2 * LENGTH_S * 1e6, rel=0.01)


def test_time_on_screen_of_a_day_holds_sessions_whose_tracker_measures_no_gaze(app: Flask, people: People) -> None:
    make_session_at(app, people.ada, moment(8))
    make_session_at(app, people.ada, moment(17), tracker=WEBCAM)
    with app.app_context():
        principal = principal_of_user(get_user(db.session(), people.ada.user_id))

        (day,) = days.days_of(db.session(), principal, DAY, 1)
        each = [days.minutes_on_screen([session]) for session in day.sessions]
        first, *_ = glance.glance_of(day)

    assert each == pytest.approx([LENGTH_S / 60, LENGTH_S / 60], rel=0.02)
    for session, minutes in zip(day.sessions, each, strict=True):
        assert session.sums is not None
        assert session.sums["focus_time"]["us"] <= (minutes or 0) * 60e6
    assert days.minutes_on_screen(day.sessions) == sum(minutes or 0 for minutes in each)
    assert first.note == "with gaze on the screen, blinks counted, or with the face before the tracker"
    assert days.minutes_on_screen([]) is None


def test_a_day_says_the_same_with_overviews_and_without(app: Flask, people: People) -> None:
    make_session_at(app, people.ada, moment(8))
    with app.app_context():
        principal = principal_of_user(get_user(db.session(), people.ada.user_id))
        before = days.days_of(db.session(), principal, DAY, 1)[0].values
        for recording, analysis, sums in days.queries.sums_between(
            db.session(), people.ada.user_id, start_at=moment(0), stop_at=moment(23), code_version="any"
        ):
            assert recording.title == "Reading"
            assert sums is None
            assert analysis is not None
            analysis.is_complete = True
        db.session.commit()

        assert overviews.make_missing(db.session()) == 1

        after = days.days_of(db.session(), principal, DAY, 1)[0]
        assert after.values == before


def test_the_page_of_a_day_lists_its_sessions_with_their_numbers(app: Flask, people: People) -> None:
    make_session_at(app, people.ada, moment(8, 15), "Morning")
    make_session_at(app, people.ada, moment(17, 40), "Evening")
    make_session_at(app, people.ada, moment(8, day=DAY + timedelta(days=1)), "Tomorrow")
    make_session_at(app, people.bob, moment(9), "Of somebody else")

    page = people.browsers["ada"].get(f"/reports/day/{DAY}").text

    words = text_of(page)
    assert "Wednesday, 4 March 2026" in words
    assert "2 sessions" in words
    assert re.search(r"Morning\s+08:15", words)
    assert re.search(r"Evening\s+17:40", words)
    assert "Tomorrow" not in words
    assert "Of somebody else" not in words
    rates = [float(value) for value in re.findall(r'data-blink="([\d.]+)"', page)]
    assert rates == pytest.approx([9, 9], abs=0.1)


def test_days_are_counted_in_the_zone_of_the_browser(app: Flask, people: People) -> None:
    make_session_at(app, people.ada, moment(23, 30), "Late")
    ada = people.browsers["ada"]
    ada.set_cookie("zone", "Europe/Vienna")

    tomorrow = text_of(ada.get(f"/reports/day/{DAY + timedelta(days=1)}").text)

    assert re.search(r"Late\s+00:30", tomorrow)
    assert "Europe/Vienna" in tomorrow
    assert "No sessions on this day" in ada.get(f"/reports/day/{DAY}").text


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Nowhere/City", "x" * 99, "%00"])
def test_an_unknown_zone_is_utc(people: People, zone: str) -> None:
    ada = people.browsers["ada"]
    ada.set_cookie("zone", zone)

    answer = ada.get(f"/reports/day/{DAY}")

    assert answer.status_code == 200
    assert "Days are counted in UTC" in answer.text


def test_a_week_begins_on_monday_and_holds_seven_days(app: Flask, people: People) -> None:
    make_session_at(app, people.ada, moment(8))

    page = people.browsers["ada"].get(f"/reports/week/{DAY}").text

    assert "Week of 2 March 2026" in page
    table = page[page.index('id="days-table"') :]
    assert re.findall(r"/reports/day/(2026-03-\d\d)", table) == [f"2026-03-0{number}" for number in range(2, 9)]
    assert len(re.findall(r'data-blink="[\d.]+"', table)) == 1


def test_the_calendar_leads_to_the_days_with_sessions(app: Flask, people: People) -> None:
    today = datetime.now(UTC)
    make_session_at(app, people.ada, today - timedelta(minutes=5))

    page = people.browsers["ada"].get("/reports").text

    calendar = page[page.index('class="calendar"') : page.index("</table>")]
    assert calendar.count('class="day level-') == 1
    assert f'href="/reports/day/{(today - timedelta(minutes=5)).date()}"' in calendar


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/reports", "No sessions in these weeks"),
        (f"/reports/day/{DAY}", "No sessions on this day"),
        (f"/reports/week/{DAY}", "No sessions in this week"),
    ],
)
def test_a_time_without_sessions_says_so(people: People, address: str, words: str) -> None:
    assert words in people.browsers["ada"].get(address).text


def test_the_usual_blink_rate_is_learned_from_three_earlier_sessions(app: Flask, people: People) -> None:
    for back in (1, 2, 3):
        learning = people.browsers["ada"].get(f"/reports/day/{DAY}").text
        make_session_at(app, people.ada, moment(8, day=DAY - timedelta(days=back)))
        if back > 1:
            make_session_at(app, people.ada, moment(9))
            assert "still being learned" in people.browsers["ada"].get(f"/reports/day/{DAY}").text or back == 3

    page = people.browsers["ada"].get(f"/reports/day/{DAY}").text

    assert "No sessions on this day" in learning or "still being learned" in learning
    assert "Your usual blink rate, from 3 earlier sessions, lies between" in page
