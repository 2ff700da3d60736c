"""The auditor: what was produced, what was acknowledged, what is stored; and ten trackers to watch.

It trusts nobody. What was produced it knows because it made the frames; what was acknowledged, because it keeps each
`stored` that let a batch out of an outbox; what is stored it reads from the database, decoding rows by itself.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from focus.client.outbox import MemoryOutbox, OutboxItem
from focus.client.tracker_client import TrackerClient
from focus.errors import FocusError
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches
from focus.protocol.codec import decode_batch
from focus.storage.chunk_codec import unpack_frames
from tests.servers import wait_until

COLUMNS = ("gaze_x", "gaze_y", "openness_left", "openness_right")
RATE_HZ = 60
BATCH_FRAMES = 6


class AuditedOutbox(MemoryOutbox):
    """Keeps every batch that was produced, and how far the server has acknowledged them."""

    def __init__(self, recording: str) -> None:
        super().__init__(recording)
        self.produced: list[OutboxItem] = []
        self.acknowledged_seq = 0

    def append(self, item: OutboxItem) -> OutboxItem:
        kept = super().append(item)
        self.produced.append(kept)
        return kept

    def release(self, next_seq: int, *, rejected: Collection[int] = ()) -> int:
        self.acknowledged_seq = max(self.acknowledged_seq, next_seq)
        return super().release(next_seq, rejected=rejected)


@dataclass
class AuditedTracker:
    """A tracker that sends at 60 Hz, in real time, until it is told to end."""

    server_url: str
    token: str
    seed: int
    outbox: AuditedOutbox = field(default_factory=lambda: AuditedOutbox(str(uuid4())))
    error: BaseException | None = None
    _ending: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def recording(self) -> str:
        return self.outbox.state.recording

    def end(self, limit_s: float) -> None:
        """Produce no more, and wait until the recording is closed at the server."""
        self._ending.set()
        self._thread.join(limit_s)
        if self._thread.is_alive():
            pytest.fail(f"tracker {self.seed} did not end: {self.outbox.state}")

    def _run(self) -> None:
        rng = np.random.default_rng(self.seed)
        tracker = TrackerInfo("audited", COLUMNS, rate_hz=float(RATE_HZ), gaze_space="deg")
        try:
            with TrackerClient(
                self.server_url,
                self.token,
                self.outbox,
                tracker=tracker,
                give_up_after_s=60,
                answer_timeout_s=8,
                max_delay_s=0.4,
            ) as client:
                for seq in range(10_000):
                    client.send(_made_frames(rng, seq))
                    if self._ending.wait(BATCH_FRAMES / RATE_HZ):
                        break
                client.close()
        except FocusError as err:
            self.error = err


def _made_frames(rng: np.random.Generator, seq: int) -> FrameBatch:
    at = np.arange(seq * BATCH_FRAMES, (seq + 1) * BATCH_FRAMES)
    t_us = at * 1_000_000 // RATE_HZ
    return FrameBatch(t_us, {name: rng.uniform(-0.9, 0.9, len(at)).astype(np.float32) for name in COLUMNS})


# -- what is stored ---------------------------------------------------------------------------------------------------


@dataclass
class Finding:
    """Something that must not be."""

    recording: str
    what: str


class Auditor:
    """Compares trackers with the database."""

    def __init__(self, engine: Engine, trackers: list[AuditedTracker]) -> None:
        self._engine = engine
        self.trackers = trackers

    def n_acknowledged(self) -> int:
        """Batches acknowledged so far, of all trackers."""
        return sum(tracker.outbox.acknowledged_seq for tracker in self.trackers)

    def wait_for_progress(self, limit_s: float = 40.0) -> None:
        """Wait until every tracker has got a batch more acknowledged than now."""
        before = [tracker.outbox.acknowledged_seq for tracker in self.trackers]
        until_s = time.monotonic() + limit_s
        while not all(
            tracker.outbox.acknowledged_seq > seq for tracker, seq in zip(self.trackers, before, strict=True)
        ):
            errors = [str(tracker.error) for tracker in self.trackers if tracker.error is not None]
            if errors or time.monotonic() > until_s:
                pytest.fail(f"no progress: {errors or 'too slow'}")
            time.sleep(0.02)

    def check_acknowledged(self) -> list[Finding]:
        """Whatever has been acknowledged until now and is not stored as it was produced."""
        acknowledged = {tracker.recording: tracker.outbox.acknowledged_seq for tracker in self.trackers}
        findings = []
        for tracker in self.trackers:
            stored = self._stored(tracker.recording)
            n = acknowledged[tracker.recording]
            findings += _compare(tracker, stored, n_least=n)
        return findings

    def check_everything(self) -> list[Finding]:
        """Whatever was produced and is not stored, once and in its order; errors of trackers are findings, too."""
        findings = []
        for tracker in self.trackers:
            if tracker.error is not None:
                findings.append(Finding(tracker.recording, f"its client ended with: {tracker.error}"))
            findings += _compare(tracker, self._stored(tracker.recording), n_least=len(tracker.outbox.produced))
        return findings

    def wait_for_results(self) -> None:
        """Wait until every recording, all of which are closed, is analysed to its end."""
        query = text(
            "SELECT count(*) FROM recording r WHERE NOT EXISTS"
            " (SELECT 1 FROM analysis a WHERE a.recording_id = r.id AND a.is_complete)"
        )

        def are_complete() -> bool:
            with self._engine.connect() as connection:
                return connection.execute(query).scalar_one() == 0

        wait_until(are_complete, what="the analyses")

    def check_results(self) -> list[Finding]:
        """Frames without a final state, or with two."""
        query = text(
            "SELECT r.start_us, r.stop_us, r.n_frames FROM eye_state_run r JOIN analysis a ON a.id = r.analysis_id"
            " WHERE a.recording_id = :id AND a.number ="
            " (SELECT max(number) FROM analysis WHERE recording_id = :id) ORDER BY r.start_us"
        )
        findings = []
        with self._engine.connect() as connection:
            for tracker in self.trackers:
                runs = connection.execute(query, {"id": tracker.recording}).all()
                n_frames = sum(run.n_frames for run in runs)
                n_produced = BATCH_FRAMES * len(tracker.outbox.produced)
                if n_frames != n_produced:
                    findings.append(Finding(tracker.recording, f"{n_frames} of {n_produced} frames have a state"))
                if any(one.stop_us > two.start_us for one, two in pairwise(runs)):
                    findings.append(Finding(tracker.recording, "two state runs overlap"))
        return findings

    def _snapshot(self) -> Connection:
        """A connection whose queries all see one moment; the server may go on meanwhile."""
        level = "REPEATABLE READ" if self._engine.dialect.name == "postgresql" else None
        return self._engine.connect().execution_options(**({"isolation_level": level} if level else {}))

    def _stored(self, recording: str) -> _Stored:
        with self._snapshot() as connection:
            cursor = connection.execute(
                text("SELECT next_seq, n_frames FROM recording_cursor WHERE recording_id = :id"), {"id": recording}
            ).one_or_none()
            chunks = connection.execute(
                text("SELECT last_seq, payload FROM frame_chunk WHERE recording_id = :id ORDER BY first_seq"),
                {"id": recording},
            ).all()
            rows = connection.execute(
                text("SELECT seq, crc32, payload FROM frame_batch WHERE recording_id = :id ORDER BY seq"),
                {"id": recording},
            ).all()
        parts = [unpack_frames(bytes(chunk.payload)) for chunk in chunks]
        parts += [decode_batch(bytes(row.payload)) for row in rows]
        return _Stored(
            next_seq=cursor.next_seq if cursor is not None else 0,
            n_frames=cursor.n_frames if cursor is not None else 0,
            journal=[(row.seq, row.crc32, zlib.crc32(bytes(row.payload))) for row in rows],
            frames=_in_stored_order(parts),
        )


@dataclass
class _Stored:
    next_seq: int
    n_frames: int
    journal: list[tuple[int, int, int]]
    frames: tuple[np.ndarray, dict[str, np.ndarray]]


def _in_stored_order(parts: list[FrameBatch]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    # Not join_batches: frames that are doubled or out of order are what is looked for, and it would refuse them.
    if not parts:
        return np.empty(0, np.int64), {name: np.empty(0, np.float32) for name in COLUMNS}
    t_us = np.concatenate([part.t_us for part in parts])
    return t_us, {name: np.concatenate([part.columns[name] for part in parts]) for name in COLUMNS}


def _compare(tracker: AuditedTracker, stored: _Stored, *, n_least: int) -> list[Finding]:
    """Compare what is stored, all of it, with what was produced, of which at least `n_least` batches must be there."""
    findings = []

    def find(what: str) -> None:
        findings.append(Finding(tracker.recording, what))

    if stored.next_seq < n_least:
        find(f"{n_least} batches must be stored, and only {stored.next_seq} are")
    if any(told != found for _, told, found in stored.journal):
        find("a payload does not have its checksum")
    produced = tracker.outbox.produced[: stored.next_seq]
    t_us, columns = stored.frames
    n_produced = sum(item.n_frames for item in produced)
    if not len(t_us) == stored.n_frames == n_produced:
        find(f"{len(t_us)} frames are stored, {stored.n_frames} are counted, {n_produced} were produced")
    elif produced:
        expected = join_batches([decode_batch(item.payload) for item in produced])
        if not np.array_equal(t_us, expected.t_us):
            find("frames are out of order, or others than were produced")
        for name in COLUMNS:
            if not np.array_equal(columns[name].view(np.uint32), expected.columns[name].view(np.uint32)):
                find(f"{name} is not what was produced")
    return findings
