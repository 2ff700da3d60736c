"""Retention: removing what is older than the installation keeps, and what nobody needs any more.

Run by `flask retention run`, from a timer. Unlike other services this commits, one recording after the other: removing
years of frames must neither hold the database nor lose what it has done with the first fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from focus.services.imports.uploads import IMPORT_KIND, remove_old_uploads
from focus.services.mail import OUTBOX
from focus.services.my_data import EXPORT_KIND, export_path
from focus.storage import audit
from focus.storage import my_data as data_queries
from focus.storage import recordings as recording_queries
from focus.storage import retention as queries

LETTERS_ARE_KEPT: Final = timedelta(days=7)
"""Longer than any link in them works."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How long things are kept; None is for ever."""

    frames: timedelta | None
    recordings: timedelta | None
    exports: timedelta

    @classmethod
    def of_days(cls, *, frames: int, metrics: int, exports: int) -> RetentionRules:
        """From the settings, in which 0 is for ever."""
        return cls(
            timedelta(days=frames) if frames else None,
            timedelta(days=metrics) if metrics else None,
            timedelta(days=exports),
        )


@dataclass(frozen=True, slots=True)
class RetentionOutcome:
    """What was removed, or would be."""

    n_recordings: int = 0
    n_without_frames: int = 0
    n_secrets: int = 0
    n_exports: int = 0
    n_letters: int = 0


def run(
    session: Session,
    rules: RetentionRules,
    *,
    instance: Path,
    is_rehearsal: bool = False,
    now: datetime | None = None,
    on_progress: Callable[[], None] | None = None,
) -> RetentionOutcome:
    """Remove what is too old; as a rehearsal only count it.

    Recordings past the limit of metrics go as a whole. Of those past the limit of frames the raw frames go, with what
    was rejected and the checkpoints; states, events and metrics stay. A recording counts from its end; one that nobody
    closed, from when it was last heard of. Frames whose analysis is not complete are kept until it is.
    """
    now = now or datetime.now(UTC)
    tell = on_progress or (lambda: None)
    whole = _old(session, rules.recordings, now)
    bare = [found for found in _old_frames(session, rules.frames, now) if found not in set(whole)]
    exports = data_queries.ended_jobs(session, kind=EXPORT_KIND, before=now - rules.exports)
    imports = data_queries.ended_jobs(session, kind=IMPORT_KIND, before=now - rules.exports)
    letters = _old_letters(instance, now)
    n_secrets = queries.count_dead_secrets(session, now=now)
    outcome = RetentionOutcome(len(whole), len(bare), n_secrets, len(exports), len(letters))
    if is_rehearsal:
        return outcome
    for recording_id in whole:
        recording_queries.delete_recording(session, recording_id)
        _note(session, "retention.recording_removed", recording_id, now)
        session.commit()
        tell()
    for recording_id in bare:
        queries.remove_frames(session, recording_id, now=now)
        _note(session, "retention.frames_removed", recording_id, now)
        session.commit()
        tell()
    queries.delete_dead_secrets(session, now=now)
    data_queries.delete_jobs(session, [*exports, *imports])
    session.commit()
    for path in (*(export_path(instance, job_id) for job_id in exports), *letters):
        path.unlink(missing_ok=True)
    remove_old_uploads(instance, now)
    return outcome


def _old(session: Session, term: timedelta | None, now: datetime) -> list[str]:
    return [] if term is None else queries.recordings_ended_before(session, now - term)


def _old_frames(session: Session, term: timedelta | None, now: datetime) -> list[str]:
    return [] if term is None else queries.analysed_recordings_with_frames(session, now - term)


def _old_letters(instance: Path, now: datetime) -> list[Path]:
    oldest_s = (now - LETTERS_ARE_KEPT).timestamp()
    return [path for path in sorted((instance / OUTBOX).glob("*.eml")) if path.stat().st_mtime < oldest_s]


def _note(session: Session, action: str, recording_id: str, now: datetime) -> None:
    audit.add_entry(session, action, at=now, actor_id=None, object_kind="recording", object_id=recording_id)
