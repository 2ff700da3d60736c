"""The recording CSV: what its columns become, and which line and column a fault is blamed on."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from focus.errors import FrameValueError, RecordingFileError
from focus.protocol import recording_csv
from focus.protocol.batch import FrameBatch, ScreenGeometry, TrackerInfo, join_batches
from focus.protocol.recording_csv import open_recording_csv, read_labels, write_recording_csv

SHARED_DATA = Path(__file__).parents[4] / "shared" / "data"


def write(folder: Path, text: str | bytes, name: str = "recording.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def frames_in(path: Path) -> FrameBatch:
    return join_batches(list(open_recording_csv(path)))


def test_columns_units_space_and_rate_come_from_the_header_and_the_times(tmp_path: Path) -> None:
    header = "t_us,label,gaze_x_deg,gaze_y_deg,pupil_left_mm,pupil_right,openness_left,head_yaw_deg,distance_mm,shoe"
    path = write(tmp_path, f"{header}\n0,fixation,1,2,3,4,5,6,7,8\n2000,blink,,,,,,,,\n4000,,1,1,1,1,1,1,1,1\n")

    recording = open_recording_csv(path, screen=ScreenGeometry(500, 300, 600))
    tracker = recording.tracker

    assert tracker.columns == ("gaze_x", "gaze_y", "pupil_left", "pupil_right", "openness_left", "head_yaw", "distance")
    assert tracker.units["pupil_left"] == "mm"
    assert tracker.units["pupil_right"] == "own"
    assert tracker.units["openness_left"] == "ratio"
    assert (tracker.gaze_space, tracker.rate_hz, tracker.screen) == ("deg", 500.0, ScreenGeometry(500, 300, 600))
    assert (recording.unknown_columns, recording.has_label) == (("shoe",), True)
    frames = frames_in(path)
    assert frames.t_us.tolist() == [0, 2000, 4000]
    assert frames.columns["distance"][0] == 7
    assert all(np.isnan(values[1]) for values in frames.columns.values())
    assert recording.read_labels().tolist() == ["fixation", "blink", ""]


def test_gaze_on_the_screen_is_screen_space(tmp_path: Path) -> None:
    path = write(tmp_path, "t_us,gaze_x_norm,gaze_y_norm\n0,0.5,0.25\n")
    assert open_recording_csv(path).tracker.gaze_space == "screen"


def test_degrees_are_used_and_the_screen_left_out_when_a_file_has_both(tmp_path: Path) -> None:
    path = write(tmp_path, "t_us,gaze_x_norm,gaze_x_deg\n0,0.5,7\n")
    recording = open_recording_csv(path)

    assert recording.tracker.gaze_space == "deg"
    assert recording.unknown_columns == ("gaze_x_norm",)
    assert frames_in(path).columns["gaze_x"].tolist() == [7]


def test_the_rate_is_the_median_interval_in_three_digits(tmp_path: Path) -> None:
    times = [0, 16_667, 33_333, 50_000, 250_000]  # one pause does not count
    path = write(tmp_path, "t_us\n" + "".join(f"{t}\n" for t in times))
    assert open_recording_csv(path).tracker.rate_hz == 60.0


def test_a_single_frame_has_no_rate(tmp_path: Path) -> None:
    assert open_recording_csv(write(tmp_path, "t_us\n5\n")).tracker.rate_hz is None


def test_times_alone_are_a_recording(tmp_path: Path) -> None:
    path = write(tmp_path, "t_us,pupil_x_image\n0,0.5\n5000,0.5\n")
    assert open_recording_csv(path).tracker.columns == ()
    assert frames_in(path).t_us.tolist() == [0, 5000]


def test_gzip_is_known_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"t_us,gaze_x_deg\n0,1\n"), "recording.csv")
    assert frames_in(path).columns["gaze_x"].tolist() == [1]


@pytest.mark.parametrize(
    "text",
    [
        "t_us,gaze_x_deg\r\n0,1\r\n10,\r\n20,3\r\n",
        "\ufefft_us,gaze_x_deg\n0,1\n10,\n20,3",
        "t_us , gaze_x_deg\n0, 1\n10, \n20,3\n\n\n",
        't_us,gaze_x_deg\n"0","1"\n10,""\n20,3\n',
        "t_us,gaze_x_deg\n0,1\n\n10,nan\n20.0,3e0\n",
    ],
    ids=["crlf", "bom, no last newline", "spaces", "quotes", "blank line, nan, exponent"],
)
def test_ways_of_writing_the_same_frames(tmp_path: Path, text: str) -> None:
    frames = frames_in(write(tmp_path, text))
    assert frames.equals(FrameBatch(np.array([0, 10, 20]), {"gaze_x": np.array([1, np.nan, 3], np.float32)}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t_us,gaze_x_deg\n0,1\n10,abc\n", "recording.csv line 3, column gaze_x_deg: 'abc' is not a number"),
        ("t_us,gaze_x_deg\n0,1\n10,1_0\n", "line 3, column gaze_x_deg: '1_0' is not a number"),
        ("t_us,gaze_x_deg\n0,1\n10,500\n", r"line 3, column gaze_x_deg: 500 lies outside of -400\.\.400"),
        ("t_us,gaze_x_deg\n0,1\n10,inf\n", "line 3, column gaze_x_deg: inf lies outside"),
        ("t_us,gaze_x_deg\n0,1\n10,1e300\n", "line 3, column gaze_x_deg: 1e300 lies outside"),
        ("t_us,confidence\n0,1\n10,-0.5\n", "line 3, column confidence: -0.5 lies outside of 0"),
        ("t_us,gaze_x_deg\n0,1\n0,1\n", "line 3, column t_us: 0 is not after 0"),
        ("t_us,gaze_x_deg\n5,1\n10,1\n7,1\n", "line 4, column t_us: 7 is not after 10"),
        ("t_us,gaze_x_deg\n-5,1\n", "line 2, column t_us: -5 lies outside of 0"),
        ("t_us,gaze_x_deg\n0,1\n1.5,1\n", "line 3, column t_us: '1.5' is not a whole number"),
        ("t_us,gaze_x_deg\n0,1\n,1\n", "line 3, column t_us: '' is not a whole number"),
        ("t_us,gaze_x_deg\n0,1\ninf,1\n5,1\n", "line 3, column t_us: 'inf' is not a whole number"),
        ("t_us,gaze_x_deg\n0,1\n1e17,1\n", "line 3, column t_us: 1e17 lies outside"),
        ("t_us,gaze_x_deg\n0,1\n\n10\n", "line 4: 1 cells; the header has 2"),
        ("t_us,gaze_x_deg\n0\n10,1,1\n", "line 2: 1 cells; the header has 2"),
        ('t_us,gaze_x_deg\n0,1\n10,"1\n', "line 3: its quotes are wrong"),
        (b"t_us,gaze_x_deg\n0,1\n10,\xff\n", "line 3: it is not UTF-8"),
        (b"\xff\xfe\n0\n", "line 1: the header is not UTF-8"),
        ("", "line 1: there is no header"),
        ("gaze_x_deg\n1\n", "line 1: there is no column t_us; there are: gaze_x_deg"),
        ("t_us,gaze_x_deg,gaze_x_deg\n1,1,1\n", "line 1, column gaze_x_deg: the header names it twice"),
        ("t_us,gaze_x_deg\n", "has a header and no frame"),
    ],
)
def test_a_fault_is_blamed_on_its_line_and_column(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecordingFileError, match=words):
        frames_in(path)


def test_line_numbers_go_on_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_csv, "_BLOCK_BYTES", 100)
    rows = [f"{k},1" for k in range(3000)]
    rows[2900] = "2900,x"
    path = write(tmp_path, "t_us,gaze_x_deg\n" + "\n".join(rows) + "\n")

    with pytest.raises(RecordingFileError, match="line 2902, column gaze_x_deg: 'x'"):
        frames_in(path)


def test_times_must_rise_from_block_to_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_csv, "_BLOCK_BYTES", 4)
    path = write(tmp_path, "t_us\n100\n200\n150\n")
    with pytest.raises(RecordingFileError, match="line 4, column t_us: 150 is not after 200"):
        frames_in(path)


def test_a_file_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingFileError, match=r"no\.csv cannot be read"):
        open_recording_csv(tmp_path / "no.csv")
    whole = gzip.compress(b"t_us,gaze_x_deg\n" + b"".join(b"%d,%d\n" % (k, k % 400) for k in range(100_000)))
    with pytest.raises(RecordingFileError, match=r"half\.csv\.gz line \d+: the file cannot be read on"):
        frames_in(write(tmp_path, whole[: len(whole) // 2], "half.csv.gz"))


def test_equal_frames_are_written_as_equal_bytes_and_read_as_they_were(tmp_path: Path) -> None:
    t_us = np.array([0, 7, 2**53 - 1])
    columns = {"pupil_left": [3.25, np.nan, 0.1], "gaze_x": [0.1, -399.99, np.nan], "openness_left": [1e-30, 9.5, 3]}
    frames = FrameBatch(t_us, {name: np.array(values, np.float32) for name, values in columns.items()})
    tracker = TrackerInfo("x", tuple(columns), units={"pupil_left": "mm", "openness_left": "mm"})

    for name in ("one.csv.gz", "two.csv.gz"):
        assert write_recording_csv(tmp_path / name, [frames[:1], frames[1:]], tracker, labels=["a", "b", ""]) == 3

    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()
    recording = open_recording_csv(tmp_path / "one.csv.gz")
    assert join_batches(list(recording)).equals(frames)
    assert recording.tracker.units == tracker.units
    assert read_labels(tmp_path / "one.csv.gz").tolist() == ["a", "b", ""]
    header = gzip.decompress((tmp_path / "one.csv.gz").read_bytes()).split(b"\n")[0]
    assert header == b"t_us,gaze_x_norm,pupil_left_mm,openness_left_mm,label"


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"]])
def test_labels_must_be_as_many_as_frames(tmp_path: Path, labels: list[str]) -> None:
    with pytest.raises(FrameValueError, match="labels"):
        write_recording_csv(tmp_path / "x.csv", [FrameBatch(np.array([1, 2]))], TrackerInfo("x", ()), labels=labels)


@pytest.mark.parametrize(
    ("name", "n_frames", "rate_hz"),
    [
        ("gaze/training/hmr_u08_eye0.csv.gz", 58_968, 200),
        ("gaze/development/lund_videos_TL44_video_triple_jump.csv.gz", 2820, 500),
        ("blinks/development/person_a_5_low_rate.csv.gz", 879, None),
    ],
)
def test_recordings_of_real_eyes_are_read_whole(name: str, n_frames: int, rate_hz: float | None) -> None:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    recording = open_recording_csv(path)

    assert sum(map(len, recording)) == n_frames == len(recording.read_labels())
    assert rate_hz is None or recording.tracker.rate_hz == rate_hz
