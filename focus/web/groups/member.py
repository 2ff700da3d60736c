"""Pages of a person in a group: which groups, who sees what, leaving; and the answer to an invitation."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from focus.errors import AuthenticationError, ConflictError, ParameterError
from focus.services import group_access, groups
from focus.storage.database import db
from focus.web.accounts.base import sentence
from focus.web.groups.base import GroupForm, blueprint, tell_engine
from focus.web.identity import current_principal, login_needed


@blueprint.get("")
@login_needed
def index() -> ResponseReturnValue:
    """The groups one is in, with who sees what of oneself; and, for researchers, one's own groups."""
    return groups_page()


def groups_page(form: GroupForm | None = None) -> str:
    """The page of all groups, perhaps with a form that was filled in wrongly."""
    principal = current_principal()
    return render_template(
        "groups/list.html",
        places=groups.list_places(db.session(), principal),
        seen=groups.what_researchers_see(db.session(), principal),
        own=groups.list_own_groups(db.session(), principal),
        may_lead=principal.role in group_access.LEADER_ROLES,
        form=form or GroupForm(formdata=None),
    )


@blueprint.post("/<int:group_id>/leave")
@login_needed
def leave(group_id: int) -> ResponseReturnValue:
    """Leave a group, at once."""
    closed = groups.leave(db.session(), current_principal(), group_id)
    db.session.commit()
    tell_engine(closed)
    ended = f", and {len(closed)} session(s) that were recorded for you are ended" if closed else ""
    flash(f"You have left the group{ended}.", "good")
    return redirect(url_for("groups.index"), code=303)


@blueprint.route("/invitation/<key>", methods=["GET", "POST"])
@login_needed
def invitation(key: str) -> ResponseReturnValue:
    """Say what the researcher would see, and take the answer. Opening the page answers nothing."""
    principal = current_principal()
    try:
        place = groups.read_invitation(db.session(), principal, key)
        if request.method != "POST":
            seen = groups.what_researchers_see(db.session(), principal)
            return render_template("groups/invitation.html", place=place, seen=seen)
        _answer(key)
    except (AuthenticationError, ConflictError) as error:
        db.session.rollback()
        return render_template("groups/worthless_invitation.html", refused=sentence(error)), 410
    db.session.commit()
    return redirect(url_for("groups.index"), code=303)


def _answer(key: str) -> None:
    answer = request.form.get("answer", "")
    if answer == "join":
        group = groups.accept_invitation(db.session(), current_principal(), key)
        flash(f"You are in the group {group.name}.", "good")
    elif answer == "decline":
        groups.decline_invitation(db.session(), current_principal(), key)
        flash("You have declined the invitation.", "good")
    else:
        raise ParameterError(f"the answer is {answer[:40]!r}; allowed are join and decline")
