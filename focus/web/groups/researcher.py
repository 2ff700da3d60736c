"""Pages of a researcher: their group with its members and aggregates, invitations, and recording for a member."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from focus.errors import ConflictError, NotFoundError, ParameterError
from focus.services import group_access, group_statistics, groups, recordings
from focus.storage.database import db
from focus.web.accounts.base import desk, sentence, settings
from focus.web.groups.base import GroupForm, InviteForm, blueprint, tell_engine
from focus.web.groups.member import groups_page
from focus.web.identity import current_principal, login_needed
from focus.web.paging import page_number

PAGE_SIZE = 25
DEFAULT_DAYS = 28


@blueprint.post("")
@login_needed
def create() -> ResponseReturnValue:
    """Make a group."""
    form = GroupForm()
    if not form.validate_on_submit():
        return groups_page(form), 422
    try:
        group = groups.create_group(db.session(), current_principal(), form.name.data)
    except (ParameterError, ConflictError) as error:
        db.session.rollback()
        form.name.errors = (sentence(error),)
        return groups_page(form), 422
    group_id = group.id
    db.session.commit()
    return redirect(url_for("groups.group", group_id=group_id), code=303)


@blueprint.get("/<int:group_id>")
@login_needed
def group(group_id: int) -> ResponseReturnValue:
    """Members with consent, data quality and counts; aggregates; invitations."""
    return _group_page(group_id)


@blueprint.post("/<int:group_id>/rename")
@login_needed
def rename(group_id: int) -> ResponseReturnValue:
    """Give the group another name."""
    form = GroupForm()
    if not form.validate_on_submit():
        return _group_page(group_id, form=form), 422
    try:
        groups.rename_group(db.session(), current_principal(), group_id, form.name.data)
    except ParameterError as error:
        db.session.rollback()
        form.name.errors = (sentence(error),)
        return _group_page(group_id, form=form), 422
    db.session.commit()
    return redirect(url_for("groups.group", group_id=group_id), code=303)


@blueprint.route("/<int:group_id>/delete", methods=["GET", "POST"])
@login_needed
def delete(group_id: int) -> ResponseReturnValue:
    """Ask, then remove the group; the people and their data stay."""
    found = groups.get_group(db.session(), current_principal(), group_id)
    if request.method != "POST":
        return render_template("groups/delete.html", group=found)
    closed = groups.delete_group(db.session(), current_principal(), group_id)
    db.session.commit()
    tell_engine(closed)
    flash("The group is deleted.", "good")
    return redirect(url_for("groups.index"), code=303)


@blueprint.post("/<int:group_id>/invitations")
@login_needed
def invite(group_id: int) -> ResponseReturnValue:
    """Invite an address. The answer is the same whether or not it has an account."""
    form = InviteForm()
    if not form.validate_on_submit():
        return _group_page(group_id, invite_form=form), 422
    try:
        _, key = groups.invite(db.session(), current_principal(), group_id, form.email.data)
    except (ParameterError, ConflictError) as error:
        db.session.rollback()
        form.email.errors = (sentence(error),)
        return _group_page(group_id, invite_form=form), 422
    db.session.commit()
    desk().invite(group_id=group_id, email=form.email.data, key=key)
    where = " No mail server is set, so the message lies in the folder outbox." if not settings().MAIL_SERVER else ""
    flash(f"An invitation is on its way.{where}", "good")
    return redirect(url_for("groups.group", group_id=group_id), code=303)


@blueprint.post("/<int:group_id>/invitations/<int:invitation_id>/withdraw")
@login_needed
def withdraw_invitation(group_id: int, invitation_id: int) -> ResponseReturnValue:
    """Make an invitation worthless."""
    groups.withdraw_invitation(db.session(), current_principal(), group_id, invitation_id)
    db.session.commit()
    flash("The invitation is withdrawn.", "good")
    return redirect(url_for("groups.group", group_id=group_id), code=303)


@blueprint.post("/<int:group_id>/members/<int:user_id>/remove")
@login_needed
def remove_member(group_id: int, user_id: int) -> ResponseReturnValue:
    """Take somebody out of the group."""
    closed = groups.remove_member(db.session(), current_principal(), group_id, user_id)
    db.session.commit()
    tell_engine(closed)
    flash("They are no longer in the group.", "good")
    return redirect(url_for("groups.group", group_id=group_id), code=303)


@blueprint.get("/<int:group_id>/members/<int:user_id>")
@login_needed
def member(group_id: int, user_id: int) -> ResponseReturnValue:
    """One member: how to record for them, and their sessions where they agreed to research."""
    principal, page = current_principal(), page_number()
    overview = group_statistics.overview(db.session(), principal, group_id, n_days=_days())
    found = next((each for each in overview.members if each.user_id == user_id), None)
    if found is None:
        raise NotFoundError(f"there is no member {user_id} in your group {group_id}")
    rows = []
    if found.may_be_viewed:
        rows = recordings.list_of_member(
            db.session(), principal, user_id, limit=PAGE_SIZE + 1, offset=(page - 1) * PAGE_SIZE
        )
    return render_template(
        "groups/member.html",
        group=groups.get_group(db.session(), principal, group_id),
        member=found,
        recordings=rows[:PAGE_SIZE],
        has_next=len(rows) > PAGE_SIZE,
        page=page,
        page_url=lambda number: url_for("groups.member", group_id=group_id, user_id=user_id, page=number),
        server=request.url_root.rstrip("/"),
    )


@blueprint.post("/runs/<uuid:recording_id>/stop")
@login_needed
def stop_run(recording_id: UUID) -> ResponseReturnValue:
    """End a session that one runs for somebody else."""
    group_access.stop_run(db.session(), current_principal(), str(recording_id), now=datetime.now(UTC))
    db.session.commit()
    tell_engine([str(recording_id)])
    flash("The session is ended.", "good")
    return redirect(url_for("groups.index"), code=303)


def _days() -> int:
    text = request.args.get("days", str(DEFAULT_DAYS))
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else DEFAULT_DAYS
    return days if days in group_statistics.SPANS_DAYS else DEFAULT_DAYS


def _group_page(group_id: int, *, form: GroupForm | None = None, invite_form: InviteForm | None = None) -> str:
    principal = current_principal()
    found = groups.get_group(db.session(), principal, group_id)
    overview = group_statistics.overview(db.session(), principal, group_id, n_days=_days())
    names = {member.user_id: member.name for member in overview.members}
    return render_template(
        "groups/group.html",
        group=found,
        overview=overview,
        metrics=[found.value.to_dict() for found in overview.values],
        least=group_statistics.LEAST_PEOPLE,
        spans=group_statistics.SPANS_DAYS,
        invitations=groups.list_invitations(db.session(), principal, group_id),
        runs=[run for run in group_access.list_runs(db.session(), principal) if run.owner_id in names],
        names=names,
        form=form or GroupForm(formdata=None, data={"name": found.name}),
        invite_form=invite_form or InviteForm(formdata=None),
    )
