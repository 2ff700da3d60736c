"""The interface of an importer, what it gives, and its registry.

An importer opens a path, which reads no more than it needs to know the tracker, and then gives frames and markers piece
by piece. It knows no database. A fault in the file is a `RecordingFileError` that names file, line and column.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from focus.errors import RecordingFileError
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.registry import Registry


@dataclass(frozen=True, slots=True)
class ImportedMarker:
    """A named moment in the file; `t_us` is on the clock of the frames."""

    t_us: int
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames, or a marker, and which share of the file has been read, 0 to 1."""

    share: float
    frames: FrameBatch | None = None
    marker: ImportedMarker | None = None


@dataclass(frozen=True, slots=True)
class ImportedRecording:
    """A file whose head has been read.

    Attributes
    ----------
    tracker : TrackerInfo
        What made it, with the columns that `pieces` gives.
    pieces : callable
        Reads the file from its beginning; frames come in the order of their times.
    started_at : datetime or None
        Moment of t_us 0 in UTC, where the file says it.
    notes : tuple of str
        What was assumed or left out, a sentence each, for the person who imports.
    """

    tracker: TrackerInfo
    pieces: Callable[[], Iterator[Piece]]
    started_at: datetime | None = None
    title: str = ""
    task: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A small valid recording of a format: shown by `flask recordings formats NAME`, and taken apart by the tests.

    Attributes
    ----------
    files : mapping of str to str
        Texts by file name; more than one are a folder.
    cell : tuple of str, int, str, str
        A number in it: file name, line, the column's name as errors say it, and the cell's text, which stands once in
        that line.
    n_frames : int
        Frames that it has.
    missing : str
        What stands in place of a value that was not measured.
    """

    files: Mapping[str, str]
    cell: tuple[str, int, str, str]
    n_frames: int
    missing: str = ""


class Importer(ABC):
    """Base of all importers.

    Attributes
    ----------
    label : str
        For people, in lists.
    description : str
        One sentence: what it takes and where that comes from.
    example : Example
    """

    label: ClassVar[str]
    description: ClassVar[str]
    example: ClassVar[Example]

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Whether the path looks like this format, by a glance at its beginning; raises nothing."""

    @abstractmethod
    def open(self, path: Path) -> ImportedRecording:
        """The recording in it, ready to be read; RecordingFileError if it is not of this format."""


IMPORTERS: Final[Registry[Importer]] = Registry("import format", "focus.services.imports")


def choose_importer(path: Path, name: str | None = None) -> tuple[str, Importer]:
    """The importer of that name, or the one that recognises the path.

    Raises
    ------
    NotFoundError
        If no importer has that name.
    RecordingFileError
        If the path does not exist, or none or several recognise it.
    """
    if not path.exists():
        raise RecordingFileError(f"{path} does not exist")
    if name is not None:
        return name, IMPORTERS[name]
    found = [(each, importer) for each, importer in IMPORTERS if importer.recognises(path)]
    if len(found) == 1:
        return found[0]
    what = "is of no known format" if not found else f"could be {' or '.join(each for each, _ in found)}"
    raise RecordingFileError(f"{path.name} {what}; name the format: {', '.join(IMPORTERS.names())}")
