"""`flask doctor`: whether this installation is in order, one line a part; and the page of all settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from focus.errors import FocusError, SettingError, StorageError

if TYPE_CHECKING:
    from config import Settings


@click.command("doctor")
@click.option("--settings-table", is_flag=True, help="Print the page docs/configuration.md instead.")
@click.option("--metrics-table", is_flag=True, help="Print the page docs/metrics.md instead.")
@with_appcontext
def doctor(settings_table: bool, metrics_table: bool) -> None:
    """Check settings, folder, database, Redis, model and disk; status 1 if one of them fails."""
    from flask import current_app

    if metrics_table:
        from focus.cli.metrics_page import metrics_page

        click.echo(metrics_page(), nl=False)
        return
    if settings_table:
        click.echo(settings_page(), nl=False)
        return
    settings = current_app.extensions["focus.settings"]
    has_failed = False
    for name, check in CHECKS.items():
        try:
            verdict, said = "ok", check(settings)
        except FocusError as err:
            verdict, said = "fail", err.message
            has_failed = True
        click.echo(f"{verdict:<4}  {name:<9} {said}")
    sys.exit(1 if has_failed else 0)


def check_settings(settings: Settings) -> str:
    """Names in `.env` that no setting has, which are most often misspelled."""
    from config import ROOT, unknown_names

    unknown = unknown_names(ROOT / ".env")
    if unknown:
        raise SettingError(f".env sets {', '.join(unknown)}, which FOCUS does not know")
    return f"{settings.FOCUS_ENV}, {settings.SOCKETIO_ASYNC_MODE}, http://{settings.HOST}:{settings.PORT}"


def check_instance(settings: Settings) -> str:
    """Whether a file can be written to the instance folder."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=settings.INSTANCE):
            return str(settings.INSTANCE)
    except OSError as err:
        raise SettingError(f"{settings.INSTANCE} cannot be written: {err.strerror}") from err


def check_database(_settings: Settings) -> str:
    """Whether the database answers and stands at the newest migration."""
    from focus.storage.database import db, ping
    from focus.storage.schema_version import require_newest

    answer = ping(db.session())
    require_newest(db.session())
    return f"{answer}, at the newest migration"


def check_redis(settings: Settings) -> str:
    """Whether Redis answers, where one is set."""
    from focus.services.operations import redis_state

    return redis_state(settings.REDIS_URL)


def check_model(_settings: Settings) -> str:
    """Whether the active eye-state model can be loaded; the shipped one where the database does not say which it is."""
    from focus.cli.base import load_classifier
    from focus.eyestate.model import load_shipped

    try:
        return load_classifier().release
    except StorageError:
        return f"{load_shipped().release}, as shipped; the database does not say which is active"


def check_disk(settings: Settings) -> str:
    """Whether there is room for recordings where the instance folder lies."""
    from focus.services.operations import disk_state

    return disk_state(settings.INSTANCE)


CHECKS: dict[str, Callable[[Settings], str]] = {
    "settings": check_settings,
    "instance": check_instance,
    "database": check_database,
    "redis": check_redis,
    "model": check_model,
    "disk": check_disk,
}


def settings_page() -> str:
    """The page docs/configuration.md: every setting with its default, what is allowed and what it means."""
    from config import Settings, allowed_values

    lines = [
        "# Configuration",
        "",
        "Written by `flask doctor --settings-table` from config.py; edit that, not this page.",
        "",
        "Settings come from the environment, then from a `.env` file in the project's root; `.env.example` lists them",
        "all. An empty value is the default. A value that is not allowed stops the start with one line that names it.",
        "",
        "| setting | default | allowed | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = _shown(field.default)
        allowed = allowed_values(field) or "text"
        lines.append(f"| `{name}` | {default and f'`{default}`'} | {allowed} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    if isinstance(default, Path):
        return default.name
    if isinstance(default, tuple):
        return ",".join(default)
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)
