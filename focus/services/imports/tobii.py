"""The data export of Tobii Pro Lab: a table with tabs, a mark at its beginning, and units in its headers.

Headers changed over the versions (``Gaze point X``, ``Gaze point X [DACS px]``, ``Gaze point X (MCSnorm)``), so a
column is found by the words before its unit, and the unit decides what its numbers mean. Gaze is taken on the display
(DACS, pixels) and divided by the recording's resolution; where only shares of the shown media (MCS) are there, those
are taken, and a note says so. A decimal comma is as good as a point. Rows of other sensors are passed over, events
become markers.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from focus.errors import RecordingFileError
from focus.protocol.batch import TrackerInfo
from focus.protocol.schema import COLUMNS
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
    parse_number,
)

_UNIT: Final = re.compile(r"^(.*?)\s*[\[(]([^\])]*)[\])]\s*$")
_PIXELS: Final = ("", "px", "dacspx")
_SHARES: Final = ("mcsnorm", "norm")
_RATE_INTERVALS: Final = 2000
_MAX_HEAD_ROWS: Final = 20_000
_MILLISECONDS_BELOW: Final = 200.0
"""Trackers of 30 to 1200 Hz have 0.8 to 33 ms between frames, or 833 to 33 000 us: this tells the units apart."""

_TIME: Final = "recording timestamp"

_EXAMPLE: Final = (
    "\t".join(
        (
            "Recording timestamp [μs]",
            "Sensor",
            "Recording name",
            "Recording resolution width [px]",
            "Recording resolution height [px]",
            "Event",
            "Event value",
            "Gaze point X [DACS px]",
            "Gaze point Y [DACS px]",
            "Pupil diameter left [mm]",
            "Pupil diameter right [mm]",
            "Validity left",
            "Validity right",
        )
    )
    + "\n0\t\tRecording1\t1920\t1080\tRecordingStart\t\t\t\t\t\t\t"
    + "\n8333\tEye Tracker\tRecording1\t1920\t1080\t\t\t961\t540.5\t3.21\t3.30\tValid\tValid"
    + "\n16667\tEye Tracker\tRecording1\t1920\t1080\t\t\t962\t541\t3.22\t3.31\tValid\tValid"
    + "\n25000\tEye Tracker\tRecording1\t1920\t1080\t\t\t\t\t\t\tInvalid\tInvalid"
    + "\n26000\tMouse\tRecording1\t1920\t1080\t\t\t\t\t\t\t\t"
    + "\n33333\tEye Tracker\tRecording1\t1920\t1080\t\t\t960\t539\t3.20\t3.29\tValid\tValid\n"
)


class TobiiImporter(Importer):
    """See the module."""

    label = "Tobii Pro Lab TSV"
    description = "The data export of Tobii Pro Lab: one recording as a table with tabs."
    example = Example({"export.tsv": _EXAMPLE}, ("export.tsv", 4, "Pupil diameter left [mm]", "3.22"), 4)

    def recognises(self, path: Path) -> bool:
        if not path.is_file():
            return False
        names = [_split(name)[0] for name in first_line(path).split("\t")]
        return _TIME in names

    def open(self, path: Path) -> ImportedRecording:
        table = TableFile(path, "\t")
        layout = _read_layout(path, table)
        return ImportedRecording(
            layout.tracker,
            lambda: _pieces(path, layout),
            started_at=layout.started_at,
            title=layout.title or path.name[:200],
            notes=layout.notes,
        )


def _split(header: str) -> tuple[str, str]:
    """Words and unit of a header, in lower case; the unit without blanks."""
    plain = unicodedata.normalize("NFKC", header).strip()
    match = _UNIT.match(plain)
    words, unit = (match.group(1), match.group(2)) if match else (plain, "")
    return words.lower(), unit.replace(" ", "").lower().replace("\u03bc", "u").replace("\u00b5", "u")


@dataclass(frozen=True, slots=True)
class _Source:
    """A column of ours: where it stands in the line, and what its numbers are divided by."""

    name: str
    place: int
    divisor: float
    eyes: str  # "left", "right", or "" for both: whose validity decides


@dataclass(frozen=True, slots=True)
class _Layout:
    tracker: TrackerInfo
    sources: tuple[_Source, ...]
    us_a_tick: float
    time_place: int
    started_at: datetime | None
    title: str
    notes: tuple[str, ...]


class _Heads:
    """The header, looked up by words and unit."""

    def __init__(self, table: TableFile) -> None:
        self.table = table
        self._heads = [_split(name) for name in table.header]

    def place(self, words: str, units: tuple[str, ...] | None = None) -> int | None:
        """The first column of these words whose unit is one of these; of any unit by default."""
        for at, (each, unit) in enumerate(self._heads):
            if each == words and (units is None or unit in units):
                return at
        return None

    def unit(self, place: int) -> str:
        return self._heads[place][1]


# -- the head ---------------------------------------------------------------------------------------------------------


def _read_layout(path: Path, table: TableFile) -> _Layout:
    heads = _Heads(table)
    time_place = heads.place(_TIME)
    if time_place is None:
        raise table.lines.fault(f"there is no column 'Recording timestamp'; there are: {', '.join(table.header)[:200]}")
    first, times = _first_rows(table, heads, time_place)
    intervals = [b - a for a, b in pairwise(times) if b > a]
    unit = heads.unit(time_place)
    us_a_tick, notes = _tick(table, unit, intervals)
    sources, space_notes = _sources(table, heads, first)
    names = tuple(column.name for column in COLUMNS if any(source.name == column.name for source in sources))
    ordered = tuple(next(source for source in sources if source.name == name) for name in names)
    software = heads.place("recording software version")
    tracker = TrackerInfo(
        "Tobii Pro Lab",
        names,
        rate_hz=nominal_rate_hz([interval * us_a_tick for interval in intervals]),
        gaze_space="screen",
        model=first[software].strip()[:100] if software is not None else "",
        units={name: "mm" for name in names if name.startswith(("pupil", "openness"))},
    )
    started_at, date_notes = _started_at(heads, first)
    name_place = heads.place("recording name")
    title = first[name_place].strip()[:200] if name_place is not None else ""
    return _Layout(tracker, ordered, us_a_tick, time_place, started_at, title, (*notes, *space_notes, *date_notes))


def _first_rows(table: TableFile, heads: _Heads, time_place: int) -> tuple[list[str], list[float]]:
    """The first row of the eye tracker, and the times of the first of them as they stand."""
    number = number_reader(table.lines)
    first: list[str] = []
    times: list[float] = []
    for n_rows, cells in enumerate(table.rows()):
        if n_rows > _MAX_HEAD_ROWS or len(times) > _RATE_INTERVALS:
            break
        if _is_frame(heads, cells):
            first = first or cells
            times.append(number(cells, time_place, table.header[time_place]))
    if not times:
        raise RecordingFileError(f"{table.lines.path.name} has a header and no row of the eye tracker")
    return first, times


def _is_frame(heads: _Heads, cells: list[str]) -> bool:
    sensor = heads.place("sensor")
    if sensor is not None:
        return cells[sensor].strip().lower() == "eye tracker"
    event = heads.place("event")
    return event is None or not cells[event].strip()


def _tick(table: TableFile, unit: str, intervals: list[float]) -> tuple[float, tuple[str, ...]]:
    known = {"us": 1.0, "ms": 1000.0, "s": 1e6, "ns": 1e-3}
    if unit in known:
        return known[unit], ()
    if unit:
        raise table.lines.fault(f"its unit {unit!r} is none of us, ms, s, ns", column="Recording timestamp", line=1)
    is_ms = bool(intervals) and sorted(intervals)[len(intervals) // 2] < _MILLISECONDS_BELOW
    word = "milliseconds" if is_ms else "microseconds"
    note = f"the header says no unit of time; its steps are those of {word}"
    return (1000.0 if is_ms else 1.0), (note,)


def _sources(table: TableFile, heads: _Heads, first: list[str]) -> tuple[list[_Source], tuple[str, ...]]:
    found: list[_Source] = []
    notes: list[str] = []
    for eyes in ("", "left", "right"):
        words = " ".join(word for word in ("gaze point", eyes) if word)
        name = "_".join(word for word in ("gaze", eyes) if word)
        for axis, size in (("x", "width"), ("y", "height")):
            source = _gaze_source(table, heads, first, (words, name, axis, size), eyes, notes)
            if source is not None:
                found.append(source)
    for eyes in ("left", "right"):
        for words, name in (("pupil diameter", "pupil"), ("eye openness", "openness")):
            place = heads.place(f"{words} {eyes}", ("", "mm"))
            if place is not None:
                found.append(_Source(f"{name}_{eyes}", place, 1.0, eyes))
    # On the display and on the media are two spaces; what is on the display wins.
    shares = [source for source in found if source.name.startswith("gaze") and source.divisor == 1.0]
    pixels = [source for source in found if source.name.startswith("gaze") and source.divisor != 1.0]
    if shares and pixels:
        found = [source for source in found if source not in shares]
    elif shares:
        notes.append("gaze is in shares of the shown media, which is taken to fill the screen")
    return found, tuple(notes)


def _gaze_source(
    table: TableFile,
    heads: _Heads,
    first: list[str],
    what: tuple[str, str, str, str],
    eyes: str,
    notes: list[str],
) -> _Source | None:
    words, name, axis, size = what
    place = heads.place(f"{words} {axis}", _PIXELS)
    if place is not None:
        resolution = heads.place(f"recording resolution {size}")
        pixels = parse_number(first[resolution]) if resolution is not None else None
        if pixels is not None and pixels >= 1:
            return _Source(f"{name}_{axis}", place, pixels, eyes)
    shares = heads.place(f"{words} {axis}", _SHARES)
    if shares is not None:
        return _Source(f"{name}_{axis}", shares, 1.0, eyes)
    if place is not None:
        what_is_missing = f"it is in pixels, and no column 'Recording resolution {size}' says of how many"
        raise table.lines.fault(what_is_missing, column=table.header[place], line=1)
    return None


def _started_at(heads: _Heads, first: list[str]) -> tuple[datetime | None, tuple[str, ...]]:
    date_place, time_place = heads.place("recording date utc"), heads.place("recording start time utc")
    if date_place is None or time_place is None:
        return None, ()
    date, time = first[date_place].strip(), first[time_place].strip().replace(",", ".")
    for form in _date_forms(date, heads.unit(date_place)):
        for clock in ("%H:%M:%S.%f", "%H:%M:%S"):
            try:
                return datetime.strptime(f"{date} {time}", f"{form} {clock}").replace(tzinfo=UTC), ()
            except ValueError:
                continue
    return None, (f"its date {date!r} could be read in two ways, so it is not used",)


def _date_forms(date: str, unit: str) -> tuple[str, ...]:
    """Ways to read a date that allow no mistake."""
    if "/" not in date:
        return ("%Y-%m-%d", "%d.%m.%Y")
    if unit in ("mm/dd/yyyy", "m/d/yyyy"):
        return ("%m/%d/%Y",)
    if unit in ("dd/mm/yyyy", "d/m/yyyy"):
        return ("%d/%m/%Y",)
    parts = [int(part) for part in date.split("/") if part.isdecimal()]
    if len(parts) == 3 and parts[0] > 12:
        return ("%Y/%m/%d",) if parts[0] > 31 else ("%d/%m/%Y",)
    return ("%m/%d/%Y",) if len(parts) == 3 and (parts[1] > 12 or parts[0] == parts[1]) else ()


# -- the rows ---------------------------------------------------------------------------------------------------------


def _pieces(path: Path, layout: _Layout) -> Iterator[Piece]:
    table = TableFile(path, "\t")
    heads = _Heads(table)
    number = number_reader(table.lines)
    header, sources, time_place = table.header, layout.sources, layout.time_place
    event_place, value_place = heads.place("event"), heads.place("event value")
    name_place = heads.place("recording name")
    validity = {eye: heads.place(f"validity {eye}") for eye in ("left", "right")}
    cutter = FrameCutter(table.lines, [Signal(each.name, header[each.place]) for each in sources], header[time_place])
    recording_name: str | None = None
    for cells in table.rows():
        if name_place is not None:
            recording_name = _same_recording(table, recording_name, cells[name_place], header[name_place])
        time = number(cells, time_place, header[time_place])
        if math.isnan(time):
            raise table.lines.fault("there is no time", column=header[time_place])
        t_us = round(time * layout.us_a_tick)
        if event_place is not None and cells[event_place].strip() and t_us >= 0:
            value = cells[value_place].strip() if value_place is not None else ""
            marker = ImportedMarker(t_us, cells[event_place].strip(), {"value": value} if value else {})
            yield Piece(table.lines.share, marker=marker)
        if not _is_frame(heads, cells):
            continue
        bad = _bad_eyes(validity, cells)
        values = [
            math.nan if each.eyes in bad else number(cells, each.place, header[each.place]) / each.divisor
            for each in sources
        ]
        batch = cutter.add(t_us, values)
        if batch is not None:
            yield Piece(table.lines.share, batch)
    batch = cutter.take()
    if batch is not None:
        yield Piece(1.0, batch)


def _same_recording(table: TableFile, known: str | None, name: str, header: str) -> str | None:
    name = name.strip()
    if known is not None and name and name != known:
        what = f"another recording, {name[:40]!r}, begins after {known[:40]!r}; export one recording a file"
        raise table.lines.fault(what, column=header)
    return name or known


def _bad_eyes(validity: dict[str, int | None], cells: list[str]) -> set[str]:
    """Eyes of which the tracker says that it did not see them; "" where it saw neither."""
    bad = {eye for eye, place in validity.items() if place is not None and _is_invalid(cells[place])}
    return bad | {""} if len(bad) == 2 else bad


def _is_invalid(cell: str) -> bool:
    # Words since Pro Lab; before, 0 (sure) to 4 (not found).
    return cell.strip().lower() in ("invalid", "2", "3", "4")


IMPORTERS.register("tobii")(TobiiImporter())
