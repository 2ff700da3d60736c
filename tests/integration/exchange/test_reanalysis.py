"""Analysing stored frames again, and choosing which analysis is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy.orm import Session

from focus.analysis.features import feature_names
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.types import Float32Array
from focus.errors import ConflictError, NotFoundError
from focus.services import reanalysis, recordings
from focus.storage import recordings as queries
from focus.storage import results
from focus.storage.recording_models import Recording
from tests.unit.analysis.fakes import ThresholdClassifier


class Failing:
    """A classifier that breaks after a while."""

    release = "broken"
    feature_names = feature_names()

    def __init__(self) -> None:
        self.n_calls = 0

    def predict(self, rows: Float32Array) -> Float32Array:
        self.n_calls += 1
        if self.n_calls > 1:
            raise RuntimeError("broken")
        return ThresholdClassifier().predict(rows)


def shown_number(session: Session, recording: Recording) -> int:
    return int(recordings.summary(session, recording)["analysis"]["number"])


def test_a_new_analysis_stands_beside_the_old_one_with_its_own_provenance(
    database_session: Session, recording: Recording
) -> None:
    before = recordings.summary(database_session, recording)

    reanalysis.reanalyse(
        database_session, recording, ThresholdClassifier(90.0), parameters=AnalysisParameters(lookahead_us=50_000)
    )

    listed = reanalysis.list_analyses(database_session, recording)
    assert [(a.number, a.model_release, a.origin, is_shown) for a, is_shown in listed] == [
        (0, "test-release-7", "live", True),
        (1, "ThresholdClassifier", "again", False),
    ]
    assert listed[1][0].parameters["lookahead_us"] == 50_000
    assert listed[1][0].is_complete
    assert recordings.summary(database_session, recording) == before


def test_the_chosen_analysis_is_shown_until_another_is_chosen(database_session: Session, recording: Recording) -> None:
    reanalysis.reanalyse(database_session, recording, ThresholdClassifier())
    at = datetime(2026, 5, 1, tzinfo=UTC)

    reanalysis.choose_analysis(database_session, recording, 1, now=at)
    after_one = shown_number(database_session, recording)
    reanalysis.choose_analysis(database_session, recording, 0, now=at + timedelta(seconds=1))

    assert after_one == 1
    assert shown_number(database_session, recording) == 0


def test_an_analysis_that_does_not_exist_cannot_be_chosen(database_session: Session, recording: Recording) -> None:
    with pytest.raises(NotFoundError, match="no analysis 7; there are: 0"):
        reanalysis.choose_analysis(database_session, recording, 7)


def test_an_open_recording_is_not_analysed_again(database_session: Session, recording: Recording) -> None:
    recording.state = "open"

    with pytest.raises(ConflictError, match="is open"):
        reanalysis.reanalyse(database_session, recording, ThresholdClassifier())


def test_nothing_stays_of_an_analysis_that_breaks(database_session: Session, recording: Recording) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        reanalysis.reanalyse(database_session, recording, Failing())

    assert [a.number for a in results.analyses_of(database_session, recording.id)] == [0]


def test_the_server_leaves_analyses_alone_that_were_asked_for(database_session: Session, recording: Recording) -> None:
    now = datetime.now(UTC)
    results.begin_analysis(
        database_session,
        recording.id,
        model_release="other",
        parameters={},
        code_version="1",
        started_at=now,
        origin="again",
    )

    assert queries.recordings_to_analyse(database_session, now=now, limit=9) == []
    newest = results.newest_analysis(database_session, recording.id)
    assert newest is not None
    assert newest.number == 0


def test_progress_adds_up_to_all_frames(database_session: Session, recording: Recording) -> None:
    steps: list[int] = []

    reanalysis.reanalyse(database_session, recording, ThresholdClassifier(), on_progress=steps.append)

    assert np.sum(steps) == recording.n_frames
