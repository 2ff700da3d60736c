"""A stored recording with an analysis, on each kind of database."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from focus.app import create_command_app
from focus.storage.database import db
from focus.storage.recording_models import Recording
from tests.conftest import SettingsFactory
from tests.integration.exchange.made import add_owner, make_recording

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def owner_id(database_session: Session) -> int:
    return add_owner(database_session)


@pytest.fixture
def recording(database_session: Session, owner_id: int) -> Recording:
    return make_recording(database_session, owner_id)


@pytest.fixture
def flask(make_settings: SettingsFactory, database_url: str) -> Command:
    """Runs a `flask` command in this process on `database_url`: `flask("recordings", "formats")`."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        app = create_command_app(make_settings(DATABASE_URL=database_url))
        result = app.test_cli_runner().invoke(args=arguments)
        with app.app_context():
            db.engine.dispose()
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    return run
