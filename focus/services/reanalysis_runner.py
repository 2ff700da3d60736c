"""Analyses that a page asked for, in the background of the server.

Each runs in a task of its own, with connections of its own, and computes away from the tasks that serve others. How far
it has come stands in its row, like every analysis; here is only what has to be known to run it. If the server ends
before it does, an incomplete row stays, which is listed as such and can be removed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from focus.analysis.parameters import AnalysisParameters
from focus.analysis.types import StateClassifier
from focus.concurrency import run_blocking
from focus.errors import ConflictError, FocusError
from focus.services.ingest.worker import DatabaseWorker
from focus.services.reanalysis import Access, reanalyse_apart
from focus.storage.database import make_writer_engine, write_gate

logger = logging.getLogger(__name__)

MAX_RUNNING: Final = 2
"""Of the whole server: each takes about half a processor from the recordings that come in."""


class ReanalysisRunner:
    """Runs them.

    Parameters
    ----------
    database_url : str
        With the driver spelled out.
    load_classifier : callable
        Gives the model of a release.
    """

    def __init__(self, database_url: str, load_classifier: Callable[[str], StateClassifier]) -> None:
        self._url = database_url
        self._load_classifier = load_classifier
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def is_running(self, recording_id: str) -> bool:
        return recording_id in self._running

    def start(self, recording_id: str, *, release: str, parameters: AnalysisParameters) -> threading.Thread:
        """Begin a new analysis of a closed recording; the caller has seen that it may.

        Raises
        ------
        ModelError
            If there is no such release, or it cannot be used.
        ConflictError
            If one of this recording is running, or as many as the server takes.
        """
        classifier = run_blocking(self._load_classifier, release)
        with self._lock:
            if recording_id in self._running:
                raise ConflictError("this session is being analysed already; wait for that to end")
            if len(self._running) >= MAX_RUNNING:
                raise ConflictError(f"{MAX_RUNNING} sessions are being analysed already; wait for one to end")
            self._running.add(recording_id)
        task = threading.Thread(
            target=self._work, args=(recording_id, classifier, parameters), name="focus-reanalysis", daemon=True
        )
        task.start()
        return task

    def _work(self, recording_id: str, classifier: StateClassifier, parameters: AnalysisParameters) -> None:
        reader = DatabaseWorker(make_writer_engine(self._url, pool_size=1), gate=None)
        writer = DatabaseWorker(make_writer_engine(self._url, pool_size=1), gate=write_gate(self._url))
        try:
            reanalyse_apart(Access(reader.run, writer.run), recording_id, classifier, parameters=parameters)
        except FocusError as err:
            logger.warning("recording %s was not analysed again: %s", recording_id, err.message)
        except Exception:
            logger.exception("recording %s could not be analysed again", recording_id)
        finally:
            self._running.discard(recording_id)
            reader.close()
            writer.close()
