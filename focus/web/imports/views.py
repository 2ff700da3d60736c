"""Views of the import page. The file is the body of its request, so that it goes to the disk as it comes.

A form would be taken apart before the view sees it, with its file in a folder that may lie in memory; the page's script
sends the file as it is and shows how far that has come. Without scripts there is the command line.
"""

from __future__ import annotations

import shutil
from typing import Final

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ClientDisconnected

from focus.errors import InputError
from focus.services import consent
from focus.services.imports import IMPORTERS, uploads
from focus.storage.database import db
from focus.web.identity import api_principal, current_principal, login_needed

blueprint = Blueprint("imports", __name__, template_folder="../templates")

SHOWN: Final = 8


@blueprint.get("/sessions/import")
@login_needed
def page() -> ResponseReturnValue:
    """Choose a file, and see what became of those before."""
    jobs = [uploads.import_dict(job) for job in uploads.list_imports(db.session(), current_principal())[:SHOWN]]
    db.session.commit()
    return render_template(
        "imports/import.html",
        jobs=jobs,
        formats=[(name, importer.label, importer.description) for name, importer in IMPORTERS],
        max_bytes=current_app.extensions["focus.settings"].MAX_UPLOAD_BYTES,
    )


@blueprint.post("/api/imports")
def upload() -> ResponseReturnValue:
    """Take the file in the request's body, and begin its import."""
    settings, principal = current_app.extensions["focus.settings"], api_principal()
    n_bytes = request.content_length
    if not n_bytes:
        raise InputError("the request has no file in it, or does not say how long it is")
    if request.mimetype != "application/octet-stream":
        raise InputError(f"the request is {request.mimetype[:60]!r}, not 'application/octet-stream'")
    request.max_content_length = settings.MAX_UPLOAD_BYTES
    if n_bytes > settings.MAX_UPLOAD_BYTES:
        raise uploads.too_large(n_bytes, settings.MAX_UPLOAD_BYTES)
    # The view is spared the check before all views, which comes before the limit above.
    current_app.extensions["csrf"].protect()
    consent.give_by_starting(db.session(), principal)
    db.session.commit()
    # What follows may take minutes; the connection to the database goes back meanwhile.
    db.session.remove()
    folder = uploads.make_upload_folder(settings.INSTANCE, n_bytes)
    try:
        path = folder / uploads.clean_name(request.args.get("name", ""))
        uploads.receive(_read, path, n_bytes)
        job = uploads.request_import(
            db.session(),
            principal,
            path,
            format_name=request.args.get("format", ""),
            title=request.args.get("title", ""),
            task=request.args.get("task", ""),
        )
        answer = uploads.import_dict(job)
        job_id, arguments = job.id, dict(job.arguments)
        db.session.commit()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    current_app.extensions["focus.imports"].start(job_id, principal.user_id, arguments)
    return jsonify(answer), 201


@blueprint.get("/api/imports/<int:job_id>")
def state(job_id: int) -> ResponseReturnValue:
    """How far an import has come, for the page that shows it."""
    answer = uploads.import_dict(uploads.get_import(db.session(), api_principal(), job_id))
    db.session.commit()
    return jsonify(answer)


def _read(n_bytes: int) -> bytes:
    try:
        return request.stream.read(n_bytes)
    except (ClientDisconnected, OSError) as err:
        raise InputError("the upload broke off") from err


@blueprint.record_once
def _spare_the_check_of_forms(state: BlueprintSetupState) -> None:
    state.app.extensions["csrf"].exempt(f"{__name__}.{upload.__name__}")
