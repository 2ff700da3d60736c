"""Background jobs: how far each is, why it failed; cancelling, and trying again where that can be."""

from __future__ import annotations

from typing import Final

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from focus.errors import ConflictError
from focus.services import operations
from focus.services.imports.uploads import IMPORT_KIND
from focus.services.my_data import EXPORT_KIND
from focus.storage.database import db
from focus.web.accounts.base import sentence
from focus.web.admin.base import asked_slice, blueprint, page_of, search_text
from focus.web.identity import admin_needed, current_principal

STATES: Final = ("waiting", "running", "done", "failed", "cancelled")
WORDS_OF_KIND: Final = {EXPORT_KIND: "Copy of all data of a person", IMPORT_KIND: "Import of a recording file"}


@blueprint.get("/jobs")
@admin_needed
def jobs() -> ResponseReturnValue:
    """Everybody's background jobs, the newest first, and analyses that are under way."""
    search, state = search_text(), request.args.get("state", "")
    state = state if state in STATES else ""
    principal = current_principal()
    rows = operations.list_jobs(db.session(), principal, search=search, state=state, **asked_slice())
    return render_template(
        "admin/jobs.html",
        search=search,
        state=state,
        states=STATES,
        kinds=WORDS_OF_KIND,
        renewable=EXPORT_KIND,
        analyses=operations.analyses_under_way(db.session(), principal),
        **page_of(rows, "admin.jobs", q=search, state=state),
    )


@blueprint.post("/jobs/<int:job_id>/cancel")
@admin_needed
def cancel_job(job_id: int) -> ResponseReturnValue:
    """Take a job's work from it."""
    try:
        operations.cancel_job(db.session(), current_principal(), job_id)
    except ConflictError as error:
        db.session.rollback()
        flash(sentence(error), "wrong")
    else:
        db.session.commit()
        flash(f"Job {job_id} is cancelled.", "good")
    return redirect(url_for("admin.jobs"), code=303)


@blueprint.post("/jobs/<int:job_id>/retry")
@admin_needed
def retry_job(job_id: int) -> ResponseReturnValue:
    """Begin the work of a job anew."""
    try:
        job = operations.retry_job(db.session(), current_principal(), job_id)
    except ConflictError as error:
        db.session.rollback()
        flash(sentence(error), "wrong")
        return redirect(url_for("admin.jobs"), code=303)
    again_id, owner_id = job.id, job.owner_id
    db.session.commit()
    current_app.extensions["focus.my_data"].start(again_id, owner_id)
    flash(f"Job {again_id} does what job {job_id} should have done.", "good")
    return redirect(url_for("admin.jobs"), code=303)
