"""The recording CSV: one header line, then one line a frame, plain or gzipped; read as a stream of `FrameBatch`.

``t_us`` must be there: whole microseconds since the recording began, strictly increasing. All other columns may be
missing, and so may single cells (empty, or ``nan``)::

    gaze_x_norm gaze_y_norm | gaze_x_deg gaze_y_deg | gaze_x_scene gaze_y_scene     (one gaze space a file)
    gaze_left_x_.. gaze_left_y_.. gaze_right_x_.. gaze_right_y_..                   (each eye, same endings)
    pupil_left_mm pupil_right_mm | pupil_left pupil_right                           (or the tracker's own unit)
    openness_left openness_right | openness_left_mm openness_right_mm               (ratio, or mm)
    confidence  head_yaw_deg head_pitch_deg head_roll_deg  distance_mm  label

``label`` is a person's verdict on a frame, for evaluation; it is never a signal. `flask recordings analyse` and the
client's replay both read here, so both give the analysis the same frames and the same `TrackerInfo`. A block is parsed
by NumPy in C; where that fails, and for whatever is quoted, `_parse_exactly` reads cell by cell and names the fault.

The file is long because reading, writing and the table of header names have to agree, and stand together for that.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from focus.errors import FrameValueError, RecordingFileError
from focus.protocol.batch import Float32Array, FrameBatch, IntArray, ScreenGeometry, TrackerInfo
from focus.protocol.schema import COLUMN_BY_NAME, COLUMNS, MAX_T_US, GazeSpace

_SPACE_ENDINGS: Final[dict[str, GazeSpace]] = {"deg": "deg", "norm": "screen", "scene": "scene"}
_BLOCK_BYTES: Final = 1 << 20  # about 30 000 frames: long enough for NumPy, short enough for memory
_RATE_INTERVALS: Final = 2000
_UNREADABLE: Final = (OSError, EOFError, zlib.error)  # gzip raises all three for a damaged file


@dataclass(frozen=True, slots=True)
class _Field:
    """What a header name stands for."""

    column: str
    unit: str | None = None
    space: GazeSpace | None = None


def _known_fields() -> dict[str, _Field]:
    known = {"confidence": _Field("confidence"), "distance_mm": _Field("distance", "mm")}
    for column in COLUMNS:
        if column.name.startswith("gaze_"):
            for ending, space in _SPACE_ENDINGS.items():
                known[f"{column.name}_{ending}"] = _Field(column.name, space=space)
        elif column.name.startswith("head_"):
            known[f"{column.name}_deg"] = _Field(column.name, "deg")
        elif column.name.startswith("iris_"):
            known[column.name] = _Field(column.name, "eye widths")
    for eye in ("left", "right"):
        known[f"pupil_{eye}_mm"] = _Field(f"pupil_{eye}", "mm")
        known[f"pupil_{eye}"] = _Field(f"pupil_{eye}", "own")
        known[f"openness_{eye}"] = _Field(f"openness_{eye}", "ratio")
        known[f"openness_{eye}_mm"] = _Field(f"openness_{eye}", "mm")
    return known


_KNOWN: Final = _known_fields()


@dataclass(frozen=True, slots=True)
class RecordingCsv:
    """A recording file whose header and first frames have been read; each iteration reads it from its beginning.

    Attributes
    ----------
    path : Path
    tracker : TrackerInfo
        Columns and units from the header; `rate_hz` from the median of the first 2000 frame intervals, rounded to three
        significant digits (None for a single frame).
    unknown_columns : tuple of str
        Header names that are left out: without a meaning, or in a second gaze space or unit.
    has_label : bool
    """

    path: Path
    tracker: TrackerInfo
    unknown_columns: tuple[str, ...]
    has_label: bool
    _header: tuple[str, ...]
    _used: tuple[tuple[int, str], ...]  # place in the line and column name, t_us left out

    def __iter__(self) -> Iterator[FrameBatch]:
        """The frames in blocks of no particular length; raises `RecordingFileError` at the first fault."""
        return (frames for _, frames in self.with_position())

    def with_position(self) -> Iterator[tuple[int, FrameBatch]]:
        """As iterating, each block with how many bytes of the file had been read by then, for a progress bar."""
        last_us = -1
        names = tuple(name for _, name in self._used)
        for line, block, at_byte in _blocks(self.path):
            t_us, stack = _parse_block(self, line, block, last_us)
            if t_us.size:
                last_us = int(t_us[-1])
                yield at_byte, FrameBatch.from_stack(t_us, names, stack)

    def read_labels(self) -> npt.NDArray[np.str_]:
        """The label of each frame, shape (n,); empty texts where the file has no label column or cell.

        Raises
        ------
        RecordingFileError
            If a line has another number of cells than the header.
        """
        place = self._header.index("label") if self.has_label else -1
        labels: list[str] = []
        for line, block, _ in _blocks(self.path):
            rows = _rows(self, line, block)
            labels.extend([cells[place].strip() if self.has_label else "" for _, cells in rows])
        return np.array(labels, dtype=np.str_)

    def _fault(self, line: int, column: str | None, what: str) -> RecordingFileError:
        where = f"{self.path.name} line {line}" + (f", column {column}" if column else "")
        return RecordingFileError(f"{where}: {what}")


def open_recording_csv(path: str | Path, *, screen: ScreenGeometry | None = None) -> RecordingCsv:
    """A recording file, ready to be read, after looking at its header and first frames.

    Parameters
    ----------
    path : str or Path
        Read as gzip when its first bytes say so, whatever its name.
    screen : ScreenGeometry, optional
        The screen that was looked at, which the file cannot say.

    Raises
    ------
    RecordingFileError
        If it cannot be read, has no ``t_us`` column, names a column twice, holds no frame, or a cell of the first block
        is wrong.
    """
    path = Path(path)
    header = _read_header(path)
    used, unknown, space, units = _assign(header)
    columns = tuple(name for _, name in used)
    tracker = TrackerInfo("recording file", columns, None, space, path.name[:100], units, screen)
    recording = RecordingCsv(path, tracker, unknown, "label" in header, header, used)
    first_us = _first_times(recording)
    return replace(recording, tracker=replace(tracker, rate_hz=_rate_hz(first_us)))


def read_labels(path: str | Path) -> npt.NDArray[np.str_]:
    """The label of each frame of a recording file, shape (n,); see `RecordingCsv.read_labels`."""
    return open_recording_csv(path).read_labels()


def write_recording_csv(
    path: str | Path, batches: Iterable[FrameBatch], tracker: TrackerInfo, *, labels: Sequence[str] | None = None
) -> int:
    """Write a recording file (gzipped when the name ends with ``.gz``) and say how many frames it has.

    Values are written with as many digits as float32 needs, so that reading gives the same frames. Equal frames give
    equal bytes.

    Raises
    ------
    FrameValueError
        If there are not as many labels as frames.
    """
    path = Path(path)
    order = [column.name for column in COLUMNS if column.name in tracker.columns]
    names = ["t_us", *(_header_name(name, tracker) for name in order), *(["label"] if labels is not None else [])]
    n_frames = 0
    with path.open("wb") as raw, _writer(raw, path) as out:
        out.write((",".join(names) + "\n").encode())
        for batch in batches:
            n = len(batch)
            cells = [batch.t_us.astype(np.str_).tolist()]
            for name in order:
                values = batch.columns.get(name)
                texts = values.astype(np.str_).tolist() if values is not None else [""] * n
                cells.append(["" if text == "nan" else text for text in texts])
            if labels is not None:
                cells.append(list(labels[n_frames : n_frames + n]))
            if len(cells[-1]) != n:
                raise FrameValueError(f"there are {len(labels or ())} labels; frame {n_frames + n} was reached")
            out.write("".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode())
            n_frames += n
    if labels is not None and len(labels) != n_frames:
        raise FrameValueError(f"there are {len(labels)} labels for {n_frames} frames")
    return n_frames


# -- header -----------------------------------------------------------------------------------------------------------


def _assign(header: tuple[str, ...]) -> tuple[tuple[tuple[int, str], ...], tuple[str, ...], GazeSpace, dict[str, str]]:
    """Which cells are used for which column, which are left out, the gaze space, and the units."""
    spaces = [field.space for name in header if (field := _KNOWN.get(name)) and field.space]
    space: GazeSpace = next((s for s in _SPACE_ENDINGS.values() if s in spaces), "screen")
    by_column: dict[str, tuple[int, _Field]] = {}
    unknown = []
    for place, name in enumerate(header):
        field = _KNOWN.get(name)
        if name in ("t_us", "label"):
            continue
        if field is None or field.column in by_column or field.space not in (None, space):
            unknown.append(name)
        else:
            by_column[field.column] = (place, field)
    order = [column.name for column in COLUMNS if column.name in by_column]
    used = tuple((by_column[name][0], name) for name in order)
    units = {name: unit for name in order if (unit := by_column[name][1].unit) is not None}
    return used, tuple(unknown), space, units


def _read_header(path: Path) -> tuple[str, ...]:
    try:
        with _open_bytes(path) as file:
            first = file.readline(1 << 16)
    except _UNREADABLE as err:
        raise RecordingFileError(f"{path.name} cannot be read: {err}") from err
    try:
        text = first.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise RecordingFileError(f"{path.name} line 1: the header is not UTF-8 text") from err
    if not text.strip():
        raise RecordingFileError(f"{path.name} line 1: there is no header line")
    header = tuple(name.strip() for name in next(csv.reader([text])))
    for name in header:
        if header.count(name) > 1:
            raise RecordingFileError(f"{path.name} line 1, column {name}: the header names it twice")
    if "t_us" not in header:
        raise RecordingFileError(f"{path.name} line 1: there is no column t_us; there are: {', '.join(header)[:200]}")
    return header


def _header_name(column: str, tracker: TrackerInfo) -> str:
    unit = tracker.units.get(column)
    for name, field in _KNOWN.items():
        is_this = field.column == column and field.space in (None, tracker.gaze_space)
        if is_this and (field.unit == unit or not column.startswith(("pupil", "openness"))):
            return name
    return column  # a pupil in the tracker's own unit, an openness ratio


def _first_times(recording: RecordingCsv) -> IntArray:
    times: list[IntArray] = []
    for batch in recording:
        times.append(batch.t_us)
        if sum(map(len, times)) > _RATE_INTERVALS:
            break
    if not times:
        raise RecordingFileError(f"{recording.path.name} has a header and no frame")
    return np.concatenate(times)


def _rate_hz(t_us: IntArray) -> float | None:
    if t_us.size < 2:
        return None
    median_us = float(np.median(np.diff(t_us[: _RATE_INTERVALS + 1])))
    rate_hz = float(f"{1e6 / median_us:.3g}")
    return rate_hz if 0.5 <= rate_hz <= 5000 else None


# -- blocks -----------------------------------------------------------------------------------------------------------


def _open_bytes(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    if is_gzip:
        return cast(io.BufferedIOBase, gzip.open(path, "rb"))
    return path.open("rb")


def _writer(raw: io.BufferedIOBase | io.BufferedWriter, path: Path) -> io.BufferedIOBase:
    if path.suffix == ".gz":
        return gzip.GzipFile("", "wb", 6, raw, 0)  # no name and no time inside: equal frames, equal bytes
    return io.BufferedWriter(cast(io.RawIOBase, raw))


def _blocks(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Number of the first line, whole lines after the header with ``\\n`` alone at their ends, bytes read so far."""
    line = 1
    rest = b""
    try:
        with _open_bytes(path) as file:
            line += file.readline().count(b"\n")
            while data := file.read(_BLOCK_BYTES):
                cut = data.rfind(b"\n") + 1
                if not cut:
                    rest += data
                    continue
                block, rest = rest + data[:cut], data[cut:]
                yield line, block.replace(b"\r\n", b"\n"), _position(file)
                line += block.count(b"\n")
    except _UNREADABLE as err:
        raise RecordingFileError(f"{path.name} line {line}: the file cannot be read on: {err}") from err
    if rest:
        yield line, rest.replace(b"\r\n", b"\n"), path.stat().st_size


def _position(file: io.BufferedIOBase) -> int:
    """How far the file itself has been read, which for a packed one is not how much came out of it."""
    raw: Any = file.fileobj if isinstance(file, gzip.GzipFile) else file
    return int(raw.tell()) if raw is not None else 0


def _parse_block(
    recording: RecordingCsv, line: int, block: bytes, last_us: int
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Times and the stack of columns of a block; `last_us` is the time before it."""
    parsed = _parse_fast(recording, block, last_us)
    return parsed if parsed is not None else _parse_exactly(recording, line, block, last_us)


def _parse_fast(recording: RecordingCsv, block: bytes, last_us: int) -> tuple[IntArray, Float32Array] | None:
    """The block by NumPy's parser, or None when anything about it is unusual."""
    if b'"' in block or not _is_rectangular(block, len(recording._header)):
        return None
    if b",," in block:
        block = block.replace(b",,", b",nan,").replace(b",,", b",nan,")
    if b",\n" in block or block.endswith(b","):
        block = (block.removesuffix(b"\n") + b"\n").replace(b",\n", b",nan\n")
    places = [recording._header.index("t_us"), *(place for place, _ in recording._used)]
    try:
        lines = block.decode("ascii").split("\n")
        table = np.loadtxt(lines, delimiter=",", usecols=places, ndmin=2, comments=None)
    except (ValueError, UnicodeDecodeError):
        return None
    times = table[:, 0]
    if not ((times == np.floor(times)) & (times <= MAX_T_US)).all() or times[0] <= last_us:
        return None
    t_us = times.astype(np.int64)
    with np.errstate(over="ignore"):
        stack = np.ascontiguousarray(table[:, 1:].T, dtype=np.float32)
    try:
        FrameBatch.from_stack(t_us, tuple(name for _, name in recording._used), stack)
    except FrameValueError:
        return None
    return t_us, stack


def _is_rectangular(block: bytes, n_cells: int) -> bool:
    """Whether every line has this many cells, and none is empty."""
    marks = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    ends = np.flatnonzero(marks == ord("\n"))
    commas = np.flatnonzero(marks == ord(","))
    if commas.size != ends.size * (n_cells - 1) or marks[0] == ord("\n") or (np.diff(ends) == 1).any():
        return False
    before_end = np.searchsorted(commas, ends)
    return bool((before_end == np.arange(1, ends.size + 1) * (n_cells - 1)).all())


def _parse_exactly(
    recording: RecordingCsv, line: int, block: bytes, last_us: int
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """The same by reading cell after cell; raises at the first that is wrong."""
    place_t = recording._header.index("t_us")
    times: list[int] = []
    rows: list[list[float]] = []
    for number, cells in _rows(recording, line, block):
        last_us = _parse_time(recording, number, cells[place_t].strip(), last_us)
        times.append(last_us)
        rows.append([_parse_cell(recording, number, name, cells[place].strip()) for place, name in recording._used])
    stack = np.array(rows, dtype=np.float32).reshape(len(times), len(recording._used)).T
    return np.array(times, dtype=np.int64), np.ascontiguousarray(stack)


def _rows(recording: RecordingCsv, line: int, block: bytes) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is not empty."""
    for number, raw in enumerate(block.split(b"\n"), line):
        if not raw.strip():
            continue
        try:
            cells = next(csv.reader([raw.decode()], strict=True))
        except UnicodeDecodeError as err:
            raise recording._fault(number, None, "it is not UTF-8 text") from err
        except csv.Error as err:
            raise recording._fault(number, None, f"its quotes are wrong: {err}") from err
        if len(cells) != len(recording._header):
            raise recording._fault(number, None, f"{len(cells)} cells; the header has {len(recording._header)}")
        yield number, cells


def _number(text: str) -> float | None:
    """A decimal number as NumPy's parser takes it: ASCII, no underscores."""
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _parse_time(recording: RecordingCsv, line: int, text: str, last_us: int) -> int:
    value = _number(text)
    if value is None or not value.is_integer():
        raise recording._fault(line, "t_us", f"{text[:40]!r} is not a whole number of microseconds")
    if not 0 <= value <= MAX_T_US:
        raise recording._fault(line, "t_us", f"{text[:40]} lies outside of 0..{MAX_T_US}")
    if value <= last_us:
        raise recording._fault(line, "t_us", f"{text[:40]} is not after {last_us}")
    return int(value)


def _parse_cell(recording: RecordingCsv, line: int, name: str, text: str) -> float:
    """A cell's value, rounded to float32."""
    if not text:
        return math.nan
    value = _number(text)
    place = next(place for place, used in recording._used if used == name)
    header_name = recording._header[place]
    if value is None:
        raise recording._fault(line, header_name, f"{text[:40]!r} is not a number")
    with np.errstate(over="ignore"):
        single = float(np.float32(value))
    column = COLUMN_BY_NAME[name]
    if single < np.float32(column.low) or single > np.float32(column.high):
        raise recording._fault(line, header_name, f"{text[:40]} lies outside of {column.low:g}..{column.high:g}")
    return single
