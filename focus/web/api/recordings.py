"""Routes of recordings: the list, what was measured, what belongs to one, export, deletion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from focus.analysis.types import EVENT_KINDS, Event
from focus.errors import ParameterError
from focus.services import baselines, consent, looks, recordings, reports
from focus.services.exports import EXPORTERS
from focus.services.timeline import MAX_POINTS, event_dict
from focus.storage.database import db
from focus.storage.recording_models import Recording
from focus.web.api.base import (
    PREFIX,
    ApiBlueprint,
    PageArguments,
    Text,
    WrittenWhole,
    between,
    length,
    list_of,
    page_json,
    page_of,
    read_cursor,
    write_cursor,
)
from focus.web.api.callers import caller, for_log_ins, for_scopes
from focus.web.exports.views import send_export

blueprint = ApiBlueprint(
    "api_recordings", __name__, url_prefix=f"{PREFIX}/recordings", description="Recordings and their results."
)

Body = dict[str, Any]
READ = "recordings:read"
DEFAULT_POINTS = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_STARTED_US = 253_402_300_799_000_000
_SPAN = between(-(2**53), 2**53)


def seen(recording_id: UUID, *, what: str = looks.SESSION) -> Recording:
    """The recording, for those who may look at it; NotFoundError for others."""
    return recordings.view_recording(db.session(), caller(), str(recording_id), what=what)


def owned(recording_id: UUID) -> Recording:
    """The recording, for those who may do with it what its owner may; NotFoundError for others."""
    return recordings.get_recording(db.session(), caller(), str(recording_id))


# -- list -------------------------------------------------------------------------------------------------------------


class RecordingSchema(Schema):
    """A recording in a list."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    task = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["open", "closed"]))
    tracker = fields.String(required=True)
    started_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    frames = fields.Integer(required=True)


class RecordingsArguments(PageArguments):
    state = Text(load_default=None, validate=validate.OneOf(["open", "closed"]))
    search = Text(load_default="", validate=length(0, 200), metadata={"description": "part of title, task or id"})


@blueprint.route("")
@for_scopes(READ)
@blueprint.arguments(RecordingsArguments, location="query")
@blueprint.response(200, page_of(RecordingSchema))
def list_recordings(arguments: Body) -> ResponseReturnValue:
    """One's own recordings, the newest first."""
    limit: int = arguments["limit"]
    rows = recordings.list_recordings(
        db.session(),
        caller(),
        state=arguments["state"],
        search=arguments["search"],
        limit=limit + 1,
        after=place_of(arguments["cursor"]),
    )
    return page_json(rows, limit, recording_dict, cursor_of)


def place_of(cursor: str | None) -> tuple[datetime, str] | None:
    """Where a list of recordings goes on; None where it begins."""
    if not cursor:
        return None
    started_us, recording_id = read_cursor("recordings", cursor, int, str)
    if not 0 <= started_us <= _MAX_STARTED_US:
        raise ParameterError(f"the cursor {cursor[:40]!r} was not given by this list")
    return _EPOCH + timedelta(microseconds=started_us), recording_id


def cursor_of(recording: Recording) -> str:
    """The cursor behind a recording of a list."""
    return write_cursor("recordings", (recording.started_at - _EPOCH) // timedelta(microseconds=1), recording.id)


def recording_dict(recording: Recording) -> dict[str, Any]:
    return {
        "id": recording.id,
        "title": recording.title,
        "task": recording.task,
        "state": recording.state,
        "tracker": str(recording.tracker.get("name", "")),
        "started_at": recording.started_at.isoformat(),
        "ended_at": recording.ended_at.isoformat() if recording.ended_at else None,
        "frames": recording.n_frames,
    }


# -- one recording ----------------------------------------------------------------------------------------------------


class MetricSchema(Schema):
    """A metric's value with its interval and verdict; a withheld value is null and `reason` says why."""

    name = fields.String(required=True)
    label = fields.String(required=True)
    unit = fields.String(required=True)
    value = fields.Float(required=True, allow_none=True)
    low = fields.Float(required=True, allow_none=True)
    high = fields.Float(required=True, allow_none=True)
    weight_s = fields.Float(required=True, metadata={"description": "seconds of valid data behind the value"})
    verdict = fields.String(required=True)
    reason = fields.String(required=True)


class SummarySchema(Schema):
    """Counts of frames, states and events, metrics, and what they were computed with."""

    recording = fields.UUID(required=True)
    title = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["open", "closed"]))
    tracker = fields.Dict(required=True)
    task = fields.String(required=True)
    started_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    duration_us = fields.Integer(required=True)
    frames = fields.Integer(required=True)
    rejected = fields.Integer(required=True, metadata={"description": "batches kept aside as unusable"})
    frames_rejected = fields.Integer(required=True)
    batches = fields.Integer(required=True)
    states = fields.Dict(values=fields.Integer(), required=True, metadata={"description": "frames by eye state"})
    events = fields.Dict(values=fields.Integer(), required=True, metadata={"description": "number by kind"})
    metrics = fields.List(fields.Nested(MetricSchema), required=True)
    analysis = fields.Dict(required=True, allow_none=True)
    calibration = fields.Dict(required=True, allow_none=True)
    frames_removed_at = fields.DateTime(required=True, allow_none=True)
    pending = fields.Integer(required=True, metadata={"description": "frames that are not analysed yet"})


class TitleSchema(Schema):
    title = Text(required=True, validate=length(0, recordings.MAX_TITLE_LENGTH))


@blueprint.route("/<uuid:recording_id>")
@for_scopes(READ)
@blueprint.response(200, SummarySchema)
def summary(recording_id: UUID) -> ResponseReturnValue:
    """Counts, metrics with verdicts, and how far the analysis has come."""
    return jsonify(recordings.summary(db.session(), seen(recording_id)))


@blueprint.route("/<uuid:recording_id>", methods=["PATCH"])
@for_log_ins
@blueprint.arguments(TitleSchema)
@blueprint.response(200, RecordingSchema)
def rename(body: Body, recording_id: UUID) -> ResponseReturnValue:
    """Give a recording another title."""
    recording = owned(recording_id)
    recordings.rename_recording(db.session(), recording, body["title"], by=caller())
    described = recording_dict(recording)
    db.session.commit()
    return jsonify(described)


@blueprint.route("/<uuid:recording_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def delete(recording_id: UUID) -> ResponseReturnValue:
    """Delete a recording with its frames and results."""
    recordings.delete_recording(db.session(), owned(recording_id), by=caller())
    db.session.commit()
    return "", 204


@blueprint.route("/<uuid:recording_id>/stop", methods=["POST"])
@for_log_ins
@blueprint.response(200, RecordingSchema)
def stop(recording_id: UUID) -> ResponseReturnValue:
    """End a recording, whoever sends to it; what was stored is analysed to its end."""
    recording = owned(recording_id)
    if recording.is_open:
        recordings.close_recording(db.session(), recording, by=caller())
    described = recording_dict(recording)
    db.session.commit()
    return jsonify(described)


@blueprint.route("/<uuid:recording_id>/metrics")
@for_scopes(READ)
@blueprint.response(200, list_of(MetricSchema))
def metrics(recording_id: UUID) -> ResponseReturnValue:
    """The metrics alone."""
    return jsonify(items=recordings.summary(db.session(), seen(recording_id))["metrics"])


# -- events and markers -----------------------------------------------------------------------------------------------


class EventSchema(Schema):
    """Something the eyes did; attributes are numbers whose names carry the unit."""

    kind = fields.String(required=True, validate=validate.OneOf(EVENT_KINDS))
    onset_us = fields.Integer(required=True)
    offset_us = fields.Integer(required=True)
    attributes = fields.Dict(values=fields.Float(), required=True)


class EventsArguments(PageArguments):
    kind = Text(load_default=None, validate=validate.OneOf(EVENT_KINDS))


class MarkerSchema(Schema):
    """A named moment of the recording."""

    seq = fields.Integer(required=True)
    t_us = fields.Integer(required=True)
    kind = fields.String(required=True)
    body = fields.Dict(required=True)


@blueprint.route("/<uuid:recording_id>/events")
@for_scopes(READ)
@blueprint.arguments(EventsArguments, location="query")
@blueprint.response(200, page_of(EventSchema))
def events(arguments: Body, recording_id: UUID) -> ResponseReturnValue:
    """Events by onset, of one analysis from the first page to the last."""
    cursor, limit = arguments["cursor"], arguments["limit"]
    after = read_cursor("events", cursor, int, int, str) if cursor else None
    number, rows = reports.events_page(
        db.session(),
        seen(recording_id),
        kind=arguments["kind"],
        limit=limit + 1,
        after=after,
    )

    def cursor_of(event: Event) -> str:
        return write_cursor("events", number, int(event.onset_us), event.kind)

    return page_json(rows, limit, event_dict, cursor_of)


@blueprint.route("/<uuid:recording_id>/markers")
@for_scopes(READ)
@blueprint.response(200, list_of(MarkerSchema))
def markers(recording_id: UUID) -> ResponseReturnValue:
    """Markers in the order in which they were sent."""
    rows = recordings.markers_of(db.session(), seen(recording_id))
    return jsonify(items=[{"seq": row.seq, "t_us": row.t_us, "kind": row.kind, "body": row.body} for row in rows])


# -- pictures ---------------------------------------------------------------------------------------------------------


class StretchArguments(Schema):
    """A stretch of time; all of the recording by default."""

    start_us = WrittenWhole(load_default=None, validate=_SPAN)
    stop_us = WrittenWhole(load_default=None, validate=_SPAN)


class TimelineArguments(StretchArguments):
    points = WrittenWhole(load_default=DEFAULT_POINTS, validate=between(10, MAX_POINTS))


class TimelineSchema(Schema):
    """Signals as low and high per column, state runs and events, or their sums where the stretch is long."""

    recording = fields.UUID(required=True)
    start_us = fields.Integer(required=True)
    stop_us = fields.Integer(required=True)
    gaze_space = fields.String(required=True, allow_none=True)
    t_us = fields.List(fields.Float(), required=True)
    series = fields.Dict(required=True)
    states = fields.List(fields.Dict(), required=True)
    events = fields.List(fields.Dict(), required=True)
    is_thinned = fields.Boolean(required=True)
    summed = fields.Dict(required=True, allow_none=True)


class GazeMapSchema(Schema):
    """Where the eyes rested: milliseconds in the cells of a grid, and fixations where they are few."""

    columns = fields.Integer(required=True)
    rows = fields.Integer(required=True)
    cells_ms = fields.List(fields.Integer(), required=True)
    n_fixations = fields.Integer(required=True)
    outside_ms = fields.Integer(required=True)
    view = fields.Dict(required=True, allow_none=True)
    space = fields.String(required=True)
    regions = fields.List(fields.List(fields.Integer()), required=True)
    fixations = fields.List(fields.Dict(), required=True, allow_none=True)


class EyeStrainSchema(Schema):
    """The eye-strain index against the person's own baseline, with its parts."""

    index = fields.Float(required=True, allow_none=True)
    verdict = fields.String(required=True)
    reason = fields.String(required=True)
    n_earlier = fields.Integer(required=True)
    parts = fields.List(fields.Dict(), required=True)


@blueprint.route("/<uuid:recording_id>/timeline")
@for_scopes(READ)
@blueprint.arguments(TimelineArguments, location="query")
@blueprint.response(200, TimelineSchema)
def timeline(arguments: Body, recording_id: UUID) -> ResponseReturnValue:
    """Signals, state runs and events between two times, with at most `points` points a signal."""
    recording = seen(recording_id)
    start_us, stop_us = _stretch(recording, arguments)
    return jsonify(
        recordings.timeline(db.session(), recording, start_us=start_us, stop_us=stop_us, points=arguments["points"])
    )


@blueprint.route("/<uuid:recording_id>/gaze-map")
@for_scopes(READ)
@blueprint.arguments(StretchArguments, location="query")
@blueprint.response(200, GazeMapSchema)
def gaze_map(arguments: Body, recording_id: UUID) -> ResponseReturnValue:
    """Where the eyes rested between two times, as a grid and, where they are few, fixation by fixation."""
    recording = seen(recording_id)
    start_us = stop_us = None
    if arguments["start_us"] is not None or arguments["stop_us"] is not None:
        start_us, stop_us = _stretch(recording, arguments)
    return jsonify(reports.gaze_map(db.session(), recording, start_us=start_us, stop_us=stop_us))


@blueprint.route("/<uuid:recording_id>/eye-strain")
@for_scopes(READ)
@blueprint.response(200, EyeStrainSchema)
def eye_strain(recording_id: UUID) -> ResponseReturnValue:
    """The eye-strain index of a recording against the baseline of its own person, with its parts."""
    return jsonify(baselines.eye_strain(db.session(), seen(recording_id)).to_dict())


def _stretch(recording: Recording, arguments: Body) -> tuple[int, int]:
    """The stretch that is asked for; all of the recording by default."""
    start_us, stop_us = arguments["start_us"], arguments["stop_us"]
    start_us = recording.t_first_us or 0 if start_us is None else start_us
    stop_us = (recording.t_last_us or 0) + 1 if stop_us is None else stop_us
    if stop_us <= start_us:
        raise ParameterError(f"stop_us {stop_us} is not after start_us {start_us}")
    return start_us, stop_us


# -- export -----------------------------------------------------------------------------------------------------------


class FormatSchema(Schema):
    name = fields.String(required=True)
    label = fields.String(required=True)
    description = fields.String(required=True)


@blueprint.route("/export-formats")
@for_scopes(READ)
@blueprint.response(200, list_of(FormatSchema))
def export_formats() -> ResponseReturnValue:
    """Formats in which a recording can be taken along."""
    return jsonify(
        items=[
            {"name": name, "label": exporter.label, "description": exporter.description} for name, exporter in EXPORTERS
        ]
    )


@blueprint.route("/<uuid:recording_id>/exports/<string:format_name>")
@for_scopes(READ)
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/zip")
def export(recording_id: UUID, format_name: str) -> ResponseReturnValue:
    """A zip of the recording's files, sent while it is made."""
    recording = seen(recording_id, what=looks.EXPORT)
    consent.require_export(db.session(), caller(), recording.owner_id)
    return send_export(recording, format_name)
