"""Imports of uploaded files in the background of the server, one after the other.

The file is unpacked and read a step at a time, each step in a thread apart, with as long a rest after it as it took, so
that the recordings that come in keep their share of the processor. Only when nothing was wrong is anything stored, in
one transaction; the analysis is then the engine's, as of any closed recording.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from sqlalchemy.orm import Session

from focus.concurrency import run_blocking
from focus.errors import FocusError, NotFoundError
from focus.services import consent
from focus.services.imports.storing import ReadFile, read_steps
from focus.services.imports.uploads import UPLOADS, is_zip, root_of, unpack
from focus.services.ingest.worker import DatabaseWorker
from focus.storage import my_data as queries
from focus.storage.database import make_writer_engine, write_gate

logger = logging.getLogger(__name__)

T = TypeVar("T")

MOVE_S: Final = 0.5
"""Progress is noted so often."""

STORE_TIMEOUT_S: Final = 600.0
MAX_REST_S: Final = 0.5
_READ_SHARE: Final = 0.95
"""Of the progress that is shown; the rest is storing."""


class DroppedError(FocusError):
    """The import is no longer wanted: its person is deleted."""

    code = "dropped"


class ImportRunner:
    """Runs them.

    Parameters
    ----------
    instance : Path
        The instance folder.
    database_url : str
        With the driver spelled out.
    write : callable
        Runs a short transaction of the server (`IngestEngine.write`), for the progress.
    on_stored : callable
        Called when a recording waits for its analysis.
    max_bytes : int
        What a zip may unpack to.
    sleep : callable
        Waits so many seconds.
    """

    def __init__(
        self,
        instance: Path,
        database_url: str,
        write: Callable[[Callable[[Session], Any]], Any],
        *,
        on_stored: Callable[[], None],
        max_bytes: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._instance = instance
        self._url = database_url
        self._write = write
        self._on_stored = on_stored
        self._max_bytes = max_bytes
        self._sleep = sleep
        self._turn = threading.Lock()

    def start(self, job_id: int, owner_id: int, arguments: dict[str, Any]) -> None:
        """Begin the import of this job, whose row is committed."""
        task = threading.Thread(
            target=self.run, args=(job_id, owner_id, arguments), name="focus-import", daemon=True
        )  # fmt: skip
        task.start()

    def run(self, job_id: int, owner_id: int, arguments: dict[str, Any]) -> None:
        """Import in the caller's task."""
        folder = self._instance / UPLOADS / arguments["folder"]
        work = _Import(job_id, owner_id, dict(arguments), folder, self._move, self._sleep)
        try:
            with self._turn:
                self._run(work)
        except DroppedError:
            logger.info("import %d is no longer wanted", job_id)
        except FocusError as err:
            self._give_up(work, err.message)
        except Exception:
            logger.exception("import %d failed", job_id)
            self._give_up(work, "something went wrong on our side; the fault has been written to the server's log")
        finally:
            run_blocking(shutil.rmtree, folder, ignore_errors=True)

    def _run(self, work: _Import) -> None:
        work.move(state="running", started_at=datetime.now(UTC))
        with tempfile.TemporaryFile(dir=work.folder) as spool:
            found = work.read(spool, self._max_bytes)
            work.move(progress_ratio=_READ_SHARE, message="storing")
            recording_id, notes = self._store(work, found)
        work.arguments |= {"recording": recording_id, "notes": notes}
        work.move(state="done", progress_ratio=1.0, message="", ended_at=datetime.now(UTC))
        self._on_stored()

    def _store(self, work: _Import, found: ReadFile) -> tuple[str, list[str]]:
        def store(session: Session) -> tuple[str, list[str]]:
            consent.require_recording(session, work.owner_id)
            title, task = work.arguments["title"], work.arguments["task"]
            stored = found.store(session, work.owner_id, title=title, task=task)
            return stored.recording.id, list(stored.notes)

        engine = make_writer_engine(self._url, pool_size=1)
        worker = DatabaseWorker(engine, gate=write_gate(self._url), timeout_s=STORE_TIMEOUT_S)
        try:
            return worker.run(store)
        finally:
            worker.close()

    def _move(self, job_id: int, **values: Any) -> None:
        if not self._write(lambda session: queries.move_job(session, job_id, **values)):
            raise DroppedError(f"import {job_id} is no longer wanted")

    def _give_up(self, work: _Import, why: str) -> None:
        try:
            work.move(state="failed", message=why, ended_at=datetime.now(UTC))
        except FocusError as err:
            logger.warning("import %d could not be marked as failed: %s", work.job_id, err.code)


class _Import:
    """One of them, while it runs."""

    def __init__(
        self,
        job_id: int,
        owner_id: int,
        arguments: dict[str, Any],
        folder: Path,
        move: Callable[..., None],
        sleep: Callable[[float], None],
    ) -> None:
        self.job_id, self.owner_id, self.arguments, self.folder = job_id, owner_id, arguments, folder
        self._move, self._sleep = move, sleep
        self._moved_at_s = 0.0

    def move(self, **values: Any) -> None:
        """Note how it stands, and that its server is alive."""
        self.arguments = {**self.arguments, "moved_at": datetime.now(UTC).isoformat()}
        self._move(self.job_id, arguments=self.arguments, **values)
        self._moved_at_s = time.monotonic()

    def read(self, spool: BinaryIO, max_bytes: int) -> ReadFile:
        """The recording in the file, unpacked first if it is a zip."""
        path = self.folder / self.arguments["name"]
        read_from = 0.0
        if is_zip(path):
            read_from = 0.2
            # Messages and the title say the folder's name.
            unpacked = self.folder / "files" / (path.stem or "recording")
            for share in self._steps(unpack(path, unpacked, max_bytes)):
                self._note(share * read_from, "unpacking")
            path = root_of(unpacked)
        for step in self._steps(read_steps(path, spool, format_name=self.arguments["format"] or None)):
            if isinstance(step, ReadFile):
                return step
            self._note(read_from + step * (_READ_SHARE - read_from), "reading")
        raise NotFoundError("the steps of reading ended without a recording")

    def _steps(self, steps: Iterator[T]) -> Iterator[T]:
        while True:
            began_s = time.monotonic()
            step = run_blocking(next, steps, None)
            if step is None:
                return
            yield step
            self._sleep(min(time.monotonic() - began_s, MAX_REST_S))

    def _note(self, progress_ratio: float, message: str) -> None:
        if time.monotonic() - self._moved_at_s >= MOVE_S:
            self.move(progress_ratio=round(progress_ratio, 4), message=message)
