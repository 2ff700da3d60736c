"""Routes for administrators: accounts, everybody's recordings, model releases, jobs, and the audit log of all looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from focus.services import accounts, operations, releases
from focus.services.operations import RecordingHealth
from focus.services.releases import InstalledRelease
from focus.storage.account_models import ROLES, User
from focus.storage.database import db
from focus.storage.operation_models import AuditEntry
from focus.storage.operations import JobRow
from focus.web.api.accounts import desk
from focus.web.api.base import (
    PREFIX,
    ApiBlueprint,
    PageArguments,
    Text,
    Truth,
    WrittenWhole,
    between,
    length,
    list_of,
    page_json,
    page_of,
    read_cursor,
    write_cursor,
)
from focus.web.api.callers import caller, for_log_ins
from focus.web.api.recordings import RecordingsArguments, RecordingSchema, cursor_of, place_of, recording_dict

blueprint = ApiBlueprint("api_admin", __name__, url_prefix=f"{PREFIX}/admin", description="For administrators.")

Body = dict[str, Any]
JOB_STATES: Final = ("waiting", "running", "done", "failed", "cancelled")


# -- accounts ---------------------------------------------------------------------------------------------------------


class UserSchema(Schema):
    """An account."""

    id = fields.Integer(required=True)
    email = fields.String(required=True)
    display_name = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    is_active = fields.Boolean(required=True)
    is_verified = fields.Boolean(required=True)
    has_password = fields.Boolean(required=True)
    created_at = fields.DateTime(required=True)


class UsersArguments(PageArguments):
    search = Text(load_default="", validate=length(0, 200), metadata={"description": "part of an address or a name"})


class UserChangeSchema(Schema):
    """What is left out stays."""

    role = Text(validate=validate.OneOf(ROLES))
    is_active = Truth()


@blueprint.route("/users")
@for_log_ins
@blueprint.arguments(UsersArguments, location="query")
@blueprint.response(200, page_of(UserSchema))
def list_users(arguments: Body) -> ResponseReturnValue:
    """Everybody who has an account, in the order of their addresses."""
    limit, cursor = arguments["limit"], arguments["cursor"]
    # The cursor names people by number: an address in an address would get into logs.
    (after_id,) = read_cursor("users", cursor, int) if cursor else (None,)
    rows = accounts.list_users(db.session(), caller(), search=arguments["search"], limit=limit + 1, after_id=after_id)
    return page_json(rows, limit, _user_dict, lambda user: write_cursor("users", user.id))


@blueprint.route("/users/<int:user_id>")
@for_log_ins
@blueprint.response(200, UserSchema)
def get_user(user_id: int) -> ResponseReturnValue:
    """One account."""
    return jsonify(_user_dict(accounts.view_user(db.session(), caller(), user_id)))


@blueprint.route("/users/<int:user_id>", methods=["PATCH"])
@for_log_ins
@blueprint.arguments(UserChangeSchema)
@blueprint.response(200, UserSchema)
def change_user(body: Body, user_id: int) -> ResponseReturnValue:
    """Give somebody another role, or keep them out: their log-ins end and their connections are closed."""
    user = accounts.view_user(db.session(), caller(), user_id)
    if "role" in body:
        accounts.set_role(db.session(), caller(), user_id, body["role"])
    if "is_active" in body:
        accounts.set_active(db.session(), caller(), user_id, is_active=body["is_active"])
    described = _user_dict(user)
    db.session.commit()
    return jsonify(described)


@blueprint.route("/users/<int:user_id>/reset", methods=["POST"])
@for_log_ins
@blueprint.response(202, description="A message is on its way")
def force_reset(user_id: int) -> ResponseReturnValue:
    """Shut everybody out of an account that may be stolen: password, log-ins and tokens end, and a link is mailed."""
    accounts.force_password_reset(db.session(), caller(), user_id)
    db.session.commit()
    desk().send_reset(user_id)
    return "", 202


def _user_dict(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "role": user.role,
        "is_active": user.is_active,
        "is_verified": user.email_verified_at is not None,
        "has_password": user.password_hash is not None,
        "created_at": user.created_at.isoformat(),
    }


# -- recordings -------------------------------------------------------------------------------------------------------


class AnybodysRecordingSchema(RecordingSchema):
    owner = fields.Integer(required=True)
    health = fields.String(required=True, validate=validate.OneOf(operations.HEALTHS))
    pending = fields.Integer(required=True, metadata={"description": "frames that are not analysed yet"})
    rejected = fields.Integer(required=True, metadata={"description": "batches kept aside as unusable"})


@blueprint.route("/recordings")
@for_log_ins
@blueprint.arguments(RecordingsArguments, location="query")
@blueprint.response(200, page_of(AnybodysRecordingSchema))
def list_recordings(arguments: Body) -> ResponseReturnValue:
    """Everybody's recordings with their health, the newest first; `search` may also be part of the owner's address."""
    limit = arguments["limit"]
    rows = operations.list_recordings(
        db.session(),
        caller(),
        state=arguments["state"] or "",
        search=arguments["search"],
        limit=limit + 1,
        after=place_of(arguments["cursor"]),
    )
    return page_json(rows, limit, _recording_dict, lambda row: cursor_of(row.recording))


def _recording_dict(row: RecordingHealth) -> dict[str, Any]:
    recording = row.recording
    return {
        **recording_dict(recording),
        "owner": recording.owner_id,
        "health": row.health,
        "pending": row.n_pending,
        "rejected": recording.n_rejected,
    }


# -- model releases ---------------------------------------------------------------------------------------------------


class ReleaseSchema(Schema):
    """A release of the eye-state model that is installed."""

    name = fields.String(required=True)
    is_active = fields.Boolean(required=True)
    is_shipped = fields.Boolean(required=True)
    promoted_at = fields.DateTime(required=True, allow_none=True)
    fault = fields.String(required=True, metadata={"description": "why it cannot be used; empty where it can"})


@blueprint.route("/releases")
@for_log_ins
@blueprint.response(200, list_of(ReleaseSchema))
def list_releases() -> ResponseReturnValue:
    """All releases that are installed."""
    caller().require_admin()
    return _releases()


@blueprint.route("/releases/<string:name>/promote", methods=["POST"])
@for_log_ins
@blueprint.response(200, list_of(ReleaseSchema))
def promote_release(name: str) -> ResponseReturnValue:
    """Analyse recordings that are opened from now on with this release."""
    caller().require_admin()
    releases.promote(db.session(), caller(), name, _models_dir())
    db.session.commit()
    return _releases()


@blueprint.route("/releases/rollback", methods=["POST"])
@for_log_ins
@blueprint.response(200, list_of(ReleaseSchema))
def roll_back_release() -> ResponseReturnValue:
    """Go back to the release that was active before."""
    releases.rollback(db.session(), caller(), _models_dir())
    db.session.commit()
    return _releases()


def _releases() -> ResponseReturnValue:
    return jsonify(items=[_release_dict(each) for each in releases.list_installed(db.session(), _models_dir())])


def _release_dict(release: InstalledRelease) -> dict[str, Any]:
    return {
        "name": release.name,
        "is_active": release.is_active,
        "is_shipped": release.is_shipped,
        "promoted_at": release.promoted_at.isoformat() if release.promoted_at else None,
        "fault": release.fault,
    }


def _models_dir() -> Path:
    folder: Path = current_app.extensions["focus.settings"].INSTANCE / "models"
    return folder


# -- jobs and the audit log -------------------------------------------------------------------------------------------


class JobSchema(Schema):
    """Work in the background; what it made is its owner's."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    owner = fields.Integer(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(JOB_STATES))
    progress_ratio = fields.Float(required=True)
    message = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(required=True, allow_none=True)


class JobsArguments(PageArguments):
    state = Text(load_default="", validate=validate.OneOf(["", *JOB_STATES]))


class EntrySchema(Schema):
    """Somebody did, or looked at, something; entries are added and never changed."""

    id = fields.Integer(required=True)
    at = fields.DateTime(required=True)
    actor = fields.Integer(required=True, allow_none=True, metadata={"description": "null for the command line"})
    action = fields.String(required=True)
    object_kind = fields.String(required=True)
    object_id = fields.String(required=True)
    details = fields.Dict(required=True)


class AuditArguments(PageArguments):
    action = Text(
        load_default="",
        validate=length(0, 64),
        metadata={"description": "one action, or with a dot at its end all that begin so: `look.`"},
    )
    person = WrittenWhole(
        load_default=None,
        validate=between(1, 2**62),
        metadata={"description": "number of who did it or to whom it was done"},
    )


@blueprint.route("/jobs")
@for_log_ins
@blueprint.arguments(JobsArguments, location="query")
@blueprint.response(200, page_of(JobSchema))
def list_jobs(arguments: Body) -> ResponseReturnValue:
    """Everybody's background jobs, the newest first."""
    limit = arguments["limit"]
    before_id = _before("jobs", arguments["cursor"])
    rows = operations.list_jobs(db.session(), caller(), state=arguments["state"], limit=limit + 1, before_id=before_id)
    return page_json(rows, limit, job_dict, lambda row: write_cursor("jobs", row.job.id))


@blueprint.route("/jobs/<int:job_id>/cancel", methods=["POST"])
@for_log_ins
@blueprint.response(204)
def cancel_job(job_id: int) -> ResponseReturnValue:
    """Take a job's work from it."""
    operations.cancel_job(db.session(), caller(), job_id)
    db.session.commit()
    return "", 204


@blueprint.route("/audit")
@for_log_ins
@blueprint.arguments(AuditArguments, location="query")
@blueprint.response(200, page_of(EntrySchema))
def list_audit(arguments: Body) -> ResponseReturnValue:
    """The audit log, the newest entries first."""
    limit, person = arguments["limit"], arguments["person"]
    entries, _people = operations.list_audit(
        db.session(),
        caller(),
        action=arguments["action"],
        person="" if person is None else str(person),
        limit=limit + 1,
        before_id=_before("audit", arguments["cursor"]),
    )
    return page_json(entries, limit, _entry_dict, lambda entry: write_cursor("audit", entry.id))


def _before(kind: str, cursor: str | None) -> int | None:
    if not cursor:
        return None
    (before_id,) = read_cursor(kind, cursor, int)
    return int(before_id)


def job_dict(row: JobRow) -> dict[str, Any]:
    job = row.job
    return {
        "id": job.id,
        "kind": job.kind,
        "owner": job.owner_id,
        "state": job.state,
        "progress_ratio": job.progress_ratio,
        "message": job.message,
        "created_at": job.created_at.isoformat(),
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
    }


def _entry_dict(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "actor": entry.actor_id,
        "action": entry.action,
        "object_kind": entry.object_kind,
        "object_id": entry.object_id,
        "details": entry.details,
    }
