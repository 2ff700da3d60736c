"""The namespace `/tracker`: wire protocol version 1, from the server's side.

Who a connection belongs to is settled in `connect`, in a Flask context. Everything after that goes straight to the
Socket.IO server underneath Flask-SocketIO: a Flask context for every batch costs more than the batch. Every handler
answers, whatever happens: an acknowledgement, `refused`, or (later, from the engine) `stored`.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from flask import request
from flask_socketio import SocketIO
from socketio.exceptions import ConnectionRefusedError as SocketConnectionRefusedError

from focus.errors import LeaseError, TooLargeError
from focus.protocol.codec import checksum
from focus.protocol.messages import (
    NAMESPACE,
    Clock,
    ClockAck,
    Close,
    CloseAck,
    ConnectAuth,
    Evicted,
    Frames,
    Limits,
    Marker,
    Notice,
    Open,
    OpenAck,
    Refused,
    Stored,
)
from focus.realtime.auth import identify
from focus.realtime.errors import failure_of, refusal_of
from focus.realtime.fast_websocket import take_first
from focus.realtime.guard import ConnectionGuard
from focus.services.ingest import BatchItem, CloseItem, IngestEngine, MarkerItem, OpenItem, ReleaseItem

logger = logging.getLogger(__name__)

SCOPE: Final = "frames:write"
CLOCK_SAMPLES: Final = 32
DRAINING_RETRY_MS: Final = 2000

# How a Socket.IO client writes a `frames` event with one attachment, and where the attachment belongs.
_FRAMES_PREFIX: Final = f'51-{NAMESPACE},["frames",'
_PLACEHOLDER: Final = {"_placeholder": True, "num": 0}
_STORED: Final = f'2{NAMESPACE},["stored",'


@dataclass(slots=True, eq=False)
class TrackerConnection:
    """One Socket.IO connection and the recordings it has opened."""

    sid: str
    user_id: int
    device: str
    client: str
    recordings: set[str] = field(default_factory=set)
    half_message: str | None = None
    """The body of a `frames` message whose payload is still to come."""
    clock_samples: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=CLOCK_SAMPLES))


class TrackerNamespace:
    """Handlers of `/tracker`, and the way back to the trackers for the engine (`TrackerReplies`).

    Parameters
    ----------
    socketio : SocketIO
        The application's.
    engine : IngestEngine
        Takes what comes in.
    limits : Limits
        Told to clients at `open`, and enforced.
    guard : ConnectionGuard
        Ends connections whose token or log-in has ended.
    """

    def __init__(self, socketio: SocketIO, engine: IngestEngine, limits: Limits, guard: ConnectionGuard) -> None:
        self._socketio = socketio
        self._guard = guard
        self._engine = engine
        self._limits = limits
        self._connections: dict[str, TrackerConnection] = {}

    def register(self) -> None:
        """Attach the handlers."""
        self._socketio.on_event("connect", self.on_connect, namespace=NAMESPACE)
        server = self._socketio.server
        server.on("disconnect", self.on_disconnect, namespace=NAMESPACE)
        for event, handler in (("clock", self.on_clock), ("open", self.on_open), ("close", self.on_close)):
            server.on(event, _acknowledged(handler), namespace=NAMESPACE)
        server.on("frames", self.on_frames, namespace=NAMESPACE)
        self._shorten_the_way_of_frames()
        server.on("marker", self.on_marker, namespace=NAMESPACE)
        self._engine.replies = self

    @property
    def n_connections(self) -> int:
        return len(self._connections)

    def _shorten_the_way_of_frames(self) -> None:
        """Take `frames` messages out of the stream before the general readers, which cost as much as all else.

        With a sped-up WebSocket that is before Engine.IO's, else before Socket.IO's. Anything that does not look
        exactly like one goes the usual way. Nothing but speed depends on this.
        """
        server = self._socketio.server
        usual: Callable[[str, object], Any] = server.eio.handlers["message"]
        sid_of = server.manager.sid_from_eio_sid
        connections = self._connections

        def take(eio_sid: str, data: object, prefix: str) -> bool:
            connection = connections.get(sid_of(eio_sid, NAMESPACE))
            if connection is None:
                return False
            if connection.half_message is None:
                if type(data) is not str or not data.startswith(prefix):
                    return False
                connection.half_message = data[len(prefix) : -1]
            elif type(data) is bytes:
                body, connection.half_message = connection.half_message, None
                self.on_frames(connection.sid, _with_payload(body, data))
            else:
                return False
            return True

        def on_message(eio_sid: str, data: object) -> Any:
            return None if take(eio_sid, data, _FRAMES_PREFIX) else usual(eio_sid, data)

        server.eio.on("message", on_message)
        prefix = f"{MESSAGE}{_FRAMES_PREFIX}"
        take_first(server.eio, lambda eio_sid, data: take(eio_sid, data, prefix))

    # -- connecting ---------------------------------------------------------------------------------------------------

    def on_connect(self, auth: object = None) -> None:
        """Let a tracker in that says who it is and speaks this version."""
        try:
            message = ConnectAuth.from_wire(auth)
            message.require_version()
            principal = identify({"token": message.token}, scope=SCOPE)
        except Exception as err:
            failure = failure_of(err)
            raise SocketConnectionRefusedError(failure.get("message", ""), failure) from err
        sid: str = request.sid  # type: ignore[attr-defined]  # Flask-SocketIO puts it there
        self._connections[sid] = TrackerConnection(sid, principal.user_id, message.device, message.client)
        self._guard.add(sid, principal, self.end)

    def end(self, sid: str) -> None:
        """Close a connection that may not be here any more; nothing that it sends from now on is taken."""
        self._emit(sid, "notice", Notice("revoked", None, "the token or log-in has ended").to_wire())
        self.on_disconnect(sid)
        self._socketio.server.disconnect(sid, namespace=NAMESPACE)

    def on_disconnect(self, sid: str, _reason: object = None) -> None:
        """Let go of what the connection held."""
        self._guard.remove(sid)
        connection = self._connections.pop(sid, None)
        if connection is not None:
            for recording_id in connection.recordings:
                self._engine.release(ReleaseItem(sid, recording_id, tuple(connection.clock_samples)))

    # -- acknowledged events ------------------------------------------------------------------------------------------

    def on_clock(self, sid: str, wire: object) -> dict[str, Any]:
        """The server's clock when this came and when the answer goes."""
        s1 = time.monotonic_ns()
        message = Clock.from_wire(wire)
        connection = self._connection(sid)
        s2 = time.monotonic_ns()
        connection.clock_samples.append((message.c0, s1, s2))
        return ClockAck(message.c0, s1, s2).to_wire()

    def on_open(self, sid: str, wire: object) -> dict[str, Any]:
        """Begin or resume a recording."""
        connection = self._connection(sid)
        message = Open.from_wire(wire)
        # Before the engine answers: it may be evicted again before this task goes on.
        connection.recordings.add(message.recording)
        try:
            item = OpenItem(sid, connection.user_id, connection.device, connection.client, message)
            result = self._engine.open(item)
        except Exception:
            connection.recordings.discard(message.recording)
            raise
        return OpenAck(result.next_seq, result.lease, self._limits).to_wire()

    def on_close(self, sid: str, wire: object) -> dict[str, Any]:
        """End a recording, once all of it is stored."""
        connection = self._connection(sid)
        message = Close.from_wire(wire)
        _require_held(connection, message.recording)
        samples = tuple(connection.clock_samples)
        result = self._engine.close(CloseItem(sid, message.recording, message.lease, message.last_seq, samples))
        connection.recordings.discard(message.recording)
        return CloseAck(result.next_seq, result.n_frames, result.n_rejected).to_wire()

    # -- sequenced events ---------------------------------------------------------------------------------------------

    def on_frames(self, sid: str, wire: object = None) -> None:
        """A batch: checked here, stored by the engine's next tick."""
        try:
            connection = self._connection(sid)
            message = Frames.from_wire(wire)
            _require_held(connection, message.recording)
            self._engine.note_received(message.recording)
            self._engine.offer(self._batch(sid, message))
        except Exception as err:  # noqa: BLE001 - every handler answers, whatever happens
            self.refused(sid, refusal_of(err, wire))

    def on_marker(self, sid: str, wire: object = None) -> None:
        """A marker; it has its place in the sequence of batches."""
        try:
            connection = self._connection(sid)
            message = Marker.from_wire(wire)
            _require_held(connection, message.recording)
            content = b"%d\n%s\n%s" % (message.t_us, message.kind.encode(), message.canonical_body())
            self._engine.offer(
                MarkerItem(
                    sid,
                    message.recording,
                    message.lease,
                    message.seq,
                    message.t_us,
                    message.kind,
                    dict(message.body),
                    checksum(content),
                )
            )
        except Exception as err:  # noqa: BLE001 - every handler answers, whatever happens
            self.refused(sid, refusal_of(err, wire))

    def _batch(self, sid: str, message: Frames) -> BatchItem:
        size, limits = len(message.payload), self._limits
        if size > limits.max_batch_bytes or message.n > limits.max_frames:
            raise TooLargeError(
                f"a batch of {message.n} frames and {size} bytes is over the limit of"
                f" {limits.max_frames} and {limits.max_batch_bytes}"
            )
        message.check_payload()
        return BatchItem(
            sid,
            message.recording,
            message.lease,
            message.seq,
            message.n,
            message.t0_us,
            message.t1_us,
            message.crc32,
            message.payload,
        )

    def _connection(self, sid: str) -> TrackerConnection:
        connection = self._connections.get(sid)
        if connection is None:
            raise LeaseError("this connection has ended")
        return connection

    # -- replies ------------------------------------------------------------------------------------------------------

    def stored(self, connection: str, message: Stored) -> None:
        # As `emit` would, for the one message that goes out for every batch.
        if connection in self._connections:
            server = self._socketio.server
            eio_sid = server.manager.eio_sid_from_sid(connection, NAMESPACE)
            if eio_sid is not None:
                rejected = ",".join(map(str, message.rejected))
                body = f'{{"recording":"{message.recording}","next_seq":{message.next_seq},"rejected":[{rejected}]}}'
                server.eio.send_packet(eio_sid, EnginePacket(MESSAGE, data=f"{_STORED}{body}]"))

    def refused(self, connection: str, message: Refused) -> None:
        self._emit(connection, "refused", message.to_wire())

    def evicted(self, connection: str, message: Evicted) -> None:
        known = self._connections.get(connection)
        if known is not None:
            known.recordings.discard(message.recording)
        self._emit(connection, "evicted", message.to_wire())

    def stopping(self) -> None:
        notice = Notice("draining", DRAINING_RETRY_MS, "the server stops").to_wire()
        for sid in list(self._connections):
            self._emit(sid, "notice", notice)

    def _emit(self, sid: str, event: str, wire: dict[str, Any]) -> None:
        if sid in self._connections:
            self._socketio.server.emit(event, wire, to=sid, namespace=NAMESPACE)


def _with_payload(text: str, payload: bytes) -> object:
    """The body of a `frames` message from its text and its one attachment; whatever it is, `Frames` looks at it."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(body, dict) and body.get("payload") == _PLACEHOLDER:
        body["payload"] = payload
    return body


def _require_held(connection: TrackerConnection, recording_id: str) -> None:
    if recording_id not in connection.recordings:
        raise LeaseError(f"this connection does not hold recording {recording_id}; open it")


def _acknowledged(handler: Callable[[str, object], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The handler, with a `Failure` as its answer to whatever goes wrong."""

    def handle(sid: str, wire: object = None, *_: object) -> dict[str, Any]:
        try:
            return handler(sid, wire)
        except Exception as err:  # noqa: BLE001 - every handler answers, whatever happens
            return failure_of(err)

    return handle
