"""Which migration a database stands at, which one the code expects, and the way between them.

The migrations themselves are in migrations/ and also run by hand, with `flask db`. Alembic is imported by what migrates
alone: a server that finds its database in order starts without it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, table
from sqlalchemy.orm import Session
from sqlalchemy.sql import column

from focus.errors import StorageError
from focus.storage.database import outage_as_error

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS_FOLDER = Path(__file__).resolve().parents[2] / "migrations"

_version_table = table("alembic_version", column("version_num"))


@cache
def head_revision() -> str:
    """The newest migration in migrations/versions, whose files begin with their numbers."""
    newest = max(path.name for path in (MIGRATIONS_FOLDER / "versions").glob("*.py"))
    return newest.partition("_")[0]


def current_revision(session: Session) -> str | None:
    """The migration the database stands at; None for a database that was never migrated.

    Raises
    ------
    StorageError
        If the database does not answer.
    """
    with outage_as_error(session):
        if not inspect(session.connection()).has_table("alembic_version"):
            return None
        return session.scalar(select(_version_table.c.version_num))


def require_newest(session: Session) -> None:
    """Raise StorageError unless the database stands at the newest migration."""
    current, head = current_revision(session), head_revision()
    if current != head:
        raise StorageError(
            f"the database stands at migration {current or '(none)'} and the code at {head}; start the server, or run "
            "`flask db upgrade`"
        )


def upgrade_database(url: str, revision: str = "head") -> None:
    """Bring the database at this address up to a migration, in one transaction.

    Raises
    ------
    StorageError
        If the database stands at a migration that this code does not know.
    """
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(_config(url), revision)
    except CommandError as err:
        raise StorageError(f"the database cannot be migrated: {err}") from err


def downgrade_database(url: str, revision: str) -> None:
    """Bring the database at this address down to an older migration, or to nothing with "base"."""
    from alembic import command

    command.downgrade(_config(url), revision)


def _config(url: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    config.attributes["database_url"] = url
    return config
