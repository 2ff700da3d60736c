"""Forms of the card "Analyses" on the report: a new analysis, the one that is shown, removing one."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from focus.analysis.parameters import AnalysisParameters
from focus.errors import ParameterError
from focus.services import reanalysis, releases
from focus.services.group_access import LEADER_ROLES
from focus.services.reanalysis_runner import ReanalysisRunner
from focus.storage.database import db, normalise_url
from focus.storage.recording_models import Recording
from focus.web.identity import current_principal, login_needed

blueprint = Blueprint("analyses", __name__, template_folder="../templates")


@blueprint.record_once
def _make_runner(state: BlueprintSetupState) -> None:
    app = state.app
    models_dir = app.extensions["focus.settings"].INSTANCE / "models"
    app.extensions["focus.reanalyses"] = ReanalysisRunner(
        normalise_url(app.config["SQLALCHEMY_DATABASE_URI"]),
        lambda release: releases.load_release(release, models_dir),
    )


@blueprint.post("/sessions/<uuid:recording_id>/analyses")
@login_needed
def start(recording_id: UUID) -> ResponseReturnValue:
    """Analyse the session again in the background."""
    principal = current_principal()
    recording = _recording(recording_id)
    reanalysis.require_closed(recording)
    runner: ReanalysisRunner = current_app.extensions["focus.reanalyses"]
    parameters = AnalysisParameters(lookahead_us=round(_number("lookahead_ms") * 1000))
    runner.start(recording.id, release=request.form.get("release", ""), parameters=parameters)
    reanalysis.note_start(db.session(), recording, by=principal)
    db.session.commit()
    flash("The session is being analysed again; the new analysis appears in the list.")
    return _back(recording_id)


@blueprint.post("/sessions/<uuid:recording_id>/analyses/<int:number>/show")
@login_needed
def show(recording_id: UUID, number: int) -> ResponseReturnValue:
    """Show this analysis in the report from now on."""
    reanalysis.choose_analysis(db.session(), _recording(recording_id), number, by=current_principal())
    db.session.commit()
    return _back(recording_id)


@blueprint.post("/sessions/<uuid:recording_id>/analyses/<int:number>/remove")
@login_needed
def remove(recording_id: UUID, number: int) -> ResponseReturnValue:
    """Remove an analysis that was asked for."""
    reanalysis.remove_analysis(db.session(), _recording(recording_id), number, by=current_principal())
    db.session.commit()
    return _back(recording_id)


def _recording(recording_id: UUID) -> Recording:
    return reanalysis.get_recording(db.session(), current_principal(), str(recording_id))


def _number(field: str) -> float:
    text = request.form.get(field, "")
    with suppress(ValueError):
        if math.isfinite(number := float(text)):
            return number
    raise ParameterError(f"{field} {text[:40]!r} is not a number")


def _back(recording_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("reports.report", recording_id=recording_id, _anchor="analyses"), code=303)


@blueprint.app_context_processor
def _for_card() -> dict[str, Any]:
    return {"analyses_card": _card}


def _card(recording: Recording) -> dict[str, Any] | None:
    """What the card shows; None for people who have no use for it, and for who may look and change nothing."""
    principal = current_principal()
    if principal.role not in LEADER_ROLES or not (principal.is_admin or recording.owner_id == principal.user_id):
        return None
    settings = current_app.extensions["focus.settings"]
    runner: ReanalysisRunner = current_app.extensions["focus.reanalyses"]
    installed = releases.list_installed(db.session(), settings.INSTANCE / "models")
    return {
        "rows": reanalysis.list_analyses(db.session(), recording),
        "releases": [release for release in installed if not release.fault],
        "lookahead_ms": settings.LOOKAHEAD_MS,
        "is_running": runner.is_running(recording.id),
    }
