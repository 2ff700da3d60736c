"""What every importer has to keep, read off its own example: no test is edited when one is added."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from focus.errors import RecordingFileError
from focus.protocol.batch import FrameBatch, join_batches
from focus.services.imports import IMPORTERS, Example, ImportedMarker, Importer, choose_importer, import_file
from focus.storage.database import make_engine
from focus.storage.recording_models import FrameChunk, Recording
from tests.integration.exchange.made import add_owner

importers = pytest.mark.parametrize("name", IMPORTERS.names())


@dataclass
class Read:
    """Everything that an importer made of a path."""

    frames: FrameBatch
    markers: list[ImportedMarker]


def write_example(example: Example, folder: Path, *, mark: bytes = b"", line_end: str = "\n") -> Path:
    """The example's files, and the path to import: the file, or the folder if there are several."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in example.files.items():
        (folder / name).write_bytes(mark + text.replace("\n", line_end).encode())
    return folder if len(example.files) > 1 else folder / next(iter(example.files))


def read(importer: Importer, path: Path) -> Read:
    pieces = list(importer.open(path).pieces())
    frames = [piece.frames for piece in pieces if piece.frames is not None]
    return Read(join_batches(frames), [piece.marker for piece in pieces if piece.marker is not None])


def with_cell(example: Example, text: str) -> Example:
    """The example with another text in its cell."""
    name, line, _, cell = example.cell
    lines = example.files[name].split("\n")
    assert lines[line - 1].count(cell) == 1
    lines[line - 1] = lines[line - 1].replace(cell, text)
    return Example({**example.files, name: "\n".join(lines)}, example.cell, example.n_frames)


@importers
def test_the_example_is_recognised_by_this_importer_alone(name: str, tmp_path: Path) -> None:
    path = write_example(IMPORTERS[name].example, tmp_path / "given")

    assert [each for each, importer in IMPORTERS if importer.recognises(path)] == [name]


@importers
def test_the_example_has_the_frames_it_claims_with_declared_columns_and_units(name: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    path = write_example(importer.example, tmp_path / "given")

    found = read(importer, path)

    tracker = importer.open(path).tracker
    assert len(found.frames) == importer.example.n_frames
    assert set(found.frames.columns) == set(tracker.columns)
    for column in tracker.columns:
        if column.startswith(("pupil", "openness")):
            assert tracker.units[column] in ("mm", "own", "ratio")


@importers
def test_a_mark_at_the_beginning_and_other_line_ends_change_nothing(name: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    plain = read(importer, write_example(importer.example, tmp_path / "given"))

    other = write_example(importer.example, tmp_path / "other" / "given", mark=b"\xef\xbb\xbf", line_end="\r\n")

    assert importer.recognises(other)
    found = read(importer, other)
    assert found.frames.equals(plain.frames)
    assert found.markers == plain.markers


@importers
def test_a_missing_cell_is_a_missing_value_and_the_rest_stays(name: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    path = write_example(with_cell(importer.example, importer.example.missing), tmp_path / "given")
    whole = read(importer, write_example(importer.example, tmp_path / "whole")).frames

    found = read(importer, path).frames

    assert np.array_equal(found.t_us, whole.t_us)
    n_missing = sum(int(np.isnan(values).sum()) for values in found.columns.values())
    assert n_missing > sum(int(np.isnan(values).sum()) for values in whole.columns.values())


@importers
@pytest.mark.parametrize("text", ["abc", "1_0", "1e999", "١٢"])
def test_a_wrong_cell_is_named_with_file_line_and_column(name: str, text: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    file_name, line, column, _ = importer.example.cell
    path = write_example(with_cell(importer.example, text), tmp_path / "given")

    with pytest.raises(RecordingFileError) as caught:
        read(importer, path)

    assert caught.value.message.startswith(f"{file_name} line {line}, column {column}: ")
    assert "\n" not in caught.value.message


@importers
def test_a_wrong_cell_stores_nothing(name: str, tmp_path: Path, sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    path = write_example(with_cell(IMPORTERS[name].example, "abc"), tmp_path / "given")
    with Session(engine) as session:
        owner_id = add_owner(session)

        with pytest.raises(RecordingFileError, match=r"line \d+, column"):
            import_file(session, owner_id, path)
        session.commit()

        counts = [session.execute(select(func.count()).select_from(model)).scalar_one() for model in TABLES]
    engine.dispose()
    assert counts == [0, 0]


TABLES = (Recording, FrameChunk)


@importers
def test_a_file_that_ends_in_the_middle_of_a_line_is_refused(name: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    file_name, line, _, cell = importer.example.cell
    lines = importer.example.files[file_name].split("\n")[:line]
    lines[-1] = lines[-1][: lines[-1].index(cell)].rstrip()[:-1].rstrip()
    cut = Example({**importer.example.files, file_name: "\n".join(lines)}, importer.example.cell, 0)
    path = write_example(cut, tmp_path / "given")

    with pytest.raises(RecordingFileError, match=f"{file_name} line {line}"):
        read(importer, path)


@importers
def test_bytes_that_are_no_text_give_one_sentence(name: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    file_name = importer.example.cell[0]
    path = write_example(importer.example, tmp_path / "given")
    file = path / file_name if path.is_dir() else path
    file.write_bytes(file.read_bytes() + b"\xff\xfe\x00\x9d" * 50)

    with pytest.raises(RecordingFileError, match=f"^{file_name} line"):
        read(importer, path)


@importers
def test_a_packed_file_reads_as_the_plain_one(name: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    path = write_example(importer.example, tmp_path / "given")
    plain = read(importer, path).frames
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        file.write_bytes(gzip.compress(file.read_bytes()))

    assert read(importer, path).frames.equals(plain)


@importers
def test_shares_of_the_file_rise_to_one(name: str, tmp_path: Path) -> None:
    importer = IMPORTERS[name]
    shares = [p.share for p in importer.open(write_example(importer.example, tmp_path / "given")).pieces()]

    assert all(0 <= share <= 1 for share in shares)
    assert shares[-1] == 1.0


def test_a_file_of_no_known_format_is_refused_with_the_names_of_all(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")

    with pytest.raises(RecordingFileError, match=r"notes\.txt is of no known format") as caught:
        choose_importer(path)

    assert caught.value.message.endswith(", ".join(IMPORTERS.names()))


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingFileError, match="does not exist"):
        choose_importer(tmp_path / "nothing.csv")
