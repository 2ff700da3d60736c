"""The list of sessions, and starting, watching, stopping and deleting one."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from focus.services import accounts, recordings
from focus.storage.database import db
from tests.integration.web.conftest import People
from tests.integration.web.made import csrf_in, make_session


def test_the_first_page_says_what_this_is_and_lets_in(people: People) -> None:
    page = people.browsers["nobody"].get("/").text

    assert "See what eyes do, and how far to trust each number" in page
    assert 'name="password"' in page


def test_a_new_account_is_one_click_from_its_first_session(people: People) -> None:
    page = people.browsers["ada"].get("/").text

    assert "Your first session is one click away" in page
    assert "Replay the demo recording</button>" in page
    assert "Simulate a person</button>" in page


def test_the_list_holds_ones_own_sessions_alone(app: Flask, people: People) -> None:
    make_session(app, people.ada, title="Morning")
    make_session(app, people.bob, title="Evening")

    page = people.browsers["ada"].get("/").text

    assert "Morning" in page
    assert "Evening" not in page
    assert "1\u202f200" in page


def test_a_long_list_comes_in_pages(app: Flask, people: People) -> None:
    for number in range(27):
        make_session(app, people.ada, title=f"Session number {number:02d}", has_frames=False)

    first, second = (
        set(re.findall(r"Session number (\d\d)</a>", people.browsers["ada"].get(f"/?page={n}").text)) for n in (1, 2)
    )

    assert (len(first), len(second)) == (25, 2)
    assert first | second == {f"{number:02d}" for number in range(27)}


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999", "1e3", "%00"])
def test_a_strange_page_number_is_the_first_page(people: People, page: str) -> None:
    assert people.browsers["ada"].get(f"/?page={page}").status_code == 200


def test_a_title_is_text_and_never_markup(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, title="<b onclick=x>\"'", state="open")

    for path in ("/", f"/sessions/{recording_id}", f"/sessions/{recording_id}/live"):
        page = people.browsers["ada"].get(path).text
        assert "<b onclick" not in page
        assert "&lt;b onclick=x&gt;" in page


def test_the_command_for_a_tracker_carries_a_token_that_works(app: Flask, people: People) -> None:
    ada = people.browsers["ada"]

    page = ada.post("/sessions/start/command", data={"csrf_token": csrf_in(ada)}).text

    command = re.search(r'id="command-replay">FOCUS_TOKEN=(\S+) python -m focus\.client stream (.*?)</pre>', page)
    assert command is not None
    assert "--server http://localhost --source replay --file recording.csv.gz --speed 1" in command[2]
    with app.app_context():
        principal = accounts.user_of_token(db.session, command[1], scope="frames:write")
    assert principal.user_id == people.ada.user_id


def test_an_unknown_demo_is_refused(people: People) -> None:
    ada = people.browsers["ada"]

    answer = ada.post("/sessions/start/demo", data={"kind": "other", "csrf_token": csrf_in(ada)})

    assert answer.status_code == 422
    assert "there is no demo" in answer.text


def test_the_live_page_names_the_recording_and_its_tracker(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, state="open")

    page = people.browsers["ada"].get(f"/sessions/{recording_id}/live").text

    assert f'data-recording="{recording_id}"' in page
    assert "Test tracker, 60 Hz" in page


def test_the_live_page_of_an_ended_session_leads_to_its_report(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    answer = people.browsers["ada"].get(f"/sessions/{recording_id}/live")

    assert answer.headers["Location"] == f"/sessions/{recording_id}"


def test_stopping_ends_the_session_and_stopping_again_harms_nothing(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, state="open")
    ada = people.browsers["ada"]
    form = {"csrf_token": csrf_in(ada)}

    answers = [ada.post(f"/sessions/{recording_id}/stop", data=form) for _ in range(2)]

    assert [answer.headers["Location"] for answer in answers] == [f"/sessions/{recording_id}"] * 2
    with app.app_context():
        assert recordings.find_recording(db.session, recording_id).state == "closed"


def test_deleting_asks_first_and_then_leaves_nothing(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, title="Gone soon")
    ada = people.browsers["ada"]
    path = f"/sessions/{recording_id}"

    asked = ada.get(f"{path}/delete").text
    assert "Delete this session?" in asked
    assert ada.get(path).status_code == 200
    ada.post(f"{path}/delete", data={"csrf_token": csrf_in(ada)})

    page = ada.get("/").text
    assert "The session is deleted." in page
    assert "Gone soon" not in page
    assert ada.get(path).status_code == 404
    assert ada.get(f"/api/v1/recordings/{recording_id}").status_code == 404


def test_an_administrator_sees_everybody_and_all_sessions(app: Flask, people: People) -> None:
    make_session(app, people.ada, title="Morning")
    admin = people.browsers["admin"]

    users, sessions = admin.get("/admin/users").text, admin.get("/admin/sessions").text

    assert all(email in users for email in ("ada@example.org", "bob@example.org", "carol@example.org"))
    assert "Morning" in sessions
    assert "ada@example.org" in sessions
