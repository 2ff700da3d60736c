"""The delivery thread's loop: connect, open, send what the window allows, listen, and begin again when it breaks.

`TrackerClient` owns the thread and hands in everything that this touches. All state is used by that thread alone, apart
from the flags `is_closing` and `is_aborted`, which the caller sets before it puts a ``wake`` on the inbox.

The file is long because it is one state machine, whose answers to each message have to be read together.
"""

from __future__ import annotations

import json
import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from focus import errors
from focus.client.link import ConnectionLost, ConnectionRefused, Link, LinkEvent
from focus.client.outbox import Outbox, OutboxItem
from focus.client.window import DeliveryWindow
from focus.errors import (
    ClosedRecordingError,
    DeliveryError,
    FocusError,
    FrameFormatError,
    LeaseError,
    ParameterError,
    SequenceConflictError,
    SequenceGapError,
)
from focus.protocol.batch import TrackerInfo
from focus.protocol.clock import ClockSample
from focus.protocol.messages import (
    PROTO,
    Clock,
    ClockAck,
    Close,
    CloseAck,
    ConnectAuth,
    Evicted,
    Failure,
    Frames,
    Limits,
    Marker,
    Message,
    Notice,
    Open,
    OpenAck,
    Refused,
    Stored,
    read_answer,
)

logger = logging.getLogger(__name__)

_A = TypeVar("_A", bound=Message)

FIRST_DELAY_S: Final = 0.2
MAX_DELAY_S: Final = 5.0
MAX_SAME_REFUSALS: Final = 3
"""A batch that was called malformed may have been damaged on its way; one that is refused three times was not."""

CLOCK_INTERVAL_S: Final = 30.0
CLOCK_SAMPLES: Final = 64

FINAL_ERRORS: Final[tuple[type[FocusError], ...]] = (
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.NotFoundError,
    errors.ProtocolVersionError,
    SequenceConflictError,
    ClosedRecordingError,
)
"""What no second try can mend."""


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """See `TrackerClient`."""

    server_url: str
    token: str = field(repr=False)
    tracker: TrackerInfo
    task: str | None
    consent: str | None
    takeover: bool
    participant: int | None
    device: str
    give_up_after_s: float
    answer_timeout_s: float
    max_delay_s: float


class Delivery:
    """Brings an outbox to a server."""

    def __init__(
        self,
        settings: DeliverySettings,
        outbox: Outbox,
        inbox: queue.Queue[LinkEvent],
        on_change: Callable[[], None],
        *,
        now_s: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self.is_closing = False
        self.is_aborted = False
        self.is_closed = False
        self.limits = Limits()
        self.n_opened = 0
        self.clock_samples: deque[ClockSample] = deque(maxlen=CLOCK_SAMPLES)
        self._settings = settings
        self._outbox = outbox
        self._inbox = inbox
        self._on_change = on_change
        self._now_s = now_s
        self._jitter = jitter
        self._window = DeliveryWindow(0, 1)
        self._lease = ""
        self._n_failures = 0  # since something last went well
        self._well_s = now_s()
        self._heard_s = now_s()
        self._not_before_s = now_s()
        self._last_failure = "no connection yet"
        self._refusals: dict[int, int] = {}
        self._clock_number = -1
        self._clock_due_s = 0.0

    def run(self) -> None:
        """Deliver until the recording is closed, or the caller aborts; raises what cannot be mended."""
        while not (self.is_closed or self.is_aborted):
            self._wait_for_the_next_try()
            link: Link | None = None
            try:
                link = self._connect()
                self._open(link)
                while not (self.is_closed or self.is_aborted):
                    self._step(link)
            except ConnectionLost as err:
                self._failed(str(err))
            finally:
                if link is not None:
                    link.close()

    # -- connecting ---------------------------------------------------------------------------------------------------

    def _connect(self) -> Link:
        auth = ConnectAuth(PROTO, self._settings.token, self._settings.device, "focus.client")
        try:
            return Link(self._settings.server_url, auth, self._inbox)
        except ConnectionRefused as err:
            self._check_failure(err.failure)
            raise ConnectionLost(err.failure.message or err.failure.code) from err

    def _open(self, link: Link) -> None:
        settings, state = self._settings, self._outbox.state
        message = Open(
            state.recording,
            settings.tracker,
            settings.task,
            settings.consent,
            settings.takeover,
            state.lease,
            settings.participant,
        )
        answer = self._answer(link, message, OpenAck)
        if isinstance(answer, Failure):
            if self._is_closed_for_us(answer):
                self.is_closed = True
                return
            self._check_failure(answer)
            raise ConnectionLost(answer.message or answer.code)
        self._check_next_seq(answer.next_seq)
        self._outbox.opened(answer.lease)
        self._lease = answer.lease
        self.limits = answer.limits
        self._window = DeliveryWindow(answer.next_seq, answer.limits.in_flight)
        self._outbox.release(answer.next_seq)
        if self.n_opened == 0:
            self._went_well()  # later, only what gets stored counts: a server may open for ever and store nothing
        self.n_opened += 1
        self._clock_due_s = self._now_s()
        logger.info("recording %s is open at batch %d", state.recording, answer.next_seq)
        self._on_change()

    def _check_next_seq(self, next_seq: int) -> None:
        """Compare what the server goes on from with what is here; raises when the two cannot be brought together."""
        state = self._outbox.state
        if not state.is_opened and next_seq > 0:
            raise SequenceConflictError(
                f"recording {state.recording} has {next_seq} batches at the server, and this outbox is new; "
                "go on with the outbox it was begun with, or begin another recording"
            )
        if next_seq > state.next_seq:
            raise SequenceConflictError(
                f"recording {state.recording} has {next_seq} batches at the server; "
                f"only {state.next_seq} came from this outbox"
            )
        if next_seq < state.first_seq:
            raise SequenceGapError(
                f"the server goes on from batch {next_seq}, but had reported all below {state.first_seq} as stored; "
                "they are no longer here, so begin another recording"
            )

    def _is_closed_for_us(self, failure: Failure) -> bool:
        """Whether a closed recording holds everything: then only the answer to our `close` was lost."""
        if failure.code != ClosedRecordingError.code:
            return False
        state = self._outbox.state
        if state.is_opened and failure.next_seq == state.next_seq:
            self._outbox.release(state.next_seq)
            return True
        return failure.next_seq is None and self.is_closing and len(self._outbox) == 0

    # -- one step of a connection that is open ------------------------------------------------------------------------

    def _step(self, link: Link) -> None:
        now_s = self._now_s()
        self._send_what_fits(link, now_s)
        if now_s >= self._clock_due_s:
            self._clock_due_s = now_s + CLOCK_INTERVAL_S
            self._clock_number = link.ask(Clock(time.monotonic_ns()))
        if self.is_closing and len(self._outbox) == 0:
            self._close(link)
            return
        for event in self._events(self._wait_s(now_s)):
            self._take(link, event)
        self._check_silence()

    def _send_what_fits(self, link: Link, now_s: float) -> None:
        end_seq = self._outbox.state.next_seq
        while now_s >= self._not_before_s and self._window.may_send(end_seq):
            if self._window.n_in_flight == 0:
                self._heard_s = now_s  # the server's time to answer begins now
            link.send(self._message(self._outbox.get(self._window.next_to_send)))
            self._window.sent()

    def _message(self, item: OutboxItem) -> Message:
        recording = self._outbox.state.recording
        if item.event == "marker":
            return Marker(recording, self._lease, item.seq, item.t0_us, item.kind, json.loads(item.payload))
        return Frames(recording, self._lease, item.seq, item.n_frames, item.t0_us, item.t1_us, item.crc32, item.payload)

    def _wait_s(self, now_s: float) -> float:
        """How long nothing needs to be done if nothing comes in."""
        until_s = min(self._clock_due_s, now_s + 1.0)
        if self._not_before_s > now_s:
            until_s = min(until_s, self._not_before_s)
        return max(0.0, until_s - now_s)

    def _events(self, wait_s: float) -> Iterable[LinkEvent]:
        """Everything that is on the inbox, after waiting for the first."""
        try:
            event = self._inbox.get(timeout=wait_s) if wait_s > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return []
        found = [event]
        while True:
            try:
                found.append(self._inbox.get_nowait())
            except queue.Empty:
                return found

    def _take(self, link: Link, event: LinkEvent) -> None:
        if event.link is not link:
            return  # a wake, or the last words of a connection that was given up
        self._heard_s = self._now_s()
        if event.name == Stored.event:
            self._on_stored(_read(event, Stored))
        elif event.name == Refused.event:
            self._on_refused(_read(event, Refused))
        elif event.name == Evicted.event:
            self._on_evicted(_read(event, Evicted))
        elif event.name == Notice.event:
            self._on_notice(_read(event, Notice))
        elif event.name == "answer" and event.number == self._clock_number:
            self._on_clock(_read_answer(event, ClockAck), event.at_ns)
        elif event.name == "disconnect":
            raise ConnectionLost(f"the server ended the connection: {event.body}")

    def _check_silence(self) -> None:
        silent_s = self._now_s() - self._heard_s
        if self._window.n_in_flight and silent_s > self._settings.answer_timeout_s:
            raise ConnectionLost(f"the server has not answered for {silent_s:.0f} s")
        if len(self._outbox):
            self._check_patience()
        else:
            self._went_well()

    # -- what the server says -----------------------------------------------------------------------------------------

    def _on_stored(self, stored: Stored) -> None:
        if stored.recording != self._outbox.state.recording:
            return
        if stored.next_seq > self._outbox.state.next_seq:
            self._check_next_seq(stored.next_seq)
        self._window.stored(stored.next_seq)
        if stored.rejected:
            logger.warning("%d batches were kept aside as unusable: %s", len(stored.rejected), stored.rejected[:10])
        if self._outbox.release(stored.next_seq, rejected=stored.rejected):
            self._went_well()
            self._on_change()

    def _on_refused(self, refused: Refused) -> None:
        if refused.recording != self._outbox.state.recording:
            return
        error = refused.to_error()
        logger.info("batch %d was refused: %s", refused.seq, refused.code)
        if isinstance(error, FINAL_ERRORS):
            raise error
        if isinstance(error, LeaseError):
            raise ConnectionLost(f"the recording was given to another connection: {error.message}")
        if refused.next_seq is not None and refused.next_seq < self._outbox.state.first_seq:
            self._check_next_seq(refused.next_seq)
        if isinstance(error, errors.InputError):
            self._refusals[refused.seq] = self._refusals.get(refused.seq, 0) + 1
            if self._refusals[refused.seq] >= MAX_SAME_REFUSALS:
                raise error
        self._last_failure = error.message
        self._window.refused(refused.seq, refused.next_seq)
        if not isinstance(error, SequenceGapError):
            delay_s = refused.retry_ms / 1000 if refused.retry_ms is not None else FIRST_DELAY_S
            self._not_before_s = max(self._not_before_s, self._now_s() + delay_s)

    def _on_evicted(self, evicted: Evicted) -> None:
        if evicted.recording == self._outbox.state.recording:
            if not self._settings.takeover:
                raise LeaseError(f"another connection has taken recording {evicted.recording}")
            raise ConnectionLost("another connection has taken the recording; taking it back")

    def _on_notice(self, notice: Notice) -> None:
        logger.warning("notice from the server: %s %s", notice.code, notice.message)
        if notice.code == "revoked":
            raise errors.AuthenticationError(notice.message or "the token was revoked")
        if notice.code == "draining" and notice.retry_ms is not None:
            self._not_before_s = max(self._not_before_s, self._now_s() + notice.retry_ms / 1000)

    def _on_clock(self, answer: ClockAck | Failure, c1_ns: int) -> None:
        if isinstance(answer, Failure):
            return  # the time is a help, and delivery does not hang on it
        try:
            self.clock_samples.append(ClockSample(answer.c0, answer.s1, answer.s2, c1_ns))
        except ParameterError as err:
            logger.warning("an exchange of times was left out: %s", err.message)

    # -- closing ------------------------------------------------------------------------------------------------------

    def _close(self, link: Link) -> None:
        state = self._outbox.state
        answer = self._answer(link, Close(state.recording, self._lease, state.next_seq - 1), CloseAck)
        if isinstance(answer, Failure) and not self._is_closed_for_us(answer):
            self._check_failure(answer)
            raise ConnectionLost(answer.message or answer.code)
        self.is_closed = True

    def _answer(self, link: Link, message: Message, expected: type[_A]) -> _A | Failure:
        """Send a message and wait for its answer, taking whatever else comes in meanwhile."""
        number = link.ask(message)
        until_s = self._now_s() + self._settings.answer_timeout_s
        while (left_s := until_s - self._now_s()) > 0 and not self.is_aborted:
            answer: _A | Failure | None = None
            for event in self._events(min(left_s, 1.0)):
                if event.link is link and event.name == "answer" and event.number == number:
                    answer = _read_answer(event, expected)
                elif answer is None or event.name != "disconnect":
                    self._take(link, event)
            if answer is not None:
                return answer
        raise ConnectionLost(f"the server has not answered {message.event!r} for {self._settings.answer_timeout_s:g} s")

    # -- patience -----------------------------------------------------------------------------------------------------

    def _check_failure(self, failure: Failure) -> None:
        """Raise what no second try can mend, and note how long to wait before one."""
        error = failure.to_error()
        if isinstance(error, (*FINAL_ERRORS, errors.InputError)):
            raise error
        if failure.retry_ms is not None:
            self._not_before_s = max(self._not_before_s, self._now_s() + failure.retry_ms / 1000)

    def _went_well(self) -> None:
        self._n_failures = 0
        self._well_s = self._now_s()
        self._refusals.clear()

    def _failed(self, why: str) -> None:
        self._last_failure = why
        self._n_failures += 1
        delay_s = min(self._settings.max_delay_s, FIRST_DELAY_S * 2 ** min(self._n_failures - 1, 10))
        # Half fixed and half by chance, so that the clients of a server that comes back do not come all at once.
        delay_s *= 0.5 + 0.5 * self._jitter()
        self._not_before_s = max(self._not_before_s, self._now_s() + delay_s)
        if not self.is_aborted:
            logger.info("no connection (%s); next try in %.1f s", why, self._not_before_s - self._now_s())
        self._check_patience()

    def _check_patience(self) -> None:
        waited_s = self._now_s() - self._well_s
        if waited_s > self._settings.give_up_after_s:
            raise DeliveryError(
                f"nothing was stored by {self._settings.server_url} for {waited_s:.0f} s: {self._last_failure}"
            )

    def _wait_for_the_next_try(self) -> None:
        while not self.is_aborted and (left_s := self._not_before_s - self._now_s()) > 0:
            self._events(min(left_s, 1.0))
            self._check_patience()


def _read(event: LinkEvent, kind: type[_A]) -> _A:
    """The message in an event; a server that sends something else is left."""
    try:
        return kind.from_wire(event.body)
    except FrameFormatError as err:
        raise ConnectionLost(f"the server sent what it must not: {err.message}") from err


def _read_answer(event: LinkEvent, kind: type[_A]) -> _A | Failure:
    try:
        return read_answer(event.body, kind)
    except FrameFormatError as err:
        raise ConnectionLost(f"the server sent what it must not: {err.message}") from err
