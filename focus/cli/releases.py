"""`flask model list | register | promote | rollback | card`: the releases of this installation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from focus.cli.base import FocusCommand, echo_table, models_dir, open_session

if TYPE_CHECKING:
    from focus.eyestate.artifact import Manifest
    from focus.services.releases import InstalledRelease


def held_out_kappa(manifest: Manifest | None) -> str:
    """Agreement on people who were held out from training, as lists print it; "" where it was not measured."""
    figures = manifest.results.get("held_out", {}) if manifest is not None else {}
    return f"{figures['kappa']:.3f}" if "kappa" in figures else ""


@click.command("list", cls=FocusCommand)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def list_command(as_json: bool) -> None:
    """List the releases that are installed; the active one is marked."""
    from focus.services import releases

    found = releases.list_installed(open_session(), models_dir())
    if as_json:
        click.echo(json.dumps([_described(each) for each in found]))
        return
    heads = ("", "release", "made", "from", "features", "kappa on people held out", "fault")
    echo_table(heads, [_row(each) for each in found])


def _row(release: InstalledRelease) -> tuple[object, ...]:
    manifest = release.manifest
    return (
        "*" if release.is_active else "",
        release.name,
        manifest.created if manifest else "",
        "package" if release.is_shipped else "instance",
        len(manifest.features) if manifest else "",
        held_out_kappa(manifest),
        release.fault,
    )


def _described(release: InstalledRelease) -> dict[str, Any]:
    manifest = release.manifest
    return {
        "name": release.name,
        "active": release.is_active,
        "shipped": release.is_shipped,
        "promoted_at": release.promoted_at.isoformat() if release.promoted_at else None,
        "fault": release.fault or None,
        "created": manifest.created if manifest else None,
        "features": len(manifest.features) if manifest else None,
        "training": dict(manifest.training) if manifest else None,
        "results": dict(manifest.results) if manifest else None,
    }


@click.command("register", cls=FocusCommand)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@with_appcontext
def register(folder: Path) -> None:
    """Install the release in DIR, a folder that `flask model train` made, so that it can be promoted."""
    from focus.services import releases
    from focus.services.accounts import operator_principal

    session = open_session()
    name = releases.register(session, operator_principal(), folder.resolve(), models_dir())
    session.commit()
    click.echo(f"{name} is registered; `flask model promote {name}` makes it the active one")


@click.command("promote", cls=FocusCommand)
@click.argument("name")
@with_appcontext
def promote(name: str) -> None:
    """Analyse recordings that are opened from now on with release NAME; a running server follows."""
    from focus.services import releases
    from focus.services.accounts import operator_principal

    session = open_session()
    before = releases.promote(session, operator_principal(), name, models_dir())
    session.commit()
    click.echo(f"{name} is active; before it was {before}")


@click.command("rollback", cls=FocusCommand)
@with_appcontext
def rollback() -> None:
    """Go back to the release that was active before the last one was promoted."""
    from focus.services import releases
    from focus.services.accounts import operator_principal

    session = open_session()
    left, back = releases.rollback(session, operator_principal(), models_dir())
    session.commit()
    click.echo(f"{back} is active again; before it was {left}")


@click.command("card", cls=FocusCommand)
@click.argument("name", required=False)
@with_appcontext
def card(name: str | None) -> None:
    """Print what the manifest of release NAME says, as a page (Markdown); of the shipped release if none is named."""
    from focus.eyestate.artifact import read_manifest
    from focus.eyestate.card import model_card
    from focus.eyestate.installed import find_release, shipped_name

    click.echo(model_card(read_manifest(find_release(name or shipped_name(), models_dir()))), nl=False)


RELEASE_COMMANDS = (list_command, register, promote, rollback, card)
