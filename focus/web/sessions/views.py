"""Views of the first page, the list of sessions, and the pages to start, watch, stop and delete one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from focus.errors import ParameterError
from focus.services import accounts, consent, live_choice, looks, recordings
from focus.services import demo as demos
from focus.services.days import days_of
from focus.services.glance import glance_of
from focus.storage.database import db
from focus.web.accounts.forms import LogInForm
from focus.web.identity import current_principal, login_needed
from focus.web.paging import page_number
from focus.web.zone import current_zone, today

blueprint = Blueprint("sessions", __name__, template_folder="../templates")

PAGE_SIZE = 25
MAX_SIDE_BY_SIDE = 12
"""More cards than that nobody can look at, and a page can hardly draw."""

TRACKER_TOKEN_DAYS = 90
DEMO_KINDS = ("replay", "synthetic")


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """What FOCUS is and the log-in; or one's own day and sessions, or the ways to the first one."""
    if not current_user.is_authenticated:
        return render_template("sessions/welcome.html", form=LogInForm(formdata=None), next=None)
    page = page_number()
    rows = recordings.list_recordings(
        db.session(), current_principal(), limit=PAGE_SIZE + 1, offset=(page - 1) * PAGE_SIZE
    )
    zone = current_zone()
    days = days_of(db.session(), current_principal(), today(zone), 1, zone) if page == 1 else []
    return render_template(
        "sessions/list.html",
        today=today(zone),
        n_live=live_choice.count_live(db.session(), current_principal()),
        glance=[fact for day in days for fact in glance_of(day)],
        recordings=rows[:PAGE_SIZE],
        has_next=len(rows) > PAGE_SIZE,
        page=page,
        page_url=lambda number: url_for("sessions.home", page=number),
    )


@blueprint.get("/sessions/start")
@login_needed
def start() -> ResponseReturnValue:
    """The three ways to start a session."""
    return _start_page()


@blueprint.post("/sessions/start/command")
@login_needed
def make_command() -> ResponseReturnValue:
    """Make a token for a tracker and show the client's command with it, this once."""
    consent.give_by_starting(db.session(), current_principal())
    user = accounts.get_user(db.session(), current_principal().user_id)
    _token, secret = accounts.create_token(
        db.session(), user, name="Tracker", scopes=["frames:write"], expires=timedelta(days=TRACKER_TOKEN_DAYS)
    )
    db.session.commit()
    return _start_page(secret=secret)


@blueprint.post("/sessions/start/demo")
@login_needed
def start_demo() -> ResponseReturnValue:
    """Stream the demo recording or a simulated person in the background, and go to its live page."""
    kind = request.form.get("kind", "")
    if kind not in DEMO_KINDS:
        raise ParameterError(f"there is no demo {kind!r}; there are: {', '.join(DEMO_KINDS)}")
    consent.give_by_starting(db.session(), current_principal())
    db.session.commit()
    recording_id = demos.start_demo(current_app, current_principal(), kind=kind)
    return redirect(url_for("sessions.live", recording_id=recording_id), code=303)


@blueprint.get("/live")
@login_needed
def several() -> ResponseReturnValue:
    """Several sessions that are going on, side by side: those that were chosen, or the newest."""
    choices = live_choice.list_live(db.session(), current_principal())
    wanted = set(request.args.getlist("r"))
    shown = [choice for choice in choices if choice.recording.id in wanted] or choices
    return render_template(
        "sessions/several.html", choices=choices, shown=shown[:MAX_SIDE_BY_SIDE], most=MAX_SIDE_BY_SIDE
    )


@blueprint.get("/sessions/<uuid:recording_id>/live")
@login_needed
def live(recording_id: UUID) -> ResponseReturnValue:
    """The live page; a session that has ended goes on to its report."""
    recording = recordings.view_recording(db.session(), current_principal(), str(recording_id), what=looks.LIVE)
    if recording.state != "open":
        return redirect(url_for("reports.report", recording_id=recording_id))
    return render_template("sessions/live.html", recording=recording)


@blueprint.post("/sessions/<uuid:recording_id>/stop")
@login_needed
def stop(recording_id: UUID) -> ResponseReturnValue:
    """End a session: what was stored is analysed to its end, and its tracker is told that no more is taken."""
    recording = recordings.get_recording(db.session(), current_principal(), str(recording_id))
    if recording.is_open:
        recordings.close_recording(db.session(), recording, by=current_principal())
        db.session.commit()
    return redirect(url_for("reports.report", recording_id=recording_id), code=303)


@blueprint.route("/sessions/<uuid:recording_id>/delete", methods=["GET", "POST"])
@login_needed
def delete(recording_id: UUID) -> ResponseReturnValue:
    """Ask, then delete a session with everything that hangs on it."""
    recording = recordings.get_recording(db.session(), current_principal(), str(recording_id))
    if request.method != "POST":
        return render_template("sessions/delete.html", recording=recording)
    recordings.delete_recording(db.session(), recording, by=current_principal())
    db.session.commit()
    flash("The session is deleted.", "good")
    return redirect(url_for("sessions.home"), code=303)


def _start_page(*, secret: str | None = None) -> str:
    return render_template(
        "sessions/start.html", secret=secret, token_days=TRACKER_TOKEN_DAYS, server=request.url_root.rstrip("/")
    )
