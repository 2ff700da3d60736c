"""The audit log, to read: who did or looked at what. There is no way here, or anywhere in FOCUS, to change it."""

from __future__ import annotations

from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue

from focus.errors import NotFoundError
from focus.services import operations
from focus.storage.database import db
from focus.web.accounts.base import sentence
from focus.web.admin.base import asked_slice, blueprint, page_of, search_text
from focus.web.identity import admin_needed, current_principal

WORDS_OF_FAMILY: Final = {"look.": "every look", "user.": "accounts", "consent.": "consent", "group.": "groups"}
"""Actions that begin alike, which can be asked for together."""


@blueprint.get("/audit")
@admin_needed
def audit() -> ResponseReturnValue:
    """Entries, the newest first, of an action and of a person if asked for."""
    principal, person = current_principal(), search_text("person")
    actions = list(operations.audit_actions(db.session(), principal))
    action = request.args.get("action", "")
    action = action if action in actions or action in WORDS_OF_FAMILY else ""
    refused = ""
    try:
        entries, people = operations.list_audit(db.session(), principal, action=action, person=person, **asked_slice())
    except NotFoundError as error:
        entries, people, refused = [], {}, sentence(error)
    return render_template(
        "admin/audit.html",
        actions=actions,
        families=WORDS_OF_FAMILY,
        action=action,
        person=person,
        refused=refused,
        people=people,
        **page_of(entries, "admin.audit", action=action, person=person),
    )
