"""An engine on a real database that is ticked by hand, with everything it answers kept in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from focus.analysis.types import StateClassifier
from focus.errors import FrameValueError
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.protocol.codec import checksum, encode_batch
from focus.protocol.messages import Evicted, Open, Refused, Stored
from focus.services import accounts
from focus.services.ingest import BatchItem, CloseItem, IngestEngine, MarkerItem, OpenItem, ReleaseItem, make_engine
from focus.services.ingest.items import CloseResult, OpenResult
from tests.unit.analysis.fakes import ThresholdClassifier

COLUMNS = ("gaze_x", "gaze_y", "openness_left", "openness_right")
TRACKER = TrackerInfo("test tracker", COLUMNS, rate_hz=100.0, gaze_space="deg")
FIRST = "00000000-0000-4000-8000-000000000001"
SECOND = "00000000-0000-4000-8000-000000000002"


def frames_between(first: int, stop: int) -> FrameBatch:
    """Frames first..stop-1 of one endless stream at 100 Hz, with a jump each second and a blink every three."""
    at = np.arange(first, stop)
    jump = (at // 100 % 2) * 8.0
    noise = ((at * 7919) % 101 - 50) / 1000
    closed = at % 300 >= 285
    openness = np.where(closed, 0.02, 0.3) + noise / 10
    values = (jump + noise, jump / 2 + noise, openness, openness)
    columns = {name: column.astype(np.float32) for name, column in zip(COLUMNS, values, strict=True)}
    return FrameBatch(at * 10_000, columns)


def batch_item(
    recording_id: str, lease: str, seq: int, frames: FrameBatch, *, connection: str = "one", bad: bool = False
) -> BatchItem:
    payload = encode_batch(frames)
    fault = FrameValueError("frame 1: gaze_x 999 is too far") if bad else None
    return BatchItem(
        connection,
        recording_id,
        lease,
        seq,
        len(frames),
        int(frames.t_us[0]),
        int(frames.t_us[-1]),
        checksum(payload),
        payload,
        None if bad else frames,
        fault,
    )


@dataclass
class Replies:
    """What the engine told the trackers."""

    messages: list[tuple[str, Stored | Refused | Evicted]] = field(default_factory=list)

    def stored(self, connection: str, message: Stored) -> None:
        self.messages.append((connection, message))

    def refused(self, connection: str, message: Refused) -> None:
        self.messages.append((connection, message))

    def evicted(self, connection: str, message: Evicted) -> None:
        self.messages.append((connection, message))

    def stopping(self) -> None:
        return

    def take(self) -> list[Stored | Refused | Evicted]:
        """Everything since the last time."""
        taken = [message for _, message in self.messages]
        self.messages.clear()
        return taken


class Clocks:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_s(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


class Harness:
    """The engine of one process."""

    def __init__(
        self,
        url: str,
        clocks: Clocks,
        user_id: int,
        classifier: StateClassifier | None = None,
        *,
        load: Callable[[str], StateClassifier] | None = None,
    ) -> None:
        self.engine: IngestEngine = make_engine(
            url, load or (lambda release: classifier or ThresholdClassifier()), now=clocks.now, now_s=clocks.now_s
        )
        self.clocks = clocks
        self.user_id = user_id
        self.replies = Replies()
        self.engine.replies = self.replies

    def open(
        self,
        recording_id: str = FIRST,
        *,
        connection: str = "one",
        lease: str | None = None,
        takeover: bool = False,
        tracker: TrackerInfo = TRACKER,
        user_id: int | None = None,
        participant: int | None = None,
    ) -> OpenResult:
        request = Open(recording_id, tracker, task="test", takeover=takeover, lease=lease, participant=participant)
        item = OpenItem(connection, user_id or self.user_id, "a device", "a client", request)
        self.engine.submit(item)
        self.engine.tick()
        return item.answer.wait(0)

    def open_all(self, *recording_ids: str) -> dict[str, str]:
        """Open each over a connection of its own; returns the leases."""
        return {name: self.open(name, connection=name).lease for name in recording_ids}

    def send(self, *items: BatchItem | MarkerItem) -> list[Stored | Refused | Evicted]:
        """Put items in and tick once; returns what was answered."""
        for item in items:
            self.engine.offer(item)
        self.engine.tick()
        return self.replies.take()

    def stream(self, lease: str, n_batches: int, *, recording_id: str = FIRST, size: int = 10, first: int = 0) -> None:
        """Send batches number first..first+n_batches-1, each in a tick of its own."""
        for seq in range(first, first + n_batches):
            self.send(batch_item(recording_id, lease, seq, frames_between(seq * size, (seq + 1) * size)))

    def close(self, lease: str, last_seq: int, recording_id: str = FIRST) -> CloseResult:
        item = CloseItem("one", recording_id, lease, last_seq)
        self.engine.submit(item)
        self.settle()
        return item.answer.wait(0)

    def release(self, connection: str = "one", recording_id: str = FIRST) -> None:
        self.engine.submit(ReleaseItem(connection, recording_id))
        self.engine.tick()

    def settle(self, n_ticks: int = 20) -> None:
        """Tick until nothing is left to do, answering what is asked of the database."""
        for _ in range(n_ticks):
            self.engine.tick()
            self.engine.work_off()

    def abandon(self) -> None:
        """Forget everything at once, as a process that is killed."""
        self.engine.dispose()


@contextmanager
def running(
    url: str,
    clocks: Clocks,
    user_id: int,
    classifier: StateClassifier | None = None,
    *,
    load: Callable[[str], StateClassifier] | None = None,
) -> Iterator[Harness]:
    """The harness; `classifier` is every release, or `load` gives them by name."""
    harness = Harness(url, clocks, user_id, classifier, load=load)
    try:
        yield harness
    finally:
        harness.abandon()


def add_user(session: Session, email: str) -> int:
    user = accounts.create_user(session, email)
    session.commit()
    return user.id
