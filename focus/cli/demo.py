"""`flask demo`: the bundled recording through the real client, in real time, into a server. `make demo` calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from focus.cli.base import FocusCommand, open_session
from focus.errors import ConflictError

if TYPE_CHECKING:
    from config import Settings

START_S = 60.0
TOKEN_HOURS = 1


@click.command("demo", cls=FocusCommand)
@click.option("--speed", default="1", show_default=True, help="Times real time, or max.")
@with_appcontext
def demo(speed: str) -> None:
    """Stream the bundled demo recording into the server, which is started here when it is not running yet."""
    from flask import current_app

    settings = current_app.extensions["focus.settings"]
    if is_answering(settings):
        echo_login_link(settings)
        sys.exit(stream_demo(settings, speed))
    with running_server(settings) as server:
        status = stream_demo(settings, speed)
        if status != 0:
            sys.exit(status)
        click.echo("The server goes on; Ctrl-C stops it.")
        server.wait()


def is_answering(settings: Settings) -> bool:
    """Whether a FOCUS is ready at the address of the settings."""
    import json
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"{settings.address}/readyz", timeout=5) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except (urllib.error.URLError, OSError, ValueError, LookupError, TypeError):
        return False


@contextmanager
def running_server(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A server of our own, which prints its address and log-in link itself; it is stopped at the end.

    Raises
    ------
    ConflictError
        If it does not get ready; it has said why.
    """
    import time

    from config import ROOT

    server = subprocess.Popen([sys.executable, str(ROOT / "wsgi.py")])
    try:
        until_s = time.monotonic() + START_S
        while not is_answering(settings):
            if server.poll() is not None or time.monotonic() > until_s:
                raise ConflictError("the server did not start")
            time.sleep(0.1)
        yield server
    except KeyboardInterrupt:
        # Ctrl-C has reached the server, too.
        click.echo()
    finally:
        server.terminate()
        server.wait()


def echo_login_link(settings: Settings) -> None:
    """Print a one-time log-in link of the owner."""
    from datetime import timedelta

    from focus.services import accounts

    session = open_session()
    owner = accounts.first_account(session)
    if owner is None:
        return
    secret = accounts.create_login_secret(session, owner, holds=timedelta(minutes=settings.LOGIN_LINK_MINUTES))
    session.commit()
    click.echo(f"Log in with {settings.address}/login/{secret}  (works once)")


def stream_demo(settings: Settings, speed: str) -> int:
    """Run the client on the bundled recording, with a token for this once; returns the client's exit status."""
    import os
    import uuid
    from datetime import timedelta

    from focus.demo import DEMO_PATH
    from focus.services import accounts

    session = open_session()
    owner = accounts.first_account(session)
    if owner is None:
        raise ConflictError("no administrator is active; make one with `flask users create EMAIL --role admin`")
    token, secret = accounts.create_token(
        session, owner, name="make demo", scopes=["frames:write"], expires=timedelta(hours=TOKEN_HOURS)
    )
    token_id, principal = token.id, accounts.principal_of_user(owner)
    # Ended before the long wait: a transaction that reads would keep SQLite's log from being folded into the database.
    session.commit()
    recording = str(uuid.uuid4())
    click.echo(f"Watch it at {settings.address}/sessions/{recording}/live")
    command = [sys.executable, "-m", "focus.client", "stream", "--server", settings.address, "--source", "replay"]
    command += ["--file", str(DEMO_PATH), "--speed", speed, "--recording", recording, "--task", "demo"]
    try:
        done = subprocess.run(command, env={**os.environ, "FOCUS_TOKEN": secret}, check=False)
    finally:
        accounts.revoke_token(session, principal, token_id)
        session.commit()
    if done.returncode == 0:
        click.echo(f"Its report is at {settings.address}/sessions/{recording}")
    return done.returncode
