"""The fast and the exact reader of the recording CSV are one: they never disagree on a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from focus.errors import RecordingFileError
from focus.protocol import recording_csv
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches
from focus.protocol.recording_csv import open_recording_csv, write_recording_csv
from tests.property.protocol_strategies import frame_batches

cells = (
    st.sampled_from(["", "0", "1", "-1", "0.5", "nan", "inf", "1e2", " 3 ", "abc", '"2"', "0x1", "1_0", "500", "٣"])
    | st.integers(0, 1000).map(str)
    | st.floats(-500, 500).map(repr)
)
rows = st.lists(st.lists(cells, min_size=3, max_size=3) | st.lists(cells, max_size=4), max_size=6)


def _read(text: str) -> FrameBatch | str:
    """The frames, or what is said of the fault."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.csv"
        path.write_text(text, encoding="utf-8")
        try:
            return join_batches(list(open_recording_csv(path)))
        except RecordingFileError as err:
            return err.message


@given(lines=rows, end=st.sampled_from(["\n", "\r\n"]))
def test_the_fast_reader_agrees_with_the_exact_one(lines: list[list[str]], end: str) -> None:
    times = sorted({int(row[0]) for row in lines if row and row[0].isascii() and row[0].isdigit()})
    for row in lines:
        if row and row[0].isascii() and row[0].isdigit() and times:
            row[0] = str(times.pop(0))  # mostly rising, so that some files are whole
    text = end.join(["t_us,gaze_x_deg,openness_left", *(",".join(row) for row in lines)]) + end

    quick = _read(text)
    fast = recording_csv._parse_fast
    recording_csv._parse_fast = lambda *_: None
    try:
        exact = _read(text)
    finally:
        recording_csv._parse_fast = fast

    if isinstance(quick, FrameBatch) and isinstance(exact, FrameBatch):
        assert quick.equals(exact)
    else:
        assert quick == exact


@given(batch=frame_batches(max_frames=8), space=st.sampled_from(["screen", "deg", "scene"]), is_mm=st.booleans())
def test_what_is_written_is_read_again(batch: FrameBatch, space, is_mm: bool) -> None:
    units = {name: "mm" for name in batch.columns if name.startswith(("pupil", "openness"))} if is_mm else {}
    tracker = TrackerInfo("x", tuple(batch.columns), gaze_space=space, units=units)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.csv"
        write_recording_csv(path, [batch], tracker)
        recording = open_recording_csv(path)
        frames = join_batches(list(recording))

    assert frames.equals(FrameBatch(batch.t_us, {name: batch.columns[name] for name in frames.columns}))
    assert set(frames.columns) == set(batch.columns)
    assert recording.unknown_columns == ()
