"""The namespace `/live`: pages watch recordings; a room for each, entered by those who may see it.

A client sends `watch {recording}` and gets {ok: true}, then `picture` events and at last `ended`. The first picture has
`snapshot: true` and goes back up to 30 s. What is in a picture is decided in `focus.services.live`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import request
from flask_socketio import SocketIO
from socketio.exceptions import ConnectionRefusedError as SocketConnectionRefusedError

from focus.errors import AuthenticationError, FrameFormatError, TooLargeError
from focus.realtime.auth import identify
from focus.realtime.errors import failure_of
from focus.realtime.fanout import LiveFanout, NoFanout
from focus.realtime.guard import ConnectionGuard
from focus.services import looks
from focus.services.accounts import Principal
from focus.services.ingest import IngestEngine
from focus.services.recordings import may_view_id, view_recording
from focus.storage.database import Session

NAMESPACE: Final = "/live"
SCOPE: Final = "recordings:read"
MAX_WATCHED: Final = 50


class LiveNamespace:
    """Handlers of `/live`, and the `Publisher` that brings pictures to its rooms."""

    def __init__(self, socketio: SocketIO, engine: IngestEngine, guard: ConnectionGuard) -> None:
        self._socketio = socketio
        self._guard = guard
        self._engine = engine
        self._hub = engine.live
        self._viewers: dict[str, tuple[Principal, set[str]]] = {}
        self.fanout: LiveFanout = NoFanout()

    def register(self) -> None:
        """Attach the handlers."""
        self._socketio.on_event("connect", self.on_connect, namespace=NAMESPACE)
        server = self._socketio.server
        server.on("disconnect", self.on_disconnect, namespace=NAMESPACE)
        server.on("watch", self.on_watch, namespace=NAMESPACE)
        server.on("unwatch", self.on_unwatch, namespace=NAMESPACE)
        self._hub.publisher = self
        self._guard.more.append(self.look)

    # -- events -------------------------------------------------------------------------------------------------------

    def on_connect(self, auth: object = None) -> None:
        """Let in who is logged in, or has a token that may read."""
        try:
            principal = identify(auth if isinstance(auth, Mapping) else None, scope=SCOPE)
        except Exception as err:
            failure = failure_of(err)
            raise SocketConnectionRefusedError(failure.get("message", ""), failure) from err
        sid: str = request.sid  # type: ignore[attr-defined]  # Flask-SocketIO puts it there
        self._viewers[sid] = (principal, set())
        self._guard.add(sid, principal, self.end)

    def end(self, sid: str) -> None:
        """Close a connection that may not be here any more."""
        self.on_disconnect(sid)
        self._socketio.server.disconnect(sid, namespace=NAMESPACE)

    def look(self) -> None:
        """Send away who watches a recording of somebody else and may not do so any more."""
        viewers = {sid: (principal, set(watched)) for sid, (principal, watched) in list(self._viewers.items())}
        if not any(watched for _, watched in viewers.values()):
            return

        def read(session: Session) -> list[tuple[str, str]]:
            return [
                (sid, recording_id)
                for sid, (principal, watched) in viewers.items()
                for recording_id in watched
                if not may_view_id(session, principal, recording_id)
            ]

        for sid, recording_id in self._engine.read(read):
            if self._leave(sid, recording_id):
                self._socketio.server.emit("ended", {"recording": recording_id}, to=sid, namespace=NAMESPACE)

    def on_disconnect(self, sid: str, _reason: object = None) -> None:
        """Nobody watches here any more."""
        self._guard.remove(sid)
        _, watched = self._viewers.pop(sid, (None, set()))
        for recording_id in watched:
            self._hub.unwatch(recording_id)

    def on_watch(self, sid: str, wire: object = None) -> dict[str, Any]:
        """Enter the room of a recording that the viewer may see."""
        try:
            self._watch(sid, _recording_in(wire))
        except Exception as err:  # noqa: BLE001 - every handler answers, whatever happens
            return {"ok": False, **failure_of(err)}
        return {"ok": True}

    def on_unwatch(self, sid: str, wire: object = None) -> dict[str, Any]:
        """Leave the room."""
        try:
            recording_id = _recording_in(wire)
            self._viewer(sid)
        except Exception as err:  # noqa: BLE001 - every handler answers, whatever happens
            return {"ok": False, **failure_of(err)}
        self._leave(sid, recording_id)
        return {"ok": True}

    def _leave(self, sid: str, recording_id: str) -> bool:
        """Take a viewer out of a recording's room; False if they are not in it."""
        _, watched = self._viewers.get(sid, (None, set()))
        if recording_id not in watched:
            return False
        watched.discard(recording_id)
        self._hub.unwatch(recording_id)
        self._socketio.server.leave_room(sid, recording_id, namespace=NAMESPACE)
        return True

    def _watch(self, sid: str, recording_id: str) -> None:
        principal, watched = self._viewer(sid)
        if recording_id in watched:
            return
        if len(watched) >= MAX_WATCHED:
            raise TooLargeError(f"one page watches at most {MAX_WATCHED} recordings")

        def may_see(session: Session) -> bool:
            return view_recording(session, principal, recording_id, what=looks.LIVE).is_open

        # Through the writer, because a look at somebody else's recording is noted.
        is_open = self._engine.write(may_see)
        if sid not in self._viewers:
            return
        server = self._socketio.server
        watched.add(recording_id)
        server.enter_room(sid, recording_id, namespace=NAMESPACE)
        self._hub.watch(recording_id)
        snapshot = self._hub.snapshot(recording_id)
        if snapshot is not None:
            server.emit("picture", snapshot, to=sid, namespace=NAMESPACE)
        elif is_open:
            self._hub.want_snapshot(recording_id)
            self.fanout.ask(recording_id)
        else:
            server.emit("ended", {"recording": recording_id}, to=sid, namespace=NAMESPACE)

    def _viewer(self, sid: str) -> tuple[Principal, set[str]]:
        if sid not in self._viewers:
            raise AuthenticationError("this connection has ended")
        return self._viewers[sid]

    # -- pictures -----------------------------------------------------------------------------------------------------

    def picture(self, recording_id: str, picture: dict[str, Any]) -> None:
        """To the viewers here, and to the other processes if somebody watches there."""
        if self._hub.is_watched_here(recording_id):
            self.show(recording_id, picture)
        if self._hub.is_watched_remotely(recording_id):
            self.fanout.send("picture", recording_id, picture)

    def ended(self, recording_id: str) -> None:
        """The recording is closed."""
        self.show_end(recording_id)
        self.fanout.send("ended", recording_id, None)

    def show(self, recording_id: str, picture: dict[str, Any]) -> None:
        """To the viewers in this process alone."""
        self._socketio.server.emit("picture", picture, room=recording_id, namespace=NAMESPACE)

    def show_end(self, recording_id: str) -> None:
        """To the viewers in this process alone."""
        self._socketio.server.emit("ended", {"recording": recording_id}, room=recording_id, namespace=NAMESPACE)


def _recording_in(wire: object) -> str:
    recording_id = wire.get("recording") if isinstance(wire, Mapping) else None
    if not isinstance(recording_id, str) or not 1 <= len(recording_id) <= 36:
        raise FrameFormatError(f"recording {str(recording_id)[:40]!r} is not the name of a recording")
    return recording_id
