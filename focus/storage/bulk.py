"""Many rows in one statement.

Each statement that a thread runs gives the interpreter's lock away and has to get it back, which takes milliseconds
while the server is busy; `executemany` does so for every row. So the rows of a tick go in as one INSERT of many values,
written out for the driver. Values are what the driver takes: the callers convert times and JSON themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.orm import Session

MAX_VALUES: Final = 30_000
"""Of one statement; SQLite has a limit of 32 766."""


def insert_rows(session: Session, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, given as the values of the named columns."""
    _run(session, table, names, rows, "")


def put_rows(session: Session, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, or replace those that have the same primary key; no two rows may have the same."""
    keys = [column.name for column in table.primary_key]
    replaced = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in keys)
    _run(session, table, names, rows, f" ON CONFLICT ({_quoted(keys)}) DO UPDATE SET {replaced}")


def _run(session: Session, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]], ending: str) -> None:
    if not rows:
        return
    connection = session.connection()
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    row_marks = f"({', '.join([mark] * len(names))})"
    head = f'INSERT INTO "{table.name}" ({_quoted(names)}) VALUES '
    step = max(1, MAX_VALUES // len(names))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        values = tuple(value for row in part for value in row)
        connection.exec_driver_sql(head + ", ".join([row_marks] * len(part)) + ending, values)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
