"""The first page of somebody logged in: the day in four numbers, the last sessions, the ways to the first one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flask import Flask

from focus.services.days import SessionOfDay, Span
from focus.services.glance import glance_of
from focus.storage.recording_models import Recording
from tests.integration.web.conftest import People
from tests.integration.web.made import BLINKS_AT_S, make_session
from tests.integration.web.test_days import make_session_at
from tests.integration.web.test_reports import text_of


def shown(page: str, name: str) -> str:
    """The words of one of the four numbers."""
    found = re.search(rf'data-fact="{name}".*?</div>', page, re.DOTALL)
    assert found is not None, name
    return text_of(f"<main>{found[0]}</main>")


def test_a_new_account_sees_three_ways_to_its_first_session_and_no_empty_day(people: People) -> None:
    page = people.browsers["ada"].get("/").text

    words = text_of(page)
    for way in ("Track with the camera", "Replay the demo recording", "Connect a tracker"):
        assert way in words
    assert 'href="/track"' in page
    assert "Today at a glance" not in words


def test_today_is_the_combination_of_its_sessions(app: Flask, people: People) -> None:
    for title in ("Morning", "Evening"):
        make_session_at(app, people.ada, datetime.now(UTC), title)

    page = people.browsers["ada"].get("/").text

    assert f"Blinks {2 * len(BLINKS_AT_S)} " in shown(page, "blinks")
    assert "per minute in which the eyes were seen" in shown(page, "blinks")
    assert re.search(r"Breaks 0 0 missed", shown(page, "breaks"))
    assert "Not shown" not in shown(page, "on_screen")
    assert text_of(page).index("Today at a glance") < text_of(page).index("Last sessions")


def test_sessions_of_other_days_and_other_people_are_not_today(app: Flask, people: People) -> None:
    make_session_at(app, people.ada, datetime.now(UTC) - timedelta(days=2))
    make_session(app, people.bob)

    page = people.browsers["ada"].get("/").text

    assert "Nothing was recorded today" in text_of(page)
    assert "data-fact" not in page


def test_a_number_that_is_withheld_says_why() -> None:
    day = Span(datetime.now(UTC).date(), 1, (SessionOfDay(Recording(), None),))
    day.__dict__["values"] = {
        "blink_rate": {"value": None, "reason": "3 Hz are too few; it needs 5 Hz", "weight_s": 0.0},
        "breaks": {"value": 2.0, "reason": ""},
    }

    facts = {fact.name: fact for fact in glance_of(day)}

    assert (facts["blinks"].count, facts["blinks"].note) == (None, "3 Hz are too few; it needs 5 Hz")
    assert (facts["breaks"].count, facts["breaks"].note) == (2, "it comes with the first complete minute")
    assert facts["focus_time"].length_us is None


def test_older_pages_of_the_list_show_no_day(app: Flask, people: People) -> None:
    make_session(app, people.ada)

    assert "Today at a glance" not in text_of(people.browsers["ada"].get("/?page=2").text)
