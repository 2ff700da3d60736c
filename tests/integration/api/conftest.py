"""A person with a token of each kind and a browser, on an application whose engine runs, without a socket."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from focus.app import start_background, stop_background
from tests.integration.ingest.harness import TRACKER
from tests.integration.realtime.wire import token_of
from tests.integration.web.made import Person, browser_of, make_person
from tests.unit.analysis.fakes import ThresholdClassifier

API = "/api/v1"


@dataclass
class Caller:
    """Somebody who calls the API, by token or by the log-in of a browser."""

    client: FlaskClient
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **named: Any) -> TestResponse:
        headers = {**self.headers, **named.pop("headers", {})}
        return self.client.open(API + path, method=method, headers=headers, **named)

    def get(self, path: str, **named: Any) -> TestResponse:
        return self.call("GET", path, **named)

    def post(self, path: str, **named: Any) -> TestResponse:
        return self.call("POST", path, **named)

    def put(self, path: str, **named: Any) -> TestResponse:
        return self.call("PUT", path, **named)

    def delete(self, path: str, **named: Any) -> TestResponse:
        return self.call("DELETE", path, **named)


def by_token(app: Flask, person: Person, *scopes: str) -> Caller:
    """A script with a token of this person."""
    return Caller(app.test_client(), {"Authorization": f"Bearer {token_of(app, person.email, *scopes)}"})


def by_login(app: Flask, person: Person) -> Caller:
    """A page's script in a browser in which this person is logged in."""
    caller = Caller(browser_of(app, person))
    token = caller.get("/me/csrf").get_json()["csrf_token"]
    return Caller(caller.client, {"X-CSRFToken": token})


@pytest.fixture(autouse=True)
def _quick(quick_hashes: None) -> None:
    """Nothing here is about how long a hash takes."""


@pytest.fixture
def ada(app: Flask) -> Person:
    return make_person(app, "ada@example.org")


@pytest.fixture
def bob(app: Flask) -> Person:
    return make_person(app, "bob@example.org")


@pytest.fixture
def stranger(app: Flask) -> Caller:
    return Caller(app.test_client())


@pytest.fixture
def running_app(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The application with its engine, which stores and analyses what requests bring."""
    monkeypatch.setattr("focus.realtime._load_classifier", lambda settings, release: ThresholdClassifier())
    start_background(app)
    yield app
    stop_background(app)


@dataclass
class Delivery:
    """A recording that is written to by requests."""

    caller: Caller
    recording_id: str
    lease: str

    def put(self, seq: int, payload: bytes, **named: Any) -> TestResponse:
        headers = {"Focus-Lease": self.lease, **named.pop("headers", {})}
        named.setdefault("content_type", "application/octet-stream")
        path = f"/recordings/{self.recording_id}/batches/{seq}"
        return self.caller.put(path, data=payload, headers=headers, **named)

    def put_json(self, seq: int, body: object) -> TestResponse:
        path = f"/recordings/{self.recording_id}/batches/{seq}"
        return self.caller.put(path, json=body, headers={"Focus-Lease": self.lease})

    def close(self, last_seq: int) -> TestResponse:
        path = f"/recordings/{self.recording_id}/close"
        return self.caller.post(path, json={"last_seq": last_seq}, headers={"Focus-Lease": self.lease})


def opening(**changed: Any) -> dict[str, Any]:
    """The body of `PUT .../lease`."""
    tracker = TRACKER.to_dict()
    screen = tracker.pop("screen")
    return {"tracker": tracker, "screen": screen, **changed}


Deliver = Callable[..., Delivery]


@pytest.fixture
def deliver(running_app: Flask, ada: Person) -> Deliver:
    """Begins a recording: `deliver()`, `deliver(recording_id, takeover=True)`."""
    caller = by_token(running_app, ada, "frames:write", "recordings:read")

    def begin(recording_id: str | None = None, **changed: Any) -> Delivery:
        recording_id = recording_id or str(uuid.uuid4())
        answer = caller.put(f"/recordings/{recording_id}/lease", json=opening(**changed))
        assert answer.status_code == 200, answer.text
        return Delivery(caller, recording_id, answer.get_json()["lease"])

    return begin
