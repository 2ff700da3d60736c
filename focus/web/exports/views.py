"""The download of one session, and what pages need to offer it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app
from flask.typing import ResponseReturnValue

from focus.errors import NotFoundError
from focus.services import consent, looks, recordings
from focus.services.exports import EXPORTERS, Exporter
from focus.services.exports.downloads import stream_download
from focus.storage.database import db, normalise_url
from focus.storage.recording_models import Recording
from focus.web.identity import current_principal, login_needed

blueprint = Blueprint("exports", __name__, template_folder="../templates")


@blueprint.get("/sessions/<uuid:recording_id>/export/<format_name>")
@login_needed
def download(recording_id: UUID, format_name: str) -> ResponseReturnValue:
    """A zip of the session's files."""
    recording = recordings.view_recording(db.session(), current_principal(), str(recording_id), what=looks.EXPORT)
    consent.require_export(db.session(), current_principal(), recording.owner_id)
    return send_export(recording, format_name)


def send_export(recording: Recording, format_name: str) -> Response:
    """A zip of the files of a recording that the asker may take along, sent while it is made, so without a length."""
    exporter = EXPORTERS[format_name]
    exporter.check()
    name = f"focus-{recording.started_at:%Y%m%d-%H%M%S}-{recording.id[:8]}-{format_name}"
    url = normalise_url(current_app.config["SQLALCHEMY_DATABASE_URI"])
    # The pieces come from a connection of their own; the request's goes back before the first of them.
    recording_key = recording.id
    db.session.remove()
    return Response(
        stream_download(url, recording_key, exporter, root=name),
        mimetype="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}.zip"', "Cache-Control": "no-store"},
    )


@blueprint.app_context_processor
def _formats() -> dict[str, Any]:
    return {"export_formats": _offered}


def _offered() -> list[tuple[str, Exporter, str]]:
    """Name and exporter of each format, and what this installation lacks for it."""
    offered = []
    for name, exporter in EXPORTERS:
        try:
            exporter.check()
        except NotFoundError as err:
            offered.append((name, exporter, err.message))
        else:
            offered.append((name, exporter, ""))
    return offered
