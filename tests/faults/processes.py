"""A FOCUS server in a process of its own, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from focus.services import accounts
from tests.servers import START_S, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
HONEST = ("wsgi.py",)
GAVE_UP = "the database did not answer within"
EAGER = ("-m", "tests.faults.eager_server")


class ServerProcess:
    """`python wsgi.py`, or another program in its place, on a free port."""

    def __init__(self, folder: Path, database_url: str, program: tuple[str, ...] = HONEST, **settings: str) -> None:
        self.port = free_port()
        self._log_path = folder / "server.log"
        self._program = program
        self._environment = {
            **os.environ,
            "FOCUS_ENV": "testing",
            "FOCUS_INSTANCE": str(folder),
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "PYTHONWARNINGS": "ignore::DeprecationWarning",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it takes frames.

        On a machine so busy that the database gives no answer in time a server ends; then it is started again, as by a
        service manager.
        """
        self._start_process()
        wait_until(self._is_ready, what=f"the server (its log is {self._log_path})", limit_s=START_S)

    def _start_process(self) -> None:
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """kill -9: nothing is written, sent or closed any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """End it as a service manager does, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def end(self) -> None:
        """Make sure that it runs no more."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    def time_to_answer(self, path: str) -> float:
        """Seconds until a page that needs nothing is there."""
        begun_s = time.monotonic()
        with urllib.request.urlopen(f"{self.url}{path}", timeout=20) as answer:
            assert answer.status == 200
        return time.monotonic() - begun_s

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            assert GAVE_UP in self.log[-500:], self.log[-2000:]
            self._start_process()
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def make_token(engine: Engine) -> str:
    """A token for trackers, of a new user."""
    with Session(engine) as session:
        user = accounts.create_user(session, "tracker@example.org")
        _, secret = accounts.create_token(
            session, user, name="audit", scopes=["frames:write"], expires=timedelta(hours=1)
        )
        session.commit()
        return secret
