"""Real PostgreSQL and Redis servers for the tests: private, in a folder of their own, on a free port, gone afterwards.

They are started from the programs of this machine. Where these are missing a test is skipped with the reason, but under
CI it fails, so that a green run there has met the real servers.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psycopg2
import psycopg2.extensions
import pytest
import redis

START_S = 90.0
"""What a process may take to start or end: far more than it does, since tests share the machine with others."""


def find_program(name: str) -> str:
    """Path of a program, which may also lie where Debian keeps PostgreSQL's; skips, or fails under CI, without it."""
    found = shutil.which(name)
    if found is None:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
        found = str(versions[-1]) if versions else None
    if found is None:
        reason = f"the program {name} is not on this machine"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def free_port() -> int:
    """A TCP port of this machine that nobody listens on.

    Not one of those that the system gives to outgoing connections (from 32768 on, mostly): until the server is there,
    or while it is down, somebody's connection would take it.
    """
    while True:
        port = random.randrange(20_000, 32_768)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(is_so: Callable[[], bool], *, what: str, limit_s: float = START_S) -> None:
    """Return as soon as `is_so` holds; fails the test, saying `what` did not come, after `limit_s`."""
    end_s = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > end_s:
            pytest.fail(f"{what}: not within {limit_s:g} s")
        time.sleep(0.02)


class PostgresServer:
    """A PostgreSQL of our own. As root, who may not run one, it runs as the user `postgres` or `nobody`.

    Its commits are durable against the death of a process and, for speed, not against that of the machine.
    """

    def __init__(self) -> None:
        # Not a folder of pytest's: every run that begins closes those of all others to other users.
        self.folder = Path(tempfile.mkdtemp(prefix="focus-postgres-"))
        self.port = free_port()
        self._user = _unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "focus", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "100",
            "shared_buffers": "32MB",
            "log_min_messages": "fatal",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [find_program("postgres"), "-D", str(self.folder / "data"), *arguments],
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, what="PostgreSQL")

    def stop(self) -> None:
        """End it at once, as `pg_ctl stop -m fast` does: sessions are broken off, what was committed stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(START_S)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all of its processes without ending them, as a machine that hangs does; afterwards they go on."""
        assert self._process is not None
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            processes = [self._process.pid, *(pid for (pid,) in cursor.fetchall())]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def remove(self) -> None:
        """End it, and take its folder away."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://focus@127.0.0.1:{self.port}/{database}"

    def create_database(self, *, template: str = "template0") -> str:
        """Make a database and return its name."""
        name = f"focus_{uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, ending the sessions that still use it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement outside of a transaction."""
        with closing(self._connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def _connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(host="127.0.0.1", port=self.port, user="focus", dbname="postgres")

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [find_program(program), *arguments],
            user=self._user,
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


class RedisServer:
    """A Redis of our own that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [find_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, what="Redis")

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(START_S)

    def _answers(self) -> bool:
        client = redis.Redis(port=self.port, socket_connect_timeout=1, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def _unprivileged_user() -> str | None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
