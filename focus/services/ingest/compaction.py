"""Work in the background, one recording after the other: merging journals into chunks, making overviews for reports."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Final

from sqlalchemy.orm import Session

from focus.concurrency import run_blocking
from focus.services import overviews
from focus.services.ingest.worker import DatabaseWorker
from focus.storage import chunks
from focus.storage.overviews import put_overview
from focus.storage.recording_models import FrameBatchRow, FrameChunk

logger = logging.getLogger(__name__)

STOP_S: Final = 2.0
"""How long the end of the server waits for what is being merged; what is not committed then stays as it was."""

PAUSE_S: Final = 0.05
"""Rest between two merges, so that those of many recordings do not follow on each other's heels."""

MAX_SCANNED: Final = 50


class Compactor:
    """The task; `ask` names a recording whose journal is worth a chunk, `ask_scan` has them looked for."""

    def __init__(self, *, reader: DatabaseWorker, writer: DatabaseWorker) -> None:
        self._reader = reader
        self._writer = writer
        self._requests: queue.Queue[str | None] = queue.Queue()
        self._is_scan_wanted = False
        self._is_stopped = False
        self._task: threading.Thread | None = None

    def start(self) -> None:
        self._task = threading.Thread(target=self._serve, name="focus-compactor", daemon=True)
        self._task.start()

    def stop(self) -> None:
        """End the task, and give what it is at some time to be done."""
        self._is_stopped = True
        self._requests.put(None)
        if self._task is not None:
            self._task.join(STOP_S)

    def ask(self, recording_id: str) -> None:
        self._requests.put(recording_id)

    def ask_scan(self) -> None:
        """Look for journals that were left: by a process that ended, or of recordings that are closed."""
        self._is_scan_wanted = True
        self._requests.put(None)

    def compact(self, recording_id: str) -> int:
        """Merge the oldest part of the recording's journal into a chunk; returns the number of batches merged."""

        def read(session: Session) -> list[FrameBatchRow]:
            return chunks.read_journal(session, recording_id)

        rows = self._reader.run(read)
        if not rows:
            return 0
        chunk: FrameChunk = run_blocking(chunks.merge, rows)

        def replace(session: Session) -> bool:
            return chunks.replace_by_chunk(session, chunk, n_batches=len(rows))

        return len(rows) if self._writer.run(replace) else 0

    def make_overview(self) -> bool:
        """Make an overview that a report is missing; False when there is none to make."""
        builder = self._reader.run(overviews.next_builder)
        if builder is None:
            return False
        while not self._reader.run(builder.step):
            if self._is_stopped:
                return False
            time.sleep(PAUSE_S)
        row = builder.row()

        def put(session: Session) -> bool:
            return put_overview(session, row)

        return self._writer.run(put)

    def scan(self) -> list[str]:
        """Recordings whose journals are worth a chunk."""

        def read(session: Session) -> list[str]:
            return chunks.recordings_to_compact(session, limit=MAX_SCANNED)

        return self._reader.run(read)

    def _serve(self) -> None:
        while not self._is_stopped:
            recording_id = self._requests.get()
            try:
                if recording_id is not None:
                    while self.compact(recording_id) and not self._is_stopped:
                        time.sleep(PAUSE_S)
                elif self._is_scan_wanted:
                    self._is_scan_wanted = False
                    for found in self.scan():
                        self._requests.put(found)
                    while not self._is_stopped and self.make_overview():
                        time.sleep(PAUSE_S)
            except Exception:
                # Journals and results stay as they are, and nothing is lost; the next scan tries again.
                logger.exception("merging a journal or making an overview failed")
            time.sleep(PAUSE_S)
