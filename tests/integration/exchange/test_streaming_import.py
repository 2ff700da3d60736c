"""Imports of files that are too large for memory, and of people who do the wrong thing."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from benchmarks import exchange
from focus.protocol.batch import join_batches
from focus.protocol.recording_csv import write_recording_csv
from focus.services.imports import import_file
from focus.storage import frames as frame_queries
from focus.storage import recordings as queries
from focus.storage.chunks import CHUNK_SPAN_US, MAX_CHUNK_FRAMES
from focus.storage.recording_models import FrameChunk
from tests.integration.exchange.made import TRACKER, frames_of

sqlite_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def own_csv(path: Path, n_frames: int) -> Path:
    parts = (frames_of(min(10_000, n_frames - at), first=at) for at in range(0, n_frames, 10_000))
    write_recording_csv(path, parts, TRACKER)
    return path


def tobii_tsv(path: Path, n_frames: int) -> Path:
    heads = ("Recording timestamp [μs]", "Sensor", "Gaze point X (MCSnorm)", "Gaze point Y (MCSnorm)", "Comment")
    with path.open("w", encoding="utf-8") as out:
        out.write("\t".join(heads) + "\n")
        for at in range(n_frames):
            out.write(f"{at * 8333}\tEye Tracker\t0.{at % 1000:03d}\t0.5\t{'x' * 110}\n")
    return path


@sqlite_alone
@pytest.mark.parametrize(("write", "sizes"), [(own_csv, (60_000, 130_000)), (tobii_tsv, (30_000, 65_000))])
def test_memory_does_not_grow_with_the_file(
    write: Callable[[Path, int], Path],
    sizes: tuple[int, int],
    database_session: Session,
    owner_id: int,
    tmp_path: Path,
) -> None:
    paths = [write(tmp_path / f"{n_frames}", n_frames) for n_frames in (1000, *sizes)]

    peaks = [peak_of(database_session, owner_id, path) for path in paths][1:]

    grown_by = paths[2].stat().st_size - paths[1].stat().st_size
    assert grown_by > 4_000_000
    assert peaks[1] - peaks[0] < 0.1 * grown_by, peaks


def test_a_process_that_imports_a_file_never_holds_it(tmp_path: Path) -> None:
    size = exchange.write_csv(tmp_path / "large.csv", 40_000_000) and (tmp_path / "large.csv").stat().st_size

    found = exchange.in_child("import", tmp_path / "focus.db", tmp_path / "large.csv")

    assert size > 40_000_000
    # What a chunk of numbers and its text need; with 2 GB it is the same (benchmarks/exchange.py).
    assert found["peak_mb"] - found["start_mb"] < 30, found


def peak_of(session: Session, owner_id: int, path: Path) -> int:
    """Most bytes that Python and NumPy held while a file was stored."""
    tracemalloc.start()
    import_file(session, owner_id, path)
    session.commit()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    session.expunge_all()
    return peak


def test_chunks_are_as_long_as_those_of_a_stream_and_hold_every_frame_in_order(
    database_session: Session, owner_id: int, tmp_path: Path
) -> None:
    path = own_csv(tmp_path / "long.csv", 25_000)

    found = import_file(database_session, owner_id, path)
    database_session.commit()

    recording_id = found.recording.id
    chunks = database_session.query(FrameChunk).filter_by(recording_id=recording_id).order_by("first_seq").all()
    assert [chunk.first_seq for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.t_stop_us - chunk.t_start_us <= CHUNK_SPAN_US for chunk in chunks)
    assert all(chunk.n <= MAX_CHUNK_FRAMES for chunk in chunks)
    assert (found.recording.n_frames, found.recording.next_seq) == (25_000, len(chunks))
    stored = join_batches([frames for _, frames in frame_queries.iterate_pages(database_session, recording_id)])
    assert stored.equals(frames_of(25_000))


def test_the_server_takes_the_analysis_over_when_the_hold_has_run_out(
    database_session: Session, owner_id: int, tmp_path: Path
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    path = own_csv(tmp_path / "short.csv", 100)

    found = import_file(database_session, owner_id, path, hold=timedelta(seconds=60), now=lambda: now)
    database_session.commit()

    def waiting(at: datetime) -> list[str]:
        return queries.recordings_to_analyse(database_session, now=at, limit=9)

    assert waiting(now + timedelta(seconds=59)) == []
    assert waiting(now + timedelta(seconds=61)) == [found.recording.id]
