"""Bringing recordings back into memory: after a restart, when a tracker comes back, when an analysis lags behind.

A task beside the engine reads the database and hands what it finds to the engine's inbox; it changes nothing of the
engine itself. An analysis goes on from its newest checkpoint with the stored frames after it and with the model it was
begun with. Where that model is gone, parameters or code are others, or its checkpoint cannot be read, a new analysis
begins at the first frame, with the active model.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from focus.analysis.pipeline import CODE_VERSION
from focus.analysis.types import StateClassifier
from focus.errors import CheckpointError
from focus.protocol.batch import FrameBatch
from focus.services.ingest import transactions
from focus.services.ingest.stage import AnalysisStage
from focus.services.ingest.state import RunningAnalysis
from focus.services.ingest.transactions import Loaded
from focus.services.ingest.worker import DatabaseWorker
from focus.storage import frames as frame_queries
from focus.storage import recordings as recording_queries

logger = logging.getLogger(__name__)

BACKLOG_FRAMES: Final = 5000
MAX_SCANNED: Final = 8
_OLD_CODE_VERSIONS: Final = tuple(str(version) for version in range(1, CODE_VERSION))
"""Not those of a newer server beside this one, which would analyse again what this one has analysed again."""


@dataclass(slots=True, eq=False)
class LoadedItem:
    """A recording as it is stored and its analysis, ready to go on; both None if the recording is gone."""

    recording_id: str
    loaded: Loaded | None
    analysis: RunningAnalysis | None


@dataclass(slots=True, eq=False)
class BacklogItem:
    """Stored frames from `first_seq` on, each batch with the sequence number that follows it; they reach `next_seq`."""

    recording_id: str
    first_seq: int
    next_seq: int
    batches: list[tuple[int, FrameBatch]]


@dataclass(slots=True, eq=False)
class FailedItem:
    """Reading failed; the engine asks again later."""

    recording_id: str


@dataclass(slots=True, eq=False)
class ScannedItem:
    """Recordings that have stored frames without an analysis, and that nobody sends to."""

    recording_ids: list[str]


@dataclass(slots=True, eq=False)
class LookedItem:
    """How a recording stands that is in memory: whether somebody else closed it or removed it."""

    recording_id: str
    is_closed: bool
    is_gone: bool


LoaderItem = LoadedItem | BacklogItem | FailedItem | ScannedItem | LookedItem


class Loader:
    """The task. `post` puts an item into the engine's inbox."""

    def __init__(
        self,
        *,
        reader: DatabaseWorker,
        writer: DatabaseWorker,
        stage: AnalysisStage,
        post: Callable[[LoaderItem], None],
        now: Callable[[], datetime],
        now_s: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._stage = stage
        self._post = post
        self._now = now
        self._now_s = now_s
        self._requests: queue.Queue[Callable[[], LoaderItem] | None] = queue.Queue()

    def start(self) -> None:
        threading.Thread(target=self._serve, name="focus-loader", daemon=True).start()

    def stop(self) -> None:
        self._requests.put(None)

    def ask_load(self, recording_id: str) -> None:
        """Answered by a LoadedItem or a FailedItem."""
        self._requests.put(lambda: self._guarded(recording_id, lambda: self._load(recording_id)))

    def ask_backlog(self, recording_id: str, first_seq: int, stored_seq: int) -> None:
        """Answered by a BacklogItem or a FailedItem; `stored_seq` is the recording's next_seq as far as is known."""
        self._requests.put(lambda: self._guarded(recording_id, lambda: self._read(recording_id, first_seq, stored_seq)))

    def ask_look(self, recording_id: str) -> None:
        """Answered by a LookedItem or a FailedItem."""
        self._requests.put(lambda: self._guarded(recording_id, lambda: self._look(recording_id)))

    def ask_scan(self) -> None:
        """Answered by a ScannedItem."""
        self._requests.put(self._scan)

    def work_off(self) -> None:
        """Answer all that was asked, in the caller's task: for an engine that is ticked by hand."""
        while not self._requests.empty():
            request = self._requests.get_nowait()
            if request is not None:
                self._post(request())

    def _serve(self) -> None:
        while (request := self._requests.get()) is not None:
            self._post(request())

    def _guarded(self, recording_id: str, work: Callable[[], LoaderItem]) -> LoaderItem:
        try:
            return work()
        except Exception:
            logger.exception("recording %s could not be read", recording_id)
            return FailedItem(recording_id)

    def _load(self, recording_id: str) -> LoadedItem:
        def read(session: Session) -> Loaded | None:
            return transactions.load_recording(session, recording_id)

        loaded = self._reader.run(read)
        if loaded is None:
            return LoadedItem(recording_id, None, None)
        analysis = self._continued(loaded) or self._begun(loaded)
        return LoadedItem(recording_id, loaded if analysis is not None else None, analysis)

    def _continued(self, loaded: Loaded) -> RunningAnalysis | None:
        classifier = self._stage.classifier_of(loaded.made_with)
        if loaded.analysis_id is None or classifier is None:
            return None
        now_s = self._now_s()
        if loaded.checkpoint is None:
            # It ended before its first checkpoint. Results that it wrote are written again, with the same keys.
            return self._stage.begin(loaded.recording_id, loaded.analysis_id, classifier, loaded.tracker, now_s)
        try:
            return self._stage.restore(
                loaded.recording_id,
                loaded.analysis_id,
                classifier,
                loaded.tracker,
                loaded.checkpoint,
                loaded.checkpoint_seq,
                now_s,
            )
        except CheckpointError as err:
            logger.warning("recording %s is analysed anew: %s", loaded.recording_id, err.message)
            return None

    def _begun(self, loaded: Loaded) -> RunningAnalysis | None:
        stage, now = self._stage, self._now()

        def begin(session: Session) -> tuple[StateClassifier, int | None]:
            classifier = stage.active_classifier(session)
            identity = stage.identity_of(classifier)
            return classifier, transactions.begin_analysis(session, loaded.recording_id, identity, now)

        classifier, analysis_id = self._writer.run(begin)
        if analysis_id is None:
            return None
        return stage.begin(loaded.recording_id, analysis_id, classifier, loaded.tracker, self._now_s())

    def _read(self, recording_id: str, first_seq: int, stored_seq: int) -> BacklogItem:
        def read(session: Session) -> list[tuple[int, FrameBatch]]:
            return frame_queries.batches_from(session, recording_id, first_seq=first_seq, max_frames=BACKLOG_FRAMES)

        batches = self._reader.run(read)
        # When no frames follow, only markers and rejected batches are left.
        next_seq = batches[-1][0] if batches else max(stored_seq, first_seq)
        return BacklogItem(recording_id, first_seq, next_seq, batches)

    def _look(self, recording_id: str) -> LookedItem:
        def read(session: Session) -> LookedItem:
            recording = recording_queries.find_recording(session, recording_id)
            return LookedItem(recording_id, recording is not None and not recording.is_open, recording is None)

        return self._reader.run(read)

    def _scan(self) -> ScannedItem:
        now = self._now()

        def read(session: Session) -> list[str]:
            return recording_queries.recordings_to_analyse(
                session, now=now, limit=MAX_SCANNED, old_code_versions=_OLD_CODE_VERSIONS
            )

        try:
            return ScannedItem(self._reader.run(read))
        except Exception:
            logger.exception("the recordings that wait for an analysis could not be listed")
            return ScannedItem([])
