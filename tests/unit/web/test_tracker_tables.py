"""The tables that the browser tracker was given are those of the Python schema."""

from __future__ import annotations

from focus.web.tracking.tables import TABLES_PATH, javascript_tables


def test_the_committed_tables_are_those_of_the_schema() -> None:
    assert TABLES_PATH.read_text(encoding="utf-8") == javascript_tables(), "run python -m focus.web.tracking.tables"
