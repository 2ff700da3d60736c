"""An engine on each kind of database, ticked by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.integration.ingest.harness import Clocks, Harness, add_user, running


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def user_id(database_session: Session) -> int:
    return add_user(database_session, "owner@example.org")


@pytest.fixture
def harness(database_url: str, clocks: Clocks, user_id: int) -> Iterator[Harness]:
    with running(database_url, clocks, user_id) as made:
        yield made


@pytest.fixture
def fresh_session(database_engine: Engine) -> Iterator[Session]:
    """A session for looking at what an engine has stored."""
    with Session(database_engine) as session:
        yield session
