"""Everybody's sessions with their health: who sends, who is silent, what was kept aside or not analysed."""

from __future__ import annotations

from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue

from focus.services import operations
from focus.storage.database import db
from focus.web.admin.base import asked_slice, blueprint, page_of, search_text
from focus.web.identity import admin_needed, current_principal

WORDS_OF_HEALTH: Final = {
    "receiving": ("live", "frames are coming in"),
    "silent": ("caution", "open, and no tracker is connected"),
    "waiting": ("caution", "open, and nothing has come yet"),
    "behind": ("caution", "closed, and the analysis is not complete"),
    "incomplete": ("wrong", "has frames and no analysis"),
    "rejecting": ("caution", "batches were kept aside as unusable"),
    "good": ("good", "complete"),
}
"""Chip and words for each `operations.Health`."""

STATES: Final = ("open", "closed")


@blueprint.get("/sessions")
@admin_needed
def sessions() -> ResponseReturnValue:
    """Everybody's sessions, the newest first."""
    search, state = search_text(), request.args.get("state", "")
    state = state if state in STATES else ""
    rows = operations.list_recordings(db.session(), current_principal(), search=search, state=state, **asked_slice())
    return render_template(
        "admin/sessions.html",
        search=search,
        state=state,
        states=STATES,
        words=WORDS_OF_HEALTH,
        **page_of(rows, "admin.sessions", q=search, state=state),
    )
