"""Views of the tracker page, of its worker's script, and of the packed files that the worker loads.

The page keeps the strict policy of all pages and may ask for the camera. The worker's own response alone may make code
from text, which the face-landmark package needs: a worker lives under the policy of its own response.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, abort, current_app, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue

from focus.errors import ParameterError
from focus.services import accounts, calibrations, group_access
from focus.services.groups import name_of
from focus.storage.account_models import User
from focus.storage.database import db
from focus.web.api.base import read_json
from focus.web.headers import YEAR_S
from focus.web.identity import current_principal, login_needed

blueprint = Blueprint("tracking", __name__, template_folder="../templates")

FACE_MESH_VERSION: Final = "0.4.1633559619"
WORKER_POLICY: Final = "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-eval'"
PAGE_PERMISSIONS: Final = "camera=(self), fullscreen=(self), screen-wake-lock=(self), microphone=(), geolocation=()"
TRACKER_NAME: Final = "Browser camera"
"""What the tracker calls itself; its calibrations are found by it."""

PACKED_TYPES: Final = {
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".data": "application/octet-stream",
    ".binarypb": "application/octet-stream",
}


@blueprint.get("/track")
@login_needed
def track() -> ResponseReturnValue:
    """The page that looks at the person through the camera."""
    folder = url_for("tracking.face_mesh", version=FACE_MESH_VERSION, name="").rstrip("/")
    participant = _participant()
    person_id = participant.id if participant else current_principal().user_id
    calibration = calibrations.newest_valid(db.session(), person_id, TRACKER_NAME)
    page = render_template(
        "tracking/track.html",
        user_id=current_principal().user_id,
        participant=participant,
        participant_name=name_of(participant) if participant else "",
        face_mesh_folder=folder,
        tracker_name=TRACKER_NAME,
        calibration=None if calibration is None else calibrations.to_dict(calibration),
        calibration_limit_deg=calibrations.VALID_BELOW_DEG,
    )
    return page, {"Permissions-Policy": PAGE_PERMISSIONS}


def _participant() -> User | None:
    """Whose session a researcher records, if the address names somebody; refused as `open` would refuse it."""
    text = request.args.get("participant")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ParameterError(f"participant {text[:40]!r} is not a participant's number")
    group_access.require_run(db.session(), current_principal().user_id, int(text))
    return accounts.get_user(db.session(), int(text))


@blueprint.post("/track/calibrations")
@login_needed
def save_calibration() -> ResponseReturnValue:
    """Keep a calibration that the page has made; it belongs to who was before the camera, and applies from now on."""
    participant = _participant()
    person = accounts.principal_of_user(participant) if participant else current_principal()
    data = calibrations.from_dict(read_json(request), tracker=TRACKER_NAME)
    row = calibrations.save_calibration(db.session(), person, data)
    db.session.commit()
    return calibrations.to_dict(row), 201


@blueprint.get("/track/worker.js")
def worker() -> ResponseReturnValue:
    """The worker's script, with the policy under which the worker lives."""
    assert current_app.static_folder is not None
    response = send_from_directory(Path(current_app.static_folder) / "tracker", "worker.js", mimetype="text/javascript")
    response.headers["Content-Security-Policy"] = WORKER_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/static/vendor/mediapipe-face-mesh/<version>/", defaults={"name": ""})
@blueprint.get("/static/vendor/mediapipe-face-mesh/<version>/<name>")
def face_mesh(version: str, name: str) -> ResponseReturnValue:
    """A file of the face-landmark package; the large ones are kept gzipped, and sent so."""
    suffix = Path(name).suffix
    if version != FACE_MESH_VERSION or suffix not in PACKED_TYPES:
        abort(404)
    assert current_app.static_folder is not None
    folder = Path(current_app.static_folder) / "vendor" / "mediapipe-face-mesh" / version
    if not (folder / f"{name}.gz").is_file():
        return _for_ever(send_from_directory(folder, name, mimetype=PACKED_TYPES[suffix]))
    if request.accept_encodings.best_match(["gzip", "identity"]) != "gzip":
        unpacked = gzip.decompress((folder / f"{name}.gz").read_bytes())
        return _for_ever(Response(unpacked, mimetype=PACKED_TYPES[suffix]))
    response = send_from_directory(folder, f"{name}.gz", mimetype=PACKED_TYPES[suffix])
    response.headers["Content-Encoding"] = "gzip"
    return _for_ever(response)


def _for_ever(response: Response) -> Response:
    """The version stands in the path, so what lies there never changes."""
    response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    response.headers["Vary"] = "Accept-Encoding"
    return response
