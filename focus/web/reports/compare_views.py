"""View of two analyses side by side."""

from __future__ import annotations

from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue

from focus.services import comparison, reanalysis, recordings
from focus.services.comparison import Side
from focus.storage.database import db
from focus.web.identity import current_principal, login_needed
from focus.web.reports.blueprint import blueprint

MAX_CHOICES: Final = 50


@blueprint.get("/reports/compare")
@login_needed
def compare() -> ResponseReturnValue:
    """Ask for two sessions or analyses, and show them with their differences once both are chosen."""
    sides = [_side(name) for name in ("a", "b")]
    a, b = sides
    session, principal = db.session(), current_principal()
    choices = [
        (recording, reanalysis.list_analyses(session, recording))
        for recording in recordings.list_recordings(session, principal, limit=MAX_CHOICES)
        if recording.n_frames
    ]
    listed = {f"{recording.id}:{analysis.number}" for recording, analyses in choices for analysis, _ in analyses}
    return render_template(
        "reports/compare.html",
        a=a,
        b=b,
        choices=choices,
        others=[side for side in sides if side is not None and side.key not in listed],
        pairs=comparison.metric_pairs(a, b) if a and b else [],
        set_differently=comparison.parameter_differences(a, b) if a and b else [],
    )


def _side(name: str) -> Side | None:
    text = request.args.get(name, "")
    return comparison.side_of(db.session(), current_principal(), text) if text else None
