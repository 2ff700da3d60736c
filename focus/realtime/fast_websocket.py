"""A faster way in for WebSocket messages: a patch of eventlet's server, kept in one place.

eventlet unmasks what clients send byte by byte in Python (0.4 s for 1 MB, in which the process does nothing else), asks
the system for every few bytes of a frame, and takes each frame through a dozen objects. Here a message is unmasked as
one large number, bytes are read ahead, and a message that came whole is handed out at once. Whoever wants the frequent
ones before Engine.IO and Socket.IO have looked at them, which costs as much again, says so with `take_first`.

The server runs without this, only slower; `tests/unit/realtime/test_fast_websocket.py` notices when upstream changes.
wsgi.py calls `speed_up`, because it alone may know eventlet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

READ_AHEAD_BYTES: Final = 65_536

_WHOLE_TEXT: Final = 0x81  # the first byte of a frame that is a whole message and not compressed
_WHOLE_BINARY: Final = 0x82
_MASKED: Final = 0x80
_LENGTH_IN_2_BYTES: Final = 126
_LENGTH_IN_8_BYTES: Final = 127


def apply_mask(data: bytes, mask: Sequence[int], length: int | None = None, offset: int = 0) -> bytes:
    """The data with each byte combined with one of the mask's four by exclusive or; its own inverse.

    Parameters
    ----------
    data : bytes
        A piece of a frame.
    mask : sequence of int, length 4
        The frame's key.
    length : int, optional
        How many bytes of the data count; all of them by default.
    offset : int
        How far into the frame the piece begins.
    """
    n = len(data) if length is None else length
    shift = offset % 4
    key = bytes(mask[shift:]) + bytes(mask[:shift])
    whole = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(data[:n], "little") ^ int.from_bytes(whole, "little")).to_bytes(n, "little")


class ReadAheadSocket:
    """A socket that reads up to 64 KB at a time and hands it out in the pieces that are asked for."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._buffer = b""
        self._at = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def recv(self, n_bytes: int, flags: int = 0) -> bytes:
        """At least one and at most `n_bytes` bytes; none at the end."""
        at = self._at
        if at >= len(self._buffer):
            if n_bytes >= READ_AHEAD_BYTES:
                return bytes(self._sock.recv(n_bytes, flags))
            self._buffer, at = self._sock.recv(READ_AHEAD_BYTES, flags), 0
        piece = self._buffer[at : at + n_bytes]
        self._at = at + len(piece)
        return piece

    def take_message(self, limit: int) -> str | bytes | None:
        """The next message, if it came whole, in one frame of at most `limit` bytes; None leaves it to another reader.

        Waits for bytes when there are none.
        """
        if self._at >= len(self._buffer):
            self._buffer, self._at = self._sock.recv(READ_AHEAD_BYTES), 0
        buffer, at = self._buffer, self._at
        if len(buffer) - at < 6:
            return None
        kind, length, start = buffer[at], buffer[at + 1] - _MASKED, at + 2
        if kind not in (_WHOLE_TEXT, _WHOLE_BINARY) or not 0 < length < _LENGTH_IN_8_BYTES:
            return None
        if length == _LENGTH_IN_2_BYTES:
            length, start = int.from_bytes(buffer[start : start + 2]), start + 2
        stop = start + 4 + length
        if length > limit or stop > len(buffer):
            return None
        data = apply_mask(buffer[start + 4 : stop], buffer[start : start + 4])
        message: str | bytes = data
        if kind == _WHOLE_TEXT:
            try:
                message = data.decode()
            except UnicodeDecodeError:
                return None
        self._at = stop
        return message


def speed_up(websocket_class: Any) -> None:
    """Patch eventlet's `RFC6455WebSocket`; twice is once."""
    if getattr(websocket_class, "is_sped_up", False):
        return
    make, usual_wait = websocket_class.__init__, websocket_class.wait

    def make_reading_ahead(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self.socket = ReadAheadSocket(self.socket)

    def wait(self: Any) -> Any:
        """The next message that is not taken otherwise, text or bytes; None at the end."""
        while True:
            try:
                message = self.socket.take_message(self.max_frame_length)
            except Exception:
                self.close(close_data=(1011, "Internal Server Error"))  # as the usual reader does
                raise
            if message is None:
                return usual_wait(self)
            if self.take is None or not self.take(message):
                return message

    websocket_class.__init__ = make_reading_ahead
    websocket_class._apply_mask = staticmethod(apply_mask)
    websocket_class.wait = wait
    websocket_class.take = None
    websocket_class.is_sped_up = True


def take_first(eio: Any, take: Callable[[str, str | bytes], bool]) -> None:
    """Have every message of a sped-up WebSocket shown to `take` before Engine.IO sees it.

    Parameters
    ----------
    eio : engineio.Server
        Whose connections are meant.
    take : callable
        Is given Engine.IO's id of the connection and the message as it came, and says whether that is all there was to
        do. It must not raise. A message that did not come whole is not shown to it.
    """
    usual = eio._async["websocket"]

    def websocket(handler: Any, server: Any) -> Any:
        def handle(ws: Any) -> Any:
            if hasattr(ws, "is_sped_up"):
                ws.take = partial(take, handler.__self__.sid)
            return handler(ws)

        return usual(handle, server)

    eio._async = {**eio._async, "websocket": websocket}
