"""Folders of CSV files as Pupil Labs Cloud makes them, written by hand after its description of the columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from focus.errors import RecordingFileError
from focus.protocol.batch import FrameBatch, join_batches
from focus.services.imports import IMPORTERS, ImportedMarker

NEON = IMPORTERS["neon"]
T0 = 1_721_033_712_000_000_000


def write(tmp_path: Path, **files: tuple[str, ...]) -> Path:
    """CSV files by name without ending; the first text of each is its header."""
    folder = tmp_path / "rec"
    folder.mkdir()
    for name, lines in files.items():
        (folder / f"{name.removeprefix('f_')}.csv").write_text("\n".join(lines) + "\n")
    return folder


def frames_in(path: Path) -> FrameBatch:
    return join_batches([piece.frames for piece in NEON.open(path).pieces() if piece.frames is not None])


def at(ms: float) -> int:
    return T0 + round(ms * 1_000_000)


EYES = "recording id,timestamp [ns],pupil diameter left [mm],eyelid aperture right [mm]"


def test_angles_are_taken_and_elevation_turns_downwards(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        gaze=(
            "recording id,timestamp [ns],gaze x [px],gaze y [px],worn,azimuth [deg],elevation [deg]",
            f"r,{at(0)},800,600,1.0,2.5,-4.25",
            f"r,{at(5)},800,600,0.0,3.5,1.5",
        ),
    )

    recording = NEON.open(folder)
    frames = frames_in(folder)

    assert frames.t_us.tolist() == [0, 5000]
    assert frames.columns["gaze_x"].tolist() == [2.5, 3.5]
    assert frames.columns["gaze_y"].tolist() == [4.25, -1.5]
    assert frames.columns["confidence"].tolist() == [1.0, 0.0]
    assert (recording.tracker.gaze_space, recording.tracker.rate_hz) == ("deg", 200.0)
    assert recording.started_at == datetime(2024, 7, 15, 8, 55, 12, tzinfo=UTC)


def test_pixels_alone_become_shares_of_the_scene_and_it_is_said(tmp_path: Path) -> None:
    head = "recording id,timestamp [ns],gaze x [px],gaze y [px]"
    folder = write(tmp_path, gaze=(head, f"r,{at(0)},400,900", f"r,{at(5)},,"))

    recording = NEON.open(folder)
    frames = frames_in(folder)

    assert (frames.columns["gaze_x"][0], frames.columns["gaze_y"][0]) == (0.25, 0.75)
    assert np.isnan(frames.columns["gaze_x"][1])
    assert recording.tracker.gaze_space == "scene"
    assert recording.notes == ("gaze is in pixels of the scene camera, which is taken to have 1600 x 1200",)


def test_eye_states_join_the_frame_that_is_nearest_within_half_a_frame(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        gaze=("timestamp [ns],gaze x [px]", *(f"{at(ms)},1" for ms in (0, 5, 10, 15, 20))),
        f_3d_eye_states=(
            EYES,
            f"r,{at(1)},3.25,9.0",
            f"r,{at(9)},3.5,9.5",
            f"r,{at(10.5)},3.75,9.75",
            f"r,{at(17.6)},4.0,10.0",
        ),
    )

    frames = frames_in(folder)

    assert [None if np.isnan(v) else v for v in frames.columns["pupil_left"].tolist()] == [3.25, None, 3.75, None, 4.0]
    assert frames.columns["openness_right"][2] == 9.75


def test_the_start_in_info_is_time_zero_and_events_are_markers(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        gaze=("timestamp [ns],gaze x [px]", f"{at(250)},1", f"{at(255)},1"),
        events=("recording id,timestamp [ns],name,type", f"r,{at(-5)},early,cloud", f"r,{at(300)},'x,recording"),
    )
    (folder / "info.json").write_text(json.dumps({"start_time": T0, "recording_name": "Walk"}))

    recording = NEON.open(folder)

    assert frames_in(folder).t_us.tolist() == [250_000, 255_000]
    assert recording.title == "Walk"
    assert [p.marker for p in recording.pieces() if p.marker] == [ImportedMarker(300_000, "'x", {"type": "recording"})]


@pytest.mark.parametrize(
    ("gaze", "info", "complaint"),
    [
        (("timestamp [ns],gaze x [px]", "1.5,1"), None, "gaze.csv line 2, column timestamp .*'1.5' is not a whole"),
        (("timestamp [ns],gaze x [px]", "10000,1", "9000,1"), None, "gaze.csv line 3, column timestamp .*not after|-1"),
        (("timestamp [ns],gaze x [px]",), None, "gaze.csv has a header and no frame"),
        (("timestamp [ns],gaze x [px]", "10000,1"), "{\n nonsense", "info.json line 2, column 2: it is not JSON"),
        (("timestamp [ns],gaze x [px]", "10000,1"), '{"focus": {"tracker": {"name": ""}}}', "info.json: "),
        (("timestamp [ns],azimuth [deg]", "10000,500"), None, "gaze.csv line 2, column azimuth .*500 lies outside"),
        (("time,gaze x [px]", "10000,1"), None, "gaze.csv line 1: there is no column 'timestamp .ns.'"),
    ],
)
def test_a_wrong_folder_is_named_with_its_place(
    tmp_path: Path, gaze: tuple[str, ...], info: str | None, complaint: str
) -> None:
    folder = write(tmp_path, gaze=gaze)
    if info is not None:
        (folder / "info.json").write_text(info)

    with pytest.raises(RecordingFileError, match=complaint):
        frames_in(folder)
