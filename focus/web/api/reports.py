"""Routes of days, weeks and the twelve weeks behind: one's own, whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, timedelta, tzinfo
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from focus.errors import NotFoundError, ParameterError
from focus.services.days import Span, days_of, joined, minutes_on_screen, sessions_before, usual_of
from focus.storage.database import db
from focus.web.api.base import PREFIX, ApiBlueprint, Text, length
from focus.web.api.callers import caller, for_scopes
from focus.web.api.recordings import MetricSchema, RecordingSchema, recording_dict
from focus.web.reports.day_views import TREND_WEEKS, YEARS, monday_of
from focus.web.zone import today, zone_of

blueprint = ApiBlueprint(
    "api_reports", __name__, url_prefix=f"{PREFIX}/reports", description="Days, weeks and the time behind them."
)

Body = dict[str, Any]
READ = "recordings:read"


class ZoneArguments(Schema):
    zone = Text(
        load_default="UTC", validate=length(1, 60), metadata={"description": "time zone of the days: Europe/Berlin"}
    )


class SpanSchema(Schema):
    """Some days together: what the metrics say of all sessions that began in them."""

    first = fields.Date(required=True)
    n_days = fields.Integer(required=True)
    recorded_us = fields.Integer(required=True)
    minutes_on_screen = fields.Float(required=True, allow_none=True)
    n_sessions = fields.Integer(required=True)
    metrics = fields.List(fields.Nested(MetricSchema), required=True)


class UsualSchema(Schema):
    """One's own usual range of the blink rate: quartiles over the sessions of the 90 days before."""

    low = fields.Float(required=True)
    middle = fields.Float(required=True)
    high = fields.Float(required=True)
    n_sessions = fields.Integer(required=True)


class DaysSchema(Schema):
    zone = fields.String(required=True)
    span = fields.Nested(SpanSchema, required=True)
    days = fields.List(fields.Nested(SpanSchema), required=True)
    sessions = fields.List(fields.Nested(RecordingSchema), required=True)
    usual_blink_rate = fields.Nested(UsualSchema, required=True, allow_none=True)


class TrendSchema(Schema):
    zone = fields.String(required=True)
    weeks = fields.List(fields.Nested(SpanSchema), required=True, validate=validate.Length(equal=TREND_WEEKS))
    usual_blink_rate = fields.Nested(UsualSchema, required=True, allow_none=True)


@blueprint.route("/day/<string:date_text>")
@for_scopes(READ)
@blueprint.arguments(ZoneArguments, location="query")
@blueprint.response(200, DaysSchema)
def day(arguments: Body, date_text: str) -> ResponseReturnValue:
    """One day, as 2026-11-23."""
    return _days(_date(date_text), 1, arguments["zone"])


@blueprint.route("/week/<string:date_text>")
@for_scopes(READ)
@blueprint.arguments(ZoneArguments, location="query")
@blueprint.response(200, DaysSchema)
def week(arguments: Body, date_text: str) -> ResponseReturnValue:
    """The week, from Monday, that a day lies in."""
    return _days(monday_of(_date(date_text)), 7, arguments["zone"])


@blueprint.route("/trend")
@for_scopes(READ)
@blueprint.arguments(ZoneArguments, location="query")
@blueprint.response(200, TrendSchema)
def trend(arguments: Body) -> ResponseReturnValue:
    """The last twelve weeks, week by week."""
    zone = _zone(arguments["zone"])
    first = monday_of(today(zone)) - timedelta(weeks=TREND_WEEKS - 1)
    days = days_of(db.session(), caller(), first, 7 * TREND_WEEKS, zone)
    weeks = [joined(days[at : at + 7]) for at in range(0, len(days), 7)]
    stop = first + timedelta(weeks=TREND_WEEKS)
    return jsonify(
        zone=arguments["zone"], weeks=[_span_dict(each) for each in weeks], usual_blink_rate=_usual(stop, zone)
    )


def _days(first: date, n_days: int, zone_name: str) -> ResponseReturnValue:
    zone = _zone(zone_name)
    days: Sequence[Span] = days_of(db.session(), caller(), first, n_days, zone)
    span = joined(days)
    return jsonify(
        zone=zone_name,
        span=_span_dict(span),
        days=[_span_dict(each) for each in days],
        sessions=[recording_dict(each.recording) for each in span.sessions],
        usual_blink_rate=_usual(first, zone),
    )


def _span_dict(span: Span) -> dict[str, Any]:
    return {
        "first": span.first.isoformat(),
        "n_days": span.n_days,
        "recorded_us": span.recorded_us(),
        "minutes_on_screen": minutes_on_screen(span.sessions),
        "n_sessions": len(span.sessions),
        "metrics": list(span.values.values()),
    }


def _usual(before: date, zone: tzinfo) -> dict[str, Any] | None:
    found = usual_of(sessions_before(db.session(), caller(), before, zone), "blink_rate")
    if found is None:
        return None
    return {"low": found.low, "middle": found.middle, "high": found.high, "n_sessions": found.n_sessions}


def _zone(name: str) -> tzinfo:
    found = UTC if name == "UTC" else zone_of(name)
    if found is None:
        raise ParameterError(f"the time zone {name!r} is not known")
    return found


def _date(text: str) -> date:
    found: date | None = None
    with suppress(ValueError):
        found = date.fromisoformat(text)
    if found is None or found.year not in YEARS or text != found.isoformat():
        raise NotFoundError(f"{text[:20]!r} is no day from {YEARS[0]} to {YEARS[-1]}")
    return found
