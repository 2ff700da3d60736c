"""Several recordings side by side: one's own, and for a researcher those of group members who agreed; nobody else's."""

from __future__ import annotations

import re
import uuid
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from focus.services import accounts, consent, groups, live_choice, recordings
from focus.services.accounts import Principal
from focus.storage.database import db
from tests.integration.web.conftest import People
from tests.integration.web.made import WEBCAM, Person, browser_of, make_person
from tests.integration.web.test_reports import text_of


def principal_of(person: Person) -> Principal:
    return accounts.principal_of_user(accounts.get_user(db.session(), person.user_id))


def make_open(app: Flask, owner: Person, title: str) -> str:
    """An open session of a person."""
    recording_id = str(uuid.uuid4())
    with app.app_context():
        recordings.create_recording(
            db.session(), principal_of(owner), tracker=WEBCAM, recording_id=recording_id, title=title
        )
        db.session.commit()
    return recording_id


def shown_on(browser: FlaskClient, query: str = "") -> set[str]:
    """The sessions that have a card on the page."""
    return set(re.findall(r'data-recording="([\w-]+)"', browser.get(f"/live{query}").text))


@pytest.fixture
def rita(app: Flask) -> Person:
    return make_person(app, f"rita-{uuid.uuid4().hex}@example.org", role="researcher")


def join(app: Flask, researcher: Person, member: Person, *, agrees: bool) -> None:
    with app.app_context():
        session = db.session()
        group = groups.create_group(session, principal_of(researcher), "Reading lab")
        _, key = groups.invite(session, principal_of(researcher), group.id, member.email)
        groups.accept_invitation(session, principal_of(member), key)
        if agrees:
            consent.give(session, principal_of(member), consent.RESEARCH_EXPORT)
        session.commit()


def test_a_member_sees_their_own_open_sessions_and_nobody_elses(app: Flask, people: People) -> None:
    own = {make_open(app, people.ada, "Morning"), make_open(app, people.ada, "Evening")}
    of_bob = make_open(app, people.bob, "Of somebody else")
    with app.app_context():
        ended = recordings.create_recording(db.session(), principal_of(people.ada), tracker=WEBCAM)
        recordings.close_recording(db.session(), ended)
        db.session.commit()

    assert shown_on(people.browsers["ada"]) == own
    assert shown_on(people.browsers["ada"], f"?r={of_bob}") == own


def test_one_chooses_which_of_them_stand_side_by_side(app: Flask, people: People) -> None:
    first, _, third = (make_open(app, people.ada, title) for title in ("one", "two", "three"))

    page = people.browsers["ada"].get(f"/live?r={first}&r={third}").text

    assert set(re.findall(r'data-recording="([\w-]+)"', page)) == {first, third}
    assert "2 of 3 sessions" in text_of(page)
    assert page.count('type="checkbox"') == 3
    assert len(re.findall(r'type="checkbox"[^>]* checked', page)) == 2


def test_a_researcher_sees_members_who_agreed_by_name(app: Flask, people: People, rita: Person) -> None:
    join(app, rita, people.ada, agrees=True)
    join(app, rita, people.bob, agrees=False)
    of_ada = make_open(app, people.ada, "Reading")
    make_open(app, people.bob, "Private")
    browser = browser_of(app, rita)

    page = browser.get("/live").text

    assert set(re.findall(r'data-recording="([\w-]+)"', page)) == {of_ada}
    with app.app_context():
        name = accounts.get_user(db.session(), people.ada.user_id).display_name
    assert name in unescape(page)


def test_a_member_without_a_name_is_a_number_and_never_an_address(app: Flask, people: People, rita: Person) -> None:
    join(app, rita, people.ada, agrees=True)
    make_open(app, people.ada, "Reading")
    with app.app_context():
        accounts.get_user(db.session(), people.ada.user_id).display_name = ""
        db.session.commit()

    page = browser_of(app, rita).get("/live").text

    assert people.ada.email not in page
    assert f"Participant {people.ada.user_id}" in page


def test_withdrawn_consent_takes_a_session_off_the_list_at_once(app: Flask, people: People, rita: Person) -> None:
    join(app, rita, people.ada, agrees=True)
    make_open(app, people.ada, "Reading")
    with app.app_context():
        assert live_choice.count_live(db.session(), principal_of(rita)) == 1

        consent.refuse(db.session(), principal_of(people.ada), consent.RESEARCH_EXPORT)

        assert live_choice.list_live(db.session(), principal_of(rita)) == []
        db.session.rollback()


def test_without_an_open_session_the_page_says_how_to_get_one(people: People) -> None:
    words = text_of(people.browsers["ada"].get("/live").text)

    assert "Nothing is being recorded now" in words
    assert "Track with the camera" in words


def test_the_page_is_for_people_who_are_logged_in(people: People) -> None:
    assert people.browsers["nobody"].get("/live").status_code == 302


def test_the_first_page_leads_to_sessions_side_by_side_once_there_are_two(app: Flask, people: People) -> None:
    make_open(app, people.ada, "one")
    assert "side by side" not in people.browsers["ada"].get("/").text

    make_open(app, people.ada, "two")

    assert "2 live, side by side" in people.browsers["ada"].get("/").text
