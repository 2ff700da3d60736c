"""The patch of eventlet's WebSocket, and what it relies on in libraries: a failure here says that upstream changed."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import engineio
import engineio.socket
import pytest
import socketio
from hypothesis import given
from hypothesis import strategies as st
from socketio.manager import Manager

from focus.realtime.fast_websocket import READ_AHEAD_BYTES, ReadAheadSocket, apply_mask, take_first

ROOT = Path(__file__).resolve().parents[3]


def slow_apply_mask(data: bytes, mask: tuple[int, ...], offset: int) -> bytes:
    """RFC 6455, section 5.3, written out."""
    return bytes(byte ^ mask[(offset + at) % 4] for at, byte in enumerate(data))


@given(data=st.binary(max_size=300), mask=st.tuples(*[st.integers(0, 255)] * 4), offset=st.integers(0, 9))
def test_unmasking_is_that_of_the_rfc_at_any_offset(data: bytes, mask: tuple[int, ...], offset: int) -> None:
    assert apply_mask(data, mask, len(data), offset) == slow_apply_mask(data, mask, offset)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_what_is_read_ahead_comes_in_order_and_in_the_sizes_that_are_asked_for(sizes: list[int]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = os.urandom(sum(sizes))
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        reader = ReadAheadSocket(ours)

        pieces = []
        for size in sizes:
            piece = b""
            while len(piece) < size:
                piece += reader.recv(size - len(piece))
            pieces.append(piece)

        assert [len(piece) for piece in pieces] == sizes
        assert b"".join(pieces) == sent
        assert reader.recv(10) == b""


def test_a_large_frame_is_read_without_a_detour() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x" * 1000)

        assert ReadAheadSocket(ours).recv(READ_AHEAD_BYTES) == b"x" * 1000


def frame(
    payload: bytes, *, first: int = 0x82, mask: bytes = b"\x11\x22\x33\x44", length: bytes | None = None
) -> bytes:
    """A frame as a client sends it, with the shortest length unless another one is given."""
    n = len(payload)
    if length is None:
        length = bytes([n]) if n < 126 else b"\x7e" + n.to_bytes(2) if n < 65_536 else b"\x7f" + n.to_bytes(8)
    return bytes([first, length[0] | 0x80]) + length[1:] + mask + slow_apply_mask(payload, tuple(mask), 0)


LIMIT = 1000


@given(
    messages=st.lists(st.one_of(st.text(min_size=1, max_size=300), st.binary(min_size=1, max_size=600)), max_size=5),
    mask=st.binary(min_size=4, max_size=4),
)
def test_messages_that_came_whole_are_taken_one_by_one(messages: list[str | bytes], mask: bytes) -> None:
    messages = [message for message in messages if len(_bytes(message)) <= LIMIT]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = [
            frame(_bytes(message), first=0x81 if isinstance(message, str) else 0x82, mask=mask) for message in messages
        ]
        theirs.sendall(b"".join(sent))
        theirs.shutdown(socket.SHUT_WR)
        reader = ReadAheadSocket(ours)

        assert [reader.take_message(LIMIT) for _ in messages] == messages
        assert reader.take_message(LIMIT) is None


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


@pytest.mark.parametrize(
    "sent",
    [
        frame(b"part", first=0x02),
        frame(b"rest", first=0x80),
        frame(b"ping", first=0x89),
        frame(b"\x03\xe8", first=0x88),
        frame(b"small", first=0xC2),
        frame(b"what", first=0x83),
        frame(b""),
        frame(b"x" * (LIMIT + 1)),
        frame(b"x" * 100, length=b"\x7f" + (100).to_bytes(8)),
        frame(b"\xff\xfe", first=0x81),
        frame(b"not all of it")[:-1],
        frame(b"x" * 200)[:3],
        b"\x82\x05plain",
    ],
    ids=[
        *("begun", "continued", "ping", "close", "compressed", "unknown kind", "empty", "too long", "long length"),
        *("no UTF-8", "half", "half a head", "not masked"),
    ],
)
def test_what_is_not_one_whole_message_is_left_to_the_usual_reader(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        reader = ReadAheadSocket(ours)

        assert reader.take_message(LIMIT) is None
        assert reader.recv(len(sent)) == sent


@dataclass
class EngineSocket:
    """A connection as Engine.IO has it, in the two things that `take_first` relies on."""

    sid: str
    ws: object = None

    def handle(self, ws: object) -> None:
        self.ws = ws


def test_whoever_takes_first_is_shown_what_comes_and_from_whom() -> None:
    eio = SimpleNamespace(_async={"websocket": lambda handler, server: handler})
    seen = []
    take_first(eio, lambda *message: bool(seen.append(message)))
    sped_up, usual = SimpleNamespace(is_sped_up=True, take=None), SimpleNamespace(take=None)
    engine_socket = EngineSocket("one")

    for ws in (sped_up, usual):
        eio._async["websocket"](engine_socket.handle, eio)(ws)
        assert engine_socket.ws is ws
    sped_up.take("a message")

    assert seen == [("one", "a message")]
    assert usual.take is None


UPSTREAM = """
import eventlet.websocket, inspect
cls = eventlet.websocket.RFC6455WebSocket
names = inspect.signature(cls._apply_mask).parameters
assert list(names) == ["data", "mask", "length", "offset"], names
source = inspect.getsource(cls._recv_frame) + inspect.getsource(cls._get_bytes)
assert source.count("self.socket.recv(") == 2, "frames are read in another way"
assert "self._apply_mask(" in source
from focus.realtime.fast_websocket import ReadAheadSocket, apply_mask, speed_up
speed_up(cls); speed_up(cls)
assert cls._apply_mask is apply_mask
import socket
ours, theirs = socket.socketpair()
made = cls(ours, {"HTTP_SEC_WEBSOCKET_VERSION": "13"}, version=13)
assert type(made.socket) is ReadAheadSocket and type(made.socket._sock) is not ReadAheadSocket
theirs.sendall(bytes([0x82, 0x80 | 5, 1, 2, 3, 4]) + apply_mask(b"hello", (1, 2, 3, 4)))
assert made.wait() == b"hello"
taken = []
made.take = lambda message: taken.append(message) or message != b"mine"
half = bytes([0x02, 0x80 | 2, 0, 0, 0, 0]) + b"in"
for each in (bytes([0x82, 0x81, 0, 0, 0, 0]) + b"a", half, bytes([0x80, 0x82, 0, 0, 0, 0]) + b"to"):
    theirs.sendall(each)
assert made.wait() == b"into" and taken == [b"a"]
theirs.sendall(bytes([0x82, 0x84, 0, 0, 0, 0]) + b"mine" + bytes([0x81, 0x81, 0, 0, 0, 0]) + b"\\xff")
assert made.wait() == b"mine" and taken == [b"a", b"mine"]
made.take = None
made.send(b"world")
assert theirs.recv(100) == bytes([0x82, 5]) + b"world"
try:  # bytes that are no text end the connection, as without the patch
    raise AssertionError(made.wait())
except UnicodeDecodeError:
    assert theirs.recv(100)[2:4] == (1011).to_bytes(2)
"""


def test_eventlet_still_reads_frames_the_way_that_the_patch_knows() -> None:
    # In a process of its own: a patched library must not stay behind, and eventlet warns of its age.
    command = [sys.executable, "-W", "ignore", "-c", UPSTREAM]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert made.returncode == 0, made.stderr


def test_socket_io_still_has_the_parts_that_the_short_way_of_frames_uses() -> None:
    server = socketio.Server(async_mode="threading")

    assert set(inspect.signature(server.eio.handlers["message"]).parameters) == {"eio_sid", "data"}
    assert list(inspect.signature(Manager.sid_from_eio_sid).parameters) == ["self", "eio_sid", "namespace"]
    assert list(inspect.signature(Manager.eio_sid_from_sid).parameters) == ["self", "sid", "namespace"]
    assert list(inspect.signature(engineio.Server.send_packet).parameters) == ["self", "sid", "pkt"]
    source = inspect.getsource(engineio.socket.Socket._upgrade_websocket)
    assert "self.server._async['websocket'](" in source
    assert "self._websocket_handler, self.server)" in source
