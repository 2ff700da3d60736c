"""What waits in the engine's queue, and how the engine answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from focus.errors import BusyError, FocusError, FrameValueError
from focus.protocol.batch import FrameBatch
from focus.protocol.codec_many import decode_batches
from focus.protocol.messages import Evicted, Open, Refused, Stored

T = TypeVar("T")

ClockSample = tuple[int, int, int]


class TrackerReplies(Protocol):
    """Where answers to trackers go; a connection is whatever name `realtime` gave it. Must not block or raise."""

    def stored(self, connection: str, message: Stored) -> None: ...

    def refused(self, connection: str, message: Refused) -> None: ...

    def evicted(self, connection: str, message: Evicted) -> None: ...

    def stopping(self) -> None:
        """The server is about to stop; everybody should know."""


class SilentReplies:
    """Answers nobody: for an engine without connections."""

    def stored(self, connection: str, message: Stored) -> None:
        return

    def refused(self, connection: str, message: Refused) -> None:
        return

    def evicted(self, connection: str, message: Evicted) -> None:
        return

    def stopping(self) -> None:
        return


class Answer(Generic[T]):
    """A value or an error that another task will give."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    @property
    def is_given(self) -> bool:
        return self._done.is_set()

    def give(self, value: T) -> None:
        self._value = value
        self._done.set()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._done.set()

    def wait(self, timeout_s: float) -> T:
        """The value.

        Raises
        ------
        BusyError
            If it is not there in time.
        Exception
            What `fail` was given.
        """
        if not self._done.wait(timeout_s):
            raise BusyError(f"the server did not get to it within {timeout_s:g} s")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class RefusalError(FocusError):
    """Wraps an error with what the client needs to go on; translated in `realtime` and `web.errors`."""

    def __init__(self, error: FocusError, *, next_seq: int | None = None, retry_ms: int | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.next_seq = next_seq
        self.retry_ms = retry_ms


@dataclass(slots=True, eq=False)
class BatchItem:
    """A batch whose envelope and checksum are right.

    `decode_items` finds its `frames`, or the `fault` of its meaning.
    """

    connection: str
    recording_id: str
    lease: str
    seq: int
    n: int
    t0_us: int
    t1_us: int
    crc32: int
    payload: bytes
    frames: FrameBatch | None = None
    fault: FrameValueError | None = None


def decode_items(items: Sequence[object]) -> None:
    """Decode the batches among the items together."""
    batches = [item for item in items if isinstance(item, BatchItem) and item.frames is None and item.fault is None]
    if not batches:
        return
    for item, decoded in zip(batches, decode_batches([item.payload for item in batches]), strict=True):
        if isinstance(decoded, FrameBatch):
            item.frames = decoded
        else:
            item.fault = decoded


@dataclass(slots=True, eq=False)
class MarkerItem:
    """A marker; `crc32` is that of its canonical form."""

    connection: str
    recording_id: str
    lease: str
    seq: int
    t_us: int
    kind: str
    body: dict[str, Any]
    crc32: int


@dataclass(slots=True, eq=False)
class CloseItem:
    connection: str
    recording_id: str
    lease: str
    last_seq: int
    clock_samples: Sequence[ClockSample] = ()
    answer: Answer[CloseResult] = field(default_factory=lambda: Answer())


@dataclass(slots=True, eq=False)
class OpenItem:
    connection: str
    user_id: int
    device: str
    client: str
    request: Open
    answer: Answer[OpenResult] = field(default_factory=lambda: Answer())


@dataclass(slots=True, eq=False)
class ReleaseItem:
    """The connection is gone, and with it its hold on the recording."""

    connection: str
    recording_id: str
    clock_samples: Sequence[ClockSample] = ()


@dataclass(frozen=True, slots=True)
class OpenResult:
    next_seq: int
    lease: str


@dataclass(frozen=True, slots=True)
class CloseResult:
    next_seq: int
    n_frames: int
    n_rejected: int


SequencedItem = BatchItem | MarkerItem
Item = BatchItem | MarkerItem | CloseItem | OpenItem | ReleaseItem
