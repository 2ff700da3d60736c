"""Engines: settings of a connection, the one-writer rule of SQLite, and addresses."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from focus.errors import StorageError
from focus.storage.account_models import User
from focus.storage.database import WriteGate, make_engine, make_writer_engine, normalise_url, ping, write_gate

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = make_engine(sqlite_url)
    yield engine
    engine.dispose()


def add_user(session: Session, email: str) -> None:
    session.add(User(email=email, created_at=NOW))
    session.flush()


def is_free(gate: WriteGate) -> bool:
    free = gate._lock.acquire(blocking=False)
    if free:
        gate._lock.release()
    return free


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgres://u@h/n", "postgresql+psycopg2://u@h/n"),
        ("postgresql://u@h/n?sslmode=require", "postgresql+psycopg2://u@h/n?sslmode=require"),
        ("postgresql+psycopg2://u@h/n", "postgresql+psycopg2://u@h/n"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_the_driver_is_spelled_out(given: str, meant: str) -> None:
    assert normalise_url(given) == meant


def test_sqlite_connections_are_durable_and_check_references(engine: Engine) -> None:
    with engine.connect() as connection:
        found = [
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]

    # synchronous 2 is FULL: SQLite's documentation of the pragma.
    assert found == ["wal", 2, 1, 10_000]


def test_reading_leaves_the_gate_open(engine: Engine, sqlite_url: str) -> None:
    with Session(engine) as session:
        session.scalars(select(User)).all()

        assert is_free(write_gate(sqlite_url))


@pytest.mark.parametrize("ending", ["commit", "rollback", "close"])
def test_a_writer_holds_the_gate_until_its_transaction_ends(engine: Engine, sqlite_url: str, ending: str) -> None:
    session = Session(engine)
    add_user(session, "a@example.org")
    assert not is_free(write_gate(sqlite_url))

    getattr(session, ending)()

    assert is_free(write_gate(sqlite_url))
    session.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO alembic_version (version_num) VALUES ('x')",
        "  update user SET role = 'admin'",
        "WITH u AS (SELECT 1 AS id) DELETE FROM user WHERE id IN (SELECT id FROM u)",
        "CREATE TABLE more (id INTEGER)",
    ],
)
def test_a_statement_written_by_hand_is_known_as_a_write(engine: Engine, sqlite_url: str, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))

        assert not is_free(write_gate(sqlite_url))


def test_a_failed_write_gives_the_gate_back(engine: Engine, sqlite_url: str) -> None:
    with Session(engine) as session:
        add_user(session, "a@example.org")
        session.commit()

    with Session(engine) as session, pytest.raises(IntegrityError):
        add_user(session, "a@example.org")

    assert is_free(write_gate(sqlite_url))


def test_a_reader_that_turns_writer_sees_what_was_committed_meanwhile(engine: Engine) -> None:
    with Session(engine) as reader, Session(engine) as other:
        reader.scalars(select(User)).all()
        add_user(other, "other@example.org")
        other.commit()

        add_user(reader, "mine@example.org")
        reader.commit()

        emails = set(reader.scalars(select(User.email)))
    assert emails == {"other@example.org", "mine@example.org"}


def test_writers_in_many_threads_wait_for_each_other_and_lose_nothing(engine: Engine) -> None:
    failures: list[Exception] = []

    def write_many(name: str) -> None:
        try:
            for number in range(20):
                with Session(engine) as session:
                    session.scalars(select(User)).first()
                    add_user(session, f"{name}{number}@example.org")
                    session.commit()
        except Exception as err:  # noqa: BLE001 - handed to the test's own thread
            failures.append(err)

    threads = [threading.Thread(target=write_many, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Session(engine) as session:
        assert (failures, len(session.scalars(select(User)).all())) == ([], 80)


def test_a_gate_that_stays_shut_is_an_error_and_no_endless_wait() -> None:
    gate = WriteGate(timeout_s=0.01)
    gate.enter()

    with pytest.raises(sqlite3.OperationalError, match=r"database is locked.*0\.01 s"):
        gate.enter()


def test_a_writer_engine_leaves_the_gate_to_its_caller(sqlite_url: str) -> None:
    engine = make_writer_engine(sqlite_url)
    with write_gate(sqlite_url), Session(engine) as session:
        add_user(session, "a@example.org")
        session.commit()
    engine.dispose()

    assert is_free(write_gate(sqlite_url))


def test_one_file_has_one_gate_however_it_is_written(tmp_path: Path) -> None:
    assert write_gate(f"sqlite:///{tmp_path}/x.db") is write_gate(f"sqlite:///{tmp_path}/./x.db")
    assert write_gate(f"sqlite:///{tmp_path}/x.db") is not write_gate(f"sqlite:///{tmp_path}/y.db")


def test_a_savepoint_can_be_rolled_back_alone(database_session: Session) -> None:
    add_user(database_session, "a@example.org")
    with pytest.raises(IntegrityError), database_session.begin_nested():
        add_user(database_session, "a@example.org")
    add_user(database_session, "b@example.org")
    database_session.commit()

    assert set(database_session.scalars(select(User.email))) == {"a@example.org", "b@example.org"}


def test_errors_do_not_show_what_was_written(database_session: Session) -> None:
    add_user(database_session, "secret@example.org")
    with pytest.raises(IntegrityError) as refused:
        add_user(database_session, "secret@example.org")

    assert "parameters hidden" in str(refused.value)
    assert "2026" not in str(refused.value)


def test_times_come_back_in_utc(database_session: Session) -> None:
    add_user(database_session, "a@example.org")
    database_session.commit()

    assert database_session.scalar(select(User.created_at)) == NOW


def test_ping_names_the_database(database_session: Session) -> None:
    assert ping(database_session).split()[0] in ("SQLite", "PostgreSQL")


def test_ping_of_a_database_that_is_away_says_so_in_a_line() -> None:
    engine = make_engine("postgresql://focus@127.0.0.1:1/focus")
    with Session(engine) as session, pytest.raises(StorageError) as refused:
        ping(session)
    engine.dispose()

    assert refused.value.message.startswith("the database does not answer: ")
    assert "\n" not in refused.value.message


def test_postgresql_ends_a_statement_that_runs_too_long(postgres_url: str) -> None:
    engine = make_engine(postgres_url, statement_timeout_s=0.05)
    with engine.connect() as connection, pytest.raises(OperationalError, match="statement timeout"):
        connection.execute(text("SELECT pg_sleep(5)"))
    engine.dispose()
