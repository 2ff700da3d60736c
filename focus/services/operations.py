"""What administrators see of an installation: recordings with their health, background jobs, the audit log, its parts.

Everything here asks for an administrator. Lists of what belongs to others are looks (`looks.note_look`). Nothing here
commits: the caller ends the transaction.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from sqlalchemy.orm import Session

from focus.errors import ConflictError, NotFoundError, StorageError
from focus.services import looks, my_data
from focus.services.accounts import Principal
from focus.storage import accounts as account_queries
from focus.storage import audit
from focus.storage import my_data as job_queries
from focus.storage import operations as queries
from focus.storage.account_models import User
from focus.storage.audit import EntryFilter
from focus.storage.operation_models import AuditEntry, Job
from focus.storage.operations import JobRow
from focus.storage.recording_models import Analysis, Recording

MIN_FREE_BYTES: Final = 1 << 30
"""Below this the disk is reported as full: about a day of one 60 Hz tracker is 200 MB."""

REDIS_TIMEOUT_S: Final = 3

Health = Literal["receiving", "silent", "waiting", "behind", "incomplete", "rejecting", "good"]
HEALTHS: Final[tuple[Health, ...]] = get_args(Health)


# -- recordings -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordingHealth:
    """A recording and how it is doing; `n_pending` stored frames have no final state yet."""

    recording: Recording
    owner: User
    health: Health
    n_pending: int


def list_recordings(
    session: Session,
    principal: Principal,
    *,
    search: str = "",
    state: str = "",
    limit: int = 50,
    offset: int = 0,
    after: tuple[datetime, str] | None = None,
    now: datetime | None = None,
) -> list[RecordingHealth]:
    """Everybody's recordings, newest first, each with its health; `after` is that of `recordings.list_recordings`."""
    principal.require_admin()
    looks.note_look(session, principal.actor_id, looks.LIST, kind="recording", key="")
    now = now or datetime.now(UTC)
    found = queries.list_recordings(session, search=search, state=state, limit=limit, offset=offset, after=after)
    return [
        RecordingHealth(row.recording, row.owner, _health(row.recording, row.analysis, now), _pending(row))
        for row in found
    ]


def _pending(row: queries.RecordingRow) -> int:
    return max(0, row.recording.n_frames - (row.analysis.n_frames if row.analysis is not None else 0))


def _health(recording: Recording, analysis: Analysis | None, now: datetime) -> Health:
    if recording.is_open:
        if recording.cursor.lease_until is None or recording.cursor.lease_until < now:
            return "silent" if recording.n_frames else "waiting"
        return "rejecting" if recording.n_rejected else "receiving"
    if recording.n_frames and analysis is None:
        return "incomplete"
    if analysis is not None and not analysis.is_complete:
        return "behind"
    return "rejecting" if recording.n_rejected else "good"


# -- jobs -------------------------------------------------------------------------------------------------------------


def list_jobs(
    session: Session,
    principal: Principal,
    *,
    search: str = "",
    state: str = "",
    limit: int = 50,
    offset: int = 0,
    before_id: int | None = None,
) -> list[JobRow]:
    """Everybody's background jobs, newest first, from those older than `before_id` on.

    What a job made is its owner's, and not to be had here.
    """
    principal.require_admin()
    looks.note_look(session, principal.actor_id, looks.LIST, kind="job", key="")
    return queries.list_jobs(session, search=search, state=state, limit=limit, offset=offset, before_id=before_id)


def analyses_under_way(session: Session, principal: Principal, *, limit: int = 20) -> list[tuple[Analysis, Recording]]:
    """Analyses that somebody asked for and that are not complete: under way, or left by a server that ended."""
    principal.require_admin()
    return queries.analyses_again(session, limit=limit)


def cancel_job(session: Session, principal: Principal, job_id: int, *, now: datetime | None = None) -> Job:
    """Take a job's work from it: whoever works on it learns it with the next step, and leaves no file.

    Raises
    ------
    NotFoundError
        If there is no such job.
    ConflictError
        If it has ended.
    """
    job = _job(session, principal, job_id)
    now = now or datetime.now(UTC)
    if not job_queries.move_job(session, job.id, state="cancelled", ended_at=now):
        raise ConflictError(f"job {job_id} is {job.state} already")
    _note(session, "job.cancelled", principal, job.id, now)
    session.refresh(job)
    return job


def retry_job(session: Session, principal: Principal, job_id: int, *, now: datetime | None = None) -> Job:
    """A new job that does what one that failed or was cancelled should have done, for the same person.

    Raises
    ------
    NotFoundError
        If there is no such job.
    ConflictError
        If it did not fail, or is of a kind that cannot be done again.
    """
    job = _job(session, principal, job_id)
    if job.state not in ("failed", "cancelled"):
        raise ConflictError(f"job {job_id} is {job.state}; only one that failed or was cancelled is tried again")
    if job.kind != my_data.EXPORT_KIND or job.owner_id is None:
        raise ConflictError(f"a job of kind {job.kind!r} cannot be tried again")
    now = now or datetime.now(UTC)
    again = my_data.renew_export(session, job.owner_id, now=now)
    _note(session, "job.retried", principal, again.id, now)
    return again


def _job(session: Session, principal: Principal, job_id: int) -> Job:
    principal.require_admin()
    job = queries.find_job(session, job_id)
    if job is None:
        raise NotFoundError(f"there is no job {job_id}")
    return job


def _note(session: Session, action: str, principal: Principal, job_id: int, now: datetime) -> None:
    audit.add_entry(session, action, at=now, actor_id=principal.actor_id, object_kind="job", object_id=str(job_id))


# -- the audit log ----------------------------------------------------------------------------------------------------


def list_audit(
    session: Session,
    principal: Principal,
    *,
    action: str = "",
    person: str = "",
    limit: int = 50,
    offset: int = 0,
    before_id: int | None = None,
) -> tuple[Sequence[AuditEntry], dict[int, User]]:
    """Entries of the audit log, newest first, with the people they name who are still there.

    Parameters
    ----------
    action : str
        One action, or with a dot at its end all that begin so ("look."); empty for all.
    person : str
        A number or the address of somebody who did it or to whom it was done; empty for everybody.
    before_id : int, optional
        Older entries alone.

    Raises
    ------
    NotFoundError
        If there is nobody with this address. A number may be that of somebody who is gone.
    """
    principal.require_admin()
    wanted = EntryFilter(action, _person(session, person))
    entries = audit.list_entries(session, wanted, limit=limit, offset=offset, before_id=before_id)
    named = {entry.actor_id for entry in entries if entry.actor_id is not None}
    named |= {int(entry.object_id) for entry in entries if entry.object_kind == "user" and entry.object_id.isdigit()}
    return entries, queries.users_by_id(session, sorted(named))


def audit_actions(session: Session, principal: Principal) -> Sequence[str]:
    """Every action in the log."""
    principal.require_admin()
    return audit.list_actions(session)


def _person(session: Session, text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    user = account_queries.find_user_by_email(session, text.lower())
    if user is None:
        raise NotFoundError(f"there is no account for {text[:254]!r}; of somebody who is gone only the number is left")
    return user.id


# -- parts of the installation ----------------------------------------------------------------------------------------


def redis_state(url: str | None) -> str:
    """Which Redis answers; StorageError if none does where one is set."""
    if url is None:
        return "not used"
    import redis

    client = redis.Redis.from_url(url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S)
    try:
        client.ping()
        return f"Redis {client.info('server')['redis_version']}"
    except redis.RedisError as err:
        raise StorageError(f"Redis does not answer: {err}") from err
    finally:
        client.close()


def disk_state(folder: Path) -> str:
    """How much room is left where this folder lies; StorageError if too little for recordings."""
    free_bytes = shutil.disk_usage(folder).free
    said = f"{free_bytes / 1e9:.1f} GB free"
    if free_bytes < MIN_FREE_BYTES:
        raise StorageError(f"{said}; at least {MIN_FREE_BYTES / 1e9:.1f} GB are wanted")
    return said
