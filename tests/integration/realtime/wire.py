"""A server in this process on a real socket, and clients that send whatever a test wants."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import socketio
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from focus.protocol.batch import FrameBatch
from focus.protocol.codec import checksum, encode_batch
from focus.services import accounts
from focus.storage.database import db
from tests.integration.ingest.harness import FIRST, TRACKER

PATIENCE_S = 20.0


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        return


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The address of a threaded server of the application, with its engine running."""
    from focus.app import start_background, stop_background

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    start_background(app)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stop_background(app)
        server.shutdown()
        thread.join(PATIENCE_S)
        server.server_close()


def token_of(app: Flask, email: str, *scopes: str) -> str:
    """A new token of a user, who is added if need be."""
    with app.app_context():
        session = db.session()
        user = accounts.queries.find_user_by_email(session, email) or accounts.create_user(session, email)
        _, secret = accounts.create_token(
            session, user, name="test", scopes=scopes or ("frames:write",), expires=timedelta(hours=1)
        )
        session.commit()
        db.session.remove()
        return secret


class Refusal(Exception):  # noqa: N818 - an answer of the server
    """The server did not let a client in, and said why."""

    def __init__(self, failure: dict[str, Any]) -> None:
        super().__init__(failure)
        self.failure = failure


class WireClient:
    """A Socket.IO client of one namespace that keeps every event in order."""

    def __init__(
        self, url: str, auth: object, *, namespace: str = "/tracker", headers: dict[str, str] | None = None
    ) -> None:
        self.namespace = namespace
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.refusal: Any = None
        self._link: Any = None
        self._client = socketio.Client(reconnection=False, handle_sigint=False)
        self._client.on("*", self._keep, namespace=namespace)
        self._client.on("connect_error", self._keep_refusal, namespace=namespace)
        try:
            self._client.connect(
                url,
                headers=headers or {},
                auth=auth,
                transports=["websocket"],
                namespaces=[namespace],
                wait_timeout=PATIENCE_S,
            )
        except socketio.exceptions.ConnectionError as err:
            if self.refusal is None:
                raise
            self.close()
            raise Refusal(self.refusal["data"]) from err

    def _keep(self, event: str, body: Any = None) -> None:
        self.events.put((event, body))

    def _keep_refusal(self, body: Any) -> None:
        self.refusal = body
        self._break_off()

    def emit(self, event: str, body: object) -> None:
        self._client.emit(event, body, namespace=self.namespace)

    def call(self, event: str, body: object) -> Any:
        return self._client.call(event, body, namespace=self.namespace, timeout=PATIENCE_S)

    def wait_for(self, event: str) -> Any:
        """The body of the next event of this name; other events before it are an error."""
        found, body = self.events.get(timeout=PATIENCE_S)
        assert found == event, (found, body)
        return body

    def close(self) -> None:
        """Break off, as a cable that is pulled; a polite end would wait 3 s for the other side."""
        self._break_off()
        if self._client.eio.read_loop_task is not None:
            self._client.eio.read_loop_task.join(PATIENCE_S)
        if self._link is not None:
            self._link.shutdown()

    def _break_off(self) -> None:
        self._link = self._link or self._client.eio.ws
        if self._link is not None and self._link.sock is not None:
            with suppress(OSError):  # it may have ended already
                self._link.sock.shutdown(socket.SHUT_RDWR)


class TrackerWire(WireClient):
    """A tracker that knows the messages."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, {"proto": 1, "token": token, "device": "desk", "client": "test"})

    def open(self, recording_id: str = FIRST, **changed: Any) -> dict[str, Any]:
        tracker = TRACKER.to_dict()
        tracker.pop("screen")
        answer: dict[str, Any] = self.call("open", {"recording": recording_id, "tracker": tracker, **changed})
        return answer

    def send(self, lease: str, seq: int, frames: FrameBatch, **changed: Any) -> None:
        self.emit("frames", {**frames_message(lease, seq, frames), **changed})


def frames_message(lease: str, seq: int, frames: FrameBatch, recording_id: str = FIRST) -> dict[str, Any]:
    payload = encode_batch(frames)
    return {
        "recording": recording_id,
        "lease": lease,
        "seq": seq,
        "n": len(frames),
        "t0_us": int(frames.t_us[0]),
        "t1_us": int(frames.t_us[-1]),
        "crc32": checksum(payload),
        "payload": payload,
    }
