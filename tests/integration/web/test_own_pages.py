"""Profile, consent, data: the pages of what is one's own; and that deleting leaves no row and no file."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from focus.protocol.recording_csv import open_recording_csv
from focus.services import accounts, calibrations, consent, my_data, my_data_export
from focus.services.accounts import Principal
from focus.services.mail import Letter
from focus.storage.account_models import Group, Membership, User
from focus.storage.base import Base
from focus.storage.database import db
from focus.storage.operation_models import Document
from tests.integration.web.conftest import People
from tests.integration.web.made import (
    LENGTH_S,
    PASSWORD,
    RATE_HZ,
    Person,
    browser_of,
    csrf_in,
    make_person,
    make_session,
)
from tests.unit.services.test_calibrations import GOOD

WORD = {"word": "DELETE"}


@pytest.fixture
def app(app: Flask) -> Iterator[Flask]:
    """The application with its engine running, through whose writer an export notes its progress."""
    runner = app.extensions["focus.my_data"]
    # In the caller's task, so that a test knows when it is done.
    runner.start = runner.run
    yield app
    app.extensions["focus.engine"].dispose()


def send(client: FlaskClient, path: str, **fields: str) -> Any:
    return client.post(path, data={**fields, "csrf_token": csrf_in(client)})


def principal_of(person: Person) -> Principal:
    return accounts.principal_of_user(accounts.get_user(db.session(), person.user_id))


# -- profile and consent ----------------------------------------------------------------------------------------------


def test_answers_are_kept_and_shown_again_and_an_empty_one_is_none(people: People) -> None:
    ada = people.browsers["ada"]

    kept = send(
        ada,
        "/account/profile",
        display_name="Countess",
        birth_year="1990",
        sleep_h_per_night="6.5",
        correction="glasses",
    )
    page = ada.get("/account/profile").text

    assert kept.status_code == 303
    assert 'value="Countess"' in page
    assert 'value="1990"' in page
    assert 'value="6.5"' in page
    assert '<option selected value="glasses">' in page
    assert '<option selected value="">no answer' in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"birth_year": "1600"},
        {"birth_year": "x"},
        {"screen_h_per_day": "25"},
        {"correction": "monocle"},
        {"birth_year": "1860"},
        {"sleep_h_per_night": "nan"},
    ],
)
def test_an_answer_that_cannot_be_is_refused_and_changes_nothing(people: People, wrong: dict[str, str]) -> None:
    ada = people.browsers["ada"]

    answer = send(ada, "/account/profile", display_name="changed", **wrong)

    assert answer.status_code == 422
    assert 'value="changed"' not in ada.get("/account/profile").text


def test_consent_is_given_and_withdrawn_on_its_page(app: Flask, people: People) -> None:
    ada = people.browsers["ada"]
    recording_id = make_session(app, people.ada, state="open", has_frames=False)

    send(ada, "/account/consent", purpose="research_export", answer="give")
    send(ada, "/account/consent", purpose="own_reports", answer="refuse")

    with app.app_context():
        decided = consent.decisions_of(db.session(), people.ada.user_id)
    assert {name: decision.decision for name, decision in decided.items()} == {
        "own_reports": "refused",
        "research_export": "given",
        "group_statistics": "undecided",
    }
    assert ada.get(f"/api/v1/recordings/{recording_id}").get_json()["state"] == "closed"
    assert "no session can be recorded" in ada.get("/sessions/start").text


@pytest.mark.parametrize(
    "fields", [{}, {"purpose": "sale", "answer": "give"}, {"purpose": "own_reports", "answer": "x"}]
)
def test_a_strange_answer_about_consent_is_refused(people: People, fields: dict[str, str]) -> None:
    assert send(people.browsers["ada"], "/account/consent", **fields).status_code == 422


@pytest.mark.parametrize("path", ["/sessions/start/demo", "/sessions/start/command"])
def test_after_a_refusal_no_session_is_started_from_a_page(people: People, path: str) -> None:
    ada = people.browsers["ada"]
    send(ada, "/account/consent", purpose="own_reports", answer="refuse")

    answer = send(ada, path, kind="replay")

    assert answer.status_code == 403


def test_starting_with_the_text_beside_the_button_is_consent(app: Flask, people: People) -> None:
    ada = people.browsers["ada"]
    assert "By starting a session you agree" in ada.get("/sessions/start").text

    send(ada, "/sessions/start/command")

    with app.app_context():
        assert consent.decisions_of(db.session(), people.ada.user_id)["own_reports"].decision == "given"


# -- export -----------------------------------------------------------------------------------------------------------


def make_everything(app: Flask, person: Person) -> str:
    """Rows of this person in every table that can have some, and files in every folder; the id of a recording."""
    recording_id = make_session(app, person, title="Everything")
    instance = app.extensions["focus.settings"].INSTANCE
    client = browser_of(app, person)
    send(client, "/account/profile", display_name="Ada Lovelace", birth_year="1990")
    send(client, "/account/consent", purpose="research_export", answer="give")
    send(client, "/account/tokens", name="lab", scopes="frames:write", lifetime_days="30")
    with app.app_context():
        session, now = db.session(), datetime.now(UTC)
        calibrations.save_calibration(session, principal_of(person), GOOD)
        group = Group(owner_id=person.user_id, name="Lab", created_at=now)
        session.add(group)
        session.flush()
        session.add(Membership(group_id=group.id, user_id=person.user_id, joined_at=now))
        document = Document(
            owner_id=person.user_id,
            path=f"{person.user_id}.txt",
            media_type="text/plain",
            n_bytes=2,
            digest="0" * 64,
            created_at=now,
        )
        session.add(document)
        accounts.create_login_secret(
            session, accounts.get_user(session, person.user_id), holds=app.permanent_session_lifetime
        )
        session.commit()
    (instance / "documents").mkdir(exist_ok=True)
    (instance / "documents" / f"{person.user_id}.txt").write_text("hi")
    app.extensions["focus.desk"].mail(Letter(person.user_id, "test", person.email, "Hello", "Text"))
    app.extensions["focus.desk"].finish()
    send(client, "/account/data/exports")
    return recording_id


def fetch(client: FlaskClient) -> zipfile.ZipFile:
    page = client.get("/account/data").text
    path = page.split('class="button" href="', 1)[1].split('"', 1)[0]
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    content = answer.data
    answer.close()
    return zipfile.ZipFile(io.BytesIO(content))


def test_the_export_holds_everything_and_no_secret(app: Flask, people: People, tmp_path: Path) -> None:
    recording_id = make_everything(app, people.ada)

    archive = fetch(people.browsers["ada"])

    at = f"recordings/{recording_id}/"
    assert json.loads(archive.read("account.json"))["email"] == people.ada.email
    assert json.loads(archive.read("profile.json"))[0]["birth_year"] == 1990
    assert [row["purpose"] for row in json.loads(archive.read("consent.json"))] == ["research_export"]
    assert archive.read(f"documents/{people.ada.user_id}.txt") == b"hi"
    summary = json.loads(archive.read(at + "summary.json"))
    events = list(csv.DictReader(io.StringIO(archive.read(at + "events.csv").decode())))
    assert sum(event["kind"] == "blink" for event in events) == summary["events"]["blink"] == 3
    states = list(csv.DictReader(io.StringIO(archive.read(at + "states.csv").decode())))
    assert sum(int(state["frames"]) for state in states) == LENGTH_S * RATE_HZ
    frames = tmp_path / "frames.csv"
    frames.write_bytes(archive.read(at + "frames.csv"))
    assert sum(len(batch) for batch in open_recording_csv(frames)) == LENGTH_S * RATE_HZ
    everything = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "_hash" not in everything
    assert people.bob.email not in everything


def test_every_table_of_a_person_is_in_the_export_or_left_out_for_a_reason() -> None:
    of_person = {
        name for name, table in Base.metadata.tables.items() if {"user_id", "owner_id"} & set(table.columns.keys())
    }

    assert of_person == {
        *my_data_export.FILE_OF_TABLE,
        *my_data_export.WITH_NAMES,
        *my_data_export.LEFT_OUT,
        "recording",
    }


def test_somebody_elses_export_is_not_there(app: Flask, people: People) -> None:
    make_everything(app, people.ada)
    with app.app_context():
        job_id = my_data.list_exports(db.session(), principal_of(people.ada))[0].id

    for name in ("bob", "admin"):
        for path in (f"/account/data/exports/{job_id}", f"/account/data/exports/{job_id}/file"):
            assert people.browsers[name].get(path).status_code == 404


def test_an_export_whose_person_is_deleted_meanwhile_leaves_no_file(app: Flask, people: People) -> None:
    with app.app_context():
        job = my_data.request_export(db.session(), principal_of(people.ada))
        job_id = job.id
        db.session.commit()
        my_data.delete_account(
            db.session(), principal_of(people.ada), instance=app.extensions["focus.settings"].INSTANCE
        )
        db.session.commit()

    app.extensions["focus.my_data"].run(job_id, people.ada.user_id)

    assert list((app.extensions["focus.settings"].INSTANCE / "exports").glob("*")) == []


def test_an_administrator_exports_a_session_only_with_its_owners_consent_to_research(
    app: Flask, people: People
) -> None:
    recording_id = make_session(app, people.ada)
    path = f"/sessions/{recording_id}/export/csv"

    without = people.browsers["admin"].get(path)
    own = people.browsers["ada"].get(path)
    send(people.browsers["ada"], "/account/consent", purpose="research_export", answer="give")
    with_consent = people.browsers["admin"].get(path)
    statuses = [answer.status_code for answer in (without, own, with_consent)]
    for answer in (without, own, with_consent):
        answer.close()

    assert statuses == [403, 200, 200]
    assert "consent" in without.text


# -- deletion ---------------------------------------------------------------------------------------------------------


def everything_stored(app: Flask) -> dict[str, list[dict[str, Any]]]:
    with app.app_context():
        return {
            name: [dict(row) for row in db.session.execute(select(table)).mappings()]
            for name, table in Base.metadata.tables.items()
        }


def files_of(app: Flask) -> set[str]:
    instance = app.extensions["focus.settings"].INSTANCE
    return {str(path.relative_to(instance)) for path in instance.rglob("*") if path.is_file()}


def test_deleting_everything_leaves_no_row_and_no_file(app: Flask, people: People) -> None:
    make_session(app, people.bob, title="Bobs")
    rows_before, files_before = everything_stored(app), files_of(app)
    person = make_person(app, "eve@example.org", password=PASSWORD)
    recording_id = make_everything(app, person)
    rows_between, files_between = everything_stored(app), files_of(app)
    client = browser_of(app, person)

    refused = send(client, "/account/delete", **WORD, current="not the password")
    done = send(client, "/account/delete", **WORD, current=PASSWORD)

    assert (refused.status_code, done.status_code) == (422, 303)
    filled = {name for name, rows in rows_between.items() if len(rows) > len(rows_before[name])}
    assert filled >= {"user", "profile", "consent", "api_token", "login", "one_time_token", "calibration", "group"}
    assert filled >= {"membership", "job", "document", "recording", "frame_batch", "analysis", "event", "metric_window"}
    assert len(files_between - files_before) == 3
    after = everything_stored(app)
    audit = after.pop("audit_entry")
    rows_before.pop("audit_entry")
    assert after == rows_before
    assert files_of(app) == files_before
    kept = json.dumps(audit, default=str)
    assert not any(word in kept for word in ("eve@", "Lovelace", PASSWORD))
    assert recording_id in json.dumps(rows_between, default=str)
    assert recording_id not in kept
    assert client.get("/account").status_code == 302


def test_a_deleted_persons_number_is_never_given_again(app: Flask, people: People) -> None:
    person = make_person(app, "eve@example.org")
    send(browser_of(app, person), "/account/delete", **WORD)

    assert make_person(app, "new@example.org").user_id > person.user_id


def test_the_last_administrator_cannot_leave_the_others_alone(app: Flask, people: People) -> None:
    answer = send(people.browsers["admin"], "/account/delete", **WORD)

    assert answer.status_code == 409
    assert "make somebody else one first" in answer.text


def test_the_only_person_of_an_installation_can_delete_everything(app: Flask) -> None:
    owner = make_person(app, "admin@localhost", role="admin")

    assert send(browser_of(app, owner), "/account/delete", **WORD).status_code == 303

    with app.app_context():
        assert db.session.scalars(select(User)).all() == []


@pytest.mark.parametrize(("word", "left"), [("DELETE", 0), ("delete", 2), ("", 2)])
def test_all_sessions_go_and_the_account_stays(app: Flask, people: People, word: str, left: int) -> None:
    for title in ("One", "Two"):
        make_session(app, people.ada, title=title)
    make_session(app, people.bob)
    ada = people.browsers["ada"]

    send(ada, "/account/data/sessions/delete", word=word)

    assert len(everything_stored(app)["recording"]) == left + 1
    assert ada.get("/account/data").status_code == 200
