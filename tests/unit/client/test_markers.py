"""The file of markers that stands beside a recording CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from focus.client.markers import TimedMarker, read_markers
from focus.errors import RecordingFileError


def test_markers_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    path = tmp_path / "markers.csv"
    path.write_text(
        't_us,kind,body\n70000,page_stop,\n0,page_start,"{""words"": 312, ""page"": 1}"\n', encoding="utf-8-sig"
    )

    assert read_markers(path) == [
        TimedMarker(0, "page_start", {"words": 312, "page": 1}),
        TimedMarker(70_000, "page_stop", {}),
    ]


def test_a_column_of_bodies_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "markers.csv"
    path.write_text("kind,t_us\nbaseline_start,5\n")

    assert read_markers(path) == [TimedMarker(5, "baseline_start", {})]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "m.csv line 1: there is no column t_us"),
        ("t_us,name\n0,x\n", "m.csv line 1: there is no column kind"),
        ("t_us,kind\n0,x\n1.5,x\n", "m.csv line 3, column t_us: '1.5' is not a whole number of microseconds"),
        ("t_us,kind\n-1,x\n", "m.csv line 2, column t_us: '-1' is not a whole number of microseconds"),
        ("t_us,kind\n5\n", "m.csv line 2: marker: kind '' is not a text of 1 to 40 characters"),
        ("t_us,kind,body\n5,x,{\n", "m.csv line 2, column body: '{' is not JSON"),
        ("t_us,kind,body\n5,x,[1]\n", "m.csv line 2: marker: body [1] is not an object"),
        ("t_us,kind,body\n5,page_start,\n", "m.csv line 2: marker: words of a page_start are null"),
        ('t_us,kind\n5,"x\n', "unexpected end of data"),
    ],
)
def test_a_wrong_file_names_line_and_column(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text)

    with pytest.raises(RecordingFileError) as raised:
        read_markers(path)

    assert fault in raised.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingFileError, match=r"none\.csv cannot be read"):
        read_markers(tmp_path / "none.csv")
