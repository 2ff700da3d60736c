"""The columns of the browser tracker in a recording file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.protocol.recording_csv import open_recording_csv, write_recording_csv

IRIS = ("iris_left_x", "iris_left_y", "iris_right_x", "iris_right_y")


def test_iris_offsets_are_written_and_read_by_their_own_names(tmp_path: Path) -> None:
    columns = {name: np.array([0.125 * at, np.nan], dtype=np.float32) for at, name in enumerate(IRIS)}
    frames = FrameBatch(np.array([0, 33_333]), columns)
    path = tmp_path / "recording.csv"

    write_recording_csv(path, [frames], TrackerInfo("Browser camera", IRIS))
    recording = open_recording_csv(path)

    assert path.read_text().splitlines()[0] == "t_us,iris_left_x,iris_left_y,iris_right_x,iris_right_y"
    assert recording.unknown_columns == ()
    assert recording.tracker.units == dict.fromkeys(IRIS, "eye widths")
    assert next(iter(recording)).equals(frames)
