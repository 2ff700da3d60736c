"""One database connection, one transaction at a time, in a thread apart, with a limit on how long anybody waits.

The engine has two workers: the writer, through which everything goes that the engine stores, and a reader. Exactly one
thread at a time uses a worker's connection: several SQLite connections that write under a cooperative server froze it,
and one connection shared by threads lost acknowledged data.

A call that takes too long is given up, not ended: its thread may be stuck in the network. The worker then goes on with
a new task and another connection. Whether the transaction that was given up was committed is not known; the engine
finds out when it meets the recording's cursor again.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from focus.concurrency import run_blocking
from focus.errors import BusyError, FocusError, StorageError
from focus.services.ingest.items import Answer
from focus.storage.database import WriteGate

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Session], T]


class OutageError(StorageError):
    """The database as a whole is out of reach or busy; trying another statement now is of no use."""


class DatabaseWorker:
    """Runs transactions one after the other.

    Parameters
    ----------
    engine : Engine
        Made by `focus.storage.database.make_writer_engine`; no one else uses it.
    gate : WriteGate or None
        Held during each transaction; None for a worker that only reads.
    timeout_s : float
        How long a transaction may take. Longer than the statement and lock timeouts of PostgreSQL, so that it is the
        database that ends a slow statement, and this ends what the database cannot.
    """

    def __init__(self, engine: Engine, *, gate: WriteGate | None, timeout_s: float = 15.0) -> None:
        self._engine = engine
        self._gate = gate
        self._timeout_s = timeout_s
        self._turn = threading.Lock()
        self._requests: queue.Queue[_Request | None] | None = None

    def run(self, work: Work[T]) -> T:
        """What `work` returns, once its transaction is committed.

        Raises
        ------
        OutageError
            If the database is out of reach or took too long; then the transaction may have been committed or not.
        StorageError
            If a statement was refused, or the work failed; then nothing was committed.
        FocusError
            What the work itself raised on purpose.
        """
        request = _Request(work)
        with self._turn:
            if self._requests is None:
                self._requests = self._start_task()
            self._requests.put(request)
            try:
                return request.answer.wait(self._timeout_s)  # type: ignore[no-any-return]
            except BusyError as err:
                self._requests.put(None)  # the stuck task ends when its call comes back
                self._requests = None
                raise OutageError(f"the database did not answer within {self._timeout_s:g} s") from err

    def close(self) -> None:
        """Let the task end and close the connections."""
        with self._turn:
            if self._requests is not None:
                self._requests.put(None)
                self._requests = None
        self._engine.dispose()

    def _start_task(self) -> queue.Queue[_Request | None]:
        requests: queue.Queue[_Request | None] = queue.Queue()
        threading.Thread(target=self._serve, args=(requests,), name="focus-database", daemon=True).start()
        return requests

    def _serve(self, requests: queue.Queue[_Request | None]) -> None:
        while (request := requests.get()) is not None:
            try:
                if self._gate is None:
                    value = run_blocking(self.transact, request.work)
                else:
                    with self._gate:
                        value = run_blocking(self.transact, request.work)
            except FocusError as err:
                request.answer.fail(err)
            except Exception as err:  # noqa: BLE001 - whatever it is, the task that asked has to know
                request.answer.fail(_storage_error(err))
            else:
                request.answer.give(value)

    def transact(self, work: Work[Any]) -> Any:
        """One transaction; runs in the thread apart."""
        with Session(self._engine, expire_on_commit=False) as session:
            value = work(session)
            session.commit()
            return value


class _Request:
    __slots__ = ("answer", "work")

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.answer: Answer[Any] = Answer()


def _storage_error(error: Exception) -> StorageError:
    """What became of a transaction, as an error of this program that has the driver's as its cause."""
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError, sqlite3.OperationalError, OSError)):
        found: StorageError = OutageError(f"the database is out of reach: {_first_line(error)}")
    else:
        logger.error("a transaction failed", exc_info=error)
        found = StorageError(f"the database refused a transaction: {_first_line(error)}")
    found.__cause__ = error
    return found


def _first_line(error: Exception) -> str:
    # Of a statement's error the driver's part alone: SQLAlchemy's text goes on with the values.
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip().splitlines() or [type(error).__name__])[0][:200]
