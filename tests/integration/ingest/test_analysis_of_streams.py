"""What a recording's results are, however its stream was cut, broken off, resumed or analysed late: always the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from focus.analysis.offline import analyse
from focus.analysis.pipeline import CODE_VERSION
from focus.analysis.types import Event, Float32Array, MetricWindow, StateRun
from focus.protocol.messages import Stored
from focus.services import recordings
from focus.services.accounts import Principal
from focus.services.beside_frames import Mark
from focus.services.ingest import MarkerItem, upkeep
from focus.services.ingest import stage as stage_module
from focus.services.ingest.compaction import Compactor
from focus.storage import frames as frame_queries
from focus.storage import recordings as recording_queries
from focus.storage import results
from focus.storage.recording_models import Analysis
from tests.integration.ingest.harness import (
    FIRST,
    SECOND,
    TRACKER,
    Clocks,
    Harness,
    batch_item,
    frames_between,
    running,
)
from tests.unit.analysis.fakes import ThresholdClassifier

N_FRAMES = 1500


@dataclass
class Results:
    runs: Sequence[StateRun]
    events: Sequence[Event]
    windows: Sequence[MetricWindow]


def expected(n_frames: int = N_FRAMES) -> Results:
    """What the offline analysis of the same frames says."""
    found = analyse(frames_between(0, n_frames), TRACKER, ThresholdClassifier())
    return Results(found.runs, found.events, found.windows)


def stored(session: Session, recording_id: str = FIRST) -> Results:
    session.rollback()  # ends the snapshot that an earlier query began
    analysis = results.newest_analysis(session, recording_id)
    assert analysis is not None
    assert analysis.is_complete
    return Results(
        tuple(results.runs_between(session, analysis.id)),
        tuple(results.events_between(session, analysis.id)),
        tuple(results.windows_of(session, analysis.id)),
    )


def assert_same(found: Results, wanted: Results) -> None:
    assert found.runs == tuple(wanted.runs)
    assert found.events == tuple(wanted.events)
    assert found.windows == tuple(wanted.windows)
    assert {event.kind for event in found.events} >= {"blink", "fixation", "saccade"}


def test_a_streamed_recording_has_the_results_of_the_offline_analysis_to_the_last_bit(
    harness: Harness, fresh_session: Session
) -> None:
    lease = harness.open().lease
    harness.stream(lease, N_FRAMES // 10)

    harness.close(lease, N_FRAMES // 10 - 1)

    assert_same(stored(fresh_session), expected())


@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_after_a_crash_the_analysis_goes_on_as_if_nothing_had_happened(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session, has_checkpoint: bool
) -> None:
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        for seq in range(100):
            clocks.pass_by(0.5 if has_checkpoint else 0.01)  # results every second, a checkpoint every 20
            before.stream(lease, 1, first=seq)
    analysis = results.newest_analysis(fresh_session, FIRST, with_checkpoint=True)
    assert analysis is not None
    assert (analysis.checkpoint is not None) == has_checkpoint

    with running(database_url, clocks, user_id) as after:
        reopened = after.open(lease=lease)
        assert reopened.next_seq == 100
        after.stream(reopened.lease, 10, first=100)  # arrives before the analysis is loaded
        after.settle()
        after.stream(reopened.lease, 40, first=110)
        after.close(reopened.lease, 149)

    assert_same(stored(fresh_session), expected())


def test_a_server_that_dies_soon_has_got_on_all_the_same(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        before.stream(lease, 13, size=1000)  # 130 s of a recording in a moment
        before.abandon()
    with running(database_url, clocks, user_id) as after:
        after.open(lease=lease)
        for _ in range(8):
            after.settle(2)
            clocks.pass_by(0.6)
        after.abandon()

    # It lived for 5 s, and a checkpoint is due after 20 s, or after a minute of the recording.
    analysis = results.newest_analysis(fresh_session, FIRST)
    assert analysis is not None
    assert 7 <= analysis.checkpoint_seq <= 13


def test_recordings_that_a_crash_left_behind_are_analysed_by_the_next_server_without_their_trackers(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id) as before:
        leases = before.open_all(FIRST, SECOND)
        for recording_id, lease in leases.items():
            before.stream(lease, 150, recording_id=recording_id)
        with Session(fresh_session.get_bind()) as session:  # as when it dies between a close and its results
            recording_queries.close_recording(session, SECOND, ended_at=clocks.now())
            session.commit()
    clocks.pass_by(40)  # the lease of the one that is open has run out

    with running(database_url, clocks, user_id) as after:
        after.settle(40)

    assert_same(stored(fresh_session, SECOND), expected())
    open_one = results.newest_analysis(fresh_session, FIRST)
    assert open_one is not None
    assert (open_one.analysed_seq, open_one.is_complete) == (0, False)  # its results are not due yet


def test_markers_that_metrics_read_are_known_live_and_after_a_restart(
    database_url: str, clocks: Clocks, user_id: int
) -> None:
    wanted = [
        Mark(1_000_000, "baseline_start", {}),
        Mark(5_000_000, "baseline_stop", {}),
        Mark(2_000_000, "page_start", {"words": 9}),
    ]
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        before.stream(lease, 100)
        before.send(
            MarkerItem("one", FIRST, lease, 100, 1_000_000, "baseline_start", {}, 1),
            MarkerItem("one", FIRST, lease, 101, 3_000_000, "trial", {}, 2),
            MarkerItem("one", FIRST, lease, 102, 5_000_000, "baseline_stop", {}, 3),
            MarkerItem("one", FIRST, lease, 103, 2_000_000, "page_start", {"words": 9}, 4),
        )
        assert before.engine.recordings[FIRST].facts.marks == wanted

    with running(database_url, clocks, user_id) as after:
        after.open(lease=lease)
        assert after.engine.recordings[FIRST].facts.marks == wanted


def test_after_an_upgrade_the_server_makes_old_analyses_again_beside_the_old_ones(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        before.stream(lease, N_FRAMES // 10)
        before.close(lease, N_FRAMES // 10 - 1)
    with Session(fresh_session.get_bind()) as session:
        session.execute(update(Analysis).values(code_version=str(CODE_VERSION - 1)))
        session.commit()
    clocks.pass_by(40)

    with running(database_url, clocks, user_id) as after:
        after.settle(40)

    assert_same(stored(fresh_session), expected())
    versions = [each.code_version for each in results.analyses_of(fresh_session, FIRST)]
    assert versions == [str(CODE_VERSION - 1), str(CODE_VERSION)]


def test_an_idle_recording_leaves_memory_with_a_checkpoint_and_goes_on_from_it(
    harness: Harness, clocks: Clocks, fresh_session: Session
) -> None:
    lease = harness.open().lease
    harness.stream(lease, 100)
    harness.release()
    for _ in range(4):
        clocks.pass_by(upkeep.IDLE_S / 2)
        harness.settle(3)
    assert harness.engine.recordings == {}

    reopened = harness.open(connection="one")
    harness.settle()
    harness.stream(reopened.lease, 50, first=100)
    harness.close(reopened.lease, 149)

    assert_same(stored(fresh_session), expected())


class OtherClassifier(ThresholdClassifier):
    """Another model release."""

    release = "another release"


def test_another_model_begins_a_new_analysis_at_the_first_frame_and_keeps_the_old_one(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        before.stream(lease, 75)
    with running(database_url, clocks, user_id, OtherClassifier()) as after:
        lease = after.open(lease=lease).lease
        after.settle()
        after.stream(lease, 75, first=75)
        after.close(lease, 149)

    analysis = results.newest_analysis(fresh_session, FIRST)
    assert analysis is not None
    assert (analysis.number, analysis.model_release) == (1, "another release")
    assert_same(stored(fresh_session), expected())


def test_a_damaged_checkpoint_is_no_loss(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        for seq in range(100):
            clocks.pass_by(0.5)
            before.stream(lease, 1, first=seq)
    fresh_session.execute(update(Analysis).values(checkpoint=b"\x05\x00\x00\x00{}   not a checkpoint"))
    fresh_session.commit()

    with running(database_url, clocks, user_id) as after:
        lease = after.open(lease=lease).lease
        after.settle()
        after.stream(lease, 50, first=100)
        after.close(lease, 149)

    assert_same(stored(fresh_session), expected())


def test_markers_and_rejected_batches_between_frames_do_not_hold_a_late_analysis_up(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        before.send(
            *(batch_item(FIRST, lease, seq, frames_between(10 * seq, 10 * seq + 10)) for seq in range(150)),
            batch_item(FIRST, lease, 150, frames_between(0, 10)),
            MarkerItem("one", FIRST, lease, 151, 99, "end", {}, 5),
        )
    clocks.pass_by(40)

    with running(database_url, clocks, user_id) as after:
        reopened = after.open()
        after.settle()
        result = after.close(reopened.lease, 151)

    assert (result.n_frames, result.n_rejected) == (N_FRAMES, 1)
    assert_same(stored(fresh_session), expected())


# -- merging ----------------------------------------------------------------------------------------------------------


def test_merging_the_journal_changes_no_frame_no_result_and_no_answer(
    harness: Harness, clocks: Clocks, fresh_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("focus.storage.chunks.CHUNK_SPAN_US", 4_000_000)
    compactor = Compactor(reader=harness.engine._reader, writer=harness.engine._writer)
    lease = harness.open().lease
    harness.stream(lease, 100)
    merged = [compactor.compact(FIRST), compactor.compact(FIRST), compactor.compact(FIRST)]
    harness.stream(lease, 50, first=100)

    early = harness.send(batch_item(FIRST, lease, 3, frames_between(30, 40)))
    found = frame_queries.frames_of(fresh_session, FIRST)
    part = frame_queries.frames_of(fresh_session, FIRST, start_us=3_995_000, stop_us=10_005_000)
    harness.close(lease, 149)

    assert merged == [40, 40, 0]  # four seconds each; what is left is not worth a chunk yet
    assert early == [Stored(FIRST, 150)]
    assert found is not None
    assert found.equals(frames_between(0, N_FRAMES))
    assert part is not None
    assert part.equals(frames_between(400, 1001))
    assert_same(stored(fresh_session), expected())


def test_a_late_analysis_begins_in_the_middle_of_a_chunk(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id) as before:
        lease = before.open().lease
        for seq in range(60):
            clocks.pass_by(0.5)
            before.stream(lease, 1, first=seq)
        before.stream(lease, 90, first=60)
        recording_queries.close_recording(fresh_session, FIRST, ended_at=clocks.now())
        fresh_session.commit()
        checkpointed = results.newest_analysis(fresh_session, FIRST)
        assert checkpointed is not None
        assert 0 < checkpointed.checkpoint_seq < 60
        assert Compactor(reader=before.engine._reader, writer=before.engine._writer).compact(FIRST) == 150

    with running(database_url, clocks, user_id) as after:
        after.settle(40)

    assert_same(stored(fresh_session), expected())


# -- faults of the analysis -------------------------------------------------------------------------------------------


class StumblingClassifier(ThresholdClassifier):
    """Fails at its calls number 5 and 6."""

    n_calls = 0

    def predict(self, rows: Float32Array) -> Float32Array:
        type(self).n_calls += 1
        if type(self).n_calls in (5, 6):
            raise FloatingPointError("a fault of the model")
        return super().predict(rows)


def test_an_analysis_that_fails_is_made_again_from_what_is_stored(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    StumblingClassifier.n_calls = 0
    with running(database_url, clocks, user_id, StumblingClassifier()) as harness:
        lease = harness.open().lease
        for seq in range(150):
            clocks.pass_by(0.1)  # frames wait half a second for company
            harness.stream(lease, 1, first=seq)
            harness.engine.work_off()
        harness.close(lease, 149)

    assert StumblingClassifier.n_calls > 6
    assert_same(stored(fresh_session), expected())


class RefusingClassifier(ThresholdClassifier):
    """Fails whenever a row of fast gaze is among those to predict: one recording's poison."""

    def predict(self, rows: Float32Array) -> Float32Array:
        if np.nanmax(rows[:, self.feature_names.index("gaze_speed_16ms_deg_s")], initial=0) > 5000:
            raise FloatingPointError("too fast")
        return super().predict(rows)


def test_a_recording_whose_analysis_always_fails_is_stored_and_disturbs_no_other(
    database_url: str, clocks: Clocks, user_id: int, fresh_session: Session
) -> None:
    with running(database_url, clocks, user_id, RefusingClassifier()) as harness:
        leases = harness.open_all(FIRST, SECOND)
        for seq in range(150):
            clocks.pass_by(0.1)
            wild = frames_between(seq * 10, seq * 10 + 10)
            wild.columns["gaze_x"][4:6] = (-300, 300)
            harness.send(
                batch_item(FIRST, leases[FIRST], seq, frames_between(seq * 10, seq * 10 + 10), connection=FIRST),
                batch_item(SECOND, leases[SECOND], seq, wild, connection=SECOND),
            )
            harness.engine.work_off()
        closed = {name: harness.close(lease, 149, name).n_frames for name, lease in leases.items()}

    assert closed == {FIRST: N_FRAMES, SECOND: N_FRAMES}
    assert_same(stored(fresh_session), expected())
    kept = frame_queries.frames_of(fresh_session, SECOND)
    assert kept is not None
    assert len(kept) == N_FRAMES


def test_a_stream_faster_than_the_analysis_is_stored_at_once_and_analysed_in_turn(
    harness: Harness, clocks: Clocks, fresh_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "MAX_PASS_FRAMES", 50)
    monkeypatch.setattr("focus.services.ingest.state.MAX_WAITING_FRAMES", 200)
    lease = harness.open().lease

    answers = harness.send(*(batch_item(FIRST, lease, s, frames_between(10 * s, 10 * s + 10)) for s in range(150)))
    n_waiting = harness.engine.recordings[FIRST].analysis
    for _ in range(80):
        clocks.pass_by(0.6)
        harness.settle(1)
    harness.close(lease, 149)

    assert answers == [Stored(FIRST, 150)]
    assert n_waiting is not None
    assert n_waiting.n_waiting <= 200
    assert_same(stored(fresh_session), expected())


# -- the summary ------------------------------------------------------------------------------------------------------


def test_the_summary_counts_what_was_stored_and_found(harness: Harness, fresh_session: Session) -> None:
    lease = harness.open().lease
    harness.stream(lease, 150)
    harness.send(batch_item(FIRST, lease, 150, frames_between(0, 10)))
    harness.close(lease, 150)

    owner = Principal(harness.user_id, "member", frozenset())
    summary = recordings.summary(fresh_session, recordings.get_recording(fresh_session, owner, FIRST))

    assert (summary["frames"], summary["rejected"], summary["batches"], summary["pending"]) == (N_FRAMES, 1, 150, 0)
    assert sum(summary["states"].values()) == N_FRAMES
    assert summary["events"]["blink"] == sum(event.kind == "blink" for event in expected().events)
    assert {metric["name"] for metric in summary["metrics"]} >= {"blink_rate"}
    assert summary["analysis"]["is_complete"]
    assert summary["analysis"]["analysed_seq"] == 151
