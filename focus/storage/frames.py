"""Writing and reading the log of frames: cursor steps, journal, rejected batches, markers.

`take_steps` decides in one statement which recordings of a tick are accepted; the rows of those are then added, in the
same transaction. Reading goes over journal and chunks alike, so no caller knows where a frame lies just now;
`chunks.py` merges the one into the other. All functions take a session inside a transaction that the caller ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, bindparam, insert, select, text
from sqlalchemy.orm import Session

from focus.protocol.batch import FrameBatch, join_batches
from focus.protocol.codec import decode_batch
from focus.storage.base import UtcDateTime
from focus.storage.bulk import insert_rows
from focus.storage.chunk_codec import unpack_batch_list, unpack_frames
from focus.storage.recording_models import FrameBatchRow, FrameChunk, Marker, RecordingCursor, RejectedBatch


@dataclass(frozen=True, slots=True)
class CursorStep:
    """What one transaction adds to one recording: all sequence numbers first_seq..next_seq-1.

    `t_first_us` and `t_last_us` are None when none of them holds usable frames.
    """

    recording_id: str
    lease: str
    first_seq: int
    next_seq: int
    n_batches: int = 0
    n_frames: int = 0
    n_rejected: int = 0
    n_frames_rejected: int = 0
    t_first_us: int | None = None
    t_last_us: int | None = None


@dataclass(frozen=True, slots=True)
class CursorState:
    """A recording's cursor as it stands in the database."""

    lease: str | None
    next_seq: int
    t_last_us: int | None


_BATCH_TABLE: Table = FrameBatchRow.__table__  # type: ignore[assignment]
_STEP_FIELDS = (
    ("recording_id", "text"),
    ("lease", "text"),
    ("first_seq", "bigint"),
    ("next_seq", "bigint"),
    ("n_batches", "bigint"),
    ("n_frames", "bigint"),
    ("n_rejected", "bigint"),
    ("n_frames_rejected", "bigint"),
    ("t_first_us", "bigint"),
    ("t_last_us", "bigint"),
)
# The steps travel as one JSON text, so the statement is the same for one recording and for five hundred.
_STEPS_OF_DIALECT = {
    "postgresql": "json_to_recordset(CAST(:steps AS json)) AS v("
    + ", ".join(f"{name} {kind}" for name, kind in _STEP_FIELDS)
    + ")",
    "sqlite": "(SELECT "
    + ", ".join(f"value ->> '{name}' AS {name}" for name, _ in _STEP_FIELDS)
    + " FROM json_each(:steps)) AS v",
}
_TAKE_STEPS = {
    dialect: text(
        "UPDATE recording_cursor SET next_seq = v.next_seq, lease_until = :lease_until,"
        " n_batches = recording_cursor.n_batches + v.n_batches,"
        " n_frames = recording_cursor.n_frames + v.n_frames,"
        " n_rejected = recording_cursor.n_rejected + v.n_rejected,"
        " n_frames_rejected = recording_cursor.n_frames_rejected + v.n_frames_rejected,"
        " t_first_us = coalesce(recording_cursor.t_first_us, v.t_first_us),"
        " t_last_us = coalesce(v.t_last_us, recording_cursor.t_last_us)"
        f" FROM {steps}"
        " WHERE recording_cursor.recording_id = v.recording_id"
        " AND recording_cursor.next_seq = v.first_seq AND recording_cursor.lease = v.lease"
        " RETURNING recording_cursor.recording_id"
    ).bindparams(bindparam("lease_until", type_=UtcDateTime))
    for dialect, steps in _STEPS_OF_DIALECT.items()
}


def take_steps(session: Session, steps: Sequence[CursorStep], *, lease_until: datetime) -> set[str]:
    """Move the cursors on, each only if its lease and next_seq are those of its step.

    Returns
    -------
    set of str
        Recordings whose step was taken. Of the others nothing was changed, and nothing may be added.
    """
    if not steps:
        return set()
    # One order for all processes, so that two of them never wait for each other's rows.
    rows = [
        {name: getattr(step, name) for name, _ in _STEP_FIELDS}
        for step in sorted(steps, key=lambda step: step.recording_id)
    ]
    statement = _TAKE_STEPS[session.get_bind().dialect.name]
    return set(session.execute(statement, {"steps": json.dumps(rows), "lease_until": lease_until}).scalars())


BATCH_NAMES = ("recording_id", "seq", "n", "t0_us", "t1_us", "crc32", "payload")


def add_batches(session: Session, rows: Sequence[Sequence[Any]]) -> None:
    """Journal rows, as values in the order of `BATCH_NAMES`."""
    insert_rows(session, _BATCH_TABLE, BATCH_NAMES, rows)


def add_rejected(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Batches kept aside, by column name (see `RejectedBatch`)."""
    if rows:
        session.execute(insert(RejectedBatch.__table__), rows)  # type: ignore[arg-type]


def add_markers(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Markers by column name (see `Marker`)."""
    if rows:
        session.execute(insert(Marker.__table__), rows)  # type: ignore[arg-type]


def cursor_states(session: Session, recording_ids: Iterable[str]) -> dict[str, CursorState]:
    """The cursors of those recordings that exist."""
    ids = list(recording_ids)
    if not ids:
        return {}
    cursor = RecordingCursor
    query = select(cursor.recording_id, cursor.lease, cursor.next_seq, cursor.t_last_us)
    rows = session.execute(query.where(cursor.recording_id.in_(ids)))
    return {row.recording_id: CursorState(row.lease, row.next_seq, row.t_last_us) for row in rows}


def checksums_of(session: Session, recording_id: str, *, first_seq: int, last_seq: int) -> dict[int, int]:
    """CRC-32 of what is stored at these sequence numbers, whether batch, rejected batch or marker."""
    found: dict[int, int] = {}
    for model in (FrameBatchRow, RejectedBatch, Marker):
        query = select(model.seq, model.crc32).where(
            model.recording_id == recording_id, model.seq.between(first_seq, last_seq)
        )
        found.update((row.seq, row.crc32) for row in session.execute(query))
    chunks = select(FrameChunk.first_seq, FrameChunk.batches).where(
        FrameChunk.recording_id == recording_id, FrameChunk.first_seq <= last_seq, FrameChunk.last_seq >= first_seq
    )
    for chunk_first_seq, packed in session.execute(chunks):
        checksums, counts = unpack_batch_list(packed)
        for at in range(checksums.size):
            if counts[at] and first_seq <= chunk_first_seq + at <= last_seq:
                found[chunk_first_seq + at] = int(checksums[at])
    return found


# -- reading ----------------------------------------------------------------------------------------------------------


def iterate_frames(
    session: Session, recording_id: str, *, start_us: int | None = None, stop_us: int | None = None
) -> Iterator[FrameBatch]:
    """Stored frames with start_us <= t < stop_us in order, in pieces of about a minute or less."""
    # The journal first: a batch that is merged between the two queries is then seen twice, never missed.
    journal = select(FrameBatchRow.seq, FrameBatchRow.payload).where(FrameBatchRow.recording_id == recording_id)
    chunks = select(FrameChunk.first_seq, FrameChunk.last_seq).where(FrameChunk.recording_id == recording_id)
    if start_us is not None:
        journal = journal.where(FrameBatchRow.t1_us >= start_us)
        chunks = chunks.where(FrameChunk.t_stop_us >= start_us)
    if stop_us is not None:
        journal = journal.where(FrameBatchRow.t0_us < stop_us)
        chunks = chunks.where(FrameChunk.t_start_us < stop_us)
    rows = session.execute(journal.order_by(FrameBatchRow.seq)).all()
    spans = session.execute(chunks.order_by(FrameChunk.first_seq)).all()
    for first_seq, _ in spans:
        query = select(FrameChunk.payload).where(
            FrameChunk.recording_id == recording_id, FrameChunk.first_seq == first_seq
        )
        payload = session.execute(query).scalar_one_or_none()
        if payload is not None and (part := _between(unpack_frames(payload), start_us, stop_us)) is not None:
            yield part
    merged_seq = spans[-1].last_seq if spans else -1
    batches = [decode_batch(row.payload) for row in rows if row.seq > merged_seq]
    if batches and (part := _between(join_batches(batches), start_us, stop_us)) is not None:
        yield part


def iterate_pages(session: Session, recording_id: str, *, max_frames: int = 20_000) -> Iterator[tuple[int, FrameBatch]]:
    """All stored frames in order, each page with the sequence number that follows it.

    Every page is a query of its own: however long the recording is, and whether its journal is merged or not, one page
    is in memory, and the caller may end the transaction between two of them.
    """
    first_seq = 0
    while page := read_page(session, recording_id, first_seq=first_seq, max_frames=max_frames):
        first_seq = page[0]
        yield page


def read_page(
    session: Session, recording_id: str, *, first_seq: int, max_frames: int = 20_000
) -> tuple[int, FrameBatch] | None:
    """Stored frames from a sequence number on, with the number that follows them; None where there are no more."""
    batches = batches_from(session, recording_id, first_seq=first_seq, max_frames=max_frames)
    return (batches[-1][0], join_batches([frames for _, frames in batches])) if batches else None


def add_chunks(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Chunks by column name (see `FrameChunk`), of a recording that was not streamed."""
    if rows:
        session.execute(insert(FrameChunk.__table__), rows)  # type: ignore[arg-type]


def frames_of(
    session: Session, recording_id: str, *, start_us: int | None = None, stop_us: int | None = None
) -> FrameBatch | None:
    """All stored frames with start_us <= t < stop_us as one batch; None where there is none."""
    parts = list(iterate_frames(session, recording_id, start_us=start_us, stop_us=stop_us))
    return join_batches(parts) if parts else None


def batches_from(
    session: Session, recording_id: str, *, first_seq: int, max_frames: int
) -> list[tuple[int, FrameBatch]]:
    """Stored frames from a sequence number on, at most about `max_frames` but at least one batch.

    Returns
    -------
    list of tuple of int and FrameBatch
        Frames in order, each with the sequence number that follows it (markers and rejected batches between them are
        passed over). Empty if no frames follow.
    """
    rows = _journal_rows(session, recording_id, first_seq, max_frames)
    chunk = session.execute(
        select(FrameChunk)
        .where(FrameChunk.recording_id == recording_id, FrameChunk.last_seq >= first_seq)
        .order_by(FrameChunk.first_seq)
        .limit(1)
    ).scalar_one_or_none()
    if chunk is not None:
        frames = _from_batch(chunk, first_seq)
        if frames is not None:
            return [(chunk.last_seq + 1, frames)]
    return [(row.seq + 1, decode_batch(row.payload)) for row in rows]


def _journal_rows(session: Session, recording_id: str, first_seq: int, max_frames: int) -> Sequence[Row[int, bytes]]:
    """Journal rows from a sequence number on; their sizes are looked at before any payload is read."""
    journal = FrameBatchRow
    is_ahead = (journal.recording_id == recording_id) & (journal.seq >= first_seq)
    sizes = select(journal.seq, journal.n).where(is_ahead).order_by(journal.seq).limit(max(1, max_frames))
    n_frames, last_seq = 0, None
    for size in session.execute(sizes):
        if last_seq is not None and n_frames + size.n > max_frames:
            break
        last_seq = size.seq
        n_frames += size.n
    if last_seq is None:
        return []
    query = select(journal.seq, journal.payload).where(is_ahead, journal.seq <= last_seq)
    return session.execute(query.order_by(journal.seq)).all()


def _from_batch(chunk: FrameChunk, first_seq: int) -> FrameBatch | None:
    frames = unpack_frames(chunk.payload)
    if first_seq <= chunk.first_seq:
        return frames
    _, counts = unpack_batch_list(chunk.batches)
    n_before = int(counts[: first_seq - chunk.first_seq].sum())
    return frames[n_before:] if n_before < len(frames) else None


def _between(frames: FrameBatch, start_us: int | None, stop_us: int | None) -> FrameBatch | None:
    first = 0 if start_us is None else int(frames.t_us.searchsorted(start_us))
    last = len(frames) if stop_us is None else int(frames.t_us.searchsorted(stop_us))
    return frames[first:last] if first < last else None


def markers_of_kinds(
    session: Session, recording_ids: Sequence[str], kinds: Sequence[str]
) -> list[tuple[str, int, str, dict[str, Any]]]:
    """Recording, time, kind and body of the markers of some kinds in some recordings, in the order they were sent."""
    query = select(Marker.recording_id, Marker.t_us, Marker.kind, Marker.body)
    query = query.where(Marker.recording_id.in_(recording_ids), Marker.kind.in_(kinds)).order_by(Marker.seq)
    return [(recording_id, t_us, kind, body) for recording_id, t_us, kind, body in session.execute(query)]


def markers_of(session: Session, recording_id: str) -> list[Marker]:
    """All markers in the order they were sent."""
    query = select(Marker).where(Marker.recording_id == recording_id).order_by(Marker.seq)
    return list(session.execute(query).scalars())
