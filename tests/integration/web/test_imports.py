"""Files imported from the page: taken in, read, stored as a session or refused as a whole with the fault's place."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from focus.services import recordings
from focus.services.accounts import get_user, principal_of_user
from focus.services.imports import IMPORTERS, uploads
from focus.storage.database import db
from focus.storage.operation_models import Job
from tests.integration.web.conftest import People
from tests.integration.web.made import Person, csrf_in

OWN = IMPORTERS["recording-csv"].example.files["recording.csv"]
NEON = IMPORTERS["neon"].example.files


@pytest.fixture(autouse=True)
def _import_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The import runs before the answer; no engine runs in these tests, so progress is written by a session here."""
    runner = app.extensions["focus.imports"]

    def write(work: Any) -> Any:
        with app.app_context():
            value = work(db.session())
            db.session.commit()
            return value

    monkeypatch.setattr(runner, "_write", write)
    monkeypatch.setattr(runner, "start", runner.run)
    monkeypatch.setattr(runner, "_sleep", lambda seconds: None)


def send(browser: FlaskClient, data: bytes, *, token: str | None = None, **asked: str) -> TestResponse:
    return browser.post(
        "/api/imports",
        query_string=asked,
        data=data,
        content_type="application/octet-stream",
        headers={"X-CSRFToken": csrf_in(browser) if token is None else token},
    )


def zipped(files: dict[str, str], folder: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(folder + name, text)
    return out.getvalue()


def job_of(browser: FlaskClient, answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = browser.get(f"/api/imports/{answer.json['id']}").json
    return found


def titles_of(app: Flask, person: Person) -> list[str]:
    with app.app_context():
        principal = principal_of_user(get_user(db.session(), person.user_id))
        return [each.title for each in recordings.list_recordings(db.session(), principal)]


def left_behind(app: Flask) -> list[Path]:
    return list((app.extensions["focus.settings"].INSTANCE / uploads.UPLOADS).glob("*"))


def test_an_uploaded_file_becomes_a_closed_session_of_its_person(app: Flask, people: People) -> None:
    browser = people.browsers["ada"]

    job = job_of(browser, send(browser, OWN.encode(), name="my eyes.csv", task="reading"))

    assert (job["state"], job["progress_ratio"]) == ("done", 1.0)
    with app.app_context():
        stored = recordings.find_recording(db.session(), job["recording"])
        assert (stored.title, stored.task, stored.n_frames) == ("my eyes.csv", "reading", 4)
        assert (stored.owner_id, stored.is_open) == (people.ada.user_id, False)
    assert f"/sessions/{job['recording']}" in browser.get("/sessions/import").text
    assert titles_of(app, people.bob) == []
    assert left_behind(app) == []


@pytest.mark.parametrize("folder", ["", "export-7/", "a/b/"])
def test_a_zip_of_a_pupil_labs_folder_is_one_session(app: Flask, people: People, folder: str) -> None:
    browser = people.browsers["ada"]
    clutter = {"__MACOSX/._gaze.csv": "x", ".DS_Store": "x"}

    job = job_of(browser, send(browser, zipped({folder + k: v for k, v in NEON.items()} | clutter), name="walk.zip"))

    assert job["state"] == "done", job
    assert len(titles_of(app, people.ada)) == 1
    assert left_behind(app) == []


def test_a_wrong_file_stores_nothing_and_one_sentence_says_line_and_column(app: Flask, people: People) -> None:
    browser = people.browsers["ada"]
    wrong = OWN.replace("3.22", "three")

    job = job_of(browser, send(browser, wrong.encode(), name="folder/day 1.csv"))

    assert job["state"] == "failed"
    assert job["message"].startswith("day 1.csv line 3, column pupil_left_mm: ")
    assert job["message"] in browser.get("/sessions/import").text.replace("&#39;", "'")
    assert titles_of(app, people.ada) == []
    assert left_behind(app) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"some,other\n1,2\n", "is of no known format"),
        (zipped({"../../evil.csv": OWN}), "leads out of it"),
        (zipped(NEON)[:-40], "cannot be unpacked"),
        (zipped({f"{n}.csv": "" for n in range(1001)}), "holds 1001 files; at most 1000 are taken"),
    ],
)
def test_what_is_no_recording_is_refused_with_the_reason(app: Flask, people: People, data: bytes, words: str) -> None:
    browser = people.browsers["ada"]

    job = job_of(browser, send(browser, data, name="x.zip"))

    assert (job["state"], job["recording"]) == ("failed", None)
    assert words in job["message"]
    assert titles_of(app, people.ada) == []
    assert left_behind(app) == []


def test_a_zip_is_stopped_when_it_unpacks_to_more_than_a_file_may_have(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["focus.imports"], "_max_bytes", 3_000_000)
    browser = people.browsers["ada"]

    job = job_of(browser, send(browser, zipped({"a.csv": "0" * 20_000_000}), name="bomb.zip"))

    assert job["message"] == "bomb.zip unpacks to more than 3000000 bytes"
    assert left_behind(app) == []


def test_a_file_over_the_limit_is_refused_before_it_is_taken(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["focus.settings"].model_copy(update={"MAX_UPLOAD_BYTES": 100})
    monkeypatch.setitem(app.extensions, "focus.settings", settings)

    answer = send(people.browsers["ada"], OWN.encode())

    assert answer.status_code == 413
    assert answer.json["detail"] == f"the file has {len(OWN)} bytes; the largest that is taken has 100"
    assert left_behind(app) == []


def test_an_upload_without_the_token_of_a_page_is_refused(app: Flask, people: People) -> None:
    for token in ("", "made up"):
        assert send(people.browsers["ada"], OWN.encode(), token=token).status_code == 400
    assert left_behind(app) == []


def test_an_upload_is_no_form(app: Flask, people: People) -> None:
    answer = people.browsers["ada"].post("/api/imports", data={"file": (io.BytesIO(OWN.encode()), "a.csv")})

    assert answer.status_code in (400, 422)
    assert left_behind(app) == []


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    source = io.BytesIO(b"half")

    with pytest.raises(uploads.InputError, match="broke off after 4 of 9 bytes"):
        uploads.receive(source.read, tmp_path / "a.csv", 9)


def test_of_one_person_three_imports_wait_at_most(app: Flask, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["focus.imports"], "start", lambda *arguments: None)
    browser = people.browsers["ada"]
    for _ in range(3):
        assert send(browser, OWN.encode()).json["state"] == "waiting"

    answer = send(browser, OWN.encode())

    assert answer.status_code == 409
    assert len(left_behind(app)) == 3


def test_an_import_whose_server_ended_is_told_as_failed(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["focus.imports"], "start", lambda *arguments: None)
    browser = people.browsers["ada"]
    answer = send(browser, OWN.encode())
    with app.app_context():
        job = db.session.get(Job, answer.json["id"])
        job.arguments = {**job.arguments, "moved_at": "2026-01-01T00:00:00+00:00"}
        db.session.commit()

    job = job_of(browser, answer)

    assert (job["state"], "the server ended" in job["message"]) == ("failed", True)


def test_nobody_sees_the_import_of_somebody_else(app: Flask, people: People) -> None:
    answer = send(people.browsers["ada"], OWN.encode())

    assert people.browsers["bob"].get(f"/api/imports/{answer.json['id']}").status_code == 404


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("C:\\data\\p1.csv", "p1.csv"),
        ("../../etc/passwd", "passwd"),
        ("", "recording"),
        ("...", "recording"),
        ("a<b>.csv", "a_b_.csv"),
    ],
)
def test_a_name_leads_nowhere(name: str, clean: str) -> None:
    assert uploads.clean_name(name) == clean
