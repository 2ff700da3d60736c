"""A small server of wire protocol 1, in this process, which stores in memory and fails on purpose.

It keeps the protocol's rules strictly and independently of the client: a batch is stored only if its seq is the next,
under the lease of the last `open`. What it stored is there for a test to audit.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import socketio
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from focus.errors import FrameFormatError, FrameValueError
from focus.protocol.batch import FrameBatch, join_batches
from focus.protocol.messages import (
    NAMESPACE,
    ClockAck,
    Close,
    CloseAck,
    ConnectAuth,
    Failure,
    Frames,
    Limits,
    Marker,
    Open,
    OpenAck,
    Refused,
    Stored,
)

TOKEN = "focus_test_token"


@dataclass
class StoredRecording:
    """What the server has of a recording; it outlives connections, and restarts unless a test takes some away."""

    opens: list[Open] = field(default_factory=list)
    items: list[Frames | Marker] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    lease: str = ""
    holder: str = ""
    is_closed: bool = False

    @property
    def next_seq(self) -> int:
        return len(self.items)

    @property
    def frames(self) -> FrameBatch:
        return join_batches([item.decode() for item in self.items if isinstance(item, Frames)])


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: a connection that was cut is what these tests are about."""


Fault = Callable[["TrackerServer", str, Frames | Marker], bool]


class TrackerServer:
    """The server; `faults` are asked in turn about every batch, and one that says True has dealt with it."""

    def __init__(self, *, limits: Limits | None = None, token: str = TOKEN) -> None:
        self.limits = limits or Limits(in_flight=8)
        self.token = token
        self.recordings: dict[str, StoredRecording] = {}
        self.faults: list[Fault] = []
        self.connect_failures: list[Failure] = []
        self.open_failures: list[Failure] = []
        self.close_faults: list[str] = []
        self.n_connects = 0
        self.n_refused = 0
        self.n_duplicates = 0
        self.arrivals: list[int] = []
        self._leases = itertools.count(1)
        self._lock = threading.RLock()
        self._wsgi: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    # -- running ------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> TrackerServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.sio = socketio.Server(async_mode="threading", async_handlers=False, monitor_clients=False)
        self.sio.on("connect", self._connect, namespace=NAMESPACE)
        for name in ("clock", "open", "frames", "marker", "close"):
            self.sio.on(name, getattr(self, f"_{name}"), namespace=NAMESPACE)
        app = socketio.WSGIApp(self.sio)
        self._wsgi = make_server("127.0.0.1", self.port, app, threaded=True, request_handler=_QuietHandler)
        self._wsgi.daemon_threads = True
        self.port = self._wsgi.server_port
        self._thread = threading.Thread(target=self._wsgi.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cut every connection and listen no more; what was stored stays."""
        self.cut()
        if self._wsgi is not None and self._thread is not None:
            self._wsgi.shutdown()
            self._wsgi.server_close()
            self._thread.join()
            self._wsgi = None

    def cut(self) -> None:
        """End every connection from this side."""
        for eio_sid in list(self.sio.eio.sockets):
            self._cut_one(eio_sid)

    def cut_of(self, sid: str) -> None:
        """End the connection that a message came over."""
        self._cut_one(self.sio.manager.eio_sid_from_sid(sid, NAMESPACE))

    def _cut_one(self, eio_sid: str) -> None:
        # Without waiting for the queue, which nobody empties any more where the client was first to go.
        connection = self.sio.eio.sockets.pop(eio_sid, None)
        if connection is not None:
            connection.close(wait=False)

    def held(self, recording: str) -> StoredRecording:
        return self.recordings[recording]

    # -- handlers -----------------------------------------------------------------------------------------------------

    def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        self.n_connects += 1
        if self.connect_failures:
            failure = self.connect_failures.pop(0)
        elif ConnectAuth.from_wire(auth).token != self.token:
            failure = Failure("unauthenticated", "the token is not known")
        else:
            return
        raise socketio.exceptions.ConnectionRefusedError(failure.message, failure.to_wire())

    def _clock(self, sid: str, wire: Any) -> dict[str, Any]:
        now_ns = time.monotonic_ns()
        return ClockAck(wire["c0"], now_ns, now_ns).to_wire()

    def _open(self, sid: str, wire: Any) -> dict[str, Any]:
        message = Open.from_wire(wire)
        with self._lock:
            if self.open_failures:
                return self.open_failures.pop(0).to_wire()
            held = self.recordings.setdefault(message.recording, StoredRecording())
            if held.is_closed:
                return Failure("closed", "the recording is closed", next_seq=held.next_seq).to_wire()
            held.opens.append(message)
            held.lease, held.holder = f"lease-{next(self._leases)}", sid
            return OpenAck(held.next_seq, held.lease, self.limits).to_wire()

    def _frames(self, sid: str, wire: Any) -> None:
        self._take(sid, Frames.from_wire(wire))

    def _marker(self, sid: str, wire: Any) -> None:
        self._take(sid, Marker.from_wire(wire))

    def _take(self, sid: str, message: Frames | Marker) -> None:
        with self._lock:
            self.arrivals.append(message.seq)
            for fault in list(self.faults):
                if fault(self, sid, message):
                    return
            self.store(sid, message)

    def store(self, sid: str, message: Frames | Marker, *, is_silent: bool = False) -> None:
        """What an honest server does with a batch; `is_silent` leaves out the answer."""
        held = self.recordings[message.recording]
        if message.lease != held.lease:
            return self.refuse(sid, message, "lease")
        if message.seq > held.next_seq:
            return self.refuse(sid, message, "gap")
        rejected: tuple[int, ...] = ()
        if message.seq < held.next_seq:
            self.n_duplicates += 1
            old = held.items[message.seq]
            if isinstance(message, Frames) and isinstance(old, Frames) and old.crc32 != message.crc32:
                return self.refuse(sid, message, "seq_conflict")
        else:
            if isinstance(message, Frames):
                try:
                    message.decode()
                except FrameValueError:
                    held.rejected.append(message.seq)
                    rejected = (message.seq,)
                except FrameFormatError as err:
                    return self.refuse(sid, message, err.code)
            held.items.append(message)
        if not is_silent:
            self._emit(sid, Stored(message.recording, held.next_seq, rejected))
        return None

    def refuse(self, sid: str, message: Frames | Marker, code: str, *, retry_ms: int | None = None) -> None:
        self.n_refused += 1
        next_seq = self.recordings[message.recording].next_seq
        self._emit(sid, Refused(message.recording, message.seq, code, "", next_seq, retry_ms))

    def _emit(self, sid: str, message: Stored | Refused) -> None:
        self.sio.emit(message.event, message.to_wire(), to=sid, namespace=NAMESPACE)

    def _close(self, sid: str, wire: Any) -> dict[str, Any] | None:
        message = Close.from_wire(wire)
        with self._lock:
            held = self.recordings[message.recording]
            if message.last_seq + 1 != held.next_seq:
                return Failure("gap", "not all is stored", next_seq=held.next_seq).to_wire()
            fault = self.close_faults.pop(0) if self.close_faults else ""
            if fault == "busy":
                return Failure("busy", "not now", retry_ms=10).to_wire()
            held.is_closed = True
        if fault == "cut":
            self.cut_of(sid)
            return None
        n_frames = sum(item.n for item in held.items if isinstance(item, Frames) and item.seq not in held.rejected)
        return CloseAck(held.next_seq, n_frames, len(held.rejected)).to_wire()


def once(*seqs: int, do: Callable[[TrackerServer, str, Frames | Marker], None]) -> Fault:
    """A fault that does something to the first sending of each of these batches."""
    left = set(seqs)

    def fault(server: TrackerServer, sid: str, message: Frames | Marker) -> bool:
        if message.seq not in left:
            return False
        left.discard(message.seq)
        do(server, sid, message)
        return True

    return fault


def cut_connection(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
    """Nothing is stored, and the connection ends."""
    server.cut_of(sid)


def store_and_cut(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
    """The acknowledgement is lost: the batch is stored, and the connection ends before `stored` goes out."""
    server.store(sid, message, is_silent=True)
    cut_connection(server, sid, message)


def refuse_with(code: str, *, retry_ms: int | None = None) -> Callable[[TrackerServer, str, Frames | Marker], None]:
    def refuse(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
        server.refuse(sid, message, code, retry_ms=retry_ms)

    return refuse


def frames_of(n: int, *, rate_hz: float = 1000.0, start: int = 0) -> FrameBatch:
    """Frames whose gaze is their own number, so that an audit sees a lost or doubled one."""
    numbers = np.arange(start, start + n)
    t_us = (numbers * (1e6 / rate_hz)).astype(np.int64)
    return FrameBatch(t_us, {"gaze_x": (numbers % 400).astype(np.float32)})
