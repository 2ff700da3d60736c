"""The migrations against the models, on real databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Engine, inspect, text
from sqlalchemy.orm import Session

from focus.errors import StorageError
from focus.storage.database import make_engine
from focus.storage.models import metadata
from focus.storage.schema_version import (
    MIGRATIONS_FOLDER,
    current_revision,
    downgrade_database,
    head_revision,
    upgrade_database,
)


def test_models_and_migrations_describe_the_same_tables(database_engine: Engine) -> None:
    with database_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_a_migrated_database_stands_at_the_newest_migration(database_session: Session) -> None:
    assert current_revision(database_session) == head_revision()


def test_the_newest_number_is_the_end_of_the_chain_of_migrations() -> None:
    assert ScriptDirectory(str(MIGRATIONS_FOLDER)).get_heads() == [head_revision()]


def test_going_down_removes_every_table_and_going_up_again_brings_all_back(database_url: str) -> None:
    downgrade_database(database_url, "base")
    after_down = table_names(database_url)
    upgrade_database(database_url)

    assert after_down == {"alembic_version"}
    assert table_names(database_url) == {*metadata.tables, "alembic_version"}


def test_check_constraints_and_cascades_are_those_of_the_models(database_engine: Engine) -> None:
    # compare_metadata looks at neither.
    inspector = inspect(database_engine)
    for name, table in metadata.tables.items():
        keys = {
            tuple(key["constrained_columns"]): key["options"].get("ondelete")
            for key in inspector.get_foreign_keys(name)
        }
        assert keys == {tuple(key.column_keys): key.ondelete for key in table.foreign_key_constraints}, name
        checks = {check["name"] for check in inspector.get_check_constraints(name)}
        assert checks == {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}, name


def test_a_database_that_is_newer_than_the_code_is_refused(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    engine.dispose()

    with pytest.raises(StorageError, match="from-the-future"):
        upgrade_database(database_url)


def test_a_database_that_was_never_migrated_has_no_revision(empty_postgres_url: str) -> None:
    engine = make_engine(empty_postgres_url)
    with Session(engine) as session:
        assert current_revision(session) is None
    engine.dispose()


def table_names(url: str) -> set[str]:
    engine = make_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()
