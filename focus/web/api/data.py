"""Routes of what one agrees to, of calibrations, and of everything that is stored about oneself."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, jsonify, send_file
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from focus.errors import NotFoundError
from focus.services import calibrations, consent, my_data
from focus.services.calibrations import MAX_ANGLE_DEG, MAX_POINTS, CalibrationData
from focus.services.consent import GIVEN, REFUSED, UNDECIDED, WITHDRAWN, Decision
from focus.storage.database import db
from focus.web.api.base import PREFIX, ApiBlueprint, Number, Text, between, length, list_of
from focus.web.api.callers import caller, for_log_ins, for_scopes

blueprint = ApiBlueprint(
    "api_data", __name__, url_prefix=f"{PREFIX}/me", description="Consent, calibrations, and all one's data."
)

Body = dict[str, Any]
WRITE, READ = "frames:write", "recordings:read"


# -- consent ----------------------------------------------------------------------------------------------------------


class DecisionSchema(Schema):
    """How one purpose stands."""

    purpose = fields.String(required=True)
    title = fields.String(required=True)
    text = fields.String(required=True)
    decision = fields.String(required=True, validate=validate.OneOf([GIVEN, REFUSED, WITHDRAWN, UNDECIDED]))
    allows = fields.Boolean(required=True, metadata={"description": "whether data may be used for it now"})
    text_version = fields.String(required=True, allow_none=True)
    decided_at = fields.DateTime(required=True, allow_none=True)


class NewDecisionSchema(Schema):
    decision = Text(required=True, validate=validate.OneOf([GIVEN, REFUSED]))


@blueprint.route("/consent")
@for_scopes(WRITE, READ)
@blueprint.response(200, list_of(DecisionSchema))
def get_consent() -> ResponseReturnValue:
    """What one's data may be used for, purpose by purpose, in the words of the text as it stands now."""
    return jsonify(items=_decisions())


@blueprint.route("/consent/<string:purpose>", methods=["PUT"])
@for_log_ins
@blueprint.arguments(NewDecisionSchema)
@blueprint.response(200, list_of(DecisionSchema))
def put_consent(body: Body, purpose: str) -> ResponseReturnValue:
    """Give consent to a purpose, or refuse or withdraw it; withdrawing `own_reports` ends recordings that are open."""
    if purpose not in {each.name for each in consent.PURPOSES}:
        raise NotFoundError(f"there is no purpose {purpose[:40]!r}")
    closed: list[str] = []
    if body["decision"] == GIVEN:
        consent.give(db.session(), caller(), purpose)
    else:
        closed = consent.refuse(db.session(), caller(), purpose)
    db.session.commit()
    for recording_id in closed:
        current_app.extensions["focus.engine"].look_again(recording_id)
    return jsonify(items=_decisions())


def _decisions() -> list[dict[str, Any]]:
    found: dict[str, Decision] = consent.decisions_of(db.session(), caller().user_id)
    return [
        {
            "purpose": purpose.name,
            "title": purpose.title,
            "text": purpose.text,
            "decision": found[purpose.name].decision,
            "allows": found[purpose.name].allows,
            "text_version": found[purpose.name].text_version,
            "decided_at": at.isoformat() if (at := found[purpose.name].decided_at) else None,
        }
        for purpose in consent.PURPOSES
    ]


# -- calibrations -----------------------------------------------------------------------------------------------------


class NewCalibrationSchema(Schema):
    """A calibration as a client made it; `calibrations.CalibrationData` says what is allowed."""

    tracker = Text(required=True, validate=length(1, 120))
    screen = fields.Dict(keys=fields.String(), required=True)
    points = fields.List(fields.Dict(keys=fields.String()), required=True, validate=validate.Length(1, MAX_POINTS))
    coefficients = fields.Dict(keys=fields.String(), required=True)
    accuracy_deg = Number(load_default=None, allow_none=True, validate=between(0, MAX_ANGLE_DEG))
    precision_deg = Number(load_default=None, allow_none=True, validate=between(0, MAX_ANGLE_DEG))


class CalibrationSchema(Schema):
    """A stored calibration; `is_valid` says that it was validated well enough to be used."""

    id = fields.Integer(required=True)
    tracker = fields.String(required=True)
    calibrated_at = fields.DateTime(required=True)
    screen = fields.Dict(required=True)
    points = fields.List(fields.Dict(), required=True)
    coefficients = fields.Dict(required=True)
    accuracy_deg = fields.Float(required=True, allow_none=True)
    precision_deg = fields.Float(required=True, allow_none=True)
    is_valid = fields.Boolean(required=True)


class OfTrackerArguments(Schema):
    tracker = Text(load_default=None, validate=length(1, 120))


class TrackerArguments(Schema):
    tracker = Text(required=True, validate=length(1, 120))


@blueprint.route("/calibrations")
@for_scopes(WRITE, READ)
@blueprint.arguments(OfTrackerArguments, location="query")
@blueprint.response(200, list_of(CalibrationSchema))
def list_calibrations(arguments: Body) -> ResponseReturnValue:
    """One's own calibrations, the newest first, of one tracker or of all."""
    rows = calibrations.list_calibrations(db.session(), caller(), tracker=arguments["tracker"])
    return jsonify(items=[calibrations.to_dict(row) for row in rows])


@blueprint.route("/calibrations", methods=["POST"])
@for_scopes(WRITE)
@blueprint.arguments(NewCalibrationSchema)
@blueprint.response(201, CalibrationSchema)
def store_calibration(body: Body) -> ResponseReturnValue:
    """Keep a calibration; a valid one applies to every recording that is opened from now on."""
    row = calibrations.save_calibration(db.session(), caller(), CalibrationData(**body))
    described = calibrations.to_dict(row)
    db.session.commit()
    return jsonify(described), 201


@blueprint.route("/calibrations/newest")
@for_scopes(WRITE, READ)
@blueprint.arguments(TrackerArguments, location="query")
@blueprint.response(200, CalibrationSchema)
def newest_calibration(arguments: Body) -> ResponseReturnValue:
    """The newest valid calibration of a tracker: the one that applies to a recording."""
    row = calibrations.newest_valid(db.session(), caller().user_id, arguments["tracker"])
    if row is None:
        raise NotFoundError(f"you have no valid calibration of {arguments['tracker'][:60]!r}")
    return jsonify(calibrations.to_dict(row))


@blueprint.route("/calibrations/<int:calibration_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def delete_calibration(calibration_id: int) -> ResponseReturnValue:
    """Forget a calibration; recordings that name it keep what they say."""
    calibrations.delete_calibration(db.session(), caller(), calibration_id)
    db.session.commit()
    return "", 204


# -- all one's data ---------------------------------------------------------------------------------------------------


class ExportSchema(Schema):
    """An export of everything one has, and how far it has come."""

    id = fields.Integer(required=True)
    state = fields.String(required=True)
    progress_ratio = fields.Float(required=True)
    message = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(required=True, allow_none=True)


class DeleteWordSchema(Schema):
    word = Text(required=True, validate=validate.Equal("DELETE"))


class DeletedSchema(Schema):
    deleted = fields.Integer(required=True)


@blueprint.route("/exports")
@for_log_ins
@blueprint.response(200, list_of(ExportSchema))
def list_exports() -> ResponseReturnValue:
    """One's own exports of everything, the newest first."""
    return jsonify(items=[my_data.export_dict(job) for job in my_data.list_exports(db.session(), caller())])


@blueprint.route("/exports", methods=["POST"])
@for_log_ins
@blueprint.response(202, ExportSchema)
def begin_export() -> ResponseReturnValue:
    """Have a zip of everything written in the background; one that is under way is dropped."""
    job = my_data.request_export(db.session(), caller())
    described, job_id = my_data.export_dict(job), job.id
    db.session.commit()
    current_app.extensions["focus.my_data"].start(job_id, caller().user_id)
    return jsonify(described), 202


@blueprint.route("/exports/<int:job_id>")
@for_log_ins
@blueprint.response(200, ExportSchema)
def export_state(job_id: int) -> ResponseReturnValue:
    """How far an export has come."""
    return jsonify(my_data.export_dict(my_data.get_export(db.session(), caller(), job_id)))


@blueprint.route("/exports/<int:job_id>/file")
@for_log_ins
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/zip")
def export_file(job_id: int) -> ResponseReturnValue:
    """The finished zip."""
    settings = current_app.extensions["focus.settings"]
    path = my_data.export_file(db.session(), caller(), job_id, instance=settings.INSTANCE)
    answer: Response = send_file(
        path, mimetype="application/zip", as_attachment=True, download_name="my-focus-data.zip"
    )
    return answer


@blueprint.route("/recordings/delete", methods=["POST"])
@for_log_ins
@blueprint.arguments(DeleteWordSchema)
@blueprint.response(200, DeletedSchema)
def delete_recordings(_body: Body) -> ResponseReturnValue:
    """Delete all one's recordings; the account stays."""
    ids = my_data.delete_all_recordings(db.session(), caller())
    db.session.commit()
    for recording_id in ids:
        current_app.extensions["focus.engine"].look_again(recording_id)
    return jsonify(deleted=len(ids))
