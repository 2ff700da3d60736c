"""A served application on each kind of database, with a classifier that needs no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.integration.realtime.wire import TrackerWire, WireClient, serving, token_of
from tests.unit.analysis.fakes import ThresholdClassifier

Connect = Callable[..., TrackerWire]


@pytest.fixture
def served_app(make_app: Callable[..., Flask], database_url: str, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr("focus.realtime._load_classifier", lambda settings, release: ThresholdClassifier())
    monkeypatch.setattr("focus.realtime.guard.CHECK_S", 0.2)  # nobody learns anything from waiting ten times as long
    return make_app(DATABASE_URL=database_url, MAX_BATCH_BYTES="65536", MAX_FRAMES="500")


@pytest.fixture
def server_url(served_app: Flask) -> Iterator[str]:
    with serving(served_app) as url:
        yield url


@pytest.fixture
def clients() -> Iterator[list[WireClient]]:
    """Clients that are closed before the server ends."""
    made: list[WireClient] = []
    yield made
    for client in made:
        client.close()


@pytest.fixture
def connect(served_app: Flask, server_url: str, clients: list[WireClient]) -> Connect:
    """A tracker of a user: `connect()`, `connect("other@example.org")`."""

    def make(email: str = "owner@example.org") -> TrackerWire:
        client = TrackerWire(server_url, token_of(served_app, email))
        clients.append(client)
        return client

    return make
