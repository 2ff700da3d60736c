"""Everything of one person: asking for an export of it, and deleting it without a trace.

The export itself is written by `my_data_export`, in the background. Nothing here commits: the caller ends the
transaction. Files are removed after the caller's commit (`remove_files`), because they cannot be rolled back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.errors import ConflictError, NotFoundError
from focus.services import accounts
from focus.services.accounts import Principal
from focus.services.mail import letters_in_outbox
from focus.storage import accounts as account_queries
from focus.storage import audit
from focus.storage import groups as group_queries
from focus.storage import my_data as queries
from focus.storage import recordings as recording_queries
from focus.storage.operation_models import Job

logger = logging.getLogger(__name__)

EXPORT_KIND: Final = "my_data"
EXPORTS: Final = "exports"
DOCUMENTS: Final = "documents"


# -- export -----------------------------------------------------------------------------------------------------------


def request_export(session: Session, principal: Principal, *, now: datetime | None = None) -> Job:
    """A new export of everything this person has, to be written by `ExportRunner`; one that is under way is dropped."""
    now = now or datetime.now(UTC)
    job = renew_export(session, principal.user_id, now=now)
    audit.add_entry(
        session,
        "data.export_requested",
        at=now,
        actor_id=principal.actor_id,
        object_kind="user",
        object_id=str(principal.user_id),
    )
    return job


def renew_export(session: Session, user_id: int, *, now: datetime) -> Job:
    """A new export of this person, in the place of one that is under way; who asked for it is the caller's matter."""
    queries.cancel_jobs(session, owner_id=user_id, kind=EXPORT_KIND, now=now)
    job = Job(owner_id=user_id, kind=EXPORT_KIND, state="waiting", arguments={}, created_at=now)
    queries.add_job(session, job)
    return job


def list_exports(session: Session, principal: Principal) -> Sequence[Job]:
    """One's own exports, the newest first."""
    return queries.list_jobs(session, owner_id=principal.user_id, kind=EXPORT_KIND)


def get_export(session: Session, principal: Principal, job_id: int) -> Job:
    """One of one's own exports; NotFoundError if it is not one's own."""
    job = queries.find_job(session, owner_id=principal.user_id, job_id=job_id, kind=EXPORT_KIND)
    if job is None:
        raise NotFoundError(f"you have no export {job_id}")
    return job


def export_file(session: Session, principal: Principal, job_id: int, *, instance: Path) -> Path:
    """The finished file of one of one's own exports.

    Raises
    ------
    NotFoundError
        If it is not one's own, or its file was removed because it was old.
    ConflictError
        If it is not finished.
    """
    job = get_export(session, principal, job_id)
    if job.state != "done":
        raise ConflictError(f"export {job_id} is {job.state}")
    path = export_path(instance, job_id)
    if not path.is_file():
        raise NotFoundError(f"the file of export {job_id} is no longer there")
    return path


def export_path(instance: Path, job_id: int) -> Path:
    """Where the file of an export lies; its number is all that its name tells."""
    return instance / EXPORTS / f"my-data-{job_id}.zip"


def export_dict(job: Job) -> dict[str, Any]:
    """How an export stands, as JSON values."""
    return {
        "id": job.id,
        "state": job.state,
        "progress_ratio": job.progress_ratio,
        "message": job.message,
        "created_at": job.created_at.isoformat(),
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
    }


# -- deletion ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Removal:
    """What deleting left to be done after the commit: files to remove, recordings that the engine should look at."""

    files: tuple[Path, ...]
    recording_ids: tuple[str, ...]


def delete_all_recordings(session: Session, principal: Principal, *, now: datetime | None = None) -> list[str]:
    """Remove every recording of this person, with frames and results; the account stays. Returns their ids."""
    ids = queries.recording_ids_of(session, principal.user_id)
    for recording_id in ids:
        recording_queries.delete_recording(session, recording_id)
    audit.add_entry(
        session,
        "data.recordings_deleted",
        at=now or datetime.now(UTC),
        actor_id=principal.actor_id,
        object_kind="user",
        object_id=str(principal.user_id),
        details={"count": len(ids)},
    )
    return ids


def delete_account(session: Session, principal: Principal, *, instance: Path, now: datetime | None = None) -> Removal:
    """Remove this person and everything they have.

    What stays is the audit log, in which they are a number that is never given again.

    Raises
    ------
    ConflictError
        If they are the last active administrator and there are other accounts, whom nobody could help then.
    """
    user = accounts.get_user(session, principal.user_id)
    if accounts.is_last_admin(session, user) and account_queries.count_users(session) > 1:
        raise ConflictError("you are the last active administrator; make somebody else one first")
    removal = Removal(
        tuple(_files_of(session, user.id, user.email, instance)), tuple(queries.recording_ids_of(session, user.id))
    )
    audit.add_entry(
        session,
        "user.deleted",
        at=now or datetime.now(UTC),
        actor_id=principal.actor_id,
        object_kind="user",
        object_id=str(user.id),
    )
    for recording in group_queries.open_runs(session, run_by_id=user.id):
        recording_queries.close_recording(session, recording.id, ended_at=now or datetime.now(UTC))
    group_queries.delete_invitations_to(session, user.email)
    queries.delete_user(session, user.id)
    return removal


def remove_files(removal: Removal) -> None:
    """Remove the files of what was deleted, once that is committed."""
    for path in removal.files:
        path.unlink(missing_ok=True)
    logger.info("%d files of a deleted account are removed", len(removal.files))


def _files_of(session: Session, user_id: int, email: str, instance: Path) -> list[Path]:
    documents = [
        instance / DOCUMENTS / str(row["path"]) for row in queries.rows_of_person(session, "document", user_id)
    ]
    exports: list[Path] = []
    for job_id in queries.job_ids_of(session, user_id):
        path = export_path(instance, job_id)
        exports += [path, path.with_suffix(".part")]
    return [*documents, *exports, *letters_in_outbox(instance, user_id, email)]
