"""How Alembic reaches the database: through an engine of its own, on SQLite and PostgreSQL alike.

On PostgreSQL an advisory lock makes processes that start together migrate one after the other. On SQLite foreign keys
are off while tables are rebuilt, because dropping the old table would take the rows that refer to it along; they are
checked before the migration is committed.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from focus.errors import StorageError
from focus.storage.base import UtcDateTime
from focus.storage.database import make_engine
from focus.storage.models import metadata

_LOCK_NUMBER = 0x464F4355  # "FOCU"

MIGRATION_TIMEOUT_S = 3600.0
"""Longest run of one statement: rebuilding a large table takes longer than a request may."""


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Write a column type of ours as the plain type it rests on, so that a migration does not depend on our code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def leave_out_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no migration when nothing changed."""
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []


def run_on(connection: Connection) -> None:
    """Run the migrations that are asked for in one transaction."""
    is_sqlite = connection.dialect.name == "sqlite"
    driver_connection = connection.connection.driver_connection
    if is_sqlite and driver_connection is not None:
        # Has no effect inside a transaction, so it goes to the driver before SQLAlchemy begins one.
        driver_connection.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # Also when written on PostgreSQL, so that every migration runs on SQLite.
        render_as_batch=True,
        render_item=render_item,
        process_revision_directives=leave_out_empty,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if not is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        context.run_migrations()
        if is_sqlite and (broken := connection.execute(text("PRAGMA foreign_key_check")).fetchall()):
            raise StorageError(
                f"the migration would leave {len(broken)} rows that refer to nothing; nothing was changed"
            )


if context.is_offline_mode():
    raise StorageError("migrations run on a database; writing them as an SQL script is not supported")
# `flask db` runs inside an application; `focus.storage.schema_version` runs alone and says which database it means.
engine = make_engine(
    context.config.attributes.get("database_url") or current_app.config["SQLALCHEMY_DATABASE_URI"],
    statement_timeout_s=MIGRATION_TIMEOUT_S,
)
with engine.connect() as connection:
    run_on(connection)
engine.dispose()
