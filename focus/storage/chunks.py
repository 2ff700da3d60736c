"""Merging journal rows into chunks of about a minute, and finding what there is to merge."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from focus.protocol.batch import join_batches
from focus.protocol.codec import decode_batch
from focus.storage.chunk_codec import CHUNK_CODEC, pack_batch_list, pack_frames
from focus.storage.recording_models import CLOSED, FrameBatchRow, FrameChunk, Recording

MIN_CHUNK_FRAMES = 300
"""Fewer frames than this stay in the journal of an open recording: the parts of a chunk have a cost of their own."""

MAX_CHUNK_FRAMES = 30_000
"""Half a minute at 1000 Hz; reading a stretch of a timeline unpacks whole chunks."""

CHUNK_SPAN_US = 60_000_000


def recordings_to_compact(session: Session, *, limit: int) -> list[str]:
    """Recordings whose journal holds a chunk's worth of frames, the fullest journals first; closed ones with any."""
    journal = FrameBatchRow
    span_us = func.max(journal.t1_us) - func.min(journal.t0_us)
    is_full = (func.sum(journal.n) >= MIN_CHUNK_FRAMES) & (
        (span_us >= CHUNK_SPAN_US) | (func.sum(journal.n) >= MAX_CHUNK_FRAMES)
    )
    query = (
        select(journal.recording_id)
        .join(Recording, Recording.id == journal.recording_id)
        .group_by(journal.recording_id, Recording.state)
        .having(is_full | (Recording.state == CLOSED))
        .order_by(func.count().desc())
        .limit(limit)
    )
    return list(session.execute(query).scalars())


def read_journal(session: Session, recording_id: str) -> list[FrameBatchRow]:
    """The oldest journal rows that make one chunk, as detached rows.

    Empty when there is none; an open recording's journal has to hold a whole chunk.
    """
    recording = session.get(Recording, recording_id)
    if recording is None:
        return []
    query = (
        select(FrameBatchRow)
        .where(FrameBatchRow.recording_id == recording_id)
        .order_by(FrameBatchRow.seq)
        .limit(MAX_CHUNK_FRAMES)
    )
    taken: list[FrameBatchRow] = []
    n_frames, is_whole = 0, recording.state == CLOSED
    for row in session.execute(query).scalars():
        is_over = taken and (n_frames + row.n > MAX_CHUNK_FRAMES or row.t1_us - taken[0].t0_us > CHUNK_SPAN_US)
        if is_over and n_frames >= MIN_CHUNK_FRAMES:
            is_whole = True
            break
        taken.append(row)
        n_frames += row.n
    session.expunge_all()
    return taken if is_whole else []


def merge(rows: Sequence[FrameBatchRow]) -> FrameChunk:
    """The chunk that takes the place of the rows; a column that is missing from some of them is NaN there."""
    frames = join_batches([decode_batch(row.payload) for row in rows])
    first_seq, last_seq = rows[0].seq, rows[-1].seq
    checksums, counts = [0] * (last_seq - first_seq + 1), [0] * (last_seq - first_seq + 1)
    for row in rows:
        checksums[row.seq - first_seq] = row.crc32
        counts[row.seq - first_seq] = row.n
    return FrameChunk(
        recording_id=rows[0].recording_id,
        first_seq=first_seq,
        last_seq=last_seq,
        t_start_us=int(frames.t_us[0]),
        t_stop_us=int(frames.t_us[-1]),
        n=len(frames),
        codec=CHUNK_CODEC,
        payload=pack_frames(frames),
        batches=pack_batch_list(checksums, counts),
    )


def replace_by_chunk(session: Session, chunk: FrameChunk, *, n_batches: int) -> bool:
    """Put the chunk in the place of its `n_batches` journal rows; False, with nothing to commit, if they are gone."""
    removed = session.execute(
        delete(FrameBatchRow).where(
            FrameBatchRow.recording_id == chunk.recording_id,
            FrameBatchRow.seq.between(chunk.first_seq, chunk.last_seq),
        )
    )
    if removed.rowcount != n_batches:  # type: ignore[attr-defined]
        session.rollback()
        return False
    session.add(chunk)
    session.flush()
    return True
