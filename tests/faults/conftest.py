"""Servers and trackers that a fault test may treat as badly as it likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from focus.client import delivery
from focus.storage.database import make_engine
from tests.faults.auditor import AuditedTracker, Auditor
from tests.faults.processes import HONEST, ServerProcess, make_token
from tests.servers import PostgresServer

N_TRACKERS = 10

StartServer = Callable[..., ServerProcess]
StartTrackers = Callable[..., Auditor]


@pytest.fixture(autouse=True)
def _clients_that_come_back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MAX_DELAY_S", 0.5)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start a server on a database: `start_server(url)`."""
    made: list[ServerProcess] = []

    def start(database_url: str, program: tuple[str, ...] = HONEST, **settings: str) -> ServerProcess:
        folder = tmp_path / f"instance{len(made)}"
        folder.mkdir()
        server = ServerProcess(folder, database_url, program, **settings)
        made.append(server)
        server.start()
        return server

    yield start
    for server in made:
        server.end()


@pytest.fixture
def start_trackers() -> Iterator[StartTrackers]:
    """Start ten trackers, or as many as are asked for, and an auditor that watches them."""
    engines: list[Engine] = []

    def start(server: ServerProcess, database_url: str, n: int = N_TRACKERS) -> Auditor:
        engine = make_engine(database_url)
        engines.append(engine)
        token = make_token(engine)
        return Auditor(engine, [AuditedTracker(server.url, token, seed) for seed in range(n)])

    yield start
    for engine in engines:
        engine.dispose()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test's own, which it may stop."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()
