"""What an analysis finds while the recording streams in, and what it finds in the stored frames afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from focus.analysis.offline import analyse
from focus.services import reanalysis, recordings
from focus.storage import chunks, results
from focus.storage.database import make_engine
from tests.integration.ingest.harness import Clocks, Harness, add_user, batch_item, running
from tests.property.test_cutting import Stream, cuts_of, streams
from tests.unit.analysis.fakes import SensitiveClassifier

CLASSIFIER = SensitiveClassifier()


@dataclass
class Installation:
    """A database with an engine on it, and a session beside the engine."""

    harness: Harness
    session: Session


@pytest.fixture
def installation(sqlite_url: str) -> Iterator[Installation]:
    engine = make_engine(sqlite_url)
    with Session(engine) as session:
        user_id = add_user(session, "owner@example.org")
        with running(sqlite_url, Clocks(), user_id, CLASSIFIER) as harness:
            yield Installation(harness, session)
    engine.dispose()


def stream_live(harness: Harness, stream: Stream, cuts: list[int]) -> str:
    """Send the frames in these batches, close, and let the engine come to its end."""
    recording_id = str(uuid.uuid4())
    lease = harness.open(recording_id, tracker=stream.tracker).lease
    for seq, (start, stop) in enumerate(pairwise(cuts)):
        harness.send(batch_item(recording_id, lease, seq, stream.frames[start:stop]))
    harness.close(lease, len(cuts) - 2, recording_id)
    return recording_id


def merge_journal(session: Session, recording_id: str) -> None:
    while rows := chunks.read_journal(session, recording_id):
        chunks.replace_by_chunk(session, chunks.merge(rows), n_batches=len(rows))
        session.commit()


def found_by(session: Session, analysis_id: int) -> dict[str, Any]:
    return {
        "runs": results.runs_between(session, analysis_id),
        "events": results.events_between(session, analysis_id),
        "windows": results.windows_of(session, analysis_id),
    }


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(stream=streams(), is_merged=st.booleans(), data=st.data())
def test_stored_frames_analysed_again_give_what_was_found_live_to_the_last_bit(
    installation: Installation, stream: Stream, is_merged: bool, data: st.DataObject
) -> None:
    session = installation.session
    recording_id = stream_live(installation.harness, stream, cuts_of(data, len(stream.frames)))
    session.rollback()
    if is_merged:
        merge_journal(session, recording_id)
    recording = recordings.find_recording(session, recording_id)

    again = reanalysis.reanalyse(session, recording, CLASSIFIER)

    live = results.newest_analysis(session, recording_id)
    assert live is not None
    assert live.is_complete
    assert again.number == live.number + 1
    assert (
        (again.n_frames, again.analysed_seq)
        == (live.n_frames, live.analysed_seq)
        == (
            len(stream.frames),
            recording.next_seq,
        )
    )
    assert found_by(session, again.id) == found_by(session, live.id)
    offline = analyse(stream.frames, stream.tracker, CLASSIFIER)
    assert results.events_between(session, again.id) == list(offline.events)
    session.commit()
