"""Files that people upload to have them imported: taken in piece by piece, unpacked, and kept track of by a job.

An upload lies in a folder of its own in `instance/imports/` until it was imported or refused. What is done with it is
in `running.py`. Nothing here commits: the caller does.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.errors import BusyError, ConflictError, InputError, NotFoundError, RecordingFileError, TooLargeError
from focus.services import consent
from focus.services.accounts import Principal, clean_text
from focus.services.imports.base import IMPORTERS
from focus.storage import my_data as queries
from focus.storage.operation_models import Job

IMPORT_KIND: Final = "import"
UPLOADS: Final = "imports"
MAX_WAITING: Final = 3
"""Imports of one person that are not finished."""

MAX_ENTRIES: Final = 1000
SPARE_BYTES: Final = 256 << 20
"""What an upload leaves free on the disk."""

DEAD_AFTER: Final = timedelta(minutes=15)
"""Longer than any step of an import takes: one that did not move for so long has lost its server."""

UPLOADS_ARE_KEPT: Final = timedelta(days=1)
_PIECE_BYTES: Final = 1 << 20
_ZIP_MAGIC: Final = b"PK\x03\x04"


def make_spool_folder(instance: Path) -> Path:
    """Where what was read of a file may wait: on the disk, which the system's own folder may not be."""
    folder = instance / UPLOADS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def too_large(n_bytes: int, max_bytes: int) -> TooLargeError:
    """The error for a file that is larger than the installation takes."""
    return TooLargeError(f"the file has {n_bytes} bytes; the largest that is taken has {max_bytes}")


def make_upload_folder(instance: Path, n_bytes: int) -> Path:
    """A new folder for an upload of this size; BusyError if the disk has no room for it."""
    folder = make_spool_folder(instance) / secrets.token_hex(16)
    folder.mkdir(mode=0o700)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < n_bytes + SPARE_BYTES:
        folder.rmdir()
        raise BusyError(f"the disk has {free_bytes} bytes free, too few for a file of {n_bytes}")
    return folder


def receive(read: Callable[[int], bytes], path: Path, n_bytes: int) -> None:
    """Write what is sent into a new file, a piece at a time; InputError if it breaks off."""
    n_received = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while n_received < n_bytes and (piece := read(min(_PIECE_BYTES, n_bytes - n_received))):
            out.write(piece)
            n_received += len(piece)
    if n_received < n_bytes:
        raise InputError(f"the upload broke off after {n_received} of {n_bytes} bytes")


def clean_name(name: str) -> str:
    """A file's name without folders and without what a disk may not like; messages about the file say it."""
    last = re.split(r"[/\\]", name)[-1]
    kept = re.sub(r"[^\w. ()+\-]", "_", last).strip(" .")
    return kept[-100:] or "recording"


def request_import(
    session: Session,
    principal: Principal,
    path: Path,
    *,
    format_name: str = "",
    title: str = "",
    task: str = "",
    now: datetime | None = None,
) -> Job:
    """A new import of an upload of this person, for `ImportRunner`.

    Raises
    ------
    NotFoundError
        If there is no such format.
    ConsentError
        If this person refused or withdrew consent to their own reports.
    ConflictError
        If as many of theirs are under way as may be.
    """
    now = now or datetime.now(UTC)
    if format_name:
        IMPORTERS[format_name]
    consent.require_recording(session, principal.user_id)
    n_waiting = sum(job.state in queries.UNFINISHED for job in list_imports(session, principal, now=now))
    if n_waiting >= MAX_WAITING:
        raise ConflictError(f"{n_waiting} of your files are being imported; wait for one to end")
    arguments = {
        "folder": path.parent.name,
        "name": path.name,
        "n_bytes": path.stat().st_size,
        "format": format_name,
        "title": clean_text(title)[:200],
        "task": clean_text(task)[:100],
        "moved_at": now.isoformat(),
    }
    job = Job(owner_id=principal.user_id, kind=IMPORT_KIND, state="waiting", arguments=arguments, created_at=now)
    queries.add_job(session, job)
    return job


def list_imports(session: Session, principal: Principal, *, now: datetime | None = None) -> Sequence[Job]:
    """One's own imports, the newest first; those whose server ended are marked as failed."""
    now = now or datetime.now(UTC)
    jobs = queries.list_jobs(session, owner_id=principal.user_id, kind=IMPORT_KIND)
    for job in jobs:
        moved_at = datetime.fromisoformat(job.arguments["moved_at"])
        if job.state in queries.UNFINISHED and now - moved_at > DEAD_AFTER:
            job.state, job.ended_at = "failed", now
            job.message = "the server ended while the file was read; nothing was stored, so send it again"
    session.flush()
    return jobs


def get_import(session: Session, principal: Principal, job_id: int) -> Job:
    """One of one's own imports; NotFoundError if it is not one's own."""
    for job in list_imports(session, principal):
        if job.id == job_id:
            return job
    raise NotFoundError(f"you have no import {job_id}")


def import_dict(job: Job) -> dict[str, Any]:
    """How an import stands, as JSON values; `recording` is there once it is done."""
    return {
        "id": job.id,
        "name": job.arguments["name"],
        "state": job.state,
        "progress_ratio": job.progress_ratio,
        "message": job.message,
        "notes": job.arguments.get("notes", []),
        "recording": job.arguments.get("recording"),
    }


def unpack(path: Path, folder: Path, max_bytes: int) -> Iterator[float]:
    """Unpack a zip into a new folder a piece at a time; gives the share that is done.

    Raises
    ------
    RecordingFileError
        If it is no zip, or holds what does not belong into one, or more than the largest upload.
    """
    folder.mkdir(mode=0o700, parents=True)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir() and not _is_clutter(each.filename)]
            if len(entries) > MAX_ENTRIES:
                raise RecordingFileError(f"{path.name} holds {len(entries)} files; at most {MAX_ENTRIES} are taken")
            total = max(1, sum(each.file_size for each in entries))
            n_done = 0
            for entry in entries:
                target = _target(path, folder, entry.filename)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as out:
                    # What the entry says of its size may be a lie, so what comes out is counted.
                    while piece := source.read(_PIECE_BYTES):
                        n_done += len(piece)
                        if n_done > max_bytes:
                            raise RecordingFileError(f"{path.name} unpacks to more than {max_bytes} bytes")
                        out.write(piece)
                        yield min(n_done / total, 1.0)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as err:
        raise RecordingFileError(f"{path.name} cannot be unpacked: {err}") from err


def is_zip(path: Path) -> bool:
    """Whether a file is a zip, by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) == _ZIP_MAGIC


def root_of(folder: Path) -> Path:
    """Where the recording of an unpacked zip is: within folders that hold nothing else."""
    while True:
        inside = list(folder.iterdir())
        if len(inside) != 1:
            return folder
        folder = inside[0]
        if folder.is_file():
            return folder


def remove_old_uploads(instance: Path, now: datetime) -> None:
    """Remove what a server left behind that ended during an import."""
    oldest_s = (now - UPLOADS_ARE_KEPT).timestamp()
    for folder in (instance / UPLOADS).glob("*"):
        if folder.stat().st_mtime < oldest_s:
            shutil.rmtree(folder, ignore_errors=True)


def _is_clutter(name: str) -> bool:
    """What archivers of desktop computers add of their own."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _target(path: Path, folder: Path, name: str) -> Path:
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()) or "\\" in name:
        raise RecordingFileError(f"{path.name} holds the entry {name[:100]!r}, which leads out of it")
    return target
