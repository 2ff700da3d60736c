"""Lists for administrators: who has an account, and whose sessions there are. Neither shows what was measured."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from focus.services import accounts, recordings
from focus.storage.database import db
from focus.web.identity import admin_needed, current_principal
from focus.web.paging import page_number

blueprint = Blueprint("admin", __name__, url_prefix="/admin", template_folder="../templates")

PAGE_SIZE = 50


@blueprint.get("/")
@admin_needed
def index() -> ResponseReturnValue:
    """The first of the admin pages."""
    return redirect(url_for("admin.users"))


@blueprint.get("/users")
@admin_needed
def users() -> ResponseReturnValue:
    """Everybody who has an account."""
    page = page_number()
    rows = accounts.list_users(db.session(), current_principal(), limit=PAGE_SIZE + 1, offset=(page - 1) * PAGE_SIZE)
    return render_template(
        "admin/users.html",
        users=rows[:PAGE_SIZE],
        has_next=len(rows) > PAGE_SIZE,
        page=page,
        page_url=lambda number: url_for("admin.users", page=number),
    )


@blueprint.get("/sessions")
@admin_needed
def sessions() -> ResponseReturnValue:
    """Everybody's sessions, the newest first."""
    page = page_number()
    principal = current_principal()
    rows = recordings.list_recordings(
        db.session(), principal, of_everybody=True, limit=PAGE_SIZE + 1, offset=(page - 1) * PAGE_SIZE
    )
    owners = {user.id: user for user in accounts.list_users(db.session(), principal, limit=10_000)}
    return render_template(
        "admin/sessions.html",
        recordings=rows[:PAGE_SIZE],
        owners=owners,
        has_next=len(rows) > PAGE_SIZE,
        page=page,
        page_url=lambda number: url_for("admin.sessions", page=number),
    )
