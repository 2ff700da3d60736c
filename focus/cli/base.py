"""What the commands share: groups that translate errors, and tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import AppGroup

from focus.errors import FocusError, InputError

if TYPE_CHECKING:
    from focus.eyestate.model import EyeStateModel
    from focus.storage.database import Session


class FocusCommand(click.Command):
    """A command whose errors of ours become one line and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except FocusError as err:
            click.echo(err.message, err=True)
            sys.exit(2 if isinstance(err, InputError) else 1)


class FocusGroup(AppGroup):
    """A group whose commands run in the application's context and translate errors."""

    command_class = FocusCommand


def open_session() -> Session:
    """The command's database session; StorageError if the database does not answer or has to be migrated first."""
    from focus.storage.database import db, ping
    from focus.storage.schema_version import require_newest

    session = db.session()
    ping(session)
    require_newest(session)
    return session


def models_dir() -> Path:
    """The instance's folder of model releases."""
    from flask import current_app

    folder: Path = current_app.extensions["focus.settings"].INSTANCE / "models"
    return folder


def load_classifier(release: str | None = None) -> EyeStateModel:
    """The model of a release by its name or folder; of the active one if none is named.

    Before the first start of the server there is no database that could name one, and the shipped release is active.
    """
    from focus.eyestate.model import load_model, load_shipped
    from focus.services import releases
    from focus.storage.database import db, ping
    from focus.storage.schema_version import current_revision

    if release is not None and Path(release).is_dir():
        return load_model(Path(release))
    if release is not None:
        return releases.load_release(release, models_dir())
    ping(db.session())
    if current_revision(db.session()) is None:
        return load_shipped()
    return releases.load_active(open_session(), models_dir())


@contextmanager
def frames_bar(n_frames: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar over frames, on standard error so that what is printed stays clean; told how many more are done.

    Where standard error is no terminal, nothing but the label is written.
    """
    with click.progressbar(length=max(n_frames, 1), label=what, file=sys.stderr) as bar:
        yield bar.update


@contextmanager
def share_bar(what: str) -> Iterator[Callable[[float], None]]:
    """A progress bar over work of unknown length, on standard error; told which share of it is done, 0 to 1."""
    with click.progressbar(length=1000, label=what, file=sys.stderr) as bar:
        yield lambda share: bar.update(max(0, round(share * 1000) - bar.pos))


def echo_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under heads, in columns as wide as they need."""
    lines = [tuple(heads), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def echo_findings(summary: Mapping[str, Any]) -> None:
    """Print the counts of states and events of an analysis, and its metrics with verdicts and reasons."""
    for kind in ("states", "events"):
        click.echo(f"{kind:<12} " + ", ".join(f"{name} {count}" for name, count in summary[kind].items()))
    echo_table(
        ("metric", "value", "unit", "verdict", "reason"),
        (
            (
                metric["label"],
                "" if metric["value"] is None else f"{metric['value']:.4g}",
                metric["unit"],
                metric["verdict"],
                metric["reason"],
            )
            for metric in summary["metrics"]
        ),
    )
