"""Ends open connections whose right to be there has ended: token revoked or run out, logged out, account disabled.

Who a connection belongs to is settled once, when it is made; this is what makes that safe. Every process asks the
database about the identities of its own connections, every two seconds and at once after a request that may have
changed something in this process, so a revoked token ends its connections at once here and within seconds elsewhere.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Flask, Response, g, request

from focus.errors import StorageError
from focus.services.accounts import Principal
from focus.services.ingest import IngestEngine
from focus.services.logins import ended_principals
from focus.storage.database import Session

logger = logging.getLogger(__name__)

CHECK_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Guarded:
    principal: Principal
    end: Callable[[str], None]


class ConnectionGuard:
    """Watches over the connections of one process.

    Parameters
    ----------
    engine : IngestEngine
        Its reader asks the database; the guard begins and ends with it.
    """

    def __init__(self, engine: IngestEngine) -> None:
        self._engine = engine
        self._connections: dict[str, _Guarded] = {}
        self._wake = threading.Event()
        self._is_stopping = False
        self.more: list[Callable[[], None]] = []
        """What else is looked after in the same turn: rights that end while a connection stays."""
        engine.when_started(self.start, self.stop)

    def add(self, sid: str, principal: Principal, end: Callable[[str], None]) -> None:
        """Watch over a connection; `end` is called with its sid, once, when it has to go."""
        self._connections[sid] = _Guarded(principal, end)

    def remove(self, sid: str) -> None:
        """The connection has ended by itself."""
        self._connections.pop(sid, None)

    def look_soon(self) -> None:
        """Something may have changed: ask now."""
        if self._connections:
            self._wake.set()

    def start(self) -> None:
        threading.Thread(target=self._serve, name="focus-guard", daemon=True).start()

    def stop(self) -> None:
        self._is_stopping = True
        self._wake.set()

    def look(self) -> int:
        """End the connections that have to go; returns how many."""
        guarded = dict(self._connections)
        principals = {found.principal for found in guarded.values()}
        if not principals:
            return 0

        def read(session: Session) -> set[Principal]:
            return ended_principals(session, principals)

        ended = self._engine.read(read)
        n_ended = 0
        for sid, found in guarded.items():
            if found.principal in ended and self._connections.pop(sid, None) is not None:
                found.end(sid)
                n_ended += 1
        if n_ended:
            logger.info("%d connections are ended: they may not be here any more", n_ended)
        return n_ended

    def _serve(self) -> None:
        while not self._is_stopping:
            self._wake.wait(CHECK_S)
            self._wake.clear()
            if self._is_stopping:
                return
            try:
                self.look()
                for look in self.more:
                    look()
            except StorageError as err:
                logger.warning("open connections could not be checked: %s", err.message)
            except Exception:
                logger.exception("open connections could not be checked")


def look_after_changes(app: Flask, guard: ConnectionGuard) -> None:
    """Have the guard look after each request that may have ended a log-in, a token or an account.

    A batch that comes as a request (`g.is_delivery`) changes none of them, and many come a second.
    """

    @app.after_request
    def _look(response: Response) -> Response:
        if request.method not in ("GET", "HEAD", "OPTIONS") and not g.get("is_delivery", False):
            guard.look_soon()
        return response
