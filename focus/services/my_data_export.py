"""Writes the export of everything that one person has: a zip of JSON and CSV, in the background, with progress.

The work is cut into parts (the account, then one recording after the other). Each part runs in a thread apart with a
database connection of its own, which only reads; between two parts the server's task notes the progress through the
engine's writer, and learns there whether the export is still wanted. The zip has its name only when it is whole.

    account.json  profile.json  consent.json  tokens.json  log-ins.json  calibrations.json  groups.json
    memberships.json  invitations.json  jobs.json  documents.json  documents/...  audit.json
    recordings/<id>/ recording.json  summary.json  markers.json  rejected.json  analyses.json  windows.json
                     frames.csv  events.csv  states.csv
"""

from __future__ import annotations

import base64
import csv
import io
import json
import logging
import os
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from focus.analysis.types import EyeState
from focus.concurrency import run_blocking
from focus.errors import FocusError
from focus.protocol.batch import TrackerInfo
from focus.protocol.recording_csv import write_recording_csv
from focus.services import recordings
from focus.services.my_data import DOCUMENTS, export_path
from focus.storage import frames as frame_queries
from focus.storage import my_data as queries
from focus.storage import recordings as recording_queries

logger = logging.getLogger(__name__)

T = TypeVar("T")
Write = Callable[[Callable[[Session], T]], T]

FILE_OF_TABLE: Final = {
    "profile": "profile.json",
    "consent": "consent.json",
    "api_token": "tokens.json",
    "login": "log-ins.json",
    "calibration": "calibrations.json",
    "group": "groups.json",
    "job": "jobs.json",
    "document": "documents.json",
}
"""Tables with a column for their person, and where their rows stand in the export."""

LEFT_OUT: Final = {
    "one_time_token": "secrets of links, of which only a hash is known",
}
"""Tables of a person that are in no export, and why."""

WITH_NAMES: Final = {"membership": "memberships.json"}
"""Tables whose rows say nothing without what they point to."""

SECRET_COLUMNS: Final = frozenset({"password_hash", "token_hash", "key_hash"})

README: Final = """Everything that FOCUS holds of one person, as JSON and CSV.

Times of a recording (t_us, onset_us, ...) are microseconds since it began; other times are UTC. An empty cell is a
value that was not measured. frames.csv can be read by FOCUS again: `flask recordings analyse FILE`, and by its client.
"""


class DroppedError(FocusError):
    """The export is no longer wanted: it was asked for anew, or its person is deleted."""

    code = "dropped"


class ExportRunner:
    """Writes exports in the background, one after the other.

    Parameters
    ----------
    instance : Path
        The instance folder.
    make_reader : callable
        Makes an engine that only this uses, in threads apart.
    write : callable
        Runs a short transaction of the server (`IngestEngine.write`).
    now : callable
        A clock with zone.
    """

    def __init__(
        self,
        instance: Path,
        make_reader: Callable[[], Engine],
        write: Callable[[Callable[[Session], Any]], Any],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._instance = instance
        self._make_reader = make_reader
        self._write = write
        self._now = now
        self._turn = threading.Lock()

    def start(self, job_id: int, user_id: int) -> None:
        """Begin to write the export of this job, whose row is committed."""
        threading.Thread(target=self.run, args=(job_id, user_id), name="focus-export", daemon=True).start()

    def run(self, job_id: int, user_id: int) -> None:
        """Write the export in the caller's task."""
        with self._turn:
            part = export_path(self._instance, job_id).with_suffix(".part")
            try:
                self._move(job_id, state="running", started_at=self._now())
                self._run(job_id, user_id, part)
            except DroppedError:
                part.unlink(missing_ok=True)
            except Exception as err:
                part.unlink(missing_ok=True)
                logger.exception("export %d failed", job_id)
                self._give_up(job_id, type(err).__name__)

    def _run(self, job_id: int, user_id: int, part: Path) -> None:
        reader = self._make_reader()
        try:
            part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w+b") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                writer = _Archive(archive, self._instance, user_id, self._now())
                ids = run_blocking(_with_session, reader, writer.add_person)
                for n_done, recording_id in enumerate(ids):
                    words = f"session {n_done + 1} of {len(ids)}"
                    self._move(job_id, progress_ratio=(n_done + 0.5) / (len(ids) + 1), message=words)
                    run_blocking(_with_session, reader, writer.add_recording, recording_id)
            whole = export_path(self._instance, job_id)
            part.rename(whole)
            try:
                self._move(job_id, state="done", progress_ratio=1.0, message="", ended_at=self._now())
            except DroppedError:
                whole.unlink(missing_ok=True)
                raise
        finally:
            reader.dispose()

    def _move(self, job_id: int, **values: Any) -> None:
        if not self._write(lambda session: queries.move_job(session, job_id, **values)):
            raise DroppedError(f"export {job_id} is no longer wanted")

    def _give_up(self, job_id: int, why: str) -> None:
        try:
            self._move(job_id, state="failed", message=why, ended_at=self._now())
        except FocusError as err:
            logger.warning("export %d could not be marked as failed: %s", job_id, err.code)


def _with_session(engine: Engine, work: Callable[..., T], *arguments: Any) -> T:
    with Session(engine) as session:
        return work(session, *arguments)


class _Archive:
    """The zip of one person."""

    def __init__(self, archive: zipfile.ZipFile, instance: Path, user_id: int, now: datetime) -> None:
        self._archive = archive
        self._instance = instance
        self._user_id = user_id
        self._now = now

    def add_person(self, session: Session) -> list[str]:
        """Everything but the recordings, whose ids this returns."""
        self._archive.writestr("README.txt", README)
        account = list(queries.rows_of_key(session, "user", "id", self._user_id))
        if not account:
            raise DroppedError(f"user {self._user_id} is gone")
        self._put("account.json", {"exported_at": self._now, **account[0]})
        for table, name in FILE_OF_TABLE.items():
            self._put(name, queries.rows_of_person(session, table, self._user_id))
        self._put(WITH_NAMES["membership"], queries.memberships_of(session, self._user_id))
        invitations = queries.rows_of_key(session, "group_invitation", "email", account[0]["email"])
        self._put("invitations.json", list(invitations))
        for row in queries.rows_of_person(session, "document", self._user_id):
            path = self._instance / DOCUMENTS / str(row["path"])
            if path.is_file():
                self._archive.write(path, f"documents/{path.name}")
        self._put("audit.json", queries.audit_of_person(session, self._user_id))
        return queries.recording_ids_of(session, self._user_id)

    def add_recording(self, session: Session, recording_id: str) -> None:
        """One recording; nothing if it was deleted meanwhile."""
        found = recording_queries.find_recording(session, recording_id)
        if found is None:
            return
        at = f"recordings/{recording_id}"
        row = next(queries.rows_of_key(session, "recording", "id", recording_id))
        self._put(f"{at}/recording.json", row)
        self._put(f"{at}/summary.json", recordings.summary(session, found))
        self._put(f"{at}/markers.json", list(queries.rows_of_key(session, "marker", "recording_id", recording_id)))
        self._put(
            f"{at}/rejected.json", list(queries.rows_of_key(session, "rejected_batch", "recording_id", recording_id))
        )
        analyses = list(queries.rows_of_key(session, "analysis", "recording_id", recording_id, without=("checkpoint",)))
        self._put(f"{at}/analyses.json", analyses)
        ids = [analysis["id"] for analysis in analyses]
        self._put(f"{at}/windows.json", list(_of_analyses(session, "metric_window", ids)))
        self._add_frames(session, at, recording_id, TrackerInfo.from_dict(found.tracker))
        self._add_events(session, at, ids)
        self._add_states(session, at, ids)

    def _add_frames(self, session: Session, at: str, recording_id: str, tracker: TrackerInfo) -> None:
        scratch = self._instance / "exports" / f".frames-{recording_id}-{os.getpid()}.csv"
        pages = (frames for _, frames in frame_queries.iterate_pages(session, recording_id))
        try:
            scratch.touch(mode=0o600)
            write_recording_csv(scratch, pages, tracker)
            self._archive.write(scratch, f"{at}/frames.csv")
        finally:
            scratch.unlink(missing_ok=True)

    def _add_events(self, session: Session, at: str, analysis_ids: Sequence[int]) -> None:
        rows = _of_analyses(session, "event", analysis_ids)
        heads = ("analysis", "kind", "onset_us", "offset_us", "attributes")
        cells = (
            (row["analysis_id"], row["kind"], row["onset_us"], row["offset_us"], json.dumps(row["attributes"]))
            for row in rows
        )
        self._put_csv(f"{at}/events.csv", heads, cells)

    def _add_states(self, session: Session, at: str, analysis_ids: Sequence[int]) -> None:
        rows = _of_analyses(session, "eye_state_run", analysis_ids)
        heads = ("analysis", "state", "start_us", "stop_us", "frames", "mean_probability")
        cells = (
            (
                row["analysis_id"],
                EyeState(row["state"]).name.lower(),
                row["start_us"],
                row["stop_us"],
                row["n_frames"],
                row["mean_probability"],
            )
            for row in rows
        )
        self._put_csv(f"{at}/states.csv", heads, cells)

    def _put(self, name: str, content: Any) -> None:
        self._archive.writestr(name, json.dumps(_without_secrets(content), default=_as_json, indent=1))

    def _put_csv(self, name: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with self._archive.open(name, "w", force_zip64=True) as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
            table = csv.writer(text, lineterminator="\n")
            table.writerow(heads)
            table.writerows(rows)
            text.flush()
            text.detach()


def _of_analyses(session: Session, table: str, analysis_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    for analysis_id in analysis_ids:
        yield from queries.rows_of_key(session, table, "analysis_id", analysis_id)


def _without_secrets(content: Any) -> Any:
    if isinstance(content, list):
        return [_without_secrets(item) for item in content]
    if isinstance(content, dict):
        return {name: value for name, value in content.items() if name not in SECRET_COLUMNS}
    return content


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    raise TypeError(f"{type(value).__name__} is no JSON value")
