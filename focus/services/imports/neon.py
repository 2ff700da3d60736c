"""A folder of CSV files as Pupil Labs Cloud and Neon Player export them, and as our own exporter `csv` writes them.

`gaze.csv` leads: each of its rows is a frame. Rows of `3d_eye_states.csv` (pupils, lids) join the frame that is nearest
in time, if it is less than half a frame away. `events.csv` gives markers. Gaze is taken as angles where the file has
them, because pixels of a scene camera say nothing about degrees without its lens. `info.json` of our own exporter says
what each column was, and the same frames come out again, to the last bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from focus.errors import FrameValueError, RecordingFileError
from focus.protocol.batch import TrackerInfo
from focus.services.imports.base import (
    IMPORTERS,
    Example,
    ImportedMarker,
    ImportedRecording,
    Importer,
    Piece,
)
from focus.services.imports.tables import (
    FrameCutter,
    Signal,
    TableFile,
    first_line,
    nominal_rate_hz,
    number_reader,
)
from focus.services.neon_columns import NeonColumn, eye_state_columns, gaze_columns, head_columns

_TIME: Final = "timestamp [ns]"
_SCENE_PX: Final = (1600, 1200)
_RATE_INTERVALS: Final = 2000
_MAX_INFO_BYTES: Final = 1 << 20
_SIDE_FILES: Final = ("3d_eye_states.csv", "head_pose.csv")

_EXAMPLE_GAZE: Final = """\
section id,recording id,timestamp [ns],gaze x [px],gaze y [px],worn,fixation id,blink id,azimuth [deg],elevation [deg]
s1,r1,1721033712000000000,812.4,590.1,1.0,1,,0.61,1.22
s1,r1,1721033712005000000,813.0,590.4,1.0,1,,0.65,1.20
s1,r1,1721033712010000000,,,1.0,,1,,
s1,r1,1721033712015000000,812.8,590.2,1.0,2,,0.63,1.21
"""
_EXAMPLE_EYES: Final = """\
section id,recording id,timestamp [ns],pupil diameter left [mm],pupil diameter right [mm],eyelid aperture left [mm]
s1,r1,1721033712000000000,3.41,3.39,9.8
s1,r1,1721033712005000000,3.42,3.40,9.7
s1,r1,1721033712010000000,,,1.2
s1,r1,1721033712015000000,3.40,3.38,9.9
"""
_EXAMPLE_EVENTS: Final = """\
recording id,timestamp [ns],name,type
r1,1721033712000000000,recording.begin,recording
r1,1721033712010000000,stimulus,cloud
"""


class NeonImporter(Importer):
    """See the module."""

    label = "Pupil Labs CSV folder"
    description = "A folder with gaze.csv, 3d_eye_states.csv and events.csv from Pupil Labs Cloud, or our csv export."
    example = Example(
        {"gaze.csv": _EXAMPLE_GAZE, "3d_eye_states.csv": _EXAMPLE_EYES, "events.csv": _EXAMPLE_EVENTS},
        ("gaze.csv", 3, "azimuth [deg]", "0.65"),
        4,
    )

    def recognises(self, path: Path) -> bool:
        return _TIME in first_line(_folder(path) / "gaze.csv").split(",")

    def open(self, path: Path) -> ImportedRecording:
        folder = _folder(path)
        if not (folder / "gaze.csv").is_file():
            raise RecordingFileError(f"{folder.name} has no file gaze.csv")
        layout = _read_layout(folder)
        return ImportedRecording(
            layout.tracker,
            lambda: _pieces(layout),
            started_at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=layout.start_ns // 1000),
            title=layout.title,
            task=layout.task,
            notes=layout.notes,
        )


def _folder(path: Path) -> Path:
    return path.parent if path.name == "gaze.csv" else path


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the folder holds: columns by file, and the moment of t_us 0."""

    folder: Path
    tracker: TrackerInfo
    columns: dict[str, tuple[NeonColumn, ...]]
    start_ns: int
    half_interval_ns: int
    is_ours: bool
    title: str
    task: str
    notes: tuple[str, ...]


# -- the head ---------------------------------------------------------------------------------------------------------


def _read_layout(folder: Path) -> _Layout:
    info = _read_info(folder / "info.json")
    times_ns = _first_times(folder / "gaze.csv")
    intervals_us = [(b - a) / 1000 for a, b in pairwise(times_ns)]
    rate_hz = nominal_rate_hz(intervals_us)
    start_ns = info.get("start_time")
    is_usable = isinstance(start_ns, int) and 0 <= start_ns <= times_ns[0]
    ours = info.get("focus")
    notes: tuple[str, ...] = ()
    if isinstance(ours, dict) and isinstance(ours.get("tracker"), dict):
        try:
            tracker = TrackerInfo.from_dict(ours["tracker"])
        except FrameValueError as err:
            raise RecordingFileError(f"info.json: {err.message}") from err
        tables = (gaze_columns(tracker), eye_state_columns(tracker), head_columns(tracker))
        columns = dict(zip(("gaze.csv", *_SIDE_FILES), tables, strict=True))
    else:
        tracker, columns, notes = _pupil_labs_layout(folder, rate_hz)
    return _Layout(
        folder=folder,
        tracker=tracker,
        columns={name: found for name, found in columns.items() if found or name == "gaze.csv"},
        start_ns=int(start_ns) // 1000 * 1000 if is_usable and start_ns is not None else times_ns[0] // 1000 * 1000,
        half_interval_ns=round(0.5e9 / rate_hz) if rate_hz else 0,
        is_ours=isinstance(ours, dict),
        title=str(info.get("recording_name") or folder.name)[:200],
        task=str(ours.get("task") or "")[:100] if isinstance(ours, dict) else "",
        notes=notes,
    )


def _read_info(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > _MAX_INFO_BYTES:
            raise RecordingFileError(f"info.json is larger than {_MAX_INFO_BYTES} bytes")
        info = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as err:
        raise RecordingFileError(f"info.json line {err.lineno}, column {err.colno}: it is not JSON") from err
    except (OSError, UnicodeDecodeError) as err:
        raise RecordingFileError(f"info.json cannot be read: {err}") from err
    return info if isinstance(info, dict) else {}


def _first_times(path: Path) -> list[int]:
    table = TableFile(path, ",")
    place = table.require(_TIME)
    times: list[int] = []
    for cells in table.rows():
        times.append(_time_ns(table, cells[place]))
        if len(times) > _RATE_INTERVALS:
            break
    if not times:
        raise RecordingFileError("gaze.csv has a header and no frame")
    return times


def _pupil_labs_layout(
    folder: Path, rate_hz: float | None
) -> tuple[TrackerInfo, dict[str, tuple[NeonColumn, ...]], tuple[str, ...]]:
    """Tracker, columns and notes of files that another program wrote."""
    heads = {name: _header(folder / name) for name in ("gaze.csv", *_SIDE_FILES)}
    notes: tuple[str, ...] = ()
    if "azimuth [deg]" in heads["gaze.csv"]:
        space, units = "deg", {"gaze_x": ("azimuth [deg]", 1.0), "gaze_y": ("elevation [deg]", -1.0)}
    else:
        width, height = _SCENE_PX
        space, units = "scene", {"gaze_x": ("gaze x [px]", width), "gaze_y": ("gaze y [px]", height)}
        notes = (f"gaze is in pixels of the scene camera, which is taken to have {width} x {height}",)
    gaze = [NeonColumn(header, name, space, float(factor)) for name, (header, factor) in units.items()]
    gaze.append(NeonColumn("worn", "confidence", "1"))
    eyes = [NeonColumn(f"pupil diameter {eye} [mm]", f"pupil_{eye}", "mm") for eye in ("left", "right")]
    eyes += [NeonColumn(f"eyelid aperture {eye} [mm]", f"openness_{eye}", "mm") for eye in ("left", "right")]
    columns = {
        "gaze.csv": tuple(column for column in gaze if column.header in heads["gaze.csv"]),
        "3d_eye_states.csv": tuple(column for column in eyes if column.header in heads["3d_eye_states.csv"]),
    }
    names = tuple(column.name for found in columns.values() for column in found)
    tracker = TrackerInfo(
        "Pupil Labs",
        names,
        rate_hz=rate_hz,
        gaze_space="deg" if space == "deg" else "scene",
        units={column.name: "mm" for column in eyes if column.name in names},
    )
    return tracker, columns, notes


def _header(path: Path) -> tuple[str, ...]:
    return TableFile(path, ",").header if path.is_file() else ()


# -- the rows ---------------------------------------------------------------------------------------------------------


def _pieces(layout: _Layout) -> Iterator[Piece]:
    gaze = _Rows(layout, "gaze.csv")
    sides = [_Rows(layout, name) for name in _SIDE_FILES if name in layout.columns]
    nearest = [_Nearest(side, layout.half_interval_ns) for side in sides]
    signals = [Signal(column.name, column.header) for rows in (gaze, *sides) for column in rows.columns]
    cutter = FrameCutter(gaze.table.lines, signals, _TIME)
    for time_ns, values in gaze:
        row = [*values, *(value for side in nearest for value in side.at(time_ns))]
        batch = cutter.add((time_ns - layout.start_ns + 500) // 1000, row)
        if batch is not None:
            yield Piece(gaze.table.lines.share, batch)
    batch = cutter.take()
    if batch is not None:
        yield Piece(1.0, batch)
    yield from _markers(layout)


class _Rows:
    """Times and values of a file."""

    def __init__(self, layout: _Layout, name: str) -> None:
        self.columns = layout.columns[name]
        if not (layout.folder / name).is_file():
            raise RecordingFileError(f"{layout.folder.name} has no file {name}")
        self.table = TableFile(layout.folder / name, ",")
        self._time_place = self.table.require(_TIME)
        self._places = [(self.table.require(column.header), column) for column in self.columns]

    def __iter__(self) -> Iterator[tuple[int, list[float]]]:
        number = number_reader(self.table.lines)
        for cells in self.table.rows():
            values = [number(cells, place, column.header) / column.factor for place, column in self._places]
            yield _time_ns(self.table, cells[self._time_place]), values


class _Nearest:
    """The row of a file that is nearest to a time, for times that rise; missing values where none is near."""

    def __init__(self, rows: _Rows, reach_ns: int) -> None:
        self._rows = iter(rows)
        self._reach_ns = reach_ns
        self._missing = [math.nan] * len(rows.columns)
        self._before: tuple[int, list[float]] | None = None
        self._after = next(self._rows, None)

    def at(self, time_ns: int) -> Sequence[float]:
        while self._after is not None and self._after[0] <= time_ns:
            self._before = self._after
            self._after = next(self._rows, None)
        found = [row for row in (self._before, self._after) if row is not None]
        if not found:
            return self._missing
        nearest = min(found, key=lambda row: abs(row[0] - time_ns))
        return nearest[1] if abs(nearest[0] - time_ns) <= self._reach_ns else self._missing


def _time_ns(table: TableFile, text: str) -> int:
    text = text.strip().removesuffix(".0")
    if not text.isdecimal() or not text.isascii() or len(text) > 19:
        raise table.lines.fault(f"{text[:40]!r} is not a whole number of nanoseconds", column=_TIME)
    return int(text)


def _markers(layout: _Layout) -> Iterator[Piece]:
    path = layout.folder / "events.csv"
    if not path.is_file():
        return
    table = TableFile(path, ",")
    time_place, name_place = table.require(_TIME), table.require("name")
    body_place = table.place_of("body") if layout.is_ours else None
    type_place = table.place_of("type")
    for cells in table.rows():
        t_us = (_time_ns(table, cells[time_place]) - layout.start_ns) // 1000
        if t_us < 0:
            continue
        body: dict[str, Any] = {}
        if body_place is not None:
            body = _body_of(table, _plain(cells[body_place]))
        elif type_place is not None and cells[type_place]:
            body = {"type": cells[type_place]}
        name = _plain(cells[name_place]) if layout.is_ours else cells[name_place]
        yield Piece(1.0, marker=ImportedMarker(t_us, name or "event", body))


def _plain(text: str) -> str:
    """A text without the apostrophe that our exporter puts before what a spreadsheet could run."""
    return text[1:] if text.startswith("'") else text


def _body_of(table: TableFile, text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        body = json.loads(text)
    except json.JSONDecodeError as err:
        raise table.lines.fault(f"{text[:40]!r} is not JSON", column="body") from err
    return body if isinstance(body, dict) else {"value": body}


IMPORTERS.register("neon")(NeonImporter())
