"""`TrackerClient`: takes batches, and does not rest until the server has reported each of them as stored.

One thread of its own, the delivery thread, has the connection and all state about it; the caller's thread only appends
to the outbox and waits. What happens on the wire comes to the delivery thread through one queue, so there is nothing to
lock but the outbox. The promises it keeps are those of the design: a batch is in the outbox, with its number and bytes,
before it is sent; it leaves when `stored` covers it; after a refusal nothing is sent until nothing is in flight; and
the number to go on from comes from the server, at every `open` and every refusal.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from focus.client.delivery import MAX_DELAY_S, Delivery, DeliverySettings
from focus.client.link import LinkEvent
from focus.client.outbox import Outbox, OutboxItem
from focus.errors import ClosedRecordingError, FocusError
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.protocol.clock import ClockEstimate, estimate_clock
from focus.protocol.codec import checksum, encode_batch
from focus.protocol.messages import Limits, Marker

logger = logging.getLogger(__name__)

_NO_LEASE: Final = "-"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of a recording, over all runs that shared its outbox.

    `n_frames_stored` are usable and stored; `n_frames_rejected` came in `n_rejected` batches that the server kept
    aside. `clock` is None when the server answered no exchange.
    """

    recording: str
    n_frames: int
    n_frames_stored: int
    n_frames_rejected: int
    n_rejected: int
    n_batches: int
    n_connections: int
    clock: ClockEstimate | None


class TrackerClient:
    """A recording on its way to a server.

    Parameters
    ----------
    server_url : str
        "http://127.0.0.1:5000" or an https address.
    token : str
        An API token with the scope ``frames:write``.
    outbox : Outbox
        Names the recording; the caller closes it.
    tracker : TrackerInfo
        What makes the frames.
    task, consent : str, optional
        What the person does, and what they agreed to.
    takeover : bool
        Take the recording from another connection, now and whenever one takes it from this.
    participant : int, optional
        Whose recording it is, where a researcher runs it for somebody in their group; the number stands on the group's
        page.
    device : str
        A name for the machine.
    give_up_after_s : float
        How long nothing may get stored while something waits, before the client stops with an error; infinity to never.
    answer_timeout_s : float
        How long the server may be silent while something is on its way, before the client connects anew. 10 s is twice
        what the slowest honest answer takes (a full queue waits 2 s, a database failover a few).
    max_delay_s : float
        Longest wait between two tries to connect; they begin at 0.2 s and double.
    """

    def __init__(
        self,
        server_url: str,
        token: str,
        outbox: Outbox,
        *,
        tracker: TrackerInfo,
        task: str | None = None,
        consent: str | None = None,
        takeover: bool = False,
        participant: int | None = None,
        device: str = "",
        give_up_after_s: float = 60.0,
        answer_timeout_s: float = 10.0,
        max_delay_s: float = MAX_DELAY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = DeliverySettings(
            server_url,
            token,
            tracker,
            task,
            consent,
            takeover,
            participant,
            device,
            give_up_after_s,
            answer_timeout_s,
            max_delay_s,
        )
        self._outbox = outbox
        self._inbox: queue.Queue[LinkEvent] = queue.Queue()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._is_ended = False
        self._is_begun = False
        self._delivery = Delivery(settings, outbox, self._inbox, self._on_change, now_s=now_s, jitter=random.random)
        self._thread = threading.Thread(target=self._run, name="focus-delivery", daemon=True)

    @property
    def recording(self) -> str:
        return self._outbox.state.recording

    @property
    def limits(self) -> Limits:
        """What the server takes, once it has opened the recording; before, what the protocol allows."""
        return self._delivery.limits

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def start(self) -> None:
        """Begin to connect, in the background."""
        if not self._is_begun:
            self._is_begun = True
            self._thread.start()

    def wait_until_open(self) -> Limits:
        """Wait for the server to open the recording, and give its limits; raises what ends the delivery."""
        self._wait(lambda: self._delivery.n_opened > 0 or self._delivery.is_closed)
        return self.limits

    def send(self, batch: FrameBatch, *, max_held: int | None = None) -> int:
        """Put a batch in the outbox, to be sent, and give its sequence number.

        Parameters
        ----------
        batch : FrameBatch
            Later than all before, and within `limits`.
        max_held : int, optional
            Wait while so many batches are in the outbox.

        Raises
        ------
        FocusError
            What ended the delivery, if it has ended; the batch is then not taken.
        """
        payload = encode_batch(batch)
        item = OutboxItem(
            0, "frames", "", len(batch), int(batch.t_us[0]), int(batch.t_us[-1]), checksum(payload), payload
        )
        return self._append(item, max_held)

    def mark(self, kind: str, t_us: int, body: dict[str, Any] | None = None) -> int:
        """Put a marker in the outbox, to be sent in its place between the batches, and give its sequence number."""
        marker = Marker(self.recording, _NO_LEASE, 0, t_us, kind, body or {})
        payload = marker.canonical_body()
        return self._append(OutboxItem(0, "marker", kind, 0, t_us, t_us, checksum(payload), payload), None)

    def close(self) -> DeliveryReport:
        """Wait until everything is stored, close the recording at the server, and report.

        Raises
        ------
        FocusError
            What ended the delivery before that; the outbox holds what was not stored.
        """
        self.start()
        self._delivery.is_closing = True
        self._wake()
        self._wait(lambda: self._is_ended)
        return self.report()

    def abort(self) -> None:
        """Stop now and leave the recording open at the server; the outbox holds what was not stored."""
        self._delivery.is_aborted = True
        self._wake()
        if self._is_begun:
            self._thread.join()

    def report(self) -> DeliveryReport:
        """How far it is."""
        state = self._outbox.state
        samples = self._delivery.clock_samples
        return DeliveryReport(
            recording=state.recording,
            n_frames=state.n_frames,
            n_frames_stored=state.n_frames_stored,
            n_frames_rejected=state.n_frames_rejected,
            n_rejected=state.n_rejected,
            n_batches=state.next_seq,
            n_connections=self._delivery.n_opened,
            clock=estimate_clock(samples) if samples else None,
        )

    def _append(self, item: OutboxItem, max_held: int | None) -> int:
        self._wait(lambda: not self._is_ended and (max_held is None or len(self._outbox) < max_held))
        seq = self._outbox.append(item).seq
        self._wake()
        return seq

    def _wait(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: is_so() or self._is_ended)
        if self._error is not None:
            raise self._error
        if not is_so():
            raise ClosedRecordingError(f"recording {self.recording} is closed and takes no more")

    def _wake(self) -> None:
        self._inbox.put(LinkEvent(None, "wake", None))

    def _on_change(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._delivery.run()
        except FocusError as err:
            self._error = err
        except Exception as err:  # the thread's border: the caller's thread raises it
            logger.exception("the delivery thread failed")
            self._error = err
        finally:
            with self._changed:
                self._is_ended = True
                self._changed.notify_all()
