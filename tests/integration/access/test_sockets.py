"""Every event of every socket namespace, crossed with everybody; and the routes that need an engine to say no."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask import Flask

from focus.services import accounts, consent, groups
from focus.storage.database import db
from tests.conftest import KEY
from tests.integration.access.rules import SOCKET_ROLES, SOCKETS, lines
from tests.integration.access.world import COOKIE, PEOPLE, TOKENS
from tests.integration.api.conftest import opening
from tests.integration.ingest.harness import TRACKER, frames_between
from tests.integration.realtime.wire import Refusal, TrackerWire, WireClient, frames_message, serving, token_of
from tests.integration.web.made import Person, browser_of, make_person
from tests.unit.analysis.fakes import ThresholdClassifier

RULES = lines(SOCKETS)
RECORDING = str(uuid.uuid4())


@dataclass
class Served:
    """A running server with everybody, and the recording of `owner` that a tracker holds."""

    app: Flask
    url: str
    people: dict[str, Person]
    cookies: dict[str, str]
    lease: str

    def connect(self, namespace: str, who: str) -> WireClient:
        """A connection of somebody; Refusal if they are not let in."""
        auth: dict[str, Any] = {"proto": 1} if namespace == "/tracker" else {}
        if who in TOKENS:
            person, scope = TOKENS[who]
            auth["token"] = token_of(self.app, self.people[person].email, scope)
        headers = {"Cookie": f"{COOKIE}={self.cookies[who]}"} if who in self.cookies else {}
        return WireClient(self.url, auth, namespace=namespace, headers=headers)

    def message(self, event: str) -> dict[str, Any]:
        """What a client sends with this event about the recording of `owner`."""
        if event == "clock":
            return {"c0": 1}
        if event == "open":
            return {"recording": RECORDING, "tracker": _tracker(), "takeover": True}
        if event == "frames":
            return frames_message(self.lease, 0, frames_between(0, 5), RECORDING)
        if event == "marker":
            return {"recording": RECORDING, "lease": self.lease, "seq": 0, "t_us": 0, "kind": "page", "body": {}}
        if event == "close":
            return {"recording": RECORDING, "lease": self.lease, "last_seq": -1}
        return {"recording": RECORDING}

    def code_of(self, namespace: str, event: str, who: str) -> str:
        """`ok`, the code of the answer, or `-` where the connection was refused."""
        try:
            client = self.connect(namespace, who)
        except Refusal as refusal:
            return str(refusal.failure["code"]) if event == "connect" else "-"
        try:
            if event == "connect":
                return "ok"
            if event in ("frames", "marker"):
                client.emit(event, self.message(event))
                return str(client.wait_for("refused")["code"])
            return str(client.call(event, self.message(event)).get("code", "ok"))
        finally:
            client.close()


def _tracker() -> dict[str, Any]:
    tracker = TRACKER.to_dict()
    tracker.pop("screen")
    return tracker


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, sqlite_template) -> Iterator[Served]:
    from config import load_settings
    from focus.app import create_app

    instance = tmp_path_factory.mktemp("sockets") / "instance"
    instance.mkdir()
    (instance / "focus.db").write_bytes(sqlite_template.read_bytes())
    values = {"FOCUS_ENV": "testing", "FOCUS_INSTANCE": str(instance), "SECRET_KEY": KEY}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("focus.realtime._load_classifier", lambda settings, release: ThresholdClassifier())
        app = create_app(load_settings({**values, "STRANGER_LIMIT": "1000000 per second"}, env_file=None))
        with serving(app) as url:
            yield _populate(app, url)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _populate(app: Flask, url: str) -> Served:
    roles = {"admin": "admin", "leader": "researcher", "foreign": "researcher"}
    people = {
        name: make_person(app, f"{name}@example.org", role=roles.get(name, "member")) for name in (*PEOPLE, "gone")
    }
    cookies = {}
    for name, person in people.items():
        cookie = browser_of(app, person).get_cookie(COOKIE)
        assert cookie is not None
        cookies[name] = cookie.value
    with app.app_context():
        session = db.session()
        owner, leader = (
            accounts.principal_of_user(accounts.get_user(session, people[name].user_id)) for name in ("owner", "leader")
        )
        consent.give(session, owner, consent.RESEARCH_EXPORT)
        group = groups.create_group(session, leader, "Readers")
        _, key = groups.invite(session, leader, group.id, "owner@example.org")
        groups.accept_invitation(session, owner, key)
        accounts.set_active(session, accounts.operator_principal(), people["gone"].user_id, is_active=False)
        session.commit()
    held = TrackerWire(url, token_of(app, "owner@example.org", "frames:write"))
    lease = held.open(RECORDING)["lease"]
    return Served(app, url, people, cookies, lease)


def test_every_event_has_a_rule_and_every_rule_an_event(served: Served) -> None:
    handlers = served.app.extensions["socketio"].server.handlers

    events = {(namespace, event) for namespace, found in handlers.items() for event in found if event != "disconnect"}

    assert events == {(namespace, event) for namespace, event, *_ in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: " ".join(rule[:2]))
def test_everybody_gets_the_answer_of_the_rule(served: Served, rule: list[str]) -> None:
    namespace, event, *codes = rule

    found = {who: served.code_of(namespace, event, who) for who in SOCKET_ROLES}

    assert found == dict(zip(SOCKET_ROLES, codes, strict=True))


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("owner read", 403, "forbidden"),
        ("other frames", 403, "forbidden"),
    ],
)
def test_nobody_elses_recording_is_opened_by_a_request(served: Served, who: str, status: int, code: str) -> None:
    person, scope = TOKENS[who]
    token = token_of(served.app, served.people[person].email, scope)

    answer = requests.put(
        f"{served.url}/api/v1/recordings/{RECORDING}/lease",
        json=opening(),
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
    )

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_lease_of_somebody_else_is_worth_nothing_in_a_request(served: Served) -> None:
    token = token_of(served.app, "other@example.org", "frames:write")

    answer = requests.put(
        f"{served.url}/api/v1/recordings/{RECORDING}/batches/0",
        json={"t_us": [0], "columns": {}},
        headers={"Authorization": f"Bearer {token}", "Focus-Lease": served.lease},
        timeout=20,
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
