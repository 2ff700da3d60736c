"""Which model release analyses a recording: the one that is active when it is opened, from its beginning to its end."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from focus.analysis.offline import analyse
from focus.analysis.types import StateClassifier
from focus.errors import ModelError
from focus.eyestate.installed import shipped_name
from focus.services.ingest import make_engine
from focus.storage import releases as queries
from focus.storage import results
from tests.integration.ingest.harness import FIRST, SECOND, TRACKER, Clocks, Harness, frames_between, running
from tests.unit.analysis.fakes import ThresholdClassifier

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
N_BATCHES = 60


@dataclass(frozen=True)
class Release(ThresholdClassifier):
    """A model release that differs in its threshold."""

    release: str = ""


def load(name: str) -> StateClassifier:
    if name == "broken":
        raise ModelError("release broken: the checksum of model.ubj is not the manifest's")
    return Release({shipped_name(): 60.0, "second": 1e9}[name], name)


def promote(session: Session, name: str, *, hour: int = 0) -> None:
    row = queries.add_release(session, name=name, digest="0" * 64, manifest={}, now=NOON)
    row.promoted_at = NOON + timedelta(hours=hour)
    session.commit()


def found_in(session: Session, recording_id: str) -> tuple[str, list[str]]:
    """Release and kinds of events of a recording's newest analysis."""
    session.rollback()
    analysis = results.newest_analysis(session, recording_id)
    assert analysis is not None
    assert analysis.is_complete
    return analysis.model_release, [event.kind for event in results.events_between(session, analysis.id)]


def expected_of(name: str) -> list[str]:
    found = analyse(frames_between(0, 10 * N_BATCHES), TRACKER, load(name))
    return [event.kind for event in found.events]


def close_both(harness: Harness, leases: dict[str, str], first: int = 0) -> None:
    for recording_id, lease in leases.items():
        harness.stream(lease, N_BATCHES - first, recording_id=recording_id, first=first)
        harness.close(lease, N_BATCHES - 1, recording_id)


def test_an_open_recording_keeps_its_release_and_one_that_opens_takes_the_new_one(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id, load=load) as harness:
        leases = harness.open_all(FIRST)
        harness.stream(leases[FIRST], 30)
        promote(fresh_session, "second")
        leases |= harness.open_all(SECOND)

        harness.stream(leases[FIRST], N_BATCHES - 30, first=30)
        harness.close(leases.pop(FIRST), N_BATCHES - 1)
        close_both(harness, leases)

    assert expected_of("second") != expected_of(shipped_name())
    assert found_in(fresh_session, FIRST) == (shipped_name(), expected_of(shipped_name()))
    assert found_in(fresh_session, SECOND) == ("second", expected_of("second"))


def test_after_a_restart_an_open_recording_goes_on_with_the_release_it_began_with(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id, load=load) as before:
        before.stream(before.open().lease, 30)
        before.settle()
    promote(fresh_session, "second")

    with running(database_url, clocks, user_id, load=load) as after:
        lease = after.open(takeover=True).lease
        after.stream(lease, N_BATCHES - 30, first=30)
        after.close(lease, N_BATCHES - 1)

    assert found_in(fresh_session, FIRST) == (shipped_name(), expected_of(shipped_name()))


def test_an_active_release_that_cannot_be_loaded_stops_no_recording_and_is_logged(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    with running(database_url, clocks, user_id, load=load) as harness:
        harness.open(SECOND, connection="other")
        promote(fresh_session, "broken")

        with caplog.at_level(logging.ERROR):
            close_both(harness, harness.open_all(FIRST))

    assert found_in(fresh_session, FIRST) == (shipped_name(), expected_of(shipped_name()))
    assert f"{shipped_name()} goes on: release broken: the checksum" in caplog.text


def test_the_first_model_is_loaded_in_no_transaction(sqlite_url: str) -> None:
    # On a busy machine that takes longer than a transaction is given, and the server did not start.
    where: list[str] = []

    def slow(name: str) -> StateClassifier:
        where.append(threading.current_thread().name)
        return load(name)

    engine = make_engine(sqlite_url, slow)
    engine.start()
    engine.stop(timeout_s=20)
    engine.dispose()

    assert len(where) == 1
    assert where[0] != "focus-database"
