"""More routes for administrators: everybody's groups, doing a job again, and how the installation is doing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields

from focus.services import groups, operations
from focus.services.ingest import IngestEngine
from focus.storage.database import db
from focus.storage.groups import GroupRow
from focus.storage.operations import JobRow
from focus.web.admin.health import states_of_parts
from focus.web.api.admin import Body, JobSchema, blueprint, job_dict
from focus.web.api.base import PageArguments, Text, length, page_json, page_of, read_cursor, write_cursor
from focus.web.api.callers import caller, for_log_ins


class AnybodysGroupSchema(Schema):
    """A group; who is in it is for its researcher to see."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    researcher = fields.Integer(required=True)
    members = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)


class GroupsArguments(PageArguments):
    search = Text(
        load_default="", validate=length(0, 200), metadata={"description": "part of a name or the researcher's address"}
    )


@blueprint.route("/groups")
@for_log_ins
@blueprint.arguments(GroupsArguments, location="query")
@blueprint.response(200, page_of(AnybodysGroupSchema))
def list_groups(arguments: Body) -> ResponseReturnValue:
    """Everybody's groups, by name."""
    limit, cursor = arguments["limit"], arguments["cursor"]
    (after_id,) = read_cursor("groups", cursor, int) if cursor else (None,)
    rows = groups.list_all_groups(
        db.session(), caller(), search=arguments["search"], limit=limit + 1, after_id=after_id
    )
    return page_json(rows, limit, _group_dict, lambda row: write_cursor("groups", row.group.id))


def _group_dict(row: GroupRow) -> dict[str, Any]:
    return {
        "id": row.group.id,
        "name": row.group.name,
        "researcher": row.owner.id,
        "members": row.n_members,
        "created_at": row.group.created_at.isoformat(),
    }


@blueprint.route("/jobs/<int:job_id>/retry", methods=["POST"])
@for_log_ins
@blueprint.response(202, JobSchema)
def retry_job(job_id: int) -> ResponseReturnValue:
    """Begin the work of a job anew that failed or was cancelled; what it makes is its owner's again."""
    job = operations.retry_job(db.session(), caller(), job_id)
    again_id, owner_id, described = job.id, job.owner_id, job_dict(JobRow(job, None))
    db.session.commit()
    current_app.extensions["focus.my_data"].start(again_id, owner_id)
    return jsonify(described), 202


class PartSchema(Schema):
    """A part of the installation, and whether it is in order."""

    name = fields.String(required=True)
    is_good = fields.Boolean(required=True)
    words = fields.String(required=True)


class LoadSchema(Schema):
    """How much the process that answers has to do."""

    is_running = fields.Boolean(required=True)
    n_queued = fields.Integer(required=True, metadata={"description": "batches that wait to be stored"})
    queue_limit = fields.Integer(required=True)
    n_recordings = fields.Integer(required=True)
    n_connected = fields.Integer(required=True)
    n_unanalysed = fields.Integer(required=True, metadata={"description": "stored frames that wait for the analysis"})
    frames_per_s = fields.Float(required=True)


class HealthSchema(Schema):
    is_good = fields.Boolean(required=True)
    parts = fields.List(fields.Nested(PartSchema), required=True)
    engine = fields.Nested(LoadSchema, required=True)
    started_at = fields.DateTime(required=True)
    now = fields.DateTime(required=True)


@blueprint.route("/health")
@for_log_ins
@blueprint.response(200, HealthSchema)
def health() -> ResponseReturnValue:
    """Database, migrations, Redis, engine, disk and model; queue and rate of the process that answers."""
    caller().require_admin()
    parts = states_of_parts()
    engine: IngestEngine = current_app.extensions["focus.engine"]
    return jsonify(
        is_good=all(part.is_good for part in parts),
        parts=[asdict(part) for part in parts],
        engine=asdict(engine.load()),
        started_at=current_app.extensions["focus.started_at"].isoformat(),
        now=datetime.now(UTC).isoformat(),
    )
