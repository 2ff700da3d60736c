"""Tobii Pro Lab exports of several versions, written by hand after the documentation of their columns."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from focus.errors import RecordingFileError
from focus.protocol.batch import FrameBatch, join_batches
from focus.services.imports import IMPORTERS, ImportedMarker

TOBII = IMPORTERS["tobii"]


def write(tmp_path: Path, *rows: str, encoding: str = "utf-8-sig") -> Path:
    """Rows whose cells are apart by a bar, as a file with tabs."""
    path = tmp_path / "export.tsv"
    path.write_text("".join(row.replace("|", "\t") + "\r\n" for row in rows), encoding=encoding)
    return path


def frames_in(path: Path) -> FrameBatch:
    return join_batches([piece.frames for piece in TOBII.open(path).pieces() if piece.frames is not None])


NEW = (
    "Recording timestamp [ms]|Sensor|Recording date UTC [YYYY-MM-DD]|Recording start time UTC|"
    "Recording resolution width [px]|Recording resolution height [px]|Recording software version|Event|Event value|"
    "Gaze point X [DACS px]|Gaze point Y [DACS px]|Gaze point left X [DACS px]|Gaze point left Y [DACS px]|"
    "Gaze point X [MCS norm]|Gaze point Y [MCS norm]|Pupil diameter left [mm]|Eye openness left [mm]|"
    "Validity left|Validity right"
)
BEGIN = "|2026-02-03|04:05:06.250|2000|1000|24.21|"


def test_pixels_of_the_display_become_shares_and_the_media_are_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        NEW,
        f"0|Eye Tracker{BEGIN}||1000|250|980|260|0.9|0.9|3.25|10.5|Valid|Valid",
        f"16.667|Eye Tracker{BEGIN}||500|750|490|740|0.8|0.8|3.5|10.25|Valid|Valid",
    )

    recording = TOBII.open(path)
    frames = frames_in(path)

    assert frames.t_us.tolist() == [0, 16_667]
    assert frames.columns["gaze_x"].tolist() == [0.5, 0.25]
    assert frames.columns["gaze_y"].tolist() == [0.25, 0.75]
    assert frames.columns["gaze_left_x"].tolist() == pytest.approx([0.49, 0.245])
    assert frames.columns["pupil_left"].tolist() == [3.25, 3.5]
    assert frames.columns["openness_left"].tolist() == [10.5, 10.25]
    assert recording.tracker.units == {"pupil_left": "mm", "openness_left": "mm"}
    assert recording.tracker.rate_hz == 60.0
    assert recording.tracker.model == "24.21"
    assert recording.started_at == datetime(2026, 2, 3, 4, 5, 6, 250_000, tzinfo=UTC)
    assert recording.notes == ()


def test_headers_without_units_and_decimal_commas_are_read_by_their_steps(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Recording timestamp|Gaze point X (MCSnorm)|Gaze point Y (MCSnorm)|Pupil diameter right",
        "100000|0,5123|0,25|3,21",
        "116667|||",
        "133333|0,5|0,75|3,5",
    )

    recording = TOBII.open(path)
    frames = frames_in(path)

    assert frames.t_us.tolist() == [100_000, 116_667, 133_333]
    assert frames.columns["gaze_x"][0] == np.float32(0.5123)
    assert np.isnan(frames.columns["gaze_x"][1])
    assert frames.columns["pupil_right"][2] == np.float32(3.5)
    assert recording.notes == (
        "the header says no unit of time; its steps are those of microseconds",
        "gaze is in shares of the shown media, which is taken to fill the screen",
    )


def test_steps_of_milliseconds_are_told_from_those_of_microseconds(tmp_path: Path) -> None:
    path = write(tmp_path, "Recording timestamp|Pupil diameter left", "0|3.1", "8|3.1", "17|3.1", "25|3.1")

    assert frames_in(path).t_us.tolist() == [0, 8000, 17_000, 25_000]
    assert TOBII.open(path).tracker.rate_hz == 125.0


@pytest.mark.parametrize("micro", ["μ", "µ", "u"])
def test_the_two_signs_for_micro_are_one(tmp_path: Path, micro: str) -> None:
    path = write(tmp_path, f"Recording timestamp [{micro}s]|Pupil diameter left [mm]", "5|3.1", "10|3.2")

    assert frames_in(path).t_us.tolist() == [5, 10]


def test_other_sensors_are_passed_over_and_events_become_markers(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Recording timestamp [us]|Sensor|Event|Event value|Pupil diameter left [mm]",
        "0||RecordingStart||",
        "100|Eye Tracker|||3.1",
        "150|Mouse|MouseEvent|Down, Left|",
        "200|Eye Tracker|||3.2",
    )

    pieces = list(TOBII.open(path).pieces())

    assert frames_in(path).t_us.tolist() == [100, 200]
    assert [piece.marker for piece in pieces if piece.marker is not None] == [
        ImportedMarker(0, "RecordingStart"),
        ImportedMarker(150, "MouseEvent", {"value": "Down, Left"}),
    ]


def test_what_the_tracker_calls_invalid_is_missing_for_that_eye(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Recording timestamp [us]|Gaze point X (MCSnorm)|Pupil diameter left|Pupil diameter right|"
        "Validity left|Validity right",
        "0|0.5|3.1|3.2|Invalid|Valid",
        "100|0.5|3.1|3.2|4|4",
    )

    frames = frames_in(path)

    assert [np.isnan(values).tolist() for values in frames.columns.values()] == [
        [False, True],
        [True, True],
        [False, True],
    ]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (("Recording timestamp [us]|Gaze point X [DACS px]", "0|5"), "line 1, column Gaze point X .*resolution width"),
        (("Recording timestamp [furlong]|Pupil diameter left", "0|3"), "line 1, column Recording timestamp: .*furlong"),
        (("Recording timestamp [us]|Pupil diameter left", "5|3", "5|3"), "line 3, column .*not after the 5 us"),
        (("Recording timestamp [us]|Pupil diameter left", "5|3", "|3"), "line 3, column .*there is no time"),
        (("Recording timestamp [us]|Pupil diameter left", "5|3", "7|3|9"), "line 3: 3 cells; the header has 2"),
        (
            ("Recording timestamp [us]|Pupil diameter left", "5|-3"),
            "line 2, column Pupil diameter left: -3 lies outside",
        ),
        (
            ("Recording timestamp [us]|Recording name|Pupil diameter left", "5|A|3", "9|B|3"),
            "line 3, column Recording name: another",
        ),
        (("Recording timestamp [us]|Pupil diameter left",), "has a header and no row"),
    ],
)
def test_a_wrong_file_is_named_with_its_place(tmp_path: Path, rows: tuple[str, ...], complaint: str) -> None:
    path = write(tmp_path, *rows)

    with pytest.raises(RecordingFileError, match=complaint):
        frames_in(path)


def test_a_file_in_sixteen_bits_is_read_as_one_in_eight(tmp_path: Path) -> None:
    rows = ("Recording timestamp [μs]|Pupil diameter left [mm]", "0|3.5", "100|3.25")

    assert frames_in(write(tmp_path, *rows, encoding="utf-16")).columns["pupil_left"].tolist() == [3.5, 3.25]


@pytest.mark.parametrize(
    ("date", "month", "day"), [("3/25/2026", 3, 25), ("25/3/2026", 3, 25), ("25.03.2026", 3, 25), ("5/5/2026", 5, 5)]
)
def test_a_date_that_can_mean_one_day_only_is_read(tmp_path: Path, date: str, month: int, day: int) -> None:
    path = write(
        tmp_path,
        "Recording timestamp [us]|Recording date UTC|Recording start time UTC|Pupil diameter left",
        f"0|{date}|10:20:30.5|3.1",
    )

    assert TOBII.open(path).started_at == datetime(2026, month, day, 10, 20, 30, 500_000, tzinfo=UTC)


def test_a_date_that_could_mean_two_days_is_not_used_and_said(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Recording timestamp [us]|Recording date UTC|Recording start time UTC|Pupil diameter left",
        "0|3/4/2026|10:20:30|3.1",
    )

    assert TOBII.open(path).started_at is None
    assert "'3/4/2026' could be read in two ways" in TOBII.open(path).notes[0]
