"""What every exporter has to keep; a new one is picked up with no test edited."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.orm import Session

from focus.analysis.types import Event
from focus.errors import ConflictError
from focus.protocol.batch import TrackerInfo, join_batches
from focus.protocol.schema import COLUMNS
from focus.services.exports import EXPORTERS, export_source, export_to_folder, stream_zip
from focus.services.exports.base import EventNumbers
from focus.services.exports.cells import safe_text
from focus.services.imports import IMPORTERS, import_file
from focus.storage import frames as frame_queries
from focus.storage import recordings as queries
from focus.storage.database import make_engine
from focus.storage.recording_models import Recording
from tests.integration.exchange.made import COLUMNS as USUAL
from tests.integration.exchange.made import SCREEN, STARTED_AT, TRACKER, UNITS, add_owner, frames_of, make_recording

exporters = pytest.mark.parametrize("name", EXPORTERS.names())

EACH_EYE = ("gaze_left_x", "gaze_left_y", "gaze_right_x", "gaze_right_y")
MM = {"pupil_left": "own", "pupil_right": "own", "openness_left": "mm", "openness_right": "mm"}
TRACKERS = {
    "usual": TRACKER,
    "each eye": TrackerInfo("Two eyes", (*USUAL, *EACH_EYE), rate_hz=60.0, units=UNITS, screen=SCREEN),
    "degrees": TrackerInfo("Degrees", (*USUAL, *EACH_EYE[:2]), gaze_space="deg", units=MM),
    "no pixels": TrackerInfo("Scene", USUAL[:4], gaze_space="scene"),
    "everything": TrackerInfo("All", tuple(column.name for column in COLUMNS), rate_hz=60.0, screen=SCREEN),
    "lids alone": TrackerInfo("Webcam", ("openness_left", "confidence"), rate_hz=60.0),
}
trackers = pytest.mark.parametrize("tracker", TRACKERS.values(), ids=TRACKERS)
MARKERS = ((0, "begin", {}), (1_500_000, '=HYPERLINK("http://x")', {"note": "+1"}), (2_000_001, "'quoted", {}))


@pytest.fixture
def session(sqlite_url: str) -> Iterator[Session]:
    engine = make_engine(sqlite_url)
    with Session(engine) as made:
        yield made
    engine.dispose()


def exported(session: Session, name: str, recording: Recording, folder: Path) -> dict[str, bytes]:
    """The files of an export by their paths."""
    paths = export_to_folder(EXPORTERS[name], export_source(session, recording), folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def unpacked(data: bytes) -> bytes:
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


@exporters
@trackers
def test_what_is_read_back_is_what_was_stored(
    name: str, tracker: TrackerInfo, session: Session, tmp_path: Path
) -> None:
    importer = EXPORTERS[name].read_back_by
    recording = make_recording(session, add_owner(session), tracker=tracker, markers=MARKERS)
    exported(session, name, recording, tmp_path / "out")
    if importer is None:
        return  # their values are compared in test_bids.py and test_parquet.py, by other programs' readers

    again = import_file(session, recording.owner_id, tmp_path / "out")

    assert again.format_name == importer
    assert importer in IMPORTERS.names()
    stored = join_batches([frames for _, frames in frame_queries.iterate_pages(session, again.recording.id)])
    assert stored.equals(frames_of(1200, tracker))
    assert TrackerInfo.from_dict(again.recording.tracker) == tracker
    assert (again.recording.started_at, again.recording.title, again.recording.task) == (
        STARTED_AT,
        "Reading",
        "reading",
    )
    found = [(m.t_us, m.kind, m.body) for m in frame_queries.markers_of(session, again.recording.id)]
    assert found == list(MARKERS)


@exporters
def test_an_export_says_where_its_numbers_come_from_and_in_which_units(
    name: str, session: Session, tmp_path: Path
) -> None:
    recording = make_recording(session, add_owner(session), tracker=TRACKERS["degrees"])

    files = b"\n".join(unpacked(data) for data in exported(session, name, recording, tmp_path).values())

    for word in (recording.id, "test-release-7", "lookahead_us", '"code_version"', "2026-03-04T05:06:07.890123"):
        assert word.encode() in files or json.dumps(word).encode() in files, word
    for unit in (b"deg", b"mm", b"the tracker's own unit"):
        assert unit in files


@exporters
def test_a_recording_without_an_analysis_is_exported_too(name: str, session: Session, tmp_path: Path) -> None:
    recording = make_recording(session, add_owner(session), is_analysed=False)

    files = exported(session, name, recording, tmp_path)

    assert sum(map(len, files.values())) > 10_000


@exporters
def test_equal_recordings_give_equal_bytes_in_a_folder_and_in_a_zip(
    name: str, session: Session, tmp_path: Path
) -> None:
    recording = make_recording(session, add_owner(session), markers=MARKERS)
    in_folder = exported(session, name, recording, tmp_path)

    packed = b"".join(stream_zip(EXPORTERS[name], export_source(session, recording), "root"))

    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert {member.removeprefix("root/"): archive.read(member) for member in archive.namelist()} == in_folder


@exporters
def test_progress_rises_to_one(name: str, session: Session, tmp_path: Path) -> None:
    recording = make_recording(session, add_owner(session), n_frames=7000)
    shares: list[float] = []

    export_to_folder(EXPORTERS[name], export_source(session, recording), tmp_path, on_share=shares.append)

    assert shares[-1] == 1.0
    assert len(shares) >= 3
    assert all(0 <= share <= 1 for share in shares)


@exporters
def test_a_file_that_exists_is_not_written_over_and_nothing_else_is_written(
    name: str, session: Session, tmp_path: Path
) -> None:
    recording = make_recording(session, add_owner(session))
    first = sorted(exported(session, name, recording, tmp_path / "first"))[0]
    mine = tmp_path / "second" / first
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    with pytest.raises(ConflictError, match="exists already"):
        exported(session, name, recording, tmp_path / "second")

    assert [path.read_text() for path in (tmp_path / "second").rglob("*") if path.is_file()] == ["mine"]


@exporters
def test_no_cell_begins_like_a_formula(name: str, session: Session, tmp_path: Path) -> None:
    kinds = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\uff1d1", "|cmd", "%0A=1")
    markers = tuple((at, kind, {}) for at, kind in enumerate(kinds))
    recording = make_recording(session, add_owner(session), markers=markers, title="=cmd|' /C calc'!A0")

    files = exported(session, name, recording, tmp_path)

    cells = []
    for path, data in files.items():
        if path.endswith((".csv", ".tsv", ".tsv.gz")):
            delimiter = "," if path.endswith(".csv") else "\t"
            text = io.StringIO(unpacked(data).decode(), newline="")
            cells += [cell for row in csv.reader(text, delimiter=delimiter) for cell in row]
    risky = [cell for cell in cells if cell.strip().startswith(("=", "+", "-", "@", "\uff1d", "|", "%"))]
    assert [cell for cell in risky if not is_number(cell)] == []


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@exporters
def test_memory_does_not_grow_with_the_recording(name: str, session: Session) -> None:
    owner_id = add_owner(session)
    tiny, short, long = (make_bare(session, owner_id, n_frames) for n_frames in (3000, 6000, 36_000))
    peak_of(session, name, tiny)  # what is imported and cached once

    peaks = [peak_of(session, name, recording_id) for recording_id in (short, long)]

    # Held back as a whole, the longer one would take 2.5 MB more as text, and 1 MB as arrays.
    assert peaks[1] < peaks[0] + 400_000, peaks


def peak_of(session: Session, name: str, recording_id: str) -> int:
    """Most bytes that Python and NumPy held while a zip was made and thrown away."""
    session.expunge_all()
    recording = queries.find_recording(session, recording_id)
    assert recording is not None
    source = export_source(session, recording)
    tracemalloc.start()
    for _ in stream_zip(EXPORTERS[name], source, "root"):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def make_bare(session: Session, owner_id: int, n_frames: int) -> str:
    return make_recording(session, owner_id, n_frames=n_frames, is_analysed=False).id


@pytest.mark.parametrize("text", ["", "plain", "3.5", "a=1", "ünïcode", "naïve -1"])
def test_harmless_texts_stay_as_they_are(text: str) -> None:
    assert safe_text(text) == text


def test_frames_know_the_number_of_the_event_they_lie_in_however_they_are_cut() -> None:
    events = [Event("blink", 10, 30, {}), Event("blink", 30, 35, {}), Event("blink", 70, 90, {})]
    t_us = np.arange(0, 100, 10)
    expected = [0, 1, 1, 2, 0, 0, 0, 3, 3, 0]

    for cut in range(1, 10):
        numbers = EventNumbers(iter(events))
        assert [*numbers.at(t_us[:cut]), *numbers.at(t_us[cut:])] == expected
