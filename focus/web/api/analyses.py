"""Routes of a recording's analyses: which there are, another one, which is shown, removing one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields

from focus.analysis.parameters import MAX_LOOKAHEAD_US, AnalysisParameters
from focus.services import reanalysis, releases
from focus.services.reanalysis_runner import ReanalysisRunner
from focus.storage.database import db
from focus.storage.recording_models import Analysis, Recording
from focus.web.api.base import PREFIX, ApiBlueprint, Text, Whole, between, length
from focus.web.api.callers import caller, for_log_ins, for_scopes
from focus.web.api.recordings import READ, seen

blueprint = ApiBlueprint(
    "api_analyses", __name__, url_prefix=f"{PREFIX}/recordings", description="Analyses of a recording."
)

Body = dict[str, Any]
_PATH = "/<uuid:recording_id>/analyses"


class AnalysisSchema(Schema):
    """What an analysis was made with; `is_shown` marks the one that reports, summaries and exports use."""

    number = fields.Integer(required=True)
    origin = fields.String(required=True, metadata={"description": "live, or again where somebody asked for it"})
    model_release = fields.String(required=True)
    parameters = fields.Dict(required=True)
    code_version = fields.String(required=True)
    frames = fields.Integer(required=True, metadata={"description": "frames that are analysed so far"})
    is_complete = fields.Boolean(required=True)
    is_shown = fields.Boolean(required=True)
    started_at = fields.DateTime(required=True)
    finished_at = fields.DateTime(required=True, allow_none=True)


class AnalysesSchema(Schema):
    items = fields.List(fields.Nested(AnalysisSchema), required=True)
    is_running = fields.Boolean(
        required=True, metadata={"description": "whether this server is making another one just now"}
    )


class NewAnalysisSchema(Schema):
    """What is left out is as for a recording that is opened now."""

    release = Text(load_default=None, allow_none=True, validate=length(1, 200))
    lookahead_us = Whole(load_default=None, allow_none=True, validate=between(0, MAX_LOOKAHEAD_US))


@blueprint.route(_PATH)
@for_scopes(READ)
@blueprint.response(200, AnalysesSchema)
def list_analyses(recording_id: UUID) -> ResponseReturnValue:
    """All analyses of a recording by number, each with its provenance."""
    return jsonify(_analyses(seen(recording_id)))


@blueprint.route(_PATH, methods=["POST"])
@for_log_ins
@blueprint.arguments(NewAnalysisSchema)
@blueprint.response(202, AnalysesSchema)
def start(body: Body, recording_id: UUID) -> ResponseReturnValue:
    """Analyse a closed recording again in the background; the new analysis stands beside the others when it begins."""
    recording = _to_analyse(recording_id)
    reanalysis.require_closed(recording)
    settings = current_app.extensions["focus.settings"]
    lookahead_us = settings.LOOKAHEAD_MS * 1000 if body["lookahead_us"] is None else body["lookahead_us"]
    release = body["release"] or releases.active_name(db.session())
    _runner().start(recording.id, release=release, parameters=AnalysisParameters(lookahead_us=lookahead_us))
    reanalysis.note_start(db.session(), recording, by=caller())
    db.session.commit()
    return jsonify(_analyses(recording)), 202


@blueprint.route(f"{_PATH}/<int:number>/show", methods=["POST"])
@for_log_ins
@blueprint.response(200, AnalysesSchema)
def show(recording_id: UUID, number: int) -> ResponseReturnValue:
    """Show this analysis in reports, summaries and exports from now on; the others stay."""
    recording = _to_analyse(recording_id)
    reanalysis.choose_analysis(db.session(), recording, number, by=caller())
    db.session.commit()
    return jsonify(_analyses(recording))


@blueprint.route(f"{_PATH}/<int:number>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def remove(recording_id: UUID, number: int) -> ResponseReturnValue:
    """Remove an analysis that was asked for; the live one stays."""
    reanalysis.remove_analysis(db.session(), _to_analyse(recording_id), number, by=caller())
    db.session.commit()
    return "", 204


def _to_analyse(recording_id: UUID) -> Recording:
    return reanalysis.get_recording(db.session(), caller(), str(recording_id))


def _runner() -> ReanalysisRunner:
    found: ReanalysisRunner = current_app.extensions["focus.reanalyses"]
    return found


def _analyses(recording: Recording) -> dict[str, Any]:
    rows = reanalysis.list_analyses(db.session(), recording)
    return {
        "items": [_analysis_dict(analysis, is_shown) for analysis, is_shown in rows],
        "is_running": _runner().is_running(recording.id),
    }


def _analysis_dict(analysis: Analysis, is_shown: bool) -> dict[str, Any]:
    return {
        "number": analysis.number,
        "origin": analysis.origin,
        "model_release": analysis.model_release,
        "parameters": analysis.parameters,
        "code_version": analysis.code_version,
        "frames": analysis.n_frames,
        "is_complete": analysis.is_complete,
        "is_shown": is_shown,
        "started_at": analysis.started_at.isoformat(),
        "finished_at": analysis.finished_at.isoformat() if analysis.finished_at else None,
    }
