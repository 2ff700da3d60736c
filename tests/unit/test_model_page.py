"""docs/model.md shows the figures that were measured, and they are those of the release that ships."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.model_page import FIGURES, PAGE, filled, plots, read_figures
from benchmarks.svg import Line, bar_chart, line_chart
from focus.eyestate.artifact import read_manifest
from focus.eyestate.installed import BUNDLED_DIR, shipped_name
from focus.eyestate.scoreboard import ROWS

AGAIN = "python -m benchmarks.model_report agreement DATA makes them again"


def test_the_figures_are_those_of_the_release_that_ships() -> None:
    agreement, _ = read_figures()

    assert agreement["release"] == shipped_name(), AGAIN
    assert agreement["model_sha256"] == read_manifest(BUNDLED_DIR / shipped_name()).model_sha256, AGAIN


def test_the_page_and_its_plots_are_what_the_figures_make() -> None:
    agreement, learning = read_figures()
    page = PAGE.read_text(encoding="utf-8")

    assert filled(page, agreement, learning) == page, "python -m benchmarks.model_page"
    for name, drawing in plots(agreement, learning).items():
        assert (FIGURES / name).read_text(encoding="utf-8") == drawing, "python -m benchmarks.model_page"
        assert f"model/{name})" in page


def test_the_page_has_every_row_of_the_table() -> None:
    agreement, _ = read_figures()

    assert [(row["recordings"], row["measure"]) for row in agreement["table"]] == [
        (row.title, row.measure) for row in ROWS
    ]


def test_a_line_chart_places_its_points_by_value() -> None:
    drawing = line_chart("a title", [Line("one", [0, 10], [0.0, 1.0])], x_label="x", y_label="y", y_range=(0.0, 1.0))

    points = [
        (float(circle.get("cx", "nan")), float(circle.get("cy", "nan")))
        for circle in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}circle")
    ]
    assert points == [(64.0, 308.0), (450.0, 40.0)]


def test_a_bar_that_is_negative_goes_to_the_left_of_zero() -> None:
    root = ElementTree.fromstring(bar_chart("a title", [("more", 2.0), ("less", -1.0)], x_label="x"))

    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("class") != "page"]
    starts, widths = ([float(bar.get(key, "nan")) for bar in bars] for key in ("x", "width"))
    assert starts[1] + widths[1] == pytest.approx(starts[0], abs=0.2)
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)


def test_words_in_a_drawing_are_escaped() -> None:
    assert "openness &lt; 0.2" in re.sub(r"\s+", " ", bar_chart("t", [("openness < 0.2", 1.0)], x_label="x"))
