"""Everybody who may knock, and one object of each kind that belongs to `owner`: what the access matrix walks through.

    owner      a member with a recording, token, calibration, export and log-in; agreed to research; in `leader`'s group
    other      another member, invited to that group
    leader     the researcher of that group
    foreign    a researcher of another group
    admin      an administrator
    gone       a member whose account was disabled; their cookie and token are those of before
    stranger   nobody

Whatever a request changes is put back before the next one, by copying the database.
"""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from focus.eyestate.installed import shipped_name
from focus.services import accounts, calibrations, consent, groups, logins, my_data
from focus.services.accounts import Principal
from focus.services.calibrations import CalibrationData
from focus.services.imports import uploads
from focus.storage import recordings as queries
from focus.storage import results
from focus.storage.database import db
from focus.web.tracking.views import FACE_MESH_VERSION
from tests.integration.realtime.wire import token_of
from tests.integration.web.made import SCREEN, WEBCAM, Person, browser_of, csrf_in, csrf_of, make_person, make_session

COOKIE = "focus_login"
SOMETHING = "00000000-0000-4000-8000-00000000abcd"
PEOPLE = ("owner", "other", "leader", "foreign", "admin")
TOKENS = {
    "owner frames": ("owner", "frames:write"),
    "owner read": ("owner", "recordings:read"),
    "other frames": ("other", "frames:write"),
    "other read": ("other", "recordings:read"),
    "admin read": ("admin", "recordings:read"),
}


@dataclass
class Knock:
    """How somebody comes to the door."""

    cookie: str | None = None
    csrf: str = ""
    token: str | None = None


@dataclass
class World:
    """The application with everybody and everything."""

    app: Flask
    database: Path
    people: dict[str, Person] = field(default_factory=dict)
    knocks: dict[str, Knock] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)

    def ask(self, who: str, method: str, path: str, body: dict[str, Any]) -> TestResponse:
        """One request; whoever comes by cookie shows the CSRF token of their browser, so that nothing else refuses."""
        knock = self.knocks[who]
        client: FlaskClient = self.app.test_client()
        headers = {"X-CSRFToken": knock.csrf, **body.get("headers", {})}
        if knock.cookie is not None:
            client.set_cookie(COOKIE, knock.cookie)
        if knock.token is not None:
            headers["Authorization"] = f"Bearer {knock.token}"
        sent = {name: value for name, value in body.items() if name != "headers"}
        answer = client.open(path, method=method, headers=headers, **sent)
        answer.close()
        if method not in ("GET", "HEAD", "OPTIONS") and answer.status_code < 400:
            self.put_back()
        return answer

    def save(self) -> None:
        """This is how everything is from now on."""
        self._saved = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self.database)) as live:
            live.backup(self._saved)

    def put_back(self) -> None:
        with closing(sqlite3.connect(self.database)) as live:
            live.execute("PRAGMA synchronous=OFF")
            self._saved.backup(live)
        my_data.export_path(self.app.extensions["focus.settings"].INSTANCE, self.objects["job_id"]).write_bytes(b"PK")

    def close(self) -> None:
        self._saved.close()


def make_world(app: Flask, database: Path) -> World:
    world = World(app, database)
    for name in (*PEOPLE, "gone"):
        role = {"admin": "admin", "leader": "researcher", "foreign": "researcher"}.get(name, "member")
        world.people[name] = make_person(app, f"{name}@example.org", role=role)
    _silence(app)
    _make_objects(world)
    for name in (*PEOPLE, "gone"):
        world.knocks[name] = _log_in(app, world.people[name])
    world.knocks["stranger"] = stranger = _stranger(app)
    world.knocks["gone token"] = _with_token(world, stranger, "gone", "frames:write", "recordings:read")
    for name, (person, scope) in TOKENS.items():
        world.knocks[name] = _with_token(world, stranger, person, scope)
    with app.app_context():
        accounts.set_active(db.session(), accounts.operator_principal(), world.people["gone"].user_id, is_active=False)
        db.session.commit()
        mine = accounts.principal_of_user(accounts.get_user(db.session(), world.people["owner"].user_id))
        world.objects["login_id"] = logins.list_logins(db.session(), mine)[0].id
    world.save()
    world.put_back()
    return world


class _Idle:
    """Stands for what works in the background, which would write while the database is put back."""

    def start(self, *_arguments: object, **_named: object) -> str:
        return SOMETHING

    def is_running(self, _recording_id: str) -> bool:
        return False


def _silence(app: Flask) -> None:
    for name in ("my_data", "reanalyses", "demos", "imports"):
        app.extensions[f"focus.{name}"] = _Idle()
    app.extensions["focus.desk"]._take = lambda work: None


def _log_in(app: Flask, person: Person) -> Knock:
    client = browser_of(app, person)
    csrf = csrf_in(client)
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    return Knock(cookie.value, csrf)


def _with_token(world: World, stranger: Knock, person: str, *scopes: str) -> Knock:
    """A token beside the cookie of nobody, so that a form refuses the token and not the missing proof."""
    return Knock(stranger.cookie, stranger.csrf, token_of(world.app, world.people[person].email, *scopes))


def _stranger(app: Flask) -> Knock:
    client = app.test_client()
    csrf = csrf_of(client.get("/login").text)
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    return Knock(cookie.value, csrf)


def _make_objects(world: World) -> None:
    app, owner = world.app, world.people["owner"]
    recording_id = make_session(app, owner)
    with app.app_context():
        session = db.session()

        def principal(name: str) -> Principal:
            return accounts.principal_of_user(accounts.get_user(session, world.people[name].user_id))

        consent.give(session, principal("owner"), consent.OWN_REPORTS)
        consent.give(session, principal("owner"), consent.RESEARCH_EXPORT)
        again = results.begin_analysis(
            session,
            recording_id,
            model_release="again",
            parameters={},
            code_version="1",
            started_at=datetime.now(UTC),
            origin="again",
        )
        again.is_complete = True
        run = queries.add_recording(
            session,
            recording_id=str(uuid.uuid4()),
            owner_id=owner.user_id,
            run_by_id=world.people["leader"].user_id,
            tracker=WEBCAM.to_dict(),
            started_at=datetime.now(UTC),
        )
        group_id = groups.create_group(session, principal("leader"), "Readers").id
        groups.create_group(session, principal("foreign"), "Others")
        _, key = groups.invite(session, principal("leader"), group_id, owner.email)
        groups.accept_invitation(session, principal("owner"), key)
        invitation_id, key = groups.invite(session, principal("leader"), group_id, world.people["other"].email)
        job = my_data.request_export(session, principal("owner"))
        job.state = "done"
        file = app.extensions["focus.settings"].INSTANCE / "recording.csv"
        file.touch()
        imported = uploads.request_import(session, principal("owner"), file)
        token, _ = accounts.create_token(
            session, accounts.get_user(session, owner.user_id), name="mine", scopes=["frames:write"]
        )
        calibration = calibrations.save_calibration(session, principal("owner"), _calibration())
        world.objects = {
            "recording_id": recording_id,
            "number": again.number,
            "group_id": group_id,
            "invitation_id": invitation_id,
            "key": key,
            "user_id": owner.user_id,
            "job_id": job.id,
            "import_id": imported.id,
            "token_id": token.id,
            "calibration_id": calibration.id,
            "purpose": "group_statistics",
            "format_name": "csv",
            "date_text": "2026-11-23",
            "seq": 0,
            "token": "no-link",
            "secret": "no-link",
            "version": FACE_MESH_VERSION,
            "name": "face_mesh.js",
            "release": shipped_name(),
            "run_id": run.id,
            "filename": "css/focus.css",
        }
        session.commit()
    app.extensions["focus.settings"].INSTANCE.joinpath(my_data.EXPORTS).mkdir(parents=True, exist_ok=True)


def _calibration() -> CalibrationData:
    return CalibrationData("Test tracker", SCREEN.to_dict(), [{"x": 0.5, "y": 0.5}], {"a": 1.0}, 1.0, 0.5)
