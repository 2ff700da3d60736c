"""Trackers that send each batch in a request of its own, for clients without sockets.

They go through the same queue, writer and rules as those of `/tracker`: the same leases, numbers, duplicates and
conflicts. A request waits until what it brought is committed. What a socket tells by ending is told here by silence: a
lease that is not used for `SILENCE_S` is given back, and its client opens the recording again with it.

`RequestTrackers` stands between the engine and the answers to sockets, and takes out those that are for requests.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from focus.errors import BusyError, FrameFormatError, LeaseError, TooLargeError
from focus.protocol.codec import checksum, peek_header
from focus.protocol.messages import Close, Evicted, Limits, Marker, Open, OpenAck, Refused, Stored, error_class
from focus.services.ingest.engine import FULL_RETRY_MS, IngestEngine
from focus.services.ingest.items import (
    Answer,
    BatchItem,
    CloseItem,
    CloseResult,
    MarkerItem,
    OpenItem,
    RefusalError,
    ReleaseItem,
    SequencedItem,
)

logger = logging.getLogger(__name__)

SILENCE_S: Final = 30.0
_ROUND_S: Final = 5.0
_ENDING_CODES: Final = frozenset({"lease", "closed", "not_found"})


@dataclass(frozen=True, slots=True)
class Delivered:
    """All below `next_seq` is committed; `is_rejected` says that what this request brought was kept aside."""

    next_seq: int
    is_rejected: bool


@dataclass(slots=True, eq=False)
class _Held:
    """A recording that requests write to; one of them at a time."""

    connection: str
    user_id: int
    recording_id: str
    lease: str
    heard_s: float
    turn: threading.Lock = field(default_factory=threading.Lock)
    waiting: tuple[int, Answer[Delivered]] | None = None


class RequestTrackers:
    """The recordings of one process that are written to by requests.

    Parameters
    ----------
    engine : IngestEngine
        Takes what comes in; the answers to sockets have to be attached to it already.
    limits : Limits
        Told to clients at `open`, and enforced.
    now_s : callable
        Monotonic seconds.
    """

    def __init__(self, engine: IngestEngine, limits: Limits, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._engine = engine
        self._now_s = now_s
        self._held: dict[str, _Held] = {}
        self._ending = threading.Event()
        self._sockets = engine.replies
        engine.replies = self
        engine.when_started(self._start, self._ending.set)

    # -- for requests -------------------------------------------------------------------------------------------------

    def open(self, user_id: int, message: Open, *, device: str, client: str) -> OpenAck:
        """Begin a recording, or go on with one; raises as `IngestEngine.open`."""
        self._require_running()
        connection = f"request:{uuid.uuid4().hex}"
        result = self._engine.open(OpenItem(connection, user_id, device, client, message))
        self._held[message.recording] = _Held(connection, user_id, message.recording, result.lease, self._now_s())
        return OpenAck(result.next_seq, result.lease, self.limits)

    def is_held(self, user_id: int, recording_id: str, lease: str) -> bool:
        """Whether this person opened the recording here and got this lease."""
        return self._find(user_id, recording_id, lease) is not None

    def send_batch(
        self, user_id: int, recording_id: str, lease: str, seq: int, payload: bytes, *, crc32: int | None = None
    ) -> Delivered:
        """Store a batch; returns once it is committed, or was before.

        Parameters
        ----------
        user_id : int
            Who sends.
        recording_id, lease : str
            Where to, and by what right.
        seq : int
            Its number.
        payload : bytes
            As `focus.protocol.codec` writes it.
        crc32 : int, optional
            Of the payload, as the client has it.

        Raises
        ------
        FrameFormatError
            If the bytes are not a batch, or have another checksum.
        TooLargeError
            If it is over the limits.
        RefusalError
            Why it is not stored, with what the client needs to go on.
        """
        if len(payload) > self.limits.max_batch_bytes:
            raise TooLargeError(f"a batch of {len(payload)} bytes is over the limit of {self.limits.max_batch_bytes}")
        found = checksum(payload)
        if crc32 is not None and crc32 != found:
            raise FrameFormatError(f"crc32 {crc32} is not the payload's, {found}")
        header = peek_header(payload)
        if header.n > self.limits.max_frames:
            raise TooLargeError(f"a batch of {header.n} frames is over the limit of {self.limits.max_frames}")
        with self._turn(user_id, recording_id, lease) as held:
            self._engine.note_received(recording_id)
            item = BatchItem(
                held.connection, recording_id, lease, seq, header.n, header.t0_us, header.t1_us, found, payload
            )
            return self._deliver(held, item)

    def send_marker(self, user_id: int, message: Marker) -> Delivered:
        """Store a marker, which has its place in the numbering of batches; raises as `send_batch`."""
        content = b"%d\n%s\n%s" % (message.t_us, message.kind.encode(), message.canonical_body())
        with self._turn(user_id, message.recording, message.lease) as held:
            item = MarkerItem(
                held.connection,
                message.recording,
                message.lease,
                message.seq,
                message.t_us,
                message.kind,
                dict(message.body),
                checksum(content),
            )
            return self._deliver(held, item)

    def close(self, user_id: int, message: Close) -> CloseResult:
        """End a recording, once all of it is stored; raises as `IngestEngine.close`."""
        with self._turn(user_id, message.recording, message.lease) as held:
            result = self._engine.close(CloseItem(held.connection, message.recording, message.lease, message.last_seq))
            self._forget(held)
            return result

    # -- the way through the engine -----------------------------------------------------------------------------------

    def _require_running(self) -> None:
        if not self._engine.is_running:
            raise RefusalError(BusyError("the server takes no frames just now"), retry_ms=FULL_RETRY_MS)

    def _find(self, user_id: int, recording_id: str, lease: str) -> _Held | None:
        held = self._held.get(recording_id)
        return held if held is not None and (held.user_id, held.lease) == (user_id, lease) else None

    def _of_connection(self, connection: str, recording_id: str) -> _Held | None:
        held = self._held.get(recording_id)
        return held if held is not None and held.connection == connection else None

    def _forget(self, held: _Held) -> bool:
        """Whether it was still there; another may have come in its place."""
        if self._held.get(held.recording_id) is not held:
            return False
        del self._held[held.recording_id]
        return True

    @contextmanager
    def _turn(self, user_id: int, recording_id: str, lease: str) -> Iterator[_Held]:
        """The recording, for one request at a time, so that an answer cannot be taken for that of another."""
        self._require_running()
        held = self._find(user_id, recording_id, lease)
        if held is None:
            raise LeaseError(f"this lease does not hold recording {recording_id} here; open it again with the lease")
        if not held.turn.acquire(timeout=self._engine.settings.answer_s):
            raise RefusalError(BusyError("another request for this recording is waiting"), retry_ms=FULL_RETRY_MS)
        try:
            held.heard_s = self._now_s()
            yield held
        finally:
            held.heard_s = self._now_s()
            held.turn.release()

    def _deliver(self, held: _Held, item: SequencedItem) -> Delivered:
        answer: Answer[Delivered] = Answer()
        held.waiting = (item.seq, answer)
        try:
            self._engine.offer(item)
            return answer.wait(self._engine.settings.answer_s)
        except BusyError as err:
            # The item may be stored yet, and its answer must not be taken for that of the next one.
            self._let_go(held)
            raise RefusalError(err, retry_ms=FULL_RETRY_MS) from err
        finally:
            held.waiting = None

    def _let_go(self, held: _Held) -> None:
        if self._forget(held):
            self._engine.release(ReleaseItem(held.connection, held.recording_id))

    # -- replies of the engine ----------------------------------------------------------------------------------------

    def stored(self, connection: str, message: Stored) -> None:
        held = self._of_connection(connection, message.recording)
        if held is None:
            self._sockets.stored(connection, message)
        elif held.waiting is not None and held.waiting[0] < message.next_seq:
            seq, answer = held.waiting
            if not answer.is_given:
                answer.give(Delivered(message.next_seq, seq in message.rejected))

    def refused(self, connection: str, message: Refused) -> None:
        held = self._of_connection(connection, message.recording)
        if held is None:
            self._sockets.refused(connection, message)
            return
        if held.waiting is not None and held.waiting[0] == message.seq and not held.waiting[1].is_given:
            error = RefusalError(
                error_class(message.code)(message.message), next_seq=message.next_seq, retry_ms=message.retry_ms
            )
            held.waiting[1].fail(error)
        if message.code in _ENDING_CODES:
            self._forget(held)

    def evicted(self, connection: str, message: Evicted) -> None:
        held = self._of_connection(connection, message.recording)
        if held is None:
            self._sockets.evicted(connection, message)
            return
        self._forget(held)
        if held.waiting is not None and not held.waiting[1].is_given:
            held.waiting[1].fail(LeaseError(f"another connection holds recording {message.recording} now"))

    def stopping(self) -> None:
        self._sockets.stopping()

    # -- silence ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        threading.Thread(target=self._serve, name="focus-requests", daemon=True).start()

    def _serve(self) -> None:
        while not self._ending.wait(_ROUND_S):
            try:
                self.give_back_silent()
            except Exception:
                logger.exception("leases of silent clients could not be given back")

    def give_back_silent(self) -> int:
        """Give back what was not written to for a while; returns how many recordings that were."""
        until_s = self._now_s() - SILENCE_S
        silent = [held for held in list(self._held.values()) if held.heard_s < until_s and held.waiting is None]
        for held in silent:
            self._let_go(held)
        return len(silent)
