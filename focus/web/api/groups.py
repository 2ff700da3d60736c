"""Routes of groups: for researchers their groups and members, for everybody the groups they are in."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from focus.errors import AuthenticationError, PermissionDeniedError
from focus.services import group_access, group_statistics, groups, recordings
from focus.services.group_statistics import SPANS_DAYS, MemberState
from focus.services.groups import MAX_NAME_LENGTH, Place
from focus.storage.account_models import MAX_EMAIL_LENGTH
from focus.storage.database import db
from focus.web.api.accounts import desk
from focus.web.api.base import (
    PREFIX,
    ApiBlueprint,
    PageArguments,
    Text,
    WrittenWhole,
    length,
    list_of,
    page_json,
    page_of,
)
from focus.web.api.callers import caller, for_log_ins
from focus.web.api.recordings import MetricSchema, RecordingSchema, cursor_of, place_of, recording_dict
from focus.web.groups.base import tell_engine

blueprint = ApiBlueprint(
    "api_groups", __name__, url_prefix=PREFIX, description="Groups of researchers, and the groups one is in."
)

Body = dict[str, Any]


# -- of the researcher ------------------------------------------------------------------------------------------------


class GroupSchema(Schema):
    """A group of one's own."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    members = fields.Integer(required=True)


class GroupNameSchema(Schema):
    name = Text(required=True, validate=length(1, MAX_NAME_LENGTH))


class DaysArguments(Schema):
    days = WrittenWhole(load_default=28, validate=validate.OneOf(SPANS_DAYS))


class MemberSchema(Schema):
    """What a researcher sees of every member; never a score."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    joined_at = fields.DateTime(required=True)
    consent = fields.Dict(values=fields.String(), required=True, metadata={"description": "decision by purpose"})
    may_be_viewed = fields.Boolean(required=True)
    may_be_recorded = fields.Boolean(required=True)
    recordings = fields.Integer(required=True)
    recordings_in_span = fields.Integer(required=True)
    quality = fields.Dict(required=True, allow_none=True)


class GroupMetricSchema(MetricSchema):
    n_people = fields.Integer(required=True, metadata={"description": "0 where too few have a value"})


class OverviewSchema(Schema):
    """A group over some days; metrics only over five or more people who agreed to group statistics."""

    n_days = fields.Integer(required=True)
    members = fields.List(fields.Nested(MemberSchema), required=True)
    n_consenting = fields.Integer(required=True)
    n_counted = fields.Integer(required=True)
    metrics = fields.List(fields.Nested(GroupMetricSchema), required=True)


class InvitationSchema(Schema):
    """An invitation that waits for its answer."""

    id = fields.Integer(required=True)
    email = fields.String(required=True)
    invited_at = fields.DateTime(required=True)
    expires_at = fields.DateTime(required=True)


class InvitedSchema(Schema):
    email = Text(required=True, validate=length(1, MAX_EMAIL_LENGTH))


@blueprint.route("/groups")
@for_log_ins
@blueprint.response(200, list_of(GroupSchema))
def list_groups() -> ResponseReturnValue:
    """The groups of which one is the researcher."""
    rows = groups.list_own_groups(db.session(), caller())
    return jsonify(items=[{"id": row.group.id, "name": row.group.name, "members": row.n_members} for row in rows])


@blueprint.route("/groups", methods=["POST"])
@for_log_ins
@blueprint.arguments(GroupNameSchema)
@blueprint.response(201, GroupSchema)
def create_group(body: Body) -> ResponseReturnValue:
    """Make a group."""
    group = groups.create_group(db.session(), caller(), body["name"])
    described = {"id": group.id, "name": group.name, "members": 0}
    db.session.commit()
    return jsonify(described), 201


@blueprint.route("/groups/<int:group_id>")
@for_log_ins
@blueprint.arguments(DaysArguments, location="query")
@blueprint.response(200, OverviewSchema)
def overview(arguments: Body, group_id: int) -> ResponseReturnValue:
    """Members with consent, data quality and counts, and averages over five or more who agreed."""
    found = group_statistics.overview(db.session(), caller(), group_id, n_days=arguments["days"])
    return jsonify(
        n_days=found.n_days,
        members=[_member_dict(member) for member in found.members],
        n_consenting=found.n_consenting,
        n_counted=found.n_counted,
        metrics=[{**each.value.to_dict(), "n_people": each.n_people} for each in found.values],
    )


@blueprint.route("/groups/<int:group_id>", methods=["PATCH"])
@for_log_ins
@blueprint.arguments(GroupNameSchema)
@blueprint.response(204)
def rename_group(body: Body, group_id: int) -> ResponseReturnValue:
    """Give a group another name."""
    groups.rename_group(db.session(), caller(), group_id, body["name"])
    db.session.commit()
    return "", 204


@blueprint.route("/groups/<int:group_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def delete_group(group_id: int) -> ResponseReturnValue:
    """Remove a group; the people and their data stay."""
    closed = groups.delete_group(db.session(), caller(), group_id)
    db.session.commit()
    tell_engine(closed)
    return "", 204


@blueprint.route("/groups/<int:group_id>/invitations")
@for_log_ins
@blueprint.response(200, list_of(InvitationSchema))
def list_invitations(group_id: int) -> ResponseReturnValue:
    """Invitations that wait for their answer."""
    rows = groups.list_invitations(db.session(), caller(), group_id)
    return jsonify(
        items=[
            {
                "id": row.id,
                "email": row.email,
                "invited_at": row.invited_at.isoformat(),
                "expires_at": row.expires_at.isoformat(),
            }
            for row in rows
        ]
    )


@blueprint.route("/groups/<int:group_id>/invitations", methods=["POST"])
@for_log_ins
@blueprint.arguments(InvitedSchema)
@blueprint.response(202, description="An invitation is on its way")
def invite(body: Body, group_id: int) -> ResponseReturnValue:
    """Invite an address; the answer is the same whether or not it has an account."""
    _, key = groups.invite(db.session(), caller(), group_id, body["email"])
    db.session.commit()
    desk().invite(group_id=group_id, email=body["email"], key=key)
    return "", 202


@blueprint.route("/groups/<int:group_id>/invitations/<int:invitation_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def withdraw_invitation(group_id: int, invitation_id: int) -> ResponseReturnValue:
    """Make an invitation worthless."""
    groups.withdraw_invitation(db.session(), caller(), group_id, invitation_id)
    db.session.commit()
    return "", 204


@blueprint.route("/groups/<int:group_id>/members/<int:user_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def remove_member(group_id: int, user_id: int) -> ResponseReturnValue:
    """Take somebody out of a group."""
    closed = groups.remove_member(db.session(), caller(), group_id, user_id)
    db.session.commit()
    tell_engine(closed)
    return "", 204


@blueprint.route("/groups/members/<int:user_id>/recordings")
@for_log_ins
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(RecordingSchema))
def recordings_of_member(arguments: Body, user_id: int) -> ResponseReturnValue:
    """Recordings of somebody in a group of one's own who agreed to research, the newest first."""
    limit, after = arguments["limit"], place_of(arguments["cursor"])
    rows = recordings.list_of_member(db.session(), caller(), user_id, limit=limit + 1, after=after)
    return page_json(rows, limit, recording_dict, cursor_of)


@blueprint.route("/groups/runs/<uuid:recording_id>/stop", methods=["POST"])
@for_log_ins
@blueprint.response(204)
def stop_run(recording_id: UUID) -> ResponseReturnValue:
    """End a recording that one runs for somebody else."""
    group_access.stop_run(db.session(), caller(), str(recording_id), now=datetime.now(UTC))
    db.session.commit()
    tell_engine([str(recording_id)])
    return "", 204


def _member_dict(member: MemberState) -> dict[str, Any]:
    return {
        "id": member.user_id,
        "name": member.name,
        "joined_at": member.joined_at.isoformat(),
        "consent": {name: decision.decision for name, decision in member.decisions.items()},
        "may_be_viewed": member.may_be_viewed,
        "may_be_recorded": member.may_be_recorded,
        "recordings": member.counts.n_recordings,
        "recordings_in_span": member.n_sessions,
        "quality": asdict(member.quality) if member.quality is not None else None,
    }


# -- of the member ----------------------------------------------------------------------------------------------------


class PlaceSchema(Schema):
    """A group that one is in or invited to."""

    group = fields.Integer(required=True)
    name = fields.String(required=True)
    researcher = fields.String(required=True)
    since = fields.DateTime(required=True)


class InvitationKeySchema(Schema):
    key = Text(required=True, validate=length(1, 200), metadata={"description": "the last part of the mailed link"})


class AnswerSchema(InvitationKeySchema):
    answer = Text(required=True, validate=validate.OneOf(["join", "decline"]))


@blueprint.route("/me/groups")
@for_log_ins
@blueprint.response(200, list_of(PlaceSchema))
def list_places() -> ResponseReturnValue:
    """The groups that one is in."""
    return jsonify(items=[_place_dict(place) for place in groups.list_places(db.session(), caller())])


@blueprint.route("/me/groups/<int:group_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def leave(group_id: int) -> ResponseReturnValue:
    """Leave a group, at once."""
    closed = groups.leave(db.session(), caller(), group_id)
    db.session.commit()
    tell_engine(closed)
    return "", 204


@blueprint.route("/me/invitations", methods=["POST"])
@for_log_ins
@blueprint.arguments(AnswerSchema)
@blueprint.response(200, PlaceSchema)
def answer_invitation(body: Body) -> ResponseReturnValue:
    """Join the group of an invitation that was mailed to one's address, or decline."""
    try:
        place = _place_dict(groups.read_invitation(db.session(), caller(), body["key"]))
        if body["answer"] == "join":
            groups.accept_invitation(db.session(), caller(), body["key"])
        else:
            groups.decline_invitation(db.session(), caller(), body["key"])
    except AuthenticationError as error:
        raise PermissionDeniedError(error.message) from None
    db.session.commit()
    return jsonify(place)


def _place_dict(place: Place) -> dict[str, Any]:
    return {
        "group": place.group_id,
        "name": place.name,
        "researcher": place.researcher,
        "since": place.since.isoformat(),
    }
