"""A whole source to a server: cut its frames into batches, keep time, deliver, close, report.

Used by the command line and by the server's own background streams (the demo, a simulated person).
"""

from __future__ import annotations

import math
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from focus.client.markers import TimedMarker
from focus.client.outbox import MemoryOutbox, Outbox
from focus.client.sources.base import Source
from focus.client.tracker_client import DeliveryReport, TrackerClient
from focus.errors import ConflictError, ParameterError
from focus.protocol.batch import FrameBatch, join_batches
from focus.protocol.codec import frames_that_fit
from focus.protocol.messages import Limits

BATCH_MS: Final = 100
"""Six frames at 60 Hz: the design's balance between delay and the cost of a message."""

MAX_SPEED_FRAMES: Final = 1000
"""Frames of a batch when nobody waits for them: larger ones make each commit longer and gain less than 5 %."""

MAX_SPEED_HELD: Final = 128
"""Batches in the outbox at which reading a file waits for the server."""

_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class StreamResult:
    """What became of a stream; the numbers are those of the whole recording, over all runs with the same outbox."""

    recording: str
    frames_sent: int
    frames_stored: int
    frames_rejected: int
    batches: int
    batches_rejected: int
    connections: int
    duration_s: float
    is_stopped: bool


def stream(
    source: Source,
    server_url: str,
    token: str,
    *,
    markers: Iterable[TimedMarker] = (),
    speed: float = 1.0,
    recording: str | None = None,
    task: str | None = None,
    consent: str | None = None,
    outbox: Outbox | None = None,
    batch_ms: float = BATCH_MS,
    takeover: bool = False,
    participant: int | None = None,
    device: str | None = None,
    give_up_after_s: float = 60.0,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[DeliveryReport], None] = lambda report: None,
) -> StreamResult:
    """Bring every frame of a source to a server, and say how many got there.

    Parameters
    ----------
    source : Source
    server_url, token : str
        As `TrackerClient`.
    markers : iterable of TimedMarker, optional
        In the order of their times; each is sent just before the batch that reaches it, the last ones after all frames.
    speed : float
        1 sends each frame when it is due, 10 ten times as fast, infinity as fast as the server stores.
    recording : str, optional
        The recording's UUID; a new one unless given. One that was begun before needs the outbox it was begun with.
    task, consent, takeover, participant, device, give_up_after_s
        As `TrackerClient`; `device` is this machine's name unless given.
    outbox : Outbox, optional
        In memory unless given. A disk outbox with frames from an earlier run goes on after the last of them. It is not
        closed here.
    batch_ms : float
        Length of a batch in milliseconds of real time.
    should_stop : callable
        Asked five times a second; when it says yes, the stream ends as if the source had ended.
    on_progress : callable
        Told about once a second, and at the end.

    Raises
    ------
    FocusError
        What the source says about itself, or what ended the delivery (`TrackerClient.close`).
    """
    if not speed > 0 or not batch_ms > 0:
        raise ParameterError(f"speed {speed} and batch_ms {batch_ms} must be positive")
    # An outbox with nothing in it is false, so it is compared with None.
    outbox = MemoryOutbox(recording or str(uuid.uuid4())) if outbox is None else outbox
    if recording not in (None, outbox.state.recording):
        raise ConflictError(f"the outbox is of recording {outbox.state.recording}, not {recording}")
    begun_s = time.monotonic()
    is_stopped = False
    with TrackerClient(
        server_url,
        token,
        outbox,
        tracker=source.tracker,
        task=task,
        consent=consent,
        takeover=takeover,
        participant=participant,
        device=socket.gethostname()[:100] if device is None else device,
        give_up_after_s=give_up_after_s,
    ) as client:
        limits = client.wait_until_open()
        span_us, max_frames = _batch_size(limits, len(source.tracker.columns), speed, batch_ms)
        blocks = source.frames(after_us=outbox.state.last_t_us)
        waiting = deque(marker for marker in markers if marker.t_us > outbox.state.last_t_us)
        pace = _Pace(speed, should_stop)
        told_s = begun_s
        for batch in cut_batches(blocks, span_us=span_us, max_frames=max_frames):
            if not pace.wait_for(int(batch.t_us[-1]), int(batch.t_us[0])):
                is_stopped = True
                break
            while waiting and waiting[0].t_us <= int(batch.t_us[-1]):
                _mark(client, waiting.popleft())
            client.send(batch, max_held=MAX_SPEED_HELD if math.isinf(speed) else None)
            if time.monotonic() - told_s >= 1.0:
                told_s = time.monotonic()
                on_progress(client.report())
        while waiting and not is_stopped:
            _mark(client, waiting.popleft())
        report = client.close()
    on_progress(report)
    return StreamResult(
        report.recording,
        report.n_frames,
        report.n_frames_stored,
        report.n_frames_rejected,
        report.n_batches,
        report.n_rejected,
        report.n_connections,
        time.monotonic() - begun_s,
        is_stopped,
    )


def _mark(client: TrackerClient, marker: TimedMarker) -> None:
    client.mark(marker.kind, marker.t_us, dict(marker.body))


def cut_batches(blocks: Iterable[FrameBatch], *, span_us: int | None, max_frames: int) -> Iterator[FrameBatch]:
    """The same frames, cut into batches of at most `max_frames`, and at every multiple of `span_us` if that is given.

    A batch never waits for frames beyond its multiple of `span_us`, but one that touches the end of its block waits for
    the next block.
    """
    rest: FrameBatch | None = None
    for block in blocks:
        frames = block if rest is None else join_batches([rest, block])
        cuts = _cut_points(frames, span_us, max_frames)
        for start, stop in zip([0, *cuts], cuts, strict=False):
            yield frames[start:stop]
        rest = frames[cuts[-1] if cuts else 0 :]
    if rest is not None:
        yield rest


def _cut_points(frames: FrameBatch, span_us: int | None, max_frames: int) -> list[int]:
    """Where batches begin, apart from the first; the last part has at most `max_frames` and may grow."""
    n = len(frames)
    if span_us is None:
        return list(range(max_frames, n, max_frames))
    cells = frames.t_us // span_us
    starts = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), n]
    cuts: list[int] = []
    for start, stop in pairwise(starts):
        cuts.extend(range(start, stop, max_frames))
    return cuts[1:]


def _batch_size(limits: Limits, n_columns: int, speed: float, batch_ms: float) -> tuple[int | None, int]:
    """Length of a batch in microseconds of the recording (None: by frames alone) and the most frames of one."""
    fitting = frames_that_fit(n_columns, max_batch_bytes=limits.max_batch_bytes, max_frames=limits.max_frames)
    max_frames = min(fitting, MAX_SPEED_FRAMES)
    if math.isinf(speed):
        return None, max_frames
    return max(1, round(batch_ms * 1000 * speed)), max_frames


class _Pace:
    """Waits until a frame is due; the first frame is due at once."""

    def __init__(self, speed: float, should_stop: Callable[[], bool]) -> None:
        self._speed = speed
        self._should_stop = should_stop
        self._never = threading.Event()
        self._begun_s: float | None = None
        self._begun_us = 0
        self._asked_s = -math.inf

    def wait_for(self, t_us: int, first_us: int) -> bool:
        """Whether the time `t_us` has come; False when the stream is to stop."""
        now_s = time.monotonic()
        if self._begun_s is None:
            self._begun_s, self._begun_us = now_s, first_us
        due_s = self._begun_s + (t_us - self._begun_us) / (1e6 * self._speed)
        while True:
            if now_s - self._asked_s >= _POLL_S:
                self._asked_s = now_s
                if self._should_stop():
                    return False
            if now_s >= due_s:
                return True
            self._never.wait(min(_POLL_S, due_s - now_s))
            now_s = time.monotonic()
