"""A faster way in for WebSocket messages: a patch of eventlet's server, kept in one place.

eventlet unmasks what clients send byte by byte in Python (0.4 s for 1 MB, in which the process does nothing else) and
asks the system for every few bytes of a frame. Here a message is unmasked as one large number, and bytes are read
ahead.
The server runs without this, only slower; `tests/unit/realtime/test_fast_websocket.py` notices when upstream changes.
wsgi.py calls `speed_up`, because it alone may know eventlet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

READ_AHEAD_BYTES: Final = 65_536


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


def speed_up(websocket_class: Any) -> None:
    """Patch eventlet's `RFC6455WebSocket`; twice is once."""
    if getattr(websocket_class, "is_sped_up", False):
        return
    make = websocket_class.__init__

    def make_reading_ahead(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self.socket = ReadAheadSocket(self.socket)

    websocket_class.__init__ = make_reading_ahead
    websocket_class._apply_mask = staticmethod(apply_mask)
    websocket_class.is_sped_up = True
