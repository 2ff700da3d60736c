"""Lists go on at a cursor: every item once, whatever comes in meanwhile."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from focus.services import accounts, recordings, reports
from focus.storage.database import db
from tests.integration.api.conftest import Caller, by_login, by_token
from tests.integration.web.made import FULL_TRACKER, Person, make_session

NOON = datetime(2026, 11, 20, 12, 0, 0, 123_456, tzinfo=UTC)


def add_recordings(app: Flask, person: Person, *started: datetime) -> list[str]:
    """Recordings that began then; their ids."""
    with app.app_context():
        principal = accounts.principal_of_user(accounts.get_user(db.session, person.user_id))
        rows = [
            recordings.create_recording(db.session(), principal, tracker=FULL_TRACKER, now=at, title=f"No {n}")
            for n, at in enumerate(started)
        ]
        db.session.commit()
        return [row.id for row in rows]


def walk(caller: Caller, path: str, *, limit: int = 2) -> list[list[Any]]:
    """The items of all pages."""
    pages, cursor = [], ""
    while True:
        join = "&" if "?" in path else "?"
        page = caller.get(f"{path}{join}limit={limit}" + (f"&cursor={cursor}" if cursor else "")).get_json()
        pages.append(page["items"])
        if page["next"] is None:
            return pages
        cursor = page["next"]


def test_every_recording_is_given_once_the_newest_first(app: Flask, ada: Person) -> None:
    # Three of them began in the same microsecond.
    ids = add_recordings(app, ada, NOON, NOON, NOON, NOON + timedelta(seconds=1), NOON - timedelta(days=1))

    pages = walk(by_token(app, ada, "recordings:read"), "/recordings")

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [item["id"] for page in pages for item in page] == [ids[3], *sorted(ids[:3]), ids[4]]


def test_what_begins_between_two_pages_neither_repeats_nor_hides_a_recording(app: Flask, ada: Person) -> None:
    ids = add_recordings(app, ada, *(NOON - timedelta(hours=n) for n in range(4)))
    caller = by_token(app, ada, "recordings:read")
    first = caller.get("/recordings?limit=2").get_json()

    add_recordings(app, ada, NOON + timedelta(hours=1), NOON - timedelta(minutes=90))
    caller_page = by_login(app, ada)
    caller_page.delete(f"/recordings/{ids[1]}")
    second = caller.get(f"/recordings?limit=2&cursor={first['next']}").get_json()

    assert [item["id"] for item in first["items"]] == ids[:2]
    assert ids[2] in [item["id"] for item in second["items"]]
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}


def test_nobody_elses_recordings_are_listed_with_anybodys_cursor(app: Flask, ada: Person, bob: Person) -> None:
    add_recordings(app, ada, NOON, NOON - timedelta(hours=1), NOON - timedelta(hours=2))
    cursor = by_token(app, ada, "recordings:read").get("/recordings?limit=1").get_json()["next"]

    found = by_token(app, bob, "recordings:read").get(f"/recordings?cursor={cursor}").get_json()

    assert found == {"items": [], "next": None}


@pytest.mark.parametrize(
    "place", [[1, "\ud800"], [1, "a\0"], [True, "a"], [2**70, "a"], [1e300, "a"], [1], [[], {}], "x"]
)
def test_a_cursor_that_was_changed_on_its_way_is_refused(app: Flask, ada: Person, place: object) -> None:
    content = ["recordings", *place] if isinstance(place, list) else place
    cursor = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    answer = by_token(app, ada, "recordings:read").get(f"/recordings?cursor={cursor}")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "parameter")


def test_recordings_are_found_by_state_and_title(app: Flask, ada: Person) -> None:
    add_recordings(app, ada, NOON, NOON)
    closed = make_session(app, ada, title="100% of it", has_frames=False)
    caller = by_token(app, ada, "recordings:read")

    by_state = caller.get("/recordings?state=closed").get_json()["items"]
    by_title = caller.get("/recordings?search=100%25").get_json()["items"]

    assert [item["id"] for item in by_state] == [item["id"] for item in by_title] == [closed]


def test_every_event_is_given_once_by_onset(app: Flask, ada: Person) -> None:
    recording_id = make_session(app, ada)
    caller = by_token(app, ada, "recordings:read")
    with app.app_context():
        whole = reports.events_of(db.session(), recordings.find_recording(db.session(), recording_id), limit=1000)
        expected = [(event.onset_us, event.kind) for event in whole]

    pages = walk(caller, f"/recordings/{recording_id}/events", limit=3)
    blinks = walk(caller, f"/recordings/{recording_id}/events?kind=blink", limit=1)

    assert len(expected) > 6
    assert [(item["onset_us"], item["kind"]) for page in pages for item in page] == expected
    assert [page[0]["kind"] for page in blinks] == ["blink"] * 3


def test_a_cursor_of_an_analysis_that_is_gone_says_so(app: Flask, ada: Person) -> None:
    recording_id, other_id = make_session(app, ada), make_session(app, ada, has_frames=False)
    caller = by_token(app, ada, "recordings:read")
    cursor = caller.get(f"/recordings/{recording_id}/events?limit=1").get_json()["next"]

    answer = caller.get(f"/recordings/{other_id}/events?cursor={cursor}")

    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "WyJyZWNvcmRpbmdzIiwgLTEsICJ4Il0", "WyJyZWNvcmRpbmdzIiwgNGU5OSwgIngiXQ", "bnVsbA", "W10"]
)
def test_a_cursor_that_no_list_gave_is_refused(app: Flask, ada: Person, cursor: str) -> None:
    answer = by_token(app, ada, "recordings:read").get(f"/recordings?cursor={cursor}")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "parameter")


def test_pages_are_no_larger_than_the_limit(app: Flask, ada: Person) -> None:
    caller = by_token(app, ada, "recordings:read")

    assert [caller.get(f"/recordings?limit={limit}").status_code for limit in (0, 1, 200, 201)] == [422, 200, 200, 422]
