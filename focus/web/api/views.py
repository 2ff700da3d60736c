"""JSON for the pages: a recording's summary, and the part of its timeline that is on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from focus.errors import AuthenticationError, ParameterError
from focus.services import baselines, recordings, reports
from focus.services.accounts import Principal
from focus.storage.database import db
from focus.web.identity import current_principal

if TYPE_CHECKING:
    from focus.storage.recording_models import Recording

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

MAX_POINTS = 5000
DEFAULT_POINTS = 1000


@blueprint.get("/recordings/<uuid:recording_id>")
def recording(recording_id: UUID) -> ResponseReturnValue:
    """Counts of frames, states and events, metrics with verdicts, and how far the analysis has come."""
    found = recordings.view_recording(db.session(), _principal(), str(recording_id))
    return jsonify(recordings.summary(db.session(), found))


@blueprint.get("/recordings/<uuid:recording_id>/timeline")
def timeline(recording_id: UUID) -> ResponseReturnValue:
    """Signals, state runs and events between two times, with at most `points` points a signal."""
    found = recordings.view_recording(db.session(), _principal(), str(recording_id))
    start_us, stop_us = _stretch(found)
    points = _integer("points", DEFAULT_POINTS, low=10, high=MAX_POINTS)
    picture: dict[str, Any] = recordings.timeline(
        db.session(), found, start_us=start_us, stop_us=stop_us, points=points
    )
    return jsonify(picture)


@blueprint.get("/recordings/<uuid:recording_id>/gaze-map")
def gaze_map(recording_id: UUID) -> ResponseReturnValue:
    """Where the eyes rested between two times, as a grid and, where they are few, fixation by fixation."""
    found = recordings.view_recording(db.session(), _principal(), str(recording_id))
    start_us = stop_us = None
    if "start_us" in request.args or "stop_us" in request.args:
        start_us, stop_us = _stretch(found)
    return jsonify(reports.gaze_map(db.session(), found, start_us=start_us, stop_us=stop_us))


@blueprint.get("/recordings/<uuid:recording_id>/eye-strain")
def eye_strain(recording_id: UUID) -> ResponseReturnValue:
    """The eye-strain index of a recording against the baseline of its own person, with its parts."""
    found = recordings.view_recording(db.session(), _principal(), str(recording_id))
    return jsonify(baselines.eye_strain(db.session(), found).to_dict())


def _stretch(recording: Recording) -> tuple[int, int]:
    """The stretch that is asked for; all of the recording by default."""
    start_us = _integer("start_us", recording.t_first_us or 0, low=-(2**53), high=2**53)
    stop_us = _integer("stop_us", (recording.t_last_us or 0) + 1, low=-(2**53), high=2**53)
    if stop_us <= start_us:
        raise ParameterError(f"stop_us {stop_us} is not after start_us {start_us}")
    return start_us, stop_us


def _principal() -> Principal:
    """Who is logged in; an API answers 401 where a page would show the log-in."""
    if not current_user.is_authenticated:
        raise AuthenticationError("log in first")
    return current_principal()


def _integer(name: str, default: int, *, low: int, high: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ParameterError(f"{name} {text[:40]!r} is not a whole number") from None
    if not low <= value <= high:
        raise ParameterError(f"{name} {value} lies outside of {low}..{high}")
    return value
