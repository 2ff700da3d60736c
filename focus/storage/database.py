"""The connection to the database: addresses, engines and the one-writer rule of SQLite.

`db` is the Flask-SQLAlchemy object of the application; its session belongs to a request or a command. The ingest engine
and the tests make engines of their own with `make_engine`, which have the same options and the same rule.

SQLite allows one writer at a time, and a second one waits inside the C library. Under a cooperative server that wait
freezes every other task of the process, among them the one that would end it. So every SQLite file has a `WriteGate`, a
lock of the server's own kind, which is taken before the first write of a transaction and given back after its end.
Nobody has to ask for it: the first INSERT, UPDATE or DELETE of a transaction takes it. Up to that moment the
transaction reads; then it begins anew as a writer (BEGIN IMMEDIATE), so it sees what has been committed since, just as
it would on PostgreSQL's default level. Reading never waits (WAL).

Work that is handed to another operating system thread (`focus.concurrency.run_blocking`) must take the gate *before* it
is handed over, in the task that hands it over, and use an engine of `make_writer_engine`, which leaves the gate alone:

    with write_gate(url):
        run_blocking(write_batches, writer_engine, batches)
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session

from focus.errors import StorageError
from focus.storage.base import Base

__all__ = [
    "Session",
    "WriteGate",
    "db",
    "engine_options",
    "is_writing",
    "make_engine",
    "make_writer_engine",
    "normalise_url",
    "outage_as_error",
    "ping",
    "prepare_engine",
    "write_gate",
]


class _SharedTables(DeclarativeBase):
    """Hands the tables of `Base` to Flask-SQLAlchemy, which makes its own base class out of the one it is given."""

    metadata = Base.metadata


db = SQLAlchemy(model_class=_SharedTables)

BUSY_TIMEOUT_S = 10.0
"""How long a writer waits for another one, in this process or beside it, before it gives up."""

_SQLITE_SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    # A long reader makes the log grow; afterwards it shrinks to this again.
    "journal_size_limit=67108864",
)
_READS = ("SELECT", "PRAGMA", "EXPLAIN", "VALUES", "BEGIN", "ROLLBACK", "COMMIT", "RELEASE")
_CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b")


class WriteGate:
    """One writer at a time in this process; waiting for it does not stop the other tasks."""

    def __init__(self, timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Wait for the turn to write; `sqlite3.OperationalError` ("database is locked") after `timeout_s`."""
        if not self._lock.acquire(timeout=self.timeout_s):
            raise sqlite3.OperationalError(f"database is locked: another writer held it for {self.timeout_s:g} s")

    def leave(self) -> None:
        self._lock.release()

    def __enter__(self) -> WriteGate:
        self.enter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()


class _OpenGate(WriteGate):
    """The gate of a database that needs none."""

    def enter(self) -> None:
        return

    def leave(self) -> None:
        return


_gates: dict[str, WriteGate] = {}
_gates_lock = threading.Lock()


def write_gate(url: str | URL) -> WriteGate:
    """The gate of a database: one for each SQLite file in this process, and one that is always open for PostgreSQL."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return _OpenGate()
    key = str(Path(address.database or "").resolve())
    with _gates_lock:
        return _gates.setdefault(key, WriteGate())


class GatedConnection(sqlite3.Connection):
    """A SQLite connection that holds the gate from the first write of a transaction to its end."""

    gate: WriteGate | None = None
    writes: bool = False

    def begin_write(self) -> None:
        """Become the writer, ending the reading transaction if one has begun."""
        if self.writes:
            return
        if self.gate is not None:
            self.gate.enter()
        try:
            if self.in_transaction:
                super().commit()
            self.execute("BEGIN IMMEDIATE")
        except BaseException:
            if self.gate is not None:
                self.gate.leave()
            raise
        self.writes = True

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            if not self.in_transaction:
                self._end_write()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._end_write()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._end_write()

    def _end_write(self) -> None:
        if self.writes:
            self.writes = False
            if self.gate is not None:
                self.gate.leave()


def normalise_url(url: str) -> str:
    """The address with the driver FOCUS uses spelled out.

    `postgres://` and `postgresql://` become `postgresql+psycopg2://`: SQLAlchemy 2.1 reads the bare name as psycopg 3.
    """
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    return url


def engine_options(
    url: str,
    *,
    pool_size: int = 10,
    statement_timeout_s: float = 30.0,
    lock_timeout_s: float = 10.0,
    connect_timeout_s: float = 5.0,
) -> dict[str, Any]:
    """Keyword arguments of `sqlalchemy.create_engine` for this address.

    PostgreSQL ends a statement that runs, or waits for a lock, for longer than these limits, and a connection is tested
    before it is used, so that a restart of the database costs one failed transaction at most.
    """
    # Parameters may be addresses, hashes or gaze, so no error's text and no log line shows them.
    common = {"pool_size": pool_size, "max_overflow": 2 * pool_size, "pool_timeout": 10.0, "hide_parameters": True}
    if make_url(url).get_backend_name() == "sqlite":
        arguments = {"factory": GatedConnection, "check_same_thread": False, "timeout": BUSY_TIMEOUT_S}
        return {**common, "connect_args": arguments}
    limits = (
        f"-c statement_timeout={round(statement_timeout_s * 1000)} -c lock_timeout={round(lock_timeout_s * 1000)}"
        f" -c idle_in_transaction_session_timeout={round(4 * statement_timeout_s * 1000)} -c timezone=UTC"
    )
    return {
        **common,
        "connect_args": {
            "options": limits,
            "connect_timeout": max(round(connect_timeout_s), 2),
            "application_name": "focus",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
        "pool_pre_ping": True,
        "pool_recycle": 1800,
    }


def make_engine(url: str, **limits: Any) -> Engine:
    """An engine with the options and the one-writer rule of this module; `limits` are those of `engine_options`."""
    url = normalise_url(url)
    engine = create_engine(url, **engine_options(url, **limits))
    prepare_engine(engine, gate=write_gate(url))
    return engine


def make_writer_engine(url: str, **limits: Any) -> Engine:
    """An engine for a caller that holds the gate itself while it writes in another thread (see the module's text)."""
    url = normalise_url(url)
    engine = create_engine(url, **engine_options(url, **limits))
    prepare_engine(engine, gate=None)
    return engine


def prepare_engine(engine: Engine, *, gate: WriteGate | None) -> None:
    """Attach the settings of a new connection and the one-writer rule to an engine made elsewhere."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _record: object) -> None:
        assert isinstance(connection, GatedConnection)
        connection.gate = gate
        # The driver's own habit of beginning transactions is switched off; `_begin` does it.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _SQLITE_SETTINGS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    @event.listens_for(engine, "savepoint")
    def _write_before_savepoint(connection: Connection, _name: str) -> None:
        _driver_connection(connection).begin_write()

    @event.listens_for(engine, "before_cursor_execute")
    def _write_before_writing(
        connection: Connection, _cursor: object, statement: str, _parameters: object, context: Any, _many: bool
    ) -> None:
        compiled = context is not None and (context.isinsert or context.isupdate or context.isdelete)
        if compiled or _is_write(statement):
            _driver_connection(connection).begin_write()


def _is_write(statement: str) -> bool:
    words = statement.lstrip().upper()
    if words.startswith("WITH"):
        return _CHANGES.search(words) is not None
    return not words.startswith(_READS)


def _driver_connection(connection: Connection) -> GatedConnection:
    driver_connection = connection.connection.driver_connection
    assert isinstance(driver_connection, GatedConnection)
    return driver_connection


def is_writing(session: Session) -> bool:
    """Whether this session holds the turn to write to its SQLite file; PostgreSQL has no such turn."""
    if session.get_bind().dialect.name != "sqlite":
        return False
    return _driver_connection(session.connection()).writes


@contextmanager
def outage_as_error(session: Session) -> Iterator[None]:
    """Make a StorageError, of one line, of whatever the database or the way to it raises in here."""
    try:
        yield
    except SQLAlchemyError as err:
        session.rollback()
        raise StorageError(f"the database does not answer: {_first_line(err)}") from err


def ping(session: Session) -> str:
    """Name and version of the database that answers; StorageError when none does."""
    with outage_as_error(session):
        if session.get_bind().dialect.name == "sqlite":
            return f"SQLite {session.scalar(text('SELECT sqlite_version()'))}"
        return f"PostgreSQL {session.scalar(text('SHOW server_version'))}"


def _first_line(err: SQLAlchemyError) -> str:
    cause = getattr(err, "orig", None) or err
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]
