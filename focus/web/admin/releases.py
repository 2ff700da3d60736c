"""The page of model releases: which one is active, promoting another, rolling back, and the card of each."""

from __future__ import annotations

from pathlib import Path

from flask import current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from focus.errors import NotFoundError
from focus.eyestate.card import INTENDED_USE, card_sections
from focus.services import releases
from focus.storage.database import db
from focus.web.admin.base import blueprint
from focus.web.identity import admin_needed, current_principal


@blueprint.get("/models")
@admin_needed
def models() -> ResponseReturnValue:
    """All releases that are installed."""
    return render_template("admin/models.html", releases=releases.list_installed(db.session(), _models_dir()))


@blueprint.get("/models/<name>")
@admin_needed
def model_card(name: str) -> ResponseReturnValue:
    """What the manifest of a release says."""
    found = {release.name: release for release in releases.list_installed(db.session(), _models_dir())}
    if name not in found:
        raise NotFoundError(f"no model release is called {name[:80]!r}")
    manifest = found[name].manifest
    sections = card_sections(manifest) if manifest is not None else []
    return render_template("admin/model_card.html", release=found[name], sections=sections, intended_use=INTENDED_USE)


@blueprint.post("/models/<name>/promote")
@admin_needed
def promote_model(name: str) -> ResponseReturnValue:
    """Analyse sessions that are opened from now on with this release."""
    before = releases.promote(db.session(), current_principal(), name, _models_dir())
    db.session.commit()
    flash(f"{name} is active. Sessions that are opened from now on are analysed with it; before it was {before}.")
    return redirect(url_for("admin.models"), code=303)


@blueprint.post("/models/rollback")
@admin_needed
def roll_back_model() -> ResponseReturnValue:
    """Go back to the release that was active before."""
    left, back = releases.rollback(db.session(), current_principal(), _models_dir())
    db.session.commit()
    flash(f"{back} is active again; before it was {left}.")
    return redirect(url_for("admin.models"), code=303)


def _models_dir() -> Path:
    folder: Path = current_app.extensions["focus.settings"].INSTANCE / "models"
    return folder
