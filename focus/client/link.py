"""One connection to a server: a thin, replaceable layer over python-socketio, which it alone knows.

python-socketio calls handlers in a thread of their own for every message, so their order is not certain. Everything
that comes in is put on one queue, which the delivery thread empties; a link that is given up leaves nothing behind,
because each of its events carries the link.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import socketio
from socketio.exceptions import BadNamespaceError
from socketio.exceptions import ConnectionError as SocketConnectionError

from focus.errors import FrameFormatError
from focus.protocol.messages import NAMESPACE, ConnectAuth, Evicted, Failure, Message, Notice, Refused, Stored

CONNECT_TIMEOUT_S: Final = 10.0
SERVER_EVENTS: Final[tuple[type[Message], ...]] = (Stored, Refused, Evicted, Notice)


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Something a link has to tell: a message of the server, an answer to `ask`, or that the connection is gone.

    `at_ns` is the monotonic time when an answer came.
    """

    link: Link | None
    name: str
    body: object
    number: int = -1
    at_ns: int = 0


class ConnectionRefused(Exception):  # noqa: N818 - it is an answer, and is turned into one of focus.errors
    """The server answered, and said no."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ConnectionLost(Exception):  # noqa: N818 - normal life, never shown to a user
    """There is no connection, or it is gone."""


class Link:
    """A connection that has been made; `inbox` gets its events.

    Raises
    ------
    ConnectionRefused
        If the server refused it, with its reason.
    ConnectionLost
        If nobody answers.
    """

    def __init__(self, server_url: str, auth: ConnectAuth, inbox: queue.Queue[LinkEvent]) -> None:
        self._inbox = inbox
        self._numbers = itertools.count()
        self._refusal: object = None
        self._is_connected = False
        self._is_settled = threading.Event()
        self._socket = socketio.Client(reconnection=False, handle_sigint=False)
        for kind in SERVER_EVENTS:
            self._socket.on(kind.event, self._taker_of(kind.event), namespace=NAMESPACE)
        self._socket.on("connect", self._on_connect, namespace=NAMESPACE)
        self._socket.on("disconnect", self._on_disconnect, namespace=NAMESPACE)
        self._socket.on("connect_error", self._on_connect_error, namespace=NAMESPACE)
        try:
            # It does not wait itself, because it would take three seconds to leave a server that refuses (see `close`).
            self._socket.connect(
                server_url, auth=auth.to_wire(), transports=["websocket"], namespaces=[NAMESPACE], wait=False
            )
        except (SocketConnectionError, OSError, ValueError) as err:
            raise ConnectionLost(_root_of(err)) from err
        self._is_settled.wait(CONNECT_TIMEOUT_S)
        if not self._is_connected:
            self.close()
            failure = _failure_in(self._refusal)
            if failure is not None:
                raise ConnectionRefused(failure)
            raise ConnectionLost(f"the server does not let us in: {self._refusal or 'no answer'}")

    def send(self, message: Message) -> None:
        """Put a message on its way; ConnectionLost if there is none."""
        self._emit(message, None)

    def ask(self, message: Message) -> int:
        """The same for a message that is answered: the answer comes to the inbox as ``answer`` with this number."""
        number = next(self._numbers)

        def on_answer(*body: object) -> None:
            self._inbox.put(LinkEvent(self, "answer", body[0] if body else None, number, time.monotonic_ns()))

        self._emit(message, on_answer)
        return number

    def close(self) -> None:
        """End the connection, whatever state it is in.

        The library's own `disconnect` waits three seconds for an answer that its reading thread has taken already. Here
        the socket is shut, which ends both of the library's threads at once.
        """
        transport = self._socket.eio.ws
        if transport is not None:
            with contextlib.suppress(OSError):
                transport.abort()
        reader = self._socket.eio.read_loop_task
        until_s = time.monotonic() + CONNECT_TIMEOUT_S
        while reader is not None and reader.is_alive() and time.monotonic() < until_s:
            reader.join(0.02)
            # When the server closes first, the reading thread may empty the queue before the writing thread has seen
            # the word to end there, and would then wait half a minute for it.
            self._socket.eio.queue.put(None)
        if transport is not None:
            transport.shutdown()

    def _emit(self, message: Message, callback: Any) -> None:
        try:
            self._socket.emit(message.event, message.to_wire(), namespace=NAMESPACE, callback=callback)
        except (BadNamespaceError, SocketConnectionError, OSError) as err:
            raise ConnectionLost(str(err)) from err

    def _taker_of(self, name: str) -> Any:
        def take(body: object = None) -> None:
            self._inbox.put(LinkEvent(self, name, body))

        return take

    def _on_connect(self) -> None:
        self._is_connected = True
        self._is_settled.set()

    def _on_disconnect(self, reason: object = None) -> None:
        self._is_settled.set()
        self._inbox.put(LinkEvent(self, "disconnect", reason))

    def _on_connect_error(self, body: object = None) -> None:
        self._refusal = body
        self._is_settled.set()


def _root_of(error: BaseException) -> str:
    """What the operating system said, below the library's "Connection error"."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return str(error) or type(error).__name__


def _failure_in(body: object) -> Failure | None:
    """The server's reason for refusing a connection: the fields of a `Failure`, or under ``data`` beside a message."""
    if not isinstance(body, Mapping):
        return None
    data = body.get("data")
    wire = data if isinstance(data, Mapping) else body
    try:
        return Failure.from_wire(wire)
    except FrameFormatError:
        return None
