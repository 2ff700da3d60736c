"""The ingest engine: one bounded queue, one tick for all recordings, one writer.

Handlers put items into the inbox and wait for nothing but room in it. At once after a quiet time, and every 20 ms at
most, the engine takes all that waits, stores it in one transaction together with the results that are due, answers
`stored`, and takes frames that are due through the analysis with one prediction for all recordings. The state of a
recording is changed by the engine's task alone, so nothing of it is locked; it can be lost at any moment and is then
loaded again.

The class keeps the order of a tick. What is stored and answered is in `committing.py`, the analysis in `stage.py`, what
comes back from the database in `loading.py`, leases and idle recordings in `upkeep.py`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from focus.analysis.types import StateClassifier
from focus.errors import BusyError, FocusError, ModelError, StorageError
from focus.protocol.messages import Evicted
from focus.services.ingest import transactions
from focus.services.ingest.classifiers import release_of
from focus.services.ingest.committing import Committer, as_busy
from focus.services.ingest.compaction import Compactor
from focus.services.ingest.items import (
    BatchItem,
    CloseItem,
    CloseResult,
    Item,
    MarkerItem,
    OpenItem,
    OpenResult,
    RefusalError,
    ReleaseItem,
    SequencedItem,
    SilentReplies,
    TrackerReplies,
    decode_items,
)
from focus.services.ingest.loading import (
    BacklogItem,
    FailedItem,
    LoadedItem,
    Loader,
    LoaderItem,
    LookedItem,
    ScannedItem,
)
from focus.services.ingest.meter import EngineLoad, RateMeter
from focus.services.ingest.planning import plan_tick
from focus.services.ingest.stage import AnalysisStage
from focus.services.ingest.state import LiveRecording
from focus.services.ingest.transactions import Opened
from focus.services.ingest.upkeep import Upkeep
from focus.services.ingest.worker import DatabaseWorker
from focus.services.live import LiveHub
from focus.services.recordings import metric_dicts

logger = logging.getLogger(__name__)

T = TypeVar("T")

FULL_RETRY_MS = 500
"""When to try again after the queue was full for all of the wait."""

_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Pace and limits; see the settings of the same names in config.py."""

    tick_s: float = 0.02
    queue_batches: int = 4000
    queue_wait_s: float = 2.0
    answer_s: float = 9.0
    """How long an `open` or `close` may take; less than a client waits."""


class IngestEngine:
    """Takes what trackers send, stores it, and has it analysed.

    Parameters
    ----------
    writer, reader : DatabaseWorker
        Its connections to the database.
    stage : AnalysisStage
        The analysis.
    settings : EngineSettings, optional
        Pace and limits.
    now, now_s : callable
        Clocks: a time with zone, and monotonic seconds.
    """

    def __init__(
        self,
        *,
        writer: DatabaseWorker,
        reader: DatabaseWorker,
        stage: AnalysisStage,
        settings: EngineSettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.replies: TrackerReplies = SilentReplies()
        self.live: LiveHub = stage.live
        self.settings = settings or EngineSettings()
        self.recordings: dict[str, LiveRecording] = {}
        self._writer, self._reader, self._stage = writer, reader, stage
        self._now, self._now_s = now, now_s
        self._inbox: deque[Item | LoaderItem] = deque()
        self._companions: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._is_running = self._is_stopping = False
        self._loader = Loader(reader=reader, writer=writer, stage=stage, post=self._post, now=now, now_s=now_s)
        self._compactor = Compactor(reader=reader, writer=writer)
        self._meter = RateMeter()
        self._committer = Committer(
            writer, self.recordings, retry=self._put_back, now=now, now_s=now_s, meter=self._meter
        )
        self._upkeep = Upkeep(
            self.recordings,
            writer=writer,
            stage=stage,
            loader=self._loader,
            compactor=self._compactor,
            now=now,
            now_s=now_s,
        )

    # -- for handlers -------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self._is_running and not self._is_stopping

    @property
    def pause_s(self) -> float:
        """How long it may rest, as things stand, if nothing comes in."""
        return min(self._upkeep.pause_s, self.live.wait_s())

    def load(self) -> EngineLoad:
        """How it is doing, for those who look after the server."""
        recordings = list(self.recordings.values())
        return EngineLoad(
            is_running=self.is_running,
            n_queued=len(self._inbox),
            queue_limit=self.settings.queue_batches,
            n_recordings=len(recordings),
            n_connected=sum(recording.connection is not None for recording in recordings),
            n_unanalysed=sum(recording.analysis.n_waiting for recording in recordings if recording.analysis),
            frames_per_s=self._meter.per_s(self._now_s()),
        )

    def offer(self, item: SequencedItem) -> None:
        """Put a batch or marker into the queue, waiting for room in it up to the limit.

        Raises
        ------
        RefusalError
            Of a BusyError, if there was no room, or the server is about to stop.
        """
        inbox, limit = self._inbox, self.settings.queue_batches
        if len(inbox) >= limit or self._is_stopping:
            until_s = self._now_s() + self.settings.queue_wait_s
            while len(inbox) >= limit and not self._is_stopping and self._now_s() < until_s:
                time.sleep(_POLL_S)
            if len(inbox) >= limit or self._is_stopping:
                raise self._too_busy(item)
        inbox.append(item)
        if not self._wake.is_set():
            self._wake.set()

    def open(self, item: OpenItem) -> OpenResult:
        """Open a recording for a connection.

        Raises
        ------
        FocusError
            Why not; a RefusalError where the client is told how to go on.
        """
        self._post(item)
        return item.answer.wait(self.settings.answer_s)

    def close(self, item: CloseItem) -> CloseResult:
        """Close a recording once all up to its last_seq is stored; raises as `open`."""
        self._post(item)
        return item.answer.wait(self.settings.answer_s)

    def release(self, item: ReleaseItem) -> None:
        """The connection is gone."""
        self._post(item)

    def note_received(self, recording_id: str) -> None:
        """A batch has just come in: the live view counts its delay from here."""
        recording = self.recordings.get(recording_id)
        if recording is not None:
            recording.received_s = self._now_s()

    def look_again(self, recording_id: str) -> None:
        """Something else changed the recording in the database (closed it, say): take notice soon."""
        if recording_id in self.recordings:
            self._upkeep.scan_soon()
            self._wake.set()

    def analyse_soon(self) -> None:
        """A recording was stored in another way than by a tracker: look for those that wait for their analysis."""
        self._upkeep.scan_soon()
        self._wake.set()

    def read(self, work: Callable[[Session], T]) -> T:
        """What a query returns, in the reader's thread; raises as `DatabaseWorker.run`."""
        return self._reader.run(work)

    def write(self, work: Callable[[Session], T]) -> T:
        """What a short transaction returns, once the writer has committed it; raises as `DatabaseWorker.run`."""
        return self._writer.run(work)

    def _too_busy(self, item: SequencedItem) -> RefusalError:
        recording = self.recordings.get(item.recording_id)
        reason = "the server is about to stop" if self._is_stopping else f"{len(self._inbox)} batches wait already"
        next_seq = recording.next_seq if recording is not None else None
        return RefusalError(BusyError(reason), next_seq=next_seq, retry_ms=FULL_RETRY_MS)

    def _post(self, item: Item | LoaderItem) -> None:
        self._inbox.append(item)
        self._wake.set()

    def _put_back(self, items: list[SequencedItem]) -> None:
        self._inbox.extendleft(reversed(items))
        self._wake.set()

    # -- life ---------------------------------------------------------------------------------------------------------

    def when_started(self, start: Callable[[], None], stop: Callable[[], None]) -> None:
        """Have something else begin and end with the engine."""
        self._companions.append((start, stop))

    def start(self) -> None:
        """Begin to tick, in a task of its own; ModelError if the classifier cannot be used."""
        classifier = self._stage.load_first(self._reader.run(self._stage.active_release))
        logger.info("eye states by model %s", release_of(classifier))
        self._is_running = True
        self._loader.start()
        self._compactor.start()
        for start, _ in self._companions:
            start()
        threading.Thread(target=self._run, name="focus-engine", daemon=True).start()

    def stop(self, *, timeout_s: float) -> None:
        """Store and analyse what was taken, write checkpoints, give the leases back, and end."""
        if not self._is_running or self._is_stopping:
            return
        self.replies.stopping()
        self._is_stopping = True
        self._wake.set()
        if not self._ended.wait(timeout_s):
            logger.warning("the engine did not end within %s s; what is stored is safe", timeout_s)

    def _run(self) -> None:
        while not (self._is_stopping and not self._inbox):
            self._wake.wait(self.pause_s)
            self._wake.clear()
            begun_s = self._now_s()
            try:
                self.tick()
            except Exception:
                logger.exception("a tick failed")
                time.sleep(_POLL_S)
            rest_s = begun_s + self.settings.tick_s - self._now_s()
            time.sleep(max(0.0, rest_s) if not self._is_stopping else 0)
        try:
            self._end()
        except Exception:
            logger.exception("the engine did not end cleanly")
        self._is_running = False
        self._ended.set()

    def _end(self) -> None:
        self._loader.stop()
        self._compactor.stop()
        for _, stop in self._companions:
            stop()
        for _ in range(20):
            if not any(recording.analysis and recording.analysis.waiting for recording in self.recordings.values()):
                break
            self.tick()
        self._upkeep.make_all_checkpoints()
        self._store([], all_results=True)
        self._upkeep.release_all()
        self._writer.close()
        self._reader.close()

    # -- a tick -------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Take all that waits, store it, answer, analyse, show."""
        sequenced: list[SequencedItem | CloseItem] = []
        opens: list[OpenItem] = []
        releases: list[ReleaseItem] = []
        for _ in range(len(self._inbox)):
            item = self._inbox.popleft()
            if isinstance(item, (BatchItem, MarkerItem, CloseItem)):
                sequenced.append(item)
            elif isinstance(item, OpenItem):
                opens.append(item)
            elif isinstance(item, ReleaseItem):
                releases.append(item)
            else:
                self._take_loaded(item)
        if opens:
            self._open(opens)
        self._store(sequenced)
        if releases:
            self._upkeep.release(releases)
        self._analyse()
        if self.live.publish_due(self._metrics_of):
            time.sleep(0)  # let the pictures go
        self._upkeep.run()

    def _store(self, items: list[SequencedItem | CloseItem], *, all_results: bool = False) -> None:
        decode_items(items)
        plan = plan_tick(items, self.recordings)
        results = self._stage.take_writes(self.recordings.values(), self._now_s(), self._now(), all_of_them=all_results)
        written = self._committer.commit(plan, results, self.replies)
        for recording_id in written:
            self._upkeep.results_are_written(recording_id)

    def _analyse(self) -> None:
        recordings = list(self.recordings.values())
        for recording in recordings:
            if recording.is_closed and recording.analysis is not None:
                recording.analysis.is_finishing = True
        failed = self._stage.advance(recordings, self._now_s)
        self._stage.make_checkpoints(recordings, self._now_s())
        for recording in failed:
            logger.warning(
                "recording %s is loaded again after failure %d", recording.recording_id, recording.n_failures
            )

    def _metrics_of(self, recording_id: str) -> list[dict[str, object]] | None:
        recording = self.recordings.get(recording_id)
        if recording is None or recording.analysis is None:
            return None
        sums = recording.analysis.pipeline.live_sums()
        return metric_dicts(recording.facts.complete(sums)) if sums else None

    # -- opening and loading ------------------------------------------------------------------------------------------

    def _open(self, items: list[OpenItem]) -> None:
        stage, now = self._stage, self._now()

        def work(session: Session) -> tuple[StateClassifier, list[Opened | FocusError]]:
            classifier = stage.active_classifier(session)
            return classifier, transactions.open_recordings(session, items, stage.identity_of(classifier), now)

        try:
            classifier, results = self._writer.run(work)
        except (StorageError, ModelError) as err:
            logger.warning("recordings could not be opened: %s", err.message)
            for item in items:
                item.answer.fail(as_busy(err) if isinstance(err, StorageError) else err)
            return
        for item, opened in zip(items, results, strict=True):
            if isinstance(opened, FocusError):
                item.answer.fail(opened)
            else:
                self._take_opened(item, opened, classifier)
                item.answer.give(OpenResult(opened.next_seq, opened.lease))

    def _take_opened(self, item: OpenItem, opened: Opened, classifier: StateClassifier) -> None:
        recording = self.recordings.get(opened.recording_id)
        if recording is None:
            recording = LiveRecording(opened.recording_id, opened.owner_id, item.request.tracker, opened.next_seq)
            self.recordings[opened.recording_id] = recording
        elif recording.connection is not None and recording.connection != item.connection:
            self.replies.evicted(recording.connection, Evicted(opened.recording_id))
        recording.owner_id, recording.tracker = opened.owner_id, item.request.tracker
        recording.lease = opened.lease
        recording.connection = item.connection
        recording.is_closed = False
        recording.facts = opened.facts
        recording.next_seq = opened.next_seq
        recording.t_last_us = -1 if opened.t_last_us is None else opened.t_last_us
        recording.n_frames = opened.n_frames
        recording.n_rejected = opened.n_rejected
        recording.lease_moved_at_s = self._now_s()
        if recording.analysis is None and opened.analysis_id is not None:
            recording.analysis = self._stage.begin(
                opened.recording_id, opened.analysis_id, classifier, recording.tracker, self._now_s()
            )

    def _take_loaded(self, item: LoaderItem) -> None:
        if isinstance(item, ScannedItem):
            self._upkeep.take_scan(item.recording_ids)
            return
        recording = self.recordings.get(item.recording_id)
        if recording is None:
            return
        if isinstance(item, FailedItem):
            self._upkeep.loading_failed(recording)
        elif isinstance(item, LoadedItem):
            self._upkeep.take_loaded(recording, item)
        elif isinstance(item, LookedItem):
            self._upkeep.take_look(recording, item)
        elif isinstance(item, BacklogItem):
            _take_backlog(recording, item)

    # -- for an engine that is ticked by hand --------------------------------------------------------------------------

    def submit(self, item: Item) -> None:
        """Put an item into the inbox without waiting for anything."""
        self._post(item)

    def work_off(self) -> None:
        """Answer what the loader was asked, in the caller's task."""
        self._loader.work_off()

    def dispose(self) -> None:
        """Close the connections to the database."""
        self._writer.close()
        self._reader.close()


def _take_backlog(recording: LiveRecording, item: BacklogItem) -> None:
    analysis = recording.analysis
    if analysis is None or not analysis.is_reading or analysis.fed_seq != item.first_seq:
        return
    analysis.is_reading = False
    if item.batches and not analysis.waiting:
        analysis.waiting_since_s = -math.inf  # stored long ago: it goes first
    analysis.waiting.extend(item.batches)
    analysis.n_waiting += sum(len(frames) for _, frames in item.batches)
    analysis.fed_seq = item.next_seq
    if not analysis.waiting:
        analysis.pushed_seq = analysis.fed_seq
