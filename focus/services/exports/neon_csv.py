"""CSV files with the names of a Pupil Labs Neon export, so that scripts written for one read the other.

Columns that Neon has and the tracker measured carry Neon's names and units. What has no name there carries one in the
same style (`openness left [ratio]`). Times are nanoseconds since 1970. Elevation is positive upwards, as Neon's is.
`info.json` says which column of ours each one is; the importer `neon` reads that and gives the same frames back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focus.analysis.types import Event
from focus.protocol.batch import FrameBatch, IntArray
from focus.services.exports.base import (
    EXPORTERS,
    STATE_LABELS,
    EventNumbers,
    Exporter,
    ExportSource,
    Passes,
    Target,
)
from focus.services.exports.cells import TableWriter, id_texts, number_texts, safe_text
from focus.services.neon_columns import NeonColumn, eye_state_columns, gaze_columns, head_columns

_OTHER_KINDS = ("closure", "pursuit", "track_loss")


@dataclass(frozen=True, slots=True)
class _EventColumn:
    """A column of an event table: its header, the attribute it comes from, and a factor."""

    header: str
    attribute: str
    factor: float = 1.0


_EVENT_FILES: dict[str, tuple[str, str, tuple[_EventColumn, ...]]] = {
    "fixation": (
        "fixations.csv",
        "fixation id",
        (
            _EventColumn("azimuth [deg]", "x_deg"),
            _EventColumn("elevation [deg]", "y_deg", -1.0),
            _EventColumn("spread [deg]", "spread_deg"),
        ),
    ),
    "saccade": (
        "saccades.csv",
        "saccade id",
        (
            _EventColumn("amplitude [deg]", "amplitude_deg"),
            _EventColumn("peak velocity [deg/s]", "peak_speed_deg_s"),
            _EventColumn("direction [deg]", "direction_deg"),
        ),
    ),
    "blink": ("blinks.csv", "blink id", (_EventColumn("least openness [ratio]", "openness_least_ratio"),)),
}


class NeonCsvExporter(Exporter):
    """See the module."""

    label = "CSV files"
    description = "Plain tables with the file and column names of a Pupil Labs Neon export; opens in a spreadsheet."
    read_back_by = "neon"

    def write(self, source: ExportSource, target: Target) -> Iterator[float]:
        tracker = source.tracker
        tables = {
            "gaze.csv": gaze_columns(tracker),
            "3d_eye_states.csv": eye_state_columns(tracker),
            "head_pose.csv": head_columns(tracker),
        }
        passes = Passes(source.n_frames, 1 + sum(bool(tables[name]) for name in ("3d_eye_states.csv", "head_pose.csv")))
        _write_info(source, target, tables)
        yield 0.0
        yield from _write_gaze(source, target, tables["gaze.csv"], passes)
        for name in ("3d_eye_states.csv", "head_pose.csv"):
            if tables[name]:
                yield from _write_frames(source, target, name, tables[name], passes)
        for kind in _EVENT_FILES:
            yield from _write_events(source, target, kind)
        yield from _write_other_events(source, target)
        _write_markers(source, target)
        _write_metrics(source, target)
        yield 1.0


def _write_info(source: ExportSource, target: Target, tables: dict[str, tuple[NeonColumn, ...]]) -> None:
    info: dict[str, Any] = {
        "recording_id": source.recording_id,
        "recording_name": source.title,
        "start_time": source.start_ns,
        "duration": source.duration_us * 1000,
        "gaze_frequency": source.tracker.rate_hz,
        "data_format_version": "focus-1",
        "focus": {
            **source.provenance(),
            "columns": {
                name: {column.header: {"column": column.name, "unit": column.unit} for column in columns}
                for name, columns in tables.items()
                if columns
            },
        },
    }
    with target.open("info.json") as file:
        file.write((json.dumps(info, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def _write_gaze(
    source: ExportSource, target: Target, columns: tuple[NeonColumn, ...], passes: Passes
) -> Iterator[float]:
    fixations, blinks = EventNumbers(source.events("fixation")), EventNumbers(source.events("blink"))

    def extra(t_us: IntArray) -> list[list[str]]:
        codes = source.states_at(t_us).tolist()
        states = [STATE_LABELS[code] if code >= 0 else "" for code in codes]
        return [id_texts(fixations.at(t_us)), id_texts(blinks.at(t_us)), states]

    heads = ("fixation id", "blink id", "eye state")
    yield from _write_frames(source, target, "gaze.csv", columns, passes, heads, extra)


def _write_frames(
    source: ExportSource,
    target: Target,
    name: str,
    columns: tuple[NeonColumn, ...],
    passes: Passes,
    extra_heads: tuple[str, ...] = (),
    extra: Callable[[IntArray], list[list[str]]] = lambda _t_us: [],
) -> Iterator[float]:
    heads = ["recording id", "timestamp [ns]", *(column.header for column in columns), *extra_heads]
    with target.open(name) as file:
        table = TableWriter(file, heads)
        for frames in source.frames():
            times = number_texts(_times_ns(source, frames.t_us))
            cells = [number_texts(_values(frames, column)) for column in columns]
            table.columns([[source.recording_id] * len(frames), times, *cells, *extra(frames.t_us)])
            yield passes.took(len(frames))


def _times_ns(source: ExportSource, t_us: IntArray) -> npt.NDArray[np.uint64]:
    # Unsigned, because the longest time of a frame in nanoseconds after 1970 does not fit into int64.
    return t_us.astype(np.uint64) * np.uint64(1000) + np.uint64(source.start_ns)


def _values(frames: FrameBatch, column: NeonColumn) -> npt.NDArray[np.generic]:
    values = frames.columns.get(column.name)
    if values is None:
        return np.full(len(frames), np.nan, dtype=np.float32)
    return column.to_file(values)


def _write_events(source: ExportSource, target: Target, kind: str) -> Iterator[float]:
    name, id_head, columns = _EVENT_FILES[kind]
    heads = ["start timestamp [ns]", "end timestamp [ns]", "duration [ms]"]
    with target.open(name) as file:
        table = TableWriter(file, ["recording id", id_head, *heads, *(column.header for column in columns)])
        for number, event in enumerate(source.events(kind), 1):
            cells = [_attribute(event, column) for column in columns]
            table.row([source.recording_id, str(number), *_span(source, event), *cells])
            if not number % 5000:
                yield 1.0


def _write_other_events(source: ExportSource, target: Target) -> Iterator[float]:
    with target.open("other_events.csv") as file:
        heads = ["recording id", "kind", "start timestamp [ns]", "end timestamp [ns]", "duration [ms]"]
        table = TableWriter(file, heads)
        for number, event in enumerate(source.events(*_OTHER_KINDS), 1):
            table.row([source.recording_id, event.kind, *_span(source, event)])
            if not number % 5000:
                yield 1.0


def _span(source: ExportSource, event: Event) -> list[str]:
    start_ns, stop_ns = (source.start_ns + t_us * 1000 for t_us in (event.onset_us, event.offset_us))
    return [str(start_ns), str(stop_ns), f"{event.duration_us / 1000:g}"]


def _attribute(event: Event, column: _EventColumn) -> str:
    value = event.attributes.get(column.attribute)
    return "" if value is None else repr(value * column.factor)


def _write_markers(source: ExportSource, target: Target) -> None:
    with target.open("events.csv") as file:
        table = TableWriter(file, ["recording id", "timestamp [ns]", "name", "type", "body"])
        for marker in source.markers():
            body = json.dumps(marker.body, ensure_ascii=False) if marker.body else ""
            time = str(source.start_ns + marker.t_us * 1000)
            table.row([source.recording_id, time, safe_text(marker.kind), "recording", safe_text(body)])


def _write_metrics(source: ExportSource, target: Target) -> None:
    names = ("name", "label", "unit", "value", "low", "high", "weight_s", "verdict", "reason")
    with target.open("metrics.csv") as file:
        table = TableWriter(file, names)
        for metric in source.metrics:
            table.row([_cell(metric[name]) for name in names])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else safe_text(str(value))


EXPORTERS.register("csv")(NeonCsvExporter())
