"""Our own recording CSV, plain or gzipped: `focus.protocol.recording_csv` with another face."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from focus.protocol.recording_csv import RecordingCsv, open_recording_csv
from focus.services.imports.base import IMPORTERS, Example, ImportedRecording, Importer, Piece
from focus.services.imports.tables import first_line

_EXAMPLE = """\
t_us,gaze_x_norm,gaze_y_norm,pupil_left_mm,openness_left,confidence
0,0.512,0.431,3.21,0.31,0.98
16667,0.513,0.433,3.22,0.31,0.98
33333,,,,0.04,0.71
50000,0.511,0.432,3.20,0.30,0.99
"""


class OwnCsvImporter(Importer):
    """See the module."""

    label = "Recording CSV"
    description = "The project's own CSV, plain or .gz: t_us in microseconds and any of the known columns."
    example = Example({"recording.csv": _EXAMPLE}, ("recording.csv", 3, "pupil_left_mm", "3.22"), 4)

    def recognises(self, path: Path) -> bool:
        return path.is_file() and "t_us" in [name.strip() for name in first_line(path).lstrip("\ufeff").split(",")]

    def open(self, path: Path) -> ImportedRecording:
        recording = open_recording_csv(path)
        notes = tuple(f"column {name} is unknown and left out" for name in recording.unknown_columns)
        return ImportedRecording(recording.tracker, lambda: _pieces(recording), title=path.name[:200], notes=notes)


def _pieces(recording: RecordingCsv) -> Iterator[Piece]:
    size = max(recording.path.stat().st_size, 1)
    for at_byte, frames in recording.with_position():
        yield Piece(min(at_byte / size, 1.0), frames)


IMPORTERS.register("recording-csv")(OwnCsvImporter())
