"""Reading text tables line by line: encodings, marks at the beginning, line ends, numbers, and faults with their place.

A file is read as a stream, plain or gzipped, in UTF-8 or, where a mark says so, UTF-16. `FrameCutter` collects rows
into batches and checks a batch at a time; only when something is wrong does it look for the line.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, cast

import numpy as np

from focus.errors import RecordingFileError
from focus.protocol.batch import FrameBatch
from focus.protocol.schema import COLUMN_BY_NAME, MAX_T_US

MAX_LINE_CHARACTERS: Final = 1 << 20
BATCH_FRAMES: Final = 10_000
_UNREADABLE: Final = (OSError, EOFError, zlib.error)
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class TextLines:
    """The lines of a file, without their ends, each with its number; knows which share of the file has been read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self._size = max(path.stat().st_size, 1) if path.is_file() else 1
        self._raw: io.BufferedReader | None = None

    @property
    def share(self) -> float:
        """Share of the file's bytes that have been read."""
        return min(self._raw.tell() / self._size, 1.0) if self._raw is not None and not self._raw.closed else 1.0

    def fault(self, what: str, *, column: str | None = None, line: int | None = None) -> RecordingFileError:
        """The error that says what is wrong in this line, or another one."""
        where = f"{self.path.name} line {self.number if line is None else line}"
        return RecordingFileError(f"{where}{f', column {column}' if column else ''}: {what}")

    def __iter__(self) -> Iterator[str]:
        self.number = 0
        try:
            with self.path.open("rb") as raw:
                self._raw = raw
                text = _decoded(raw)
                while line := text.readline(MAX_LINE_CHARACTERS):
                    self.number += 1
                    if len(line) == MAX_LINE_CHARACTERS and not line.endswith("\n"):
                        raise self.fault(f"it is longer than {MAX_LINE_CHARACTERS} characters")
                    if "\0" in line:
                        raise self.fault("it holds a zero byte; this is no text file")
                    yield line.removesuffix("\n")
        except UnicodeDecodeError as err:
            # Text is decoded in blocks, so the line is somewhere in the next block.
            raise self.fault("it is not UTF-8 text here or soon after", line=self.number + 1) from err
        except _UNREADABLE as err:
            raise RecordingFileError(f"{self.path.name} line {self.number + 1}: it cannot be read: {err}") from err


def _decoded(raw: io.BufferedReader) -> io.TextIOWrapper:
    """The text in a file, unpacked if it is packed."""
    is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
    data = cast(io.BufferedIOBase, gzip.GzipFile(fileobj=raw)) if is_gzip else raw
    buffered = io.BufferedReader(cast(io.RawIOBase, data), 1 << 16)
    start = buffered.peek(4)[:4]
    encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
    return io.TextIOWrapper(buffered, encoding=encoding, newline=None)


class TableFile:
    """A table with a header line: rows of cells that are as many as the header has."""

    def __init__(self, path: Path, delimiter: str) -> None:
        self.lines = TextLines(path)
        self._delimiter = delimiter
        self.header = self._read_header()

    def _read_header(self) -> tuple[str, ...]:
        for line in self.lines:
            return tuple(name.strip() for name in self._cells(line))
        raise RecordingFileError(f"{self.lines.path.name} line 1: there is no header line")

    def place_of(self, name: str) -> int | None:
        """Place of a column in the line; None if there is none."""
        return self.header.index(name) if name in self.header else None

    def require(self, name: str) -> int:
        """Place of a column that has to be there."""
        place = self.place_of(name)
        if place is None:
            raise self.lines.fault(f"there is no column {name!r}; there are: {', '.join(self.header)[:200]}", line=1)
        return place

    def rows(self) -> Iterator[list[str]]:
        """Cells of every line after the header that is not empty; `lines.number` is its number."""
        is_header = True
        for line in self.lines:
            if is_header:
                is_header = False
                continue
            if not line or line.isspace():
                continue
            cells = self._cells(line)
            if len(cells) != len(self.header):
                raise self.lines.fault(f"{len(cells)} cells; the header has {len(self.header)}")
            yield cells

    def _cells(self, line: str) -> list[str]:
        if '"' not in line:
            return line.split(self._delimiter)
        try:
            return next(csv.reader([line], delimiter=self._delimiter, strict=True))
        except csv.Error as err:
            raise self.lines.fault(f"its quotes are wrong: {err}") from err


def parse_number(text: str) -> float | None:
    """A decimal number, with point or comma; NaN for an empty cell; None if it is none."""
    text = text.strip()
    if not text:
        return math.nan
    if "_" in text or not text.isascii():
        return None
    if "," in text and "." not in text and text.count(",") == 1:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if not math.isinf(value) else None


@dataclass(frozen=True, slots=True)
class Signal:
    """A column of the recording: what it is called in the file, for errors."""

    name: str
    header: str


class FrameCutter:
    """Rows of numbers into batches of frames.

    Parameters
    ----------
    lines : TextLines
        Where the rows come from.
    signals : sequence of Signal
        The columns, in the order in which `add` gets their values.
    time_header : str
        What the file calls the time.
    """

    def __init__(self, lines: TextLines, signals: Sequence[Signal], time_header: str) -> None:
        self._lines = lines
        self._signals = tuple(signals)
        self._time_header = time_header
        self._times: list[int] = []
        self._rows: list[Sequence[float]] = []
        self._numbers: list[int] = []
        self._last_us = -1

    def add(self, t_us: int, values: Sequence[float]) -> FrameBatch | None:
        """Take a row of the line that was read last; a batch when one is full."""
        if t_us <= self._last_us or t_us > MAX_T_US:
            self._refuse_time(t_us)
        self._last_us = t_us
        self._times.append(t_us)
        self._rows.append(values)
        self._numbers.append(self._lines.number)
        return self.take() if len(self._times) == BATCH_FRAMES else None

    def take(self) -> FrameBatch | None:
        """What has been collected; None if that is nothing."""
        if not self._times:
            return None
        with np.errstate(over="ignore"):
            stack = np.array(self._rows, dtype=np.float64).reshape(len(self._times), -1).T.astype(np.float32)
        self._check(stack)
        names = tuple(signal.name for signal in self._signals)
        batch = FrameBatch.from_stack(np.array(self._times, dtype=np.int64), names, np.ascontiguousarray(stack))
        self._times, self._rows, self._numbers = [], [], []
        return batch

    def _refuse_time(self, t_us: int) -> NoReturn:
        if t_us < 0 or t_us > MAX_T_US:
            what = f"the time is {t_us} us after the recording began; it lies outside of 0..{MAX_T_US}"
        else:
            what = f"the time is {t_us} us, which is not after the {self._last_us} us of the frame before"
        raise self._lines.fault(what, column=self._time_header)

    def _check(self, stack: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        for signal, values in zip(self._signals, stack, strict=True):
            column = COLUMN_BY_NAME[signal.name]
            outside = (values < np.float32(column.low)) | (values > np.float32(column.high))
            if outside.any():
                at = int(outside.argmax())
                what = f"{values[at]:g} lies outside of {column.low:g}..{column.high:g} for {signal.name}"
                raise self._lines.fault(what, column=signal.header, line=self._numbers[at])


def first_line(path: Path) -> str:
    """The first line of a file, or an empty text if it cannot be read."""
    try:
        return next(iter(TextLines(path)), "")
    except RecordingFileError:
        return ""


def nominal_rate_hz(intervals_us: Sequence[float]) -> float | None:
    """The rate that the median interval stands for, to three significant digits; None where there is none."""
    if not intervals_us:
        return None
    median_us = float(np.median(np.asarray(intervals_us)))
    rate_hz = float(f"{1e6 / median_us:.3g}") if median_us > 0 else 0.0
    return rate_hz if 0.5 <= rate_hz <= 5000 else None


NumberOf = Callable[[list[str], int, str], float]


def number_reader(lines: TextLines) -> NumberOf:
    """Reads a cell as a number; a fault names the line and the column."""

    def read(cells: list[str], place: int, header: str) -> float:
        value = parse_number(cells[place])
        if value is None:
            raise lines.fault(f"{cells[place].strip()[:40]!r} is not a number", column=header)
        return value

    return read
