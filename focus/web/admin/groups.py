"""Groups: whose they are and how many are in them. Who is in one is for its researcher to see."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from focus.services import groups as service
from focus.storage.database import db
from focus.web.admin.base import asked_slice, blueprint, page_of, search_text
from focus.web.identity import admin_needed, current_principal


@blueprint.get("/groups")
@admin_needed
def groups() -> ResponseReturnValue:
    """Everybody's groups."""
    search = search_text()
    rows = service.list_all_groups(db.session(), current_principal(), search=search, **asked_slice())
    return render_template("admin/groups.html", search=search, **page_of(rows, "admin.groups", q=search))
