"""What the engine does besides the frames that come in: leases, loading, catching up, finishing, forgetting.

Called once a tick by the engine's task. Most of it looks at every recording only about once a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from focus.errors import StorageError
from focus.protocol.batch import TrackerInfo
from focus.services.ingest import transactions
from focus.services.ingest.compaction import Compactor
from focus.services.ingest.items import ReleaseItem
from focus.services.ingest.loading import LoadedItem, Loader, LookedItem
from focus.services.ingest.stage import MAX_FAILURES, AnalysisStage
from focus.services.ingest.state import LiveRecording
from focus.services.ingest.transactions import LEASE_TERM
from focus.services.ingest.worker import DatabaseWorker
from focus.storage import recordings as recording_queries
from focus.storage.chunks import CHUNK_SPAN_US, MAX_CHUNK_FRAMES, MIN_CHUNK_FRAMES

logger = logging.getLogger(__name__)

ROUND_S: Final = 1.0
LEASE_MOVE_S: Final = 10.0
IDLE_S: Final = 60.0
SCAN_S: Final = 30.0
COMPACTION_SCAN_S: Final = 300.0
LOAD_RETRY_S: Final = 2.0
MAX_LOADING: Final = 4
IDLE_PAUSE_S: Final = 0.5

_UNKNOWN_TRACKER: Final = TrackerInfo("not loaded yet", ())


class Upkeep:
    """Keeps the engine's recordings in order."""

    def __init__(
        self,
        recordings: dict[str, LiveRecording],
        *,
        writer: DatabaseWorker,
        stage: AnalysisStage,
        loader: Loader,
        compactor: Compactor,
        now: Callable[[], datetime],
        now_s: Callable[[], float],
    ) -> None:
        self._recordings = recordings
        self._writer, self._stage, self._loader, self._compactor = writer, stage, loader, compactor
        self._now, self._now_s = now, now_s
        self._round_at_s = self._scan_at_s = self._compaction_at_s = 0.0
        self._not_before_s: dict[str, float] = {}
        self.pause_s = IDLE_PAUSE_S
        """How long the engine may wait for something to come in."""

    def run(self) -> None:
        """One tick's worth."""
        now_s = self._now_s()
        self.pause_s = IDLE_PAUSE_S
        for recording in list(self._recordings.values()):
            self._drive(recording, now_s)
        if now_s - self._round_at_s >= ROUND_S:
            self._round_at_s = now_s
            self._go_round(now_s)

    # -- each tick ----------------------------------------------------------------------------------------------------

    def _drive(self, recording: LiveRecording, now_s: float) -> None:
        """Ask for what the recording's analysis needs to get on."""
        analysis = recording.analysis
        if analysis is None:
            self._drive_loading(recording, now_s)
        elif analysis.waiting:
            self.pause_s = min(self.pause_s, self._stage.wait_s(recording, now_s))
        elif analysis.is_finished and analysis.has_progress:
            self.pause_s = 0.0
        elif analysis.fed_seq < recording.next_seq and not analysis.is_reading:
            analysis.is_reading = True
            self._loader.ask_backlog(recording.recording_id, analysis.fed_seq, recording.next_seq)
        elif recording.is_closed and not analysis.is_finished and recording.is_caught_up:
            self.pause_s = 0.0

    def _drive_loading(self, recording: LiveRecording, now_s: float) -> None:
        if recording.is_loading or now_s < self._not_before_s.get(recording.recording_id, 0.0):
            return
        if recording.n_failures >= MAX_FAILURES:
            if recording.is_closed or recording.connection is None:
                logger.error("recording %s stays without a complete analysis", recording.recording_id)
                self._drop(recording)
            return
        if recording.connection is None and sum(other.is_loading for other in self._recordings.values()) >= MAX_LOADING:
            return
        recording.is_loading = True
        self._loader.ask_load(recording.recording_id)

    def results_are_written(self, recording_id: str) -> None:
        """A recording whose analysis is complete has nothing left to do here."""
        recording = self._recordings.get(recording_id)
        if recording is not None and recording.analysis is not None and recording.analysis.is_finished:
            self._drop(recording, is_ended=True)

    def _drop(self, recording: LiveRecording, *, is_ended: bool = False) -> None:
        self._recordings.pop(recording.recording_id, None)
        self._not_before_s.pop(recording.recording_id, None)
        for item, result, _ in recording.closers:
            if not item.answer.is_given:
                item.answer.give(result)
        if is_ended or recording.is_closed:
            self._stage.live.end(recording.recording_id)
        else:
            self._stage.live.forget(recording.recording_id)
        if recording.is_closed:
            self._compactor.ask(recording.recording_id)

    # -- each second --------------------------------------------------------------------------------------------------

    def _go_round(self, now_s: float) -> None:
        held: list[LiveRecording] = []
        for recording in list(self._recordings.values()):
            if recording.connection is not None and recording.lease is not None:
                recording.idle_since_s = now_s
                if now_s - recording.lease_moved_at_s >= LEASE_MOVE_S:
                    held.append(recording)
            self._answer_late_closers(recording, now_s)
            self._compact(recording)
            if recording.connection is None and not recording.is_closed:
                self._let_go(recording, now_s)
        if held:
            self._move_leases(held, now_s)
        if now_s - self._scan_at_s >= SCAN_S or self._scan_at_s == 0.0:
            self._scan_at_s = now_s
            self._loader.ask_scan()
        if now_s - self._compaction_at_s >= COMPACTION_SCAN_S or self._compaction_at_s == 0.0:
            self._compaction_at_s = now_s
            self._compactor.ask_scan()

    def scan_soon(self) -> None:
        """Look at the database in the next tick for recordings that wait for their analysis."""
        self._scan_at_s = self._round_at_s = 0.0

    def _answer_late_closers(self, recording: LiveRecording, now_s: float) -> None:
        for item, result, until_s in recording.closers:
            if now_s >= until_s and not item.answer.is_given:
                item.answer.give(result)

    def _compact(self, recording: LiveRecording) -> None:
        n_frames, t0_us = recording.journal_frames, recording.journal_t0_us
        if t0_us is None or n_frames < MIN_CHUNK_FRAMES:
            return
        if recording.t_last_us - t0_us > CHUNK_SPAN_US or n_frames > MAX_CHUNK_FRAMES:
            recording.journal_frames, recording.journal_t0_us = 0, None
            self._compactor.ask(recording.recording_id)

    def _let_go(self, recording: LiveRecording, now_s: float) -> None:
        """Put a recording to which nobody sends out of memory, once all it knows is written."""
        analysis = recording.analysis
        if analysis is None or not recording.is_caught_up or now_s - recording.idle_since_s < IDLE_S:
            return
        if analysis.checkpoint_seq < analysis.pushed_seq:
            self._stage.make_checkpoint(recording, now_s)
        elif not analysis.has_progress and analysis.checkpoint is None:
            self._drop(recording)

    # -- leases -------------------------------------------------------------------------------------------------------

    def _move_leases(self, held: Sequence[LiveRecording], now_s: float) -> None:
        leases = [(recording.recording_id, recording.lease or "") for recording in held]
        until = self._now() + LEASE_TERM

        def work(session: Session) -> None:
            recording_queries.extend_leases(session, leases, until=until)

        if self._try(work, "leases could not be moved on"):
            for recording in held:
                recording.lease_moved_at_s = now_s

    def release(self, items: Sequence[ReleaseItem]) -> None:
        """Connections have ended; what they held is free for others."""
        gone: list[tuple[ReleaseItem, str]] = []
        for item in items:
            recording = self._recordings.get(item.recording_id)
            if recording is not None and recording.connection == item.connection and recording.lease is not None:
                recording.connection = None
                recording.idle_since_s = self._now_s()
                gone.append((item, recording.lease))
        if gone:
            self._release(gone)

    def release_all(self) -> None:
        """The server ends: everything it held is free."""
        self._release(
            [
                (ReleaseItem(recording.connection, recording.recording_id), recording.lease)
                for recording in self._recordings.values()
                if recording.connection is not None and recording.lease is not None
            ]
        )

    def _release(self, gone: Sequence[tuple[ReleaseItem, str]]) -> None:
        now = self._now()

        def work(session: Session) -> None:
            for item, lease in gone:
                transactions.release_recording(session, item.recording_id, lease, item.clock_samples, now)

        # If it fails, the leases run out by themselves.
        if gone:
            self._try(work, "leases could not be given back")

    def _try(self, work: Callable[[Session], None], complaint: str) -> bool:
        try:
            self._writer.run(work)
        except StorageError as err:
            logger.warning("%s: %s", complaint, err.message)
            return False
        return True

    # -- loading ------------------------------------------------------------------------------------------------------

    def take_scan(self, recording_ids: Sequence[str]) -> None:
        """Bring in recordings that wait for their analysis; of those that are here, see whether they were closed."""
        for recording_id in recording_ids:
            recording = self._recordings.get(recording_id)
            if recording is None:
                recording = LiveRecording(recording_id, 0, _UNKNOWN_TRACKER, 0, idle_since_s=self._now_s())
                self._recordings[recording_id] = recording
            elif not recording.is_closed:
                self._loader.ask_look(recording_id)

    def take_look(self, recording: LiveRecording, item: LookedItem) -> None:
        """Somebody else may have closed or removed a recording that is in memory."""
        if item.is_gone:
            self._drop(recording, is_ended=True)
        elif item.is_closed:
            recording.is_closed = True
            if recording.connection is not None:
                self._stage.live.publisher.ended(recording.recording_id)

    def take_loaded(self, recording: LiveRecording, item: LoadedItem) -> None:
        """A recording was read from the database, with an analysis for it unless it is gone."""
        recording.is_loading = False
        loaded = item.loaded
        if loaded is None or item.analysis is None:
            self._drop(recording)
            return
        recording.is_closed = recording.is_closed or loaded.is_closed
        if loaded.next_seq >= recording.next_seq:
            recording.owner_id, recording.tracker = loaded.owner_id, loaded.tracker
            recording.next_seq = loaded.next_seq
            recording.t_last_us = -1 if loaded.t_last_us is None else loaded.t_last_us
            recording.n_frames, recording.n_rejected = loaded.n_frames, loaded.n_rejected
        recording.journal_frames, recording.journal_t0_us = loaded.journal_frames, loaded.journal_t0_us
        if recording.analysis is None:
            recording.analysis, recording.facts = item.analysis, loaded.facts

    def loading_failed(self, recording: LiveRecording) -> None:
        """Try again later."""
        recording.is_loading = False
        if recording.analysis is not None:
            recording.analysis.is_reading = False
        self._not_before_s[recording.recording_id] = self._now_s() + LOAD_RETRY_S

    def make_all_checkpoints(self) -> None:
        """The server ends: what is known of each analysis is kept."""
        for recording in self._recordings.values():
            analysis = recording.analysis
            if analysis is not None and not analysis.is_finished and analysis.pushed_seq > analysis.checkpoint_seq:
                self._stage.make_checkpoint(recording, self._now_s())
