"""Parquet files with the unit of each column and the provenance of the whole in the schema.

Needs pyarrow, which is an optional extra (`pip install focus-eye[parquet]`). Values are exactly those stored: times as
int64 microseconds since the recording began, signals as float32 with null for missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from focus.errors import NotFoundError
from focus.protocol.schema import COLUMN_BY_NAME
from focus.services.exports.base import EXPORTERS, STATE_LABELS, Exporter, ExportSource, Passes, Target

if TYPE_CHECKING:
    import pyarrow as pa

_EVENTS_A_GROUP = 5000


class ParquetExporter(Exporter):
    """See the module."""

    label = "Parquet"
    description = "Columnar files for pandas, Polars, R and DuckDB, with units and provenance in the schema."

    def check(self) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as err:
            raise NotFoundError(
                "the format 'parquet' needs pyarrow, which is not installed: pip install 'focus-eye[parquet]'"
            ) from err

    def write(self, source: ExportSource, target: Target) -> Iterator[float]:
        yield from _write_frames(source, target)
        yield from _write_events(source, target)
        _write_markers(source, target)
        _write_metrics(source, target)
        yield 1.0


def _schema(source: ExportSource, fields: list[tuple[str, Any, str, str]]) -> pa.Schema:
    """Fields of (name, type, unit, meaning)."""
    import pyarrow as pa

    metadata = {"focus": json.dumps(source.provenance(), allow_nan=False)}
    return pa.schema(
        [pa.field(name, kind, metadata={"unit": unit, "description": meaning}) for name, kind, unit, meaning in fields],
        metadata=metadata,
    )


def _write_frames(source: ExportSource, target: Target) -> Iterator[float]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = source.columns()
    schema = _schema(
        source,
        [
            ("t_us", pa.int64(), "us", "time since the recording began"),
            *((name, pa.float32(), source.unit_of(name), COLUMN_BY_NAME[name].meaning) for name in names),
            ("state", pa.dictionary(pa.int8(), pa.string()), "", "final eye state; null where it is not known yet"),
        ],
    )
    labels = pa.array(STATE_LABELS)
    passes = Passes(source.n_frames, 1)
    with (
        target.open("frames.parquet", is_packed=True) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as out,
    ):
        for frames in source.frames():
            missing = np.full(len(frames), np.nan, dtype=np.float32)
            signals = [frames.columns.get(name, missing) for name in names]
            codes = source.states_at(frames.t_us)
            states = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8), mask=codes < 0), labels)
            arrays = [
                pa.array(frames.t_us),
                *(pa.array(values, mask=np.isnan(values)) for values in signals),
                states,
            ]
            out.write_batch(pa.record_batch(arrays, schema=schema))
            yield passes.took(len(frames))


def _write_events(source: ExportSource, target: Target) -> Iterator[float]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    attributes = sorted({name for event in source.events() for name in event.attributes})
    schema = _schema(
        source,
        [
            ("kind", pa.string(), "", "blink, closure, fixation, saccade, pursuit or track_loss"),
            ("onset_us", pa.int64(), "us", "first moment of the event since the recording began"),
            ("offset_us", pa.int64(), "us", "first moment after it"),
            *((name, pa.float64(), _unit_in(name), "null where it could not be measured") for name in attributes),
        ],
    )
    with (
        target.open("events.parquet", is_packed=True) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as out,
    ):
        rows: list[dict[str, Any]] = []
        for event in source.events():
            rows.append(
                {
                    "kind": event.kind,
                    "onset_us": event.onset_us,
                    "offset_us": event.offset_us,
                    **event.attributes,
                }
            )
            if len(rows) == _EVENTS_A_GROUP:
                out.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows.clear()
                yield 1.0
        out.write_table(pa.Table.from_pylist(rows, schema=schema))


def _unit_in(attribute: str) -> str:
    """The unit that an attribute's name carries at its end."""
    if attribute.endswith("_deg_s"):
        return "deg/s"
    return {"deg": "deg", "ratio": "ratio", "mm": "mm", "us": "us"}.get(attribute.rsplit("_", 1)[-1], "")


def _write_markers(source: ExportSource, target: Target) -> None:
    import pyarrow as pa

    fields = [
        ("t_us", pa.int64(), "us", "time since the recording began"),
        ("kind", pa.string(), "", "what the client called it"),
        ("body", pa.string(), "", "JSON"),
    ]
    rows = [
        {"t_us": marker.t_us, "kind": marker.kind, "body": json.dumps(marker.body, ensure_ascii=False)}
        for marker in source.markers()
    ]
    _write_table(source, target, "markers.parquet", fields, rows)


def _write_metrics(source: ExportSource, target: Target) -> None:
    import pyarrow as pa

    texts, numbers = ("name", "label", "unit", "verdict", "reason"), ("value", "low", "high", "weight_s")
    fields = [(name, pa.string(), "", "") for name in texts]
    fields += [(name, pa.float64(), "s" if name == "weight_s" else "see column unit", "") for name in numbers]
    _write_table(source, target, "metrics.parquet", fields, list(source.metrics))


def _write_table(
    source: ExportSource,
    target: Target,
    path: str,
    fields: list[tuple[str, Any, str, str]],
    rows: list[dict[str, Any]],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(source, fields)
    with target.open(path, is_packed=True) as file, pq.ParquetWriter(file, schema, compression="zstd") as out:
        out.write_table(pa.Table.from_pylist(rows, schema=schema))


EXPORTERS.register("parquet")(ParquetExporter())
