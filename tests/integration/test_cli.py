"""The `flask` commands against real databases: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import ROOT
from focus.app import create_command_app
from focus.protocol.batch import TrackerInfo
from focus.services import accounts, recordings
from focus.services.accounts import user_of_token
from focus.storage.account_models import ApiToken, User
from focus.storage.database import db
from focus.storage.recording_models import Recording
from focus.storage.schema_version import head_revision
from tests.conftest import SettingsFactory

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def flask(make_settings: SettingsFactory) -> Command:
    """Runs a `flask` command in this process, which is quicker: `flask("users", "list", PORT="5001")`."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        app = create_command_app(make_settings(**settings))
        result = app.test_cli_runner().invoke(args=arguments, input=stdin)
        with app.app_context():
            db.engine.dispose()
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def flask_process(tmp_path: Path) -> Command:
    """Runs a `flask` command as a person would, from the project's root."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": os.environ["PATH"], "FOCUS_INSTANCE": str(tmp_path / "instance"), **settings}
        return subprocess.run(
            [Path(sys.executable).with_name("flask"), *arguments],
            cwd=ROOT,
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_token_stands_alone_on_standard_output_and_works(
    flask_process: Command, database_url: str, database_session: Session
) -> None:
    ada = accounts.create_user(database_session, "ada@example.org")
    database_session.commit()

    done = flask_process("tokens", "create", "Ada@example.org", "--scope", "frames:write", DATABASE_URL=database_url)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    principal = user_of_token(database_session, done.stdout.strip(), scope="frames:write")
    assert principal.user_id == ada.id


def test_a_token_can_be_named_and_made_to_end(
    flask: Command, sqlite_url: str, make_session: Callable[[], Session]
) -> None:
    flask("users", "create", "ada@example.org", DATABASE_URL=sqlite_url)
    before = datetime.now(UTC)

    done = flask(
        *("tokens", "create", "ada@example.org", "--scope", "frames:write", "--scope", "recordings:read"),
        *("--name", "lab", "--expires-days", "7"),
        DATABASE_URL=sqlite_url,
    )

    assert done.returncode == 0
    token = make_session().scalars(select(ApiToken)).one()
    assert (token.name, token.scopes) == ("lab", ["frames:write", "recordings:read"])
    assert token.expires_at is not None
    assert timedelta(days=7) <= token.expires_at - before < timedelta(days=7, minutes=5)


def test_a_token_for_nobody_is_one_line_on_standard_error_and_makes_no_user(
    flask: Command, sqlite_url: str, make_session: Callable[[], Session]
) -> None:
    done = flask("tokens", "create", "eve@example.org", "--scope", "frames:write", DATABASE_URL=sqlite_url)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "there is no account for eve@example.org\n")
    assert make_session().scalars(select(User)).all() == []


def test_an_unknown_scope_is_wrong_input(flask: Command, sqlite_url: str) -> None:
    flask("users", "create", "ada@example.org", DATABASE_URL=sqlite_url)

    done = flask("tokens", "create", "ada@example.org", "--scope", "everything", DATABASE_URL=sqlite_url)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "there is no scope everything; there are: frames:write, recordings:read\n"


def test_an_account_is_made_with_the_password_from_standard_input(
    flask: Command, sqlite_url: str, make_session: Callable[[], Session]
) -> None:
    password = "correct horse battery"
    arguments = ("users", "create", "ada@example.org", "--role", "admin", "--password-stdin")

    done = flask(*arguments, stdin=password + "\n", DATABASE_URL=sqlite_url)

    assert done.returncode == 0
    user = accounts.authenticate(make_session(), "ada@example.org", password)
    assert (user.id, user.role) == (int(done.stdout), "admin")


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "line"),
    [
        (("ada",), "", 2, "'ada' is not an e-mail address\n"),
        (("b@c.de", "--password-stdin"), "short\n", 2, "the password has 5 characters; at least 12 are needed\n"),
        (("b@c.de", "--role", "king"), "", 2, "there is no role 'king'; there are: member, researcher, admin\n"),
        (("taken@example.org",), "", 1, "there is an account for taken@example.org already\n"),
    ],
)
def test_an_account_that_cannot_be_made_is_one_line(
    flask: Command, sqlite_url: str, arguments: tuple[str, ...], stdin: str, status: int, line: str
) -> None:
    flask("users", "create", "taken@example.org", DATABASE_URL=sqlite_url)

    done = flask("users", "create", *arguments, stdin=stdin, DATABASE_URL=sqlite_url)

    assert (done.returncode, done.stdout, done.stderr) == (status, "", line)


def test_an_administrator_is_made_by_a_command_of_their_own(
    flask: Command, sqlite_url: str, make_session: Callable[[], Session]
) -> None:
    done = flask("users", "create-admin", "root@example.org", "--name", "Root", DATABASE_URL=sqlite_url)

    user = make_session().scalars(select(User)).one()
    assert (done.returncode, done.stdout) == (0, f"{user.id}\n")
    assert (user.role, user.display_name) == ("admin", "Root")


def test_retention_says_what_it_removes_and_removes_it(
    flask: Command, sqlite_url: str, make_session: Callable[[], Session]
) -> None:
    session = make_session()
    user = accounts.create_user(session, "ada@example.org")
    long_ago = datetime.now(UTC) - timedelta(days=40)
    principal = accounts.principal_of_user(user)
    recording = recordings.create_recording(session, principal, tracker=TrackerInfo("Webcam", ()), now=long_ago)
    recordings.close_recording(session, recording, now=long_ago)
    session.commit()
    settings = {"DATABASE_URL": sqlite_url, "RETENTION_METRICS_DAYS": "30"}

    rehearsed = flask("retention", "run", "--dry-run", **settings)
    between = len(make_session().scalars(select(Recording)).all())
    done = flask("retention", "run", **settings)

    assert "     1  sessions with everything would be removed" in rehearsed.stdout
    assert "     1  sessions with everything removed" in done.stdout
    assert (rehearsed.returncode, between, done.returncode) == (0, 1, 0)
    assert make_session().scalars(select(Recording)).all() == []


def test_users_are_listed_with_their_roles(flask: Command, sqlite_url: str) -> None:
    flask("users", "create", "ada@example.org", "--name", "Ada", "--role", "researcher", DATABASE_URL=sqlite_url)

    done = flask("users", "list", DATABASE_URL=sqlite_url)

    heads, row = done.stdout.splitlines()
    assert heads.split() == ["id", "email", "name", "role", "active", "made"]
    assert row.split()[1:5] == ["ada@example.org", "Ada", "researcher", "yes"]


def test_a_log_in_link_names_the_address_of_the_server(
    flask: Command, sqlite_url: str, make_session: Callable[[], Session]
) -> None:
    flask("users", "create", "ada@example.org", DATABASE_URL=sqlite_url)

    done = flask("users", "login-link", "ada@example.org", DATABASE_URL=sqlite_url, PORT="5123")

    address, _, secret = done.stdout.strip().rpartition("/")
    assert address == "http://127.0.0.1:5123/login"
    assert accounts.redeem_login_secret(make_session(), secret).email == "ada@example.org"


def test_an_unknown_recording_is_one_line(flask: Command, sqlite_url: str) -> None:
    done = flask("recordings", "show", "nothing", "--json", DATABASE_URL=sqlite_url)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "there is no recording 'nothing'\n")


def test_without_recordings_the_list_has_its_heads_alone(flask: Command, sqlite_url: str) -> None:
    done = flask("recordings", "list", DATABASE_URL=sqlite_url)

    assert (done.returncode, done.stdout.split()[:3]) == (0, ["recording", "owner", "state"])
    assert done.stdout.count("\n") == 1


def test_a_database_that_was_never_migrated_is_said_in_one_line(flask_process: Command) -> None:
    done = flask_process("users", "list")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"the database stands at migration (none) and the code at {head_revision()}; start the server, or run "
        "`flask db upgrade`\n"
    )


def test_a_database_that_does_not_answer_is_said_in_one_line(flask: Command) -> None:
    done = flask("users", "list", DATABASE_URL="postgresql://focus@127.0.0.1:1/focus")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("the database does not answer: ")
    assert done.stderr.count("\n") == 1


def test_a_wrong_setting_is_said_in_one_line(flask_process: Command) -> None:
    done = flask_process("users", "list", TICK_MS="fast")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "TICK_MS is 'fast'; allowed is a whole number from 1 to 1000\n"


def test_a_file_is_analysed_with_a_database_that_does_not_answer(flask_process: Command, tmp_path: Path) -> None:
    recording = tmp_path / "still.csv"
    rows = (f"{number * 16_667},0.5,0.5,0.3,0.3" for number in range(600))
    recording.write_text("t_us,gaze_x_norm,gaze_y_norm,openness_left,openness_right\n" + "\n".join(rows) + "\n")
    states = tmp_path / "states.csv"

    done = flask_process(
        *("recordings", "analyse", str(recording), "--json", "--states", str(states)),
        DATABASE_URL="postgresql://focus@127.0.0.1:1/focus",
    )

    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
    assert len(states.read_text().splitlines()) == 601


def test_doctor_finds_an_installation_in_order(flask: Command, database_url: str, redis_url: str) -> None:
    done = flask("doctor", DATABASE_URL=database_url, REDIS_URL=redis_url)

    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    names = ("settings", "instance", "database", "redis", "model", "disk")
    assert lines == [["ok", name] for name in names], done.stdout
    assert done.returncode == 0


def test_doctor_names_what_fails_and_goes_on(flask: Command) -> None:
    done = flask("doctor", DATABASE_URL="postgresql://focus@127.0.0.1:1/focus", REDIS_URL="redis://127.0.0.1:1")

    verdicts = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert {name for name, verdict in verdicts.items() if verdict == "fail"} == {"database", "redis"}
    assert verdicts["disk"] == "ok"
