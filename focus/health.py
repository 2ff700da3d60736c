"""/livez and /readyz, for whoever starts, watches or balances servers.

Live means that the process answers. Ready means that it can take frames: the database answers and stands at the newest
migration, and the engine runs. Both say so in plain JSON and need no log-in; they tell nothing but that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Flask, current_app
from flask.typing import ResponseReturnValue

from focus.errors import FocusError, StorageError
from focus.storage.database import db, ping
from focus.storage.schema_version import require_newest

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Add the two routes, outside of any blueprint and without rate limits."""
    app.add_url_rule("/livez", "livez", livez)
    app.add_url_rule("/readyz", "readyz", readyz)


def livez() -> ResponseReturnValue:
    """The process answers."""
    return {"status": "ok"}


def readyz() -> ResponseReturnValue:
    """Whether frames can be taken, with each part; 503 when one of them fails."""
    parts = {name: _state_of(name, check) for name, check in CHECKS.items()}
    is_ready = all(state == "ok" for state in parts.values())
    return {"status": "ok" if is_ready else "unready", **parts}, 200 if is_ready else 503


def check_database() -> None:
    """Raise StorageError unless the database answers."""
    ping(db.session())


def check_migrations() -> None:
    """Raise StorageError unless the database stands at the newest migration."""
    require_newest(db.session())


def check_engine() -> None:
    """Raise StorageError unless the ingest engine runs in this process."""
    engine = current_app.extensions.get("focus.engine")
    if engine is None or not engine.is_running:
        raise StorageError("the ingest engine is not running")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "migrations": check_migrations,
    "engine": check_engine,
}


def _state_of(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except FocusError as err:
        logger.warning("not ready: %s: %s", name, err.message)
        return "failed"
    return "ok"
