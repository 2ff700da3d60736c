"""Live pictures between processes, over Redis publish and subscribe; best effort, and far from the way of a batch.

A page may be connected to one process and the tracker to another. The page's process asks for a recording every few
seconds (`ask`), and the one that has it then sends its pictures. Sending puts a message on a short queue that drops the
oldest; a task of its own talks to Redis, so a Redis that does not answer stops nobody, and the pictures that were
dropped are counted. This is not Socket.IO's own message queue because that would carry the answers to trackers, too.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import deque
from typing import Any, Final, Protocol

import redis

from focus.services.live import LiveHub

logger = logging.getLogger(__name__)

CHANNEL: Final = "focus.live"
QUEUE_MESSAGES: Final = 500
ASK_S: Final = 5.0
TIMEOUT_S: Final = 2.0
PAUSE_S: Final = 1.0
_IDLE_S: Final = 0.5


class LiveFanout(Protocol):
    """Takes live messages to the other processes. Must return at once and never raise."""

    def send(self, kind: str, recording_id: str, body: dict[str, Any] | None) -> None: ...

    def ask(self, recording_id: str) -> None: ...


class NoFanout:
    """There is one process."""

    def send(self, kind: str, recording_id: str, body: dict[str, Any] | None) -> None:
        return

    def ask(self, recording_id: str) -> None:
        return


class Rooms(Protocol):
    """Shows what came from another process to the viewers of this one."""

    def show(self, recording_id: str, picture: dict[str, Any]) -> None: ...

    def show_end(self, recording_id: str) -> None: ...


class RedisFanout:
    """The fan-out of one process.

    Parameters
    ----------
    url : str
        Address of Redis.
    hub : LiveHub
        Knows the recordings and the viewers of this process.
    rooms : Rooms
        Shows what others send.
    """

    def __init__(self, url: str, hub: LiveHub, rooms: Rooms) -> None:
        self._url = url
        self._hub = hub
        self._rooms = rooms
        self._origin = uuid.uuid4().hex
        self._queue: deque[tuple[str, str, dict[str, Any] | None]] = deque()
        self._wake = threading.Event()
        self._is_stopped = False

    def start(self) -> None:
        """Begin to send and to listen, each in a task of its own."""
        threading.Thread(target=self._send_for_ever, name="focus-fanout-send", daemon=True).start()
        threading.Thread(target=self._listen_for_ever, name="focus-fanout-listen", daemon=True).start()

    def stop(self) -> None:
        self._is_stopped = True
        self._wake.set()

    def send(self, kind: str, recording_id: str, body: dict[str, Any] | None) -> None:
        """Put a message on the queue; the oldest goes if there is no room."""
        while len(self._queue) >= QUEUE_MESSAGES:
            self._drop(self._queue.popleft())
        self._queue.append((kind, recording_id, body))
        self._wake.set()

    def ask(self, recording_id: str) -> None:
        """Somebody here has begun to watch a recording that another process may have."""
        self.send("watch", recording_id, {"is_new": True})

    def take(self, message: dict[str, Any]) -> None:
        """What another process sent."""
        if message.get("origin") == self._origin:
            return
        kind, recording_id, body = message["kind"], message["recording"], message.get("body")
        if kind == "picture" and body is not None:
            self._rooms.show(recording_id, body)
        elif kind == "ended":
            self._rooms.show_end(recording_id)
        elif kind == "watch":
            snapshot = self._hub.snapshot(recording_id)
            if snapshot is not None:
                self._hub.watch_remotely(recording_id)
                if body and body.get("is_new"):
                    self.send("picture", recording_id, snapshot)

    def _drop(self, message: tuple[str, str, dict[str, Any] | None]) -> None:
        kind, recording_id, _ = message
        if kind == "picture":
            self._hub.note_missed(recording_id, 1)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _send_for_ever(self) -> None:
        client = self._connect()
        asked_at_s = 0.0
        while not self._is_stopped:
            self._wake.wait(_IDLE_S)
            self._wake.clear()
            if time.monotonic() - asked_at_s >= ASK_S:
                asked_at_s = time.monotonic()
                for recording_id in self._hub.watched_here:
                    self._queue.append(("watch", recording_id, None))
            try:
                while self._queue:
                    self._publish(client, self._queue[0])
                    self._queue.popleft()
            except (redis.RedisError, OSError) as err:
                # What waits is old when Redis is back; viewers learn how much they missed.
                while self._queue:
                    self._drop(self._queue.popleft())
                logger.warning("Redis does not take live pictures: %s", type(err).__name__)
                time.sleep(PAUSE_S)

    def _publish(self, client: redis.Redis, message: tuple[str, str, dict[str, Any] | None]) -> None:
        kind, recording_id, body = message
        content = {"origin": self._origin, "kind": kind, "recording": recording_id, "body": body}
        client.publish(CHANNEL, json.dumps(content, allow_nan=False))

    def _connect(self) -> redis.Redis:
        return redis.Redis.from_url(self._url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)

    # -- listening ----------------------------------------------------------------------------------------------------

    def _listen_for_ever(self) -> None:
        client = self._connect()
        while not self._is_stopped:
            try:
                self._listen(client)
            except (redis.RedisError, OSError) as err:
                logger.warning("Redis brings no live pictures: %s", type(err).__name__)
                time.sleep(PAUSE_S)

    def _listen(self, client: redis.Redis) -> None:
        with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(CHANNEL)
            while not self._is_stopped:
                found = channel.get_message(timeout=_IDLE_S)
                if found is not None:
                    self._take_bytes(found["data"])

    def _take_bytes(self, content: bytes) -> None:
        try:
            self.take(json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            logger.warning("a live message could not be read: %s", err)
