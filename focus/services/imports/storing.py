"""An imported recording into the database: all of it in one transaction, or nothing.

The file is read to its end first, and its frames wait, packed as the chunks they will be, in a temporary file. Only
when nothing was wrong does the database see anything, and then only rows that are ready: the transaction is as short as
it can be, and a server beside it goes on writing.
"""

from __future__ import annotations

import json
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from sqlalchemy.orm import Session

from focus.errors import FrameValueError, RecordingFileError
from focus.protocol.batch import FrameBatch, join_batches
from focus.services.imports.base import ImportedMarker, ImportedRecording, choose_importer
from focus.storage import frames as frame_queries
from focus.storage import recordings as queries
from focus.storage.chunk_codec import CHUNK_CODEC, pack_batch_list, pack_frames
from focus.storage.chunks import CHUNK_SPAN_US, MAX_CHUNK_FRAMES
from focus.storage.recording_models import CLOSED, Recording

MAX_MARKERS: Final = 100_000
_GROUP_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of a file: the recording, not committed yet, and what the person who imports should know."""

    recording: Recording
    format_name: str
    n_frames: int
    n_markers: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Where a chunk lies in the temporary file."""

    at: int
    size: int
    n: int
    t_start_us: int
    t_stop_us: int
    crc32: int


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read to its end without a fault; its chunks wait in a temporary file."""

    path: Path
    format_name: str
    imported: ImportedRecording
    chunks: list[_Chunk]
    markers: list[ImportedMarker]
    spool: BinaryIO

    def store(
        self,
        session: Session,
        owner_id: int,
        *,
        title: str = "",
        task: str = "",
        hold: timedelta = timedelta(0),
        now: datetime | None = None,
    ) -> ImportedFile:
        """Add it as a closed recording of this person; the caller commits.

        Parameters
        ----------
        session : Session
            Database session.
        owner_id : int
            Whose recording it becomes.
        title, task : str
            In place of what the file says.
        hold : timedelta
            How long the server shall leave the analysis to the caller.
        now : datetime, optional
            With zone; by default the computer's clock says it.
        """
        recording = _add_recording(session, owner_id, self, now or datetime.now(UTC), title, task, hold)
        _add_chunks(session, recording.id, self.chunks, self.spool)
        rows = [_marker_row(recording.id, len(self.chunks) + at, marker) for at, marker in enumerate(self.markers)]
        frame_queries.add_markers(session, rows)
        session.flush()
        notes = self.imported.notes
        if self.imported.started_at is None:
            notes = (*notes, "the file does not say when it was recorded; the time of the import stands in its place")
        return ImportedFile(recording, self.format_name, recording.cursor.n_frames, len(self.markers), notes)


@contextmanager
def read_file(
    path: Path,
    *,
    format_name: str | None = None,
    on_share: Callable[[float], None] | None = None,
    spool_folder: Path | None = None,
) -> Iterator[ReadFile]:
    """The recording in a file or folder, read to its end; what waits of it is forgotten when the context ends.

    Parameters
    ----------
    path : Path
        File or folder.
    format_name : str, optional
        A name in `IMPORTERS`; by default the format is recognised.
    on_share : callable, optional
        Told which share of the file has been read.
    spool_folder : Path, optional
        Where the chunks wait; the system's folder for such files by default, which may lie in memory.

    Raises
    ------
    RecordingFileError
        If the file is wrong; the sentence names line and column.
    """
    with tempfile.TemporaryFile(prefix="focus-import-", dir=spool_folder) as spool:
        steps = read_steps(path, spool, format_name=format_name)
        while not isinstance(step := next(steps), ReadFile):
            if on_share is not None:
                on_share(step)
        yield step


def read_steps(path: Path, spool: BinaryIO, *, format_name: str | None = None) -> Iterator[float | ReadFile]:
    """Read a file a chunk at a time: gives the share that has been read after each, and at last what was read."""
    name, importer = choose_importer(path, format_name)
    imported = importer.open(path)
    chunks: list[_Chunk] = []
    found = ReadFile(path, name, imported, chunks, [], spool)
    share = _Share()
    for frames in _cut(_frames_of(found, share)):
        payload = pack_frames(frames)
        at = chunks[-1].at + chunks[-1].size if chunks else 0
        first_us, last_us = int(frames.t_us[0]), int(frames.t_us[-1])
        chunks.append(_Chunk(at, len(payload), len(frames), first_us, last_us, zlib.crc32(payload)))
        spool.write(payload)
        yield share.value
    if not chunks:
        raise RecordingFileError(f"{path.name} holds no frames")
    yield found


def import_file(
    session: Session,
    owner_id: int,
    path: Path,
    *,
    format_name: str | None = None,
    title: str = "",
    task: str = "",
    hold: timedelta = timedelta(0),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_share: Callable[[float], None] | None = None,
    spool_folder: Path | None = None,
) -> ImportedFile:
    """Read and store in one: `read_file` and `ReadFile.store`. The session is untouched until the file was read."""
    with read_file(path, format_name=format_name, on_share=on_share, spool_folder=spool_folder) as found:
        return found.store(session, owner_id, title=title, task=task, hold=hold, now=now())


# -- reading ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Share:
    """Which share of the file has been read."""

    value: float = 0.0


def _frames_of(file: ReadFile, share: _Share) -> Iterator[FrameBatch]:
    last_us = -1
    for piece in file.imported.pieces():
        share.value = piece.share
        if piece.marker is not None:
            file.markers.append(piece.marker)
            if len(file.markers) > MAX_MARKERS:
                raise RecordingFileError(f"{file.path.name} holds more than {MAX_MARKERS} markers")
        if piece.frames is not None:
            first_us = int(piece.frames.t_us[0])
            if first_us <= last_us:
                raise FrameValueError(f"{file.path.name}: the time {first_us} us is not after {last_us}")
            last_us = int(piece.frames.t_us[-1])
            yield piece.frames


def _cut(batches: Iterator[FrameBatch]) -> Iterator[FrameBatch]:
    """The frames in parts of at most a chunk's length."""
    waiting: list[FrameBatch] = []
    for batch in batches:
        waiting.append(batch)
        if _is_full(waiting):
            whole = join_batches(waiting)
            *parts, rest = _parts(whole)
            yield from parts
            waiting = [rest]
    if waiting:
        yield from _parts(join_batches(waiting))


def _is_full(waiting: list[FrameBatch]) -> bool:
    span_us = int(waiting[-1].t_us[-1]) - int(waiting[0].t_us[0])
    return span_us > CHUNK_SPAN_US or sum(map(len, waiting)) > MAX_CHUNK_FRAMES


def _parts(frames: FrameBatch) -> Iterator[FrameBatch]:
    start = 0
    while start < len(frames):
        end_us = int(frames.t_us[start]) + CHUNK_SPAN_US
        stop = min(int(np.searchsorted(frames.t_us, end_us, side="right")), start + MAX_CHUNK_FRAMES)
        yield frames[start:stop]
        start = stop


# -- writing ----------------------------------------------------------------------------------------------------------


def _add_recording(
    session: Session, owner_id: int, file: ReadFile, now: datetime, title: str, task: str, hold: timedelta
) -> Recording:
    imported, chunks, markers = file.imported, file.chunks, file.markers
    started_at = imported.started_at or now
    recording = queries.add_recording(
        session,
        recording_id=str(uuid.uuid4()),
        owner_id=owner_id,
        tracker=imported.tracker.to_dict(),
        started_at=started_at,
        title=(title or imported.title or file.path.name)[:200],
        task=(task or imported.task)[:100],
        device="file",
        client=f"import {file.format_name}"[:100],
    )
    recording.state = CLOSED
    recording.ended_at = started_at + timedelta(microseconds=min(chunks[-1].t_stop_us, 10**15))
    cursor = recording.cursor
    cursor.next_seq = len(chunks) + len(markers)
    cursor.n_batches = len(chunks)
    cursor.n_frames = sum(chunk.n for chunk in chunks)
    cursor.t_first_us, cursor.t_last_us = chunks[0].t_start_us, chunks[-1].t_stop_us
    cursor.lease_until = now + hold if hold else None
    session.flush()
    return recording


def _add_chunks(session: Session, recording_id: str, chunks: list[_Chunk], spool: BinaryIO) -> None:
    """Rows of the chunks, a group at a time, so that a few of them are in memory."""
    spool.seek(0)
    rows: list[dict[str, Any]] = []
    size = 0
    for seq, chunk in enumerate(chunks):
        rows.append(
            {
                "recording_id": recording_id,
                "first_seq": seq,
                "last_seq": seq,
                "t_start_us": chunk.t_start_us,
                "t_stop_us": chunk.t_stop_us,
                "n": chunk.n,
                "codec": CHUNK_CODEC,
                "payload": spool.read(chunk.size),
                # No batch was ever sent; the chunk stands for one, so that every number of the sequence has one.
                "batches": pack_batch_list([chunk.crc32], [chunk.n]),
            }
        )
        size += chunk.size
        if size >= _GROUP_BYTES:
            frame_queries.add_chunks(session, rows)
            rows, size = [], 0
    frame_queries.add_chunks(session, rows)


def _marker_row(recording_id: str, seq: int, marker: ImportedMarker) -> dict[str, Any]:
    body = dict(marker.body)
    return {
        "recording_id": recording_id,
        "seq": seq,
        "t_us": marker.t_us,
        "kind": marker.kind[:60],
        "body": body,
        "crc32": zlib.crc32(json.dumps([marker.t_us, marker.kind, body], sort_keys=True).encode()),
    }
