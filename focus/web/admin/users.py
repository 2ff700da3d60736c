"""Users: find somebody, give a role, disable, enable, force a new password. Each ends log-ins and open connections."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from focus.errors import ConflictError, ParameterError
from focus.services import accounts
from focus.storage.account_models import ROLES
from focus.storage.database import db
from focus.web.accounts.base import desk, sentence
from focus.web.admin.base import asked_slice, blueprint, page_of, search_text
from focus.web.identity import admin_needed, current_principal


@blueprint.get("/users")
@admin_needed
def users() -> ResponseReturnValue:
    """Everybody who has an account."""
    search = search_text()
    rows = accounts.list_users(db.session(), current_principal(), search=search, **asked_slice())
    return render_template("admin/users.html", search=search, **page_of(rows, "admin.users", q=search))


@blueprint.get("/users/<int:user_id>")
@admin_needed
def user(user_id: int) -> ResponseReturnValue:
    """One account, and what an administrator may do with it."""
    found = accounts.view_user(db.session(), current_principal(), user_id)
    return render_template("admin/user.html", user=found, roles=ROLES)


@blueprint.post("/users/<int:user_id>/role")
@admin_needed
def set_role(user_id: int) -> ResponseReturnValue:
    """Give somebody another role."""
    role = request.form.get("role", "")
    try:
        found = accounts.set_role(db.session(), current_principal(), user_id, role)
    except (ParameterError, ConflictError) as error:
        return _refused(user_id, error)
    return _done(user_id, f"{found.email} is {role} from now on, and logged out everywhere.")


@blueprint.post("/users/<int:user_id>/disable")
@admin_needed
def disable(user_id: int) -> ResponseReturnValue:
    """Keep somebody out."""
    try:
        found = accounts.set_active(db.session(), current_principal(), user_id, is_active=False)
    except ConflictError as error:
        return _refused(user_id, error)
    return _done(user_id, f"{found.email} is disabled: log-ins and tokens no longer work.")


@blueprint.post("/users/<int:user_id>/enable")
@admin_needed
def enable(user_id: int) -> ResponseReturnValue:
    """Let somebody in again."""
    found = accounts.set_active(db.session(), current_principal(), user_id, is_active=True)
    return _done(user_id, f"{found.email} may log in again.")


@blueprint.post("/users/<int:user_id>/reset")
@admin_needed
def force_reset(user_id: int) -> ResponseReturnValue:
    """Shut everybody out of an account that may be stolen, and mail its owner a link that sets a new password."""
    found = accounts.force_password_reset(db.session(), current_principal(), user_id)
    words = f"Password, log-ins and API tokens of {found.email} no longer work; a link for a new password is mailed."
    answer = _done(user_id, words)
    desk().send_reset(user_id)
    return answer


def _done(user_id: int, words: str) -> ResponseReturnValue:
    is_oneself = user_id == current_principal().user_id
    db.session.commit()
    flash(words, "good")
    # Whoever has changed their own account is logged out by it.
    return redirect(url_for("sessions.home") if is_oneself else url_for("admin.user", user_id=user_id), code=303)


def _refused(user_id: int, error: ParameterError | ConflictError) -> ResponseReturnValue:
    db.session.rollback()
    flash(sentence(error), "wrong")
    return redirect(url_for("admin.user", user_id=user_id), code=303)
