"""Many trackers in one process, as cheap as they can be: raw WebSocket, batches made before the clock starts.

`python -m benchmarks.load --server URL --token TOKEN --trackers 100` prints one JSON object with what was sent, what
was stored and how long that took. The client of the project would itself take most of a core for a hundred trackers;
this one leaves the machine to the server. Messages are masked with a fixed key, as the protocol asks of clients.
"""

from __future__ import annotations

import argparse
import json
import random
import selectors
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np

from focus.analysis.synthetic import TRACKERS, random_person, stream_person
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches
from focus.protocol.codec import checksum, encode_batch

COLUMNS = (
    "gaze_x",
    "gaze_y",
    "pupil_left",
    "pupil_right",
    "openness_left",
    "openness_right",
    "confidence",
    "head_yaw",
    "head_pitch",
    "head_roll",
    "distance",
    "gaze_left_x",
)
"""Twelve values a frame, as targets.md has it."""

MASK = bytes((0x5A, 0x13, 0xC7, 0x9E))
_TEXT, _BINARY, _CLOSE = 0x1, 0x2, 0x8
_NAMESPACE = "/tracker"
_OPEN_AT_A_TIME = 20


def masked_message(opcode: int, content: bytes) -> bytes:
    """A whole WebSocket message of a client."""
    n = len(content)
    if n < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | n)
    elif n < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, n)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, n)
    key = (MASK * (n // 4 + 1))[:n]
    body = (int.from_bytes(content, "little") ^ int.from_bytes(key, "little")).to_bytes(n, "little")
    return head + MASK + body


@dataclass(frozen=True)
class PreparedBatch:
    """A batch of the common stream: the same for every tracker but for the names in its message."""

    n: int
    t0_us: int
    t1_us: int
    crc32: int
    size: int
    binary: bytes


def prepare_batches(rate_hz: float, batch_ms: float, seconds: float) -> list[PreparedBatch]:
    """The frames of a simulated person, filled up to twelve columns, cut into batches and made into messages."""
    rng = np.random.default_rng(7)
    blocks, until_us = [], round((seconds + 1) * 1e6)
    tracker = TRACKERS["desktop"]
    for block in stream_person(random_person(rng), tracker, rng=rng, task="mixed"):
        blocks.append(block)
        if block.t_us[-1] > until_us:
            break
    person = join_batches(blocks)
    t_us = np.arange(0, until_us, 1e6 / rate_hz).astype(np.int64)
    nearest = np.clip(np.searchsorted(person.t_us, t_us), 0, len(person) - 1)
    columns = {}
    for name in COLUMNS:
        values = person.columns.get(name)
        made = values[nearest] if values is not None else rng.normal(0.5, 0.01, len(t_us)).astype(np.float32)
        columns[name] = made + rng.normal(0, 1e-4, len(t_us)).astype(np.float32)
    columns["confidence"] = np.clip(columns["confidence"], 0, 1)
    frames = FrameBatch(t_us, columns)
    n = max(1, round(rate_hz * batch_ms / 1000))
    return [_prepared(frames[start : start + n]) for start in range(0, len(frames) - n + 1, n)]


def _prepared(frames: FrameBatch) -> PreparedBatch:
    payload = encode_batch(frames)
    return PreparedBatch(
        len(frames),
        int(frames.t_us[0]),
        int(frames.t_us[-1]),
        checksum(payload),
        len(payload),
        masked_message(_BINARY, payload),
    )


@dataclass
class Tracker:
    """One connection and the recording it sends."""

    sock: socket.socket
    recording: str = field(default_factory=lambda: str(uuid4()))
    lease: str = ""
    next_seq: int = 0
    stored_seq: int = 0
    sent_at_s: deque[float] = field(default_factory=deque)
    incoming: bytearray = field(default_factory=bytearray)
    texts: deque[str] = field(default_factory=deque)
    due_s: float = 0.0


@dataclass
class Outcome:
    """What one run measured."""

    latencies_s: list[float] = field(default_factory=list)
    n_sent: int = 0
    n_refused: int = 0
    n_late: int = 0
    problems: list[str] = field(default_factory=list)


class Load:
    """All trackers, their sockets and their clock."""

    def __init__(
        self, server: str, token: str, rate_hz: float, batch_ms: float, warm_up_s: float, seconds: float
    ) -> None:
        parts = urlsplit(server)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._token = token
        self._rate_hz = rate_hz
        self._interval_s = batch_ms / 1000
        self._warm_up_s, self._seconds = warm_up_s, seconds
        self._batches = prepare_batches(rate_hz, batch_ms, warm_up_s + seconds + 5)
        self._selector = selectors.DefaultSelector()
        self.trackers: list[Tracker] = []
        self.outcome = Outcome()

    # -- opening ------------------------------------------------------------------------------------------------------

    def connect(self, n: int) -> None:
        """Open so many recordings, some at a time."""
        for start in range(0, n, _OPEN_AT_A_TIME):
            part = [self._dial() for _ in range(min(_OPEN_AT_A_TIME, n - start))]
            for tracker in part:
                self._expect(tracker, "0")
                self._text(tracker, f"40{_NAMESPACE},{json.dumps({'proto': 1, 'token': self._token})}")
            for tracker in part:
                self._expect(tracker, f"40{_NAMESPACE},")
                info = TrackerInfo("load", COLUMNS, rate_hz=self._rate_hz, gaze_space="deg").to_dict()
                info.pop("screen")
                message = json.dumps(["open", {"recording": tracker.recording, "tracker": info}])
                self._text(tracker, f"42{_NAMESPACE},0{message}")
            for tracker in part:
                answer = json.loads(self._expect(tracker, f"43{_NAMESPACE},0"))[0]
                if "lease" not in answer:
                    raise SystemExit(f"the server refused to open a recording: {answer}")
                tracker.lease = answer["lease"]
            self.trackers += part
        for tracker in self.trackers:
            tracker.sock.setblocking(False)
            self._selector.register(tracker.sock, selectors.EVENT_READ, tracker)

    def _dial(self) -> Tracker:
        sock = socket.create_connection(self._address, timeout=60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"{self._address[0]}:{self._address[1]}"
        sock.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        tracker = Tracker(sock)
        while b"\r\n\r\n" not in tracker.incoming:
            tracker.incoming += sock.recv(65536)
        head, _, rest = bytes(tracker.incoming).partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise SystemExit(f"no WebSocket: {head[:200]!r}")
        tracker.incoming = bytearray(rest)
        return tracker

    def _expect(self, tracker: Tracker, prefix: str) -> str:
        while True:
            _take_texts(tracker)
            while tracker.texts:
                text = tracker.texts.popleft()
                if text.startswith(prefix):
                    return text[len(prefix) :]
                if text.startswith("44"):
                    raise SystemExit(f"the server refused a connection: {text[:300]}")
            received = tracker.sock.recv(65536)
            if not received:
                raise SystemExit("the server ended a connection")
            tracker.incoming += received

    # -- the measurement ----------------------------------------------------------------------------------------------

    @property
    def frames_per_batch(self) -> int:
        return self._batches[0].n

    def run(self, cpu: CpuClock) -> tuple[float, float, float]:
        """Send for the whole time; returns begin and end of the measured part, and the CPU seconds spent in it."""
        begun_s = time.monotonic() + 0.2
        for tracker in self.trackers:
            tracker.due_s = begun_s + random.random() * self._interval_s
        order = deque(sorted(self.trackers, key=lambda tracker: tracker.due_s))
        measured_s, end_s = begun_s + self._warm_up_s, begun_s + self._warm_up_s + self._seconds
        cpu_begun_s: float | None = None
        while (now_s := time.monotonic()) < end_s:
            if cpu_begun_s is None and now_s >= measured_s:
                cpu_begun_s = cpu.read()
            while order[0].due_s <= now_s:
                tracker = order.popleft()
                self._send(tracker, now_s, is_measured=tracker.due_s >= measured_s)
                tracker.due_s += self._interval_s
                order.append(tracker)
                now_s = time.monotonic()
            self._receive(max(0.0, min(order[0].due_s, end_s) - time.monotonic()), measured_s)
        return measured_s, end_s, cpu.read() - (cpu_begun_s or 0.0)

    def finish(self, limit_s: float = 20.0) -> None:
        """Wait for what is on its way, and close."""
        until_s = time.monotonic() + limit_s
        while any(tracker.sent_at_s for tracker in self.trackers) and time.monotonic() < until_s:
            self._receive(0.1, 0.0)
        unanswered = sum(len(tracker.sent_at_s) for tracker in self.trackers)
        if unanswered:
            self.outcome.problems.append(f"{unanswered} batches were never answered")
        for tracker in self.trackers:
            tracker.sock.close()

    def _send(self, tracker: Tracker, now_s: float, *, is_measured: bool) -> None:
        batch = self._batches[tracker.next_seq]
        if is_measured and now_s - tracker.due_s > 0.02:
            self.outcome.n_late += 1  # this process could not keep time: the machine is too small for the load
        text = (
            f'451-{_NAMESPACE},["frames",{{"recording":"{tracker.recording}","lease":"{tracker.lease}",'
            f'"seq":{tracker.next_seq},"n":{batch.n},"t0_us":{batch.t0_us},"t1_us":{batch.t1_us},'
            f'"crc32":{batch.crc32},"payload":{{"_placeholder":true,"num":0}}}}]'
        )
        message = masked_message(_TEXT, text.encode()) + batch.binary
        # From when it was due, not from when this process got round to it: waiting is part of what a tracker sees.
        tracker.sent_at_s.append(tracker.due_s if now_s - tracker.due_s < 0.02 else now_s)
        tracker.next_seq += 1
        self.outcome.n_sent += is_measured
        _send_all(tracker.sock, message)

    def _receive(self, timeout_s: float, measured_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            tracker: Tracker = key.data
            try:
                received = tracker.sock.recv(65536)
            except BlockingIOError:
                continue
            if not received:
                raise SystemExit("the server ended a connection")
            now_s = time.monotonic()
            tracker.incoming += received
            _take_texts(tracker)
            while tracker.texts:
                self._take(tracker, tracker.texts.popleft(), now_s, measured_s)

    def _take(self, tracker: Tracker, text: str, now_s: float, measured_s: float) -> None:
        if text == "2":
            _send_all(tracker.sock, masked_message(_TEXT, b"3"))
            return
        event, body = json.loads(text[text.index("[") :])
        if event == "stored":
            while tracker.stored_seq < body["next_seq"]:
                sent_s = tracker.sent_at_s.popleft()
                if sent_s >= measured_s:
                    self.outcome.latencies_s.append(now_s - sent_s)
                tracker.stored_seq += 1
        else:
            self.outcome.n_refused += 1
            if len(self.outcome.problems) < 5:
                self.outcome.problems.append(f"{event}: {body}")

    def _text(self, tracker: Tracker, text: str) -> None:
        tracker.sock.sendall(masked_message(_TEXT, text.encode()))


def _send_all(sock: socket.socket, message: bytes) -> None:
    view = memoryview(message)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            time.sleep(0.001)


def _take_texts(tracker: Tracker) -> None:
    """Move whole messages of the server from the bytes to the texts."""
    data, at = tracker.incoming, 0
    while len(data) - at >= 2:
        opcode, n, start = data[at] & 0x0F, data[at + 1] & 0x7F, at + 2
        if n == 126:
            n, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
        elif n == 127:
            n, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
        if len(data) < start + n:
            break
        if opcode == _TEXT:
            tracker.texts.append(data[start : start + n].decode())
        elif opcode == _CLOSE:
            raise SystemExit("the server closed a connection")
        at = start + n
    del data[:at]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--trackers", type=int, default=100)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--batch-ms", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--warm-up", type=float, default=3.0)
    parser.add_argument("--pid", type=int, help="process whose CPU time is measured meanwhile")
    options = parser.parse_args()
    load = Load(options.server, options.token, options.rate, options.batch_ms, options.warm_up, options.seconds)
    load.connect(options.trackers)
    print(json.dumps(measure(load, CpuClock(options.pid))))


def measure(load: Load, cpu: CpuClock) -> dict[str, Any]:
    """Run the load and sum it up."""
    begun_s, end_s, spent_s = load.run(cpu)
    load.finish()
    latencies_ms = np.sort(np.array(load.outcome.latencies_s)) * 1000
    return {
        "trackers": len(load.trackers),
        "batches": load.outcome.n_sent,
        "stored": len(latencies_ms),
        "refused": load.outcome.n_refused,
        "late": load.outcome.n_late,
        "p50_ms": round(float(np.percentile(latencies_ms, 50)), 1) if len(latencies_ms) else None,
        "p99_ms": round(float(np.percentile(latencies_ms, 99)), 1) if len(latencies_ms) else None,
        "max_ms": round(float(latencies_ms[-1]), 1) if len(latencies_ms) else None,
        "frames_per_s": round(len(latencies_ms) * load.frames_per_batch / (end_s - begun_s)),
        "server_cpu": round(spent_s / (end_s - begun_s), 3),
        "cpu_us_per_batch": round(1e6 * spent_s / max(1, load.outcome.n_sent)),
        "problems": load.outcome.problems,
    }


class CpuClock:
    """CPU seconds that a process has used, user and system."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid

    def read(self) -> float:
        if self._pid is None:
            return 0.0
        with open(f"/proc/{self._pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    main()
