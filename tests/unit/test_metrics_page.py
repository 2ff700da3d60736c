"""docs/metrics.md and the metric files say the same."""

from __future__ import annotations

from pathlib import Path

from focus.analysis.metrics import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_of_metrics_is_up_to_date() -> None:
    from focus.cli.metrics_page import metrics_page

    assert PAGE.read_text() == metrics_page()


def test_the_page_has_a_row_and_a_note_for_every_metric() -> None:
    page = PAGE.read_text()

    for name in METRICS.names():
        assert page.count(f"`{name}`") == 2
