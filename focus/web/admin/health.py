"""Whether the installation is in order: each part with a verdict, and how much this process has to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from config import Settings
from focus.errors import FocusError, StorageError
from focus.services import operations, releases
from focus.services.ingest import IngestEngine
from focus.storage.database import db, ping
from focus.storage.schema_version import current_revision, require_newest
from focus.web.admin.base import blueprint
from focus.web.identity import admin_needed


@dataclass(frozen=True, slots=True)
class PartState:
    """A part of the installation: whether it is in order, and a sentence that says how it stands."""

    name: str
    is_good: bool
    words: str


@blueprint.get("/health")
@admin_needed
def health() -> ResponseReturnValue:
    """Database, migrations, Redis, engine, disk, model; queue, rate, age of this process."""
    settings: Settings = current_app.extensions["focus.settings"]
    engine: IngestEngine = current_app.extensions["focus.engine"]
    disk = shutil.disk_usage(settings.INSTANCE)
    return render_template(
        "admin/health.html",
        parts=states_of_parts(),
        load=engine.load(),
        used_ratio=disk.used / disk.total,
        started_at=current_app.extensions["focus.started_at"],
        now=datetime.now(UTC),
        async_mode=settings.SOCKETIO_ASYNC_MODE,
        environment=settings.FOCUS_ENV,
    )


def states_of_parts() -> list[PartState]:
    """How each part of the installation stands."""
    settings: Settings = current_app.extensions["focus.settings"]
    engine: IngestEngine = current_app.extensions["focus.engine"]
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Database", lambda: ping(db.session())),
        ("Migrations", _migrations),
        ("Redis", lambda: operations.redis_state(settings.REDIS_URL)),
        ("Ingest engine", lambda: _engine(engine)),
        ("Disk", lambda: operations.disk_state(settings.INSTANCE)),
        ("Eye-state model", lambda: _model(settings)),
    )
    return [_state_of(name, check) for name, check in checks]


def _state_of(name: str, check: Callable[[], str]) -> PartState:
    try:
        return PartState(name, True, check())
    except FocusError as err:
        return PartState(name, False, err.message)


def _migrations() -> str:
    require_newest(db.session())
    return f"at the newest, {current_revision(db.session())}"


def _engine(engine: IngestEngine) -> str:
    if not engine.is_running:
        raise StorageError("the ingest engine is not running in this process")
    return "running"


def _model(settings: Settings) -> str:
    release = releases.load_active(db.session(), settings.INSTANCE / "models").release
    return f"{release} is active"
