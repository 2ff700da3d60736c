"""Markers of a recording that is streamed from a file: a CSV with the columns `t_us`, `kind` and, as JSON, `body`."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from focus.errors import FrameFormatError, RecordingFileError
from focus.protocol.messages import Marker

_REQUIRED: Final = ("t_us", "kind")
_NO_RECORDING: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class TimedMarker:
    """What happened at a time of the recording, in microseconds; `body` is any JSON object."""

    t_us: int
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)


def read_markers(path: str | Path) -> list[TimedMarker]:
    """The markers of a file in the order of their times.

    Raises
    ------
    RecordingFileError
        The file cannot be read, or what a cell holds is no marker; names line and column.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [name for name in _REQUIRED if name not in (rows.fieldnames or ())]
            if missing:
                raise RecordingFileError(f"{path.name} line 1: there is no column {missing[0]}")
            found = [_marker_of(row, f"{path.name} line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise RecordingFileError(f"{path} cannot be read: {err}") from err
    return sorted(found, key=lambda marker: marker.t_us)


def _marker_of(row: Mapping[str, str | None], place: str) -> TimedMarker:
    text = row["t_us"] or ""
    if not text.isascii() or not text.isdigit():
        raise RecordingFileError(f"{place}, column t_us: {text[:40]!r} is not a whole number of microseconds")
    try:
        body = json.loads(row.get("body") or "{}")
    except (ValueError, RecursionError) as err:
        raise RecordingFileError(f"{place}, column body: {row['body']!r:.60} is not JSON") from err
    try:
        marker = Marker(_NO_RECORDING, "-", 0, int(text), row["kind"] or "", body)
    except FrameFormatError as err:
        raise RecordingFileError(f"{place}: {err.message}") from err
    return TimedMarker(marker.t_us, marker.kind, marker.body)
