"""Use cases of recordings: list, look at, create, close, delete, sum up.

Told a database session and who is asking; knows no Flask. Nothing here commits: the caller ends the transaction. What
draws a stretch of a recording is in `timeline.py`; frames come in through `ingest`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from sqlalchemy.orm import Session

from focus.analysis import metrics
from focus.analysis.pipeline import CODE_VERSION
from focus.analysis.types import EVENT_KINDS
from focus.errors import ConflictError, ConsentError, NotFoundError
from focus.protocol.batch import TrackerInfo
from focus.services import beside_frames, calibrations, consent, group_access, looks
from focus.services.accounts import Principal
from focus.services.overviews import facts_of
from focus.services.timeline import timeline
from focus.storage import audit, results
from focus.storage import frames as frame_queries
from focus.storage import recordings as queries
from focus.storage.recording_models import Analysis, Marker, Recording

__all__ = [
    "close_recording",
    "count_recordings",
    "create_recording",
    "delete_recording",
    "find_recording",
    "get_recording",
    "is_outdated",
    "list_of_member",
    "list_recordings",
    "markers_of",
    "may_view",
    "may_view_id",
    "metric_dicts",
    "metrics_of",
    "note_change",
    "rename_recording",
    "require_sender",
    "summary",
    "timeline",
    "view_recording",
]

MAX_TITLE_LENGTH = 200


def list_recordings(
    session: Session,
    principal: Principal,
    *,
    of_everybody: bool = False,
    state: str | None = None,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
    after: tuple[datetime, str] | None = None,
) -> list[Recording]:
    """The asker's recordings, newest first; with `of_everybody`, which administrators alone may ask, all of them.

    `after` names the recording, by its beginning and id, behind which the list goes on.

    Raises
    ------
    PermissionDeniedError
        If somebody else asks for everybody's.
    """
    owner_id = _owner_to_list(principal, of_everybody)
    if of_everybody:
        looks.note_look(session, principal.actor_id, looks.LIST, kind="recording", key="")
    return queries.list_recordings(
        session, owner_id=owner_id, state=state, search=search, limit=limit, offset=offset, after=after
    )


def count_recordings(
    session: Session,
    principal: Principal,
    *,
    of_everybody: bool = False,
    state: str | None = None,
    search: str = "",
) -> int:
    """How many `list_recordings` could list."""
    owner_id = _owner_to_list(principal, of_everybody)
    return queries.count_recordings(session, owner_id=owner_id, state=state, search=search)


def list_of_member(
    session: Session,
    principal: Principal,
    owner_id: int,
    *,
    limit: int = 50,
    offset: int = 0,
    after: tuple[datetime, str] | None = None,
) -> list[Recording]:
    """Recordings of somebody in a group of the asker, newest first; a look, as those of all people are.

    `after` is that of `list_recordings`.

    Raises
    ------
    ConsentError
        If they are in no group of the asker's, or have not given consent to research.
    """
    if not group_access.may_view(session, principal, owner_id):
        raise ConsentError(f"participant {owner_id} has not given consent to {consent.RESEARCH_EXPORT}")
    looks.note_look(session, principal.actor_id, looks.LIST, kind="user", key=str(owner_id))
    return queries.list_recordings(session, owner_id=owner_id, limit=limit, offset=offset, after=after)


def _owner_to_list(principal: Principal, of_everybody: bool) -> int | None:
    if not of_everybody:
        return principal.user_id
    principal.require_admin()
    return None


def get_recording(session: Session, principal: Principal, recording_id: str, *, what: str = looks.SESSION) -> Recording:
    """The recording, to do with it what its owner may, if the asker owns it or is an administrator.

    An administrator's asking is a look (`looks.note_look`), in the way that `what` says.

    Raises
    ------
    NotFoundError
        If it does not exist or is not theirs; the two are not told apart.
    """
    recording = queries.find_recording(session, recording_id)
    if recording is None or (recording.owner_id != principal.user_id and not principal.is_admin):
        raise _not_there(recording_id)
    return _looked_at(session, principal, recording, what)


def view_recording(
    session: Session, principal: Principal, recording_id: str, *, what: str = looks.SESSION
) -> Recording:
    """The recording, to look at and nothing else: also for a researcher, where its owner agreed (`group_access`).

    Raises and notes as `get_recording`.
    """
    recording = queries.find_recording(session, recording_id)
    if recording is None or not may_view(session, principal, recording):
        raise _not_there(recording_id)
    return _looked_at(session, principal, recording, what)


def may_view(session: Session, principal: Principal, recording: Recording) -> bool:
    """Whether the asker may look at the recording now."""
    return (
        recording.owner_id == principal.user_id
        or principal.is_admin
        or group_access.may_view(session, principal, recording.owner_id)
    )


def may_view_id(session: Session, principal: Principal, recording_id: str) -> bool:
    """As `may_view`; a recording that is gone nobody may look at."""
    recording = queries.find_recording(session, recording_id)
    return recording is not None and may_view(session, principal, recording)


def _looked_at(session: Session, principal: Principal, recording: Recording, what: str) -> Recording:
    if recording.owner_id != principal.user_id:
        looks.note_look(session, principal.actor_id, what, kind="recording", key=recording.id)
    return recording


def _not_there(recording_id: str) -> NotFoundError:
    return NotFoundError(f"there is no recording {recording_id[:36]!r}")


def require_sender(session: Session, principal: Principal, recording_id: str) -> None:
    """Go on only if the recording is the asker's to send to: their own, or one that they run for its owner.

    Raises
    ------
    NotFoundError
        If it is not, or there is none.
    """
    recording = queries.find_recording(session, recording_id)
    if recording is None or principal.user_id not in (recording.owner_id, recording.run_by_id):
        raise _not_there(recording_id)


def find_recording(session: Session, recording_id: str) -> Recording:
    """The recording, whoever owns it: for the command line.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    recording = queries.find_recording(session, recording_id)
    if recording is None:
        raise _not_there(recording_id)
    return recording


def markers_of(session: Session, recording: Recording) -> list[Marker]:
    """The markers of a recording that the asker may see, in the order in which they were sent."""
    return frame_queries.markers_of(session, recording.id)


def create_recording(
    session: Session,
    principal: Principal,
    *,
    tracker: TrackerInfo,
    recording_id: str | None = None,
    title: str = "",
    task: str = "",
    now: datetime | None = None,
) -> Recording:
    """An open recording without frames, for a tracker that will connect later.

    Raises
    ------
    ConflictError
        If the id is taken.
    ConsentError
        If this person refused or withdrew consent to their own reports.
    """
    recording_id = recording_id or str(uuid.uuid4())
    consent.require_recording(session, principal.user_id)
    if queries.find_recording(session, recording_id) is not None:
        raise ConflictError(f"there is a recording {recording_id!r} already")
    return queries.add_recording(
        session,
        recording_id=recording_id,
        owner_id=principal.user_id,
        tracker=tracker.to_dict(),
        started_at=now or datetime.now(UTC),
        title=title.strip()[:MAX_TITLE_LENGTH],
        task=task,
        calibration=calibrations.provenance(session, principal.user_id, tracker),
    )


def rename_recording(session: Session, recording: Recording, title: str, *, by: Principal) -> None:
    """Give the recording another title; somebody else than its owner is written down."""
    recording.title = title.strip()[:MAX_TITLE_LENGTH]
    session.flush()
    note_change(session, "recording.renamed", recording, by)


def close_recording(
    session: Session, recording: Recording, *, by: Principal | None = None, now: datetime | None = None
) -> None:
    """Take no more frames; a connected tracker learns it with its next batch. The server completes the analysis.

    `by` is who ends it; somebody else than its owner is written down.

    Raises
    ------
    ConflictError
        If it is closed already.
    """
    if not queries.close_recording(session, recording.id, ended_at=now or datetime.now(UTC)):
        raise ConflictError(f"recording {recording.id} is closed already")
    session.refresh(recording)
    note_change(session, "recording.stopped", recording, by)


def delete_recording(session: Session, recording: Recording, *, by: Principal) -> None:
    """Remove the recording, its frames and its results for good; somebody else than its owner is written down."""
    note_change(session, "recording.deleted", recording, by)
    queries.delete_recording(session, recording.id)


def note_change(session: Session, action: str, recording: Recording, by: Principal | None) -> None:
    """Write down that somebody else than its owner changes something of a recording."""
    if by is not None and by.user_id != recording.owner_id:
        audit.add_entry(
            session,
            action,
            at=datetime.now(UTC),
            actor_id=by.actor_id,
            object_kind="recording",
            object_id=recording.id,
            details={"owner": recording.owner_id},
        )


# -- sums -------------------------------------------------------------------------------------------------------------


def summary(session: Session, recording: Recording) -> dict[str, Any]:
    """Counts of frames, states and events, and the metrics, as JSON values.

    `pending` is the number of stored frames whose final state is not known yet. Metrics rest on the minute windows that
    are complete; those of a recording that is going on are in the live pictures.
    """
    analysis = results.shown_analysis(session, recording.id)
    n_analysed = analysis.n_frames if analysis is not None else 0
    facts = facts_of(session, analysis) or {}
    if analysis is not None and not facts:
        facts = {
            "states": results.state_frame_counts(session, analysis.id),
            "events": results.event_counts(session, analysis.id),
        }
    return {
        "recording": recording.id,
        "title": recording.title,
        "state": recording.state,
        "tracker": recording.tracker,
        "task": recording.task,
        "started_at": recording.started_at.isoformat(),
        "ended_at": recording.ended_at.isoformat() if recording.ended_at else None,
        "duration_us": _duration_us(recording),
        "frames": recording.n_frames,
        "rejected": recording.n_rejected,
        "frames_rejected": recording.cursor.n_frames_rejected,
        "batches": recording.cursor.n_batches,
        "states": facts.get("states", {}),
        "events": {kind: facts.get("events", {}).get(kind, 0) for kind in EVENT_KINDS} if facts else {},
        "metrics": metrics_of(session, recording, analysis, sums=facts.get("sums")),
        "analysis": _provenance(analysis),
        "calibration": recording.calibration,
        "frames_removed_at": recording.frames_removed_at.isoformat() if recording.frames_removed_at else None,
        "pending": max(0, recording.n_frames - n_analysed),
    }


def metrics_of(
    session: Session, recording: Recording, analysis: Analysis | None, *, sums: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Metric values over all windows of an analysis, as JSON values.

    Parameters
    ----------
    session : Session
        Database session.
    recording : Recording
        The recording.
    analysis : Analysis or None
        One of its analyses.
    sums : mapping, optional
        Of all its windows, where they are known already.

    Returns
    -------
    list of dict
        As `MetricValue.to_dict`; empty while there are no windows, and of an analysis that another version of the code
        made: its sums may mean something else.
    """
    if analysis is None or is_outdated(analysis):
        return []
    if not sums:
        windows = results.windows_of(session, analysis.id)
        sums = reduce(metrics.combine, (window.sums for window in windows)) if windows else {}
    if not sums:
        return []
    whole = beside_frames.complete(session, recording, analysis, sums)
    return metric_dicts(beside_frames.for_person(session, recording.owner_id, whole))


def metric_dicts(sums: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Metric values of sums, as JSON values."""
    return [value.to_dict() for value in metrics.evaluate(sums)]


def is_outdated(analysis: Analysis) -> bool:
    """Whether another version of the analysis code made it: its sums are not mixed with those of today."""
    return analysis.code_version != str(CODE_VERSION)


def _duration_us(recording: Recording) -> int:
    if recording.t_first_us is None or recording.t_last_us is None:
        return 0
    return recording.t_last_us - recording.t_first_us


def _provenance(analysis: Analysis | None) -> dict[str, Any] | None:
    if analysis is None:
        return None
    return {
        "number": analysis.number,
        "model_release": analysis.model_release,
        "parameters": analysis.parameters,
        "code_version": analysis.code_version,
        "is_outdated": is_outdated(analysis),
        "analysed_seq": analysis.analysed_seq,
        "n_frames": analysis.n_frames,
        "is_complete": analysis.is_complete,
        "started_at": analysis.started_at.isoformat(),
        "finished_at": analysis.finished_at.isoformat() if analysis.finished_at else None,
    }
