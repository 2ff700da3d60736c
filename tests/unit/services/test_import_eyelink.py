"""EyeLink ASC files of one and two eyes, written by hand after the manual's description of the lines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from focus.errors import RecordingFileError
from focus.protocol.batch import FrameBatch, join_batches
from focus.services.imports import IMPORTERS, ImportedMarker

EYELINK = IMPORTERS["eyelink"]

HEAD = """\
** CONVERTED FROM x.edf
** DATE: Wed Jan  7 01:02:03 2026
MSG\t90 !CAL calibration
MSG\t95 GAZE_COORDS 0.00 0.00 1023.00 767.00
"""
BLOCK = "START\t100 \tLEFT RIGHT\tSAMPLES\tEVENTS\nPUPIL\tAREA\n"
BOTH = "SAMPLES\tGAZE\tLEFT\tRIGHT\tRATE\t1000.00\tTRACKING\tCR\tFILTER\t2\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.asc"
    path.write_text(text)
    return path


def frames_in(path: Path) -> FrameBatch:
    return join_batches([piece.frames for piece in EYELINK.open(path).pieces() if piece.frames is not None])


def test_both_eyes_are_kept_and_gaze_is_their_mean(tmp_path: Path) -> None:
    text = (
        HEAD
        + BLOCK
        + BOTH
        + (
            "100\t 512.0\t 384.0\t 900.0\t 256.0\t 192.0\t 800.0\t.....\n"
            "101\t   .\t   .\t   0.0\t 256.0\t 192.0\t 801.0\tI.C..\n"
            "102\t   .\t   .\t   0.0\t   .\t   .\t   0.0\t.C.C.\n"
        )
    )

    recording = EYELINK.open(write(tmp_path, text))
    frames = frames_in(tmp_path / "x.asc")

    assert frames.t_us.tolist() == [0, 1000, 2000]
    assert frames.columns["gaze_left_x"][0] == 0.5
    assert frames.columns["gaze_right_x"].tolist()[:2] == [0.25, 0.25]
    assert frames.columns["gaze_x"].tolist()[:2] == [0.375, 0.25]
    assert frames.columns["gaze_y"].tolist()[:2] == [0.375, 0.25]
    assert frames.columns["pupil_right"].tolist()[:2] == [800.0, 801.0]
    assert all(np.isnan(values[2]) for values in frames.columns.values())
    assert recording.tracker.rate_hz == 1000.0
    assert recording.tracker.units == {"pupil_left": "own", "pupil_right": "own"}
    assert recording.started_at == datetime(2026, 1, 7, 1, 2, 3, tzinfo=UTC)
    assert "pupils are its area in the tracker's own unit" in recording.notes


def test_columns_of_speed_and_resolution_after_the_eyes_change_nothing(tmp_path: Path) -> None:
    line = "100\t512.0\t384.0\t900.0\t1.5\t-2.5\t38.1\t31.2\t127.0\t...\n"
    text = HEAD + "START 100 RIGHT SAMPLES\nSAMPLES GAZE RIGHT VEL RES RATE 250.00 INPUT\n" + line

    frames = frames_in(write(tmp_path, text))

    assert {name: values.tolist() for name, values in frames.columns.items()} == {
        "gaze_x": [0.5],
        "gaze_y": [0.5],
        "pupil_right": [900.0],
        "gaze_right_x": [0.5],
        "gaze_right_y": [0.5],
    }


def test_times_with_halves_of_a_millisecond_and_blocks_after_a_pause_rise(tmp_path: Path) -> None:
    text = HEAD + "START 100 LEFT SAMPLES\nSAMPLES GAZE LEFT RATE 2000.00\n"
    text += "100.0 1 1 5 ...\n100.5 1 1 5 ...\nEND 101\nSTART 5000 LEFT SAMPLES\n5000.5 1 1 5 ...\n"

    assert frames_in(write(tmp_path, text)).t_us.tolist() == [0, 500, 4_900_500]


def test_messages_after_the_start_become_markers_and_trackers_events_do_not(tmp_path: Path) -> None:
    text = HEAD + "START 100 LEFT SAMPLES\nSAMPLES GAZE LEFT RATE 500.00\n"
    text += "SFIX L 100\n100 1 1 5 ...\nMSG 101 TRIALID 7  =x\nEFIX L 100 102 2 1.0 1.0 5\n102 1 1 5 ...\n"

    pieces = list(EYELINK.open(write(tmp_path, text)).pieces())

    assert [piece.marker for piece in pieces if piece.marker is not None] == [
        ImportedMarker(1000, "message", {"text": "TRIALID 7  =x"})
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEAD + "100 1 1 5 ...\n", "line 5: a sample stands before the lines START and SAMPLES"),
        ("START 1 LEFT SAMPLES\nSAMPLES GAZE LEFT RATE 500\n1 1 1 5 ...\n", "line 3: no message DISPLAY_COORDS"),
        (HEAD + "START 1 LEFT SAMPLES\nSAMPLES HREF LEFT RATE 500\n1 1 1 5\n", "line 6, column SAMPLES: .*'HREF'"),
        (HEAD + BLOCK + BOTH + "100 1 1 5 ...\n", "line 8: 5 words; a sample of 2 eyes has at least 7"),
        (HEAD + BLOCK + BOTH + "100 1 1 5 1 1 5 .\n100 1 1 5 1 1 5 .\n", "line 9, column time: .*not after"),
        (HEAD + BLOCK + BOTH + "100 x 1 5 1 1 5 .\n", "line 8, column gaze x: 'x' is not a number"),
        (HEAD + BLOCK + BOTH + "99 1 1 5 1 1 5 .\n", "line 8, column time: the time is -1000 us"),
        (
            HEAD + "START 1 LEFT SAMPLES\nSAMPLES GAZE LEFT RATE 9\n1 1 1 5 .\nSAMPLES GAZE RIGHT RATE 9\n",
            "line 8: the right eye",
        ),
        (HEAD.replace("1023.00", "-5"), "line 4, column GAZE_COORDS: .* are no screen"),
        (HEAD + BLOCK, "holds no samples"),
    ],
)
def test_a_wrong_file_is_named_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)

    with pytest.raises(RecordingFileError, match=complaint):
        frames_in(path)
