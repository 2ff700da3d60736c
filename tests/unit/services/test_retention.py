"""Retention: what is removed when, and what stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.analysis.pipeline import CODE_VERSION
from focus.errors import ConflictError
from focus.protocol.batch import TrackerInfo
from focus.services import accounts, groups, logins, my_data, recordings, retention
from focus.services.accounts import Principal
from focus.services.reanalysis import reanalyse
from focus.services.retention import RetentionOutcome, RetentionRules
from focus.storage import results
from focus.storage.account_models import GroupInvitation, LogIn, OneTimeToken
from focus.storage.operation_models import AuditEntry, Job
from focus.storage.recording_models import Analysis, FrameBatchRow, FrameChunk, Recording, RejectedBatch
from tests.unit.analysis.fakes import ThresholdClassifier

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WEBCAM = TrackerInfo("Webcam", ("openness_left",), rate_hz=30)
RULES = RetentionRules.of_days(frames=30, metrics=365, exports=7)
KEEP = RetentionRules.of_days(frames=0, metrics=0, exports=7)


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


@pytest.fixture
def ada(session: Session) -> Principal:
    return accounts.principal_of_user(accounts.create_user(session, "ada@example.org"))


def record(session: Session, ada: Principal, *, days_ago: int, is_complete: bool = True, is_open: bool = False) -> str:
    ended = NOW - timedelta(days=days_ago)
    found = recordings.create_recording(session, ada, tracker=WEBCAM, now=ended - timedelta(hours=1))
    common = {"recording_id": found.id, "crc32": 0, "payload": b"frames"}
    session.add(FrameBatchRow(seq=2, n=1, t0_us=2, t1_us=2, **common))
    session.add(RejectedBatch(seq=1, n=1, code="frame_value", reason="", rejected_at=ended, **common))
    session.add(
        FrameChunk(
            recording_id=found.id,
            first_seq=0,
            last_seq=0,
            t_start_us=0,
            t_stop_us=0,
            n=1,
            codec="x",
            payload=b"",
            batches=b"",
        )
    )
    found.cursor.n_frames = 2
    analysis = results.begin_analysis(
        session, found.id, model_release="r", parameters={}, code_version=str(CODE_VERSION), started_at=ended
    )
    analysis.is_complete, analysis.checkpoint = is_complete, b"frames"
    session.flush()
    if not is_open:
        recordings.close_recording(session, found, now=ended)
    session.commit()
    return found.id


def frames_left(session: Session, recording_id: str) -> int:
    models = (FrameBatchRow, FrameChunk, RejectedBatch)
    return sum(len(session.scalars(select(model).where(model.recording_id == recording_id)).all()) for model in models)


def test_old_frames_go_and_results_stay_until_they_are_old_too(
    session: Session, ada: Principal, tmp_path: Path
) -> None:
    young, middle, old = (record(session, ada, days_ago=days) for days in (29, 31, 366))

    outcome = retention.run(session, RULES, instance=tmp_path, now=NOW)
    session.expire_all()

    assert (outcome.n_recordings, outcome.n_without_frames) == (1, 1)
    assert [frames_left(session, found) for found in (young, middle, old)] == [3, 0, 0]
    assert {found.id for found in session.scalars(select(Recording))} == {young, middle}
    analysis = session.scalars(select(Analysis).where(Analysis.recording_id == middle)).one()
    assert (analysis.is_complete, analysis.checkpoint) == (True, None)
    summary = recordings.summary(session, recordings.find_recording(session, middle))
    assert (summary["frames"], summary["frames_removed_at"]) == (2, NOW.isoformat())
    actions = session.scalars(select(AuditEntry.action).where(AuditEntry.action.startswith("retention"))).all()
    assert sorted(actions) == ["retention.frames_removed", "retention.recording_removed"]


def test_running_it_again_finds_nothing(session: Session, ada: Principal, tmp_path: Path) -> None:
    for days in (29, 31, 366):
        record(session, ada, days_ago=days)
    retention.run(session, RULES, instance=tmp_path, now=NOW)

    assert retention.run(session, RULES, instance=tmp_path, now=NOW) == RetentionOutcome()


def test_a_rehearsal_counts_and_removes_nothing(session: Session, ada: Principal, tmp_path: Path) -> None:
    ids = [record(session, ada, days_ago=days) for days in (31, 366)]

    outcome = retention.run(session, RULES, instance=tmp_path, is_rehearsal=True, now=NOW)

    assert (outcome.n_recordings, outcome.n_without_frames) == (1, 1)
    assert [frames_left(session, found) for found in ids] == [3, 3]


def test_without_a_limit_everything_stays(session: Session, ada: Principal, tmp_path: Path) -> None:
    recording_id = record(session, ada, days_ago=5000)

    retention.run(session, KEEP, instance=tmp_path, now=NOW)

    assert frames_left(session, recording_id) == 3


@pytest.mark.parametrize("reason", ["is open", "is not analysed to its end"])
def test_frames_that_are_still_needed_stay(session: Session, ada: Principal, tmp_path: Path, reason: str) -> None:
    is_open = reason == "is open"
    recording_id = record(session, ada, days_ago=40, is_open=is_open, is_complete=is_open)

    retention.run(session, RULES, instance=tmp_path, now=NOW)

    assert frames_left(session, recording_id) == 3


def test_what_nobody_can_use_any_more_goes_too(session: Session, ada: Principal, tmp_path: Path) -> None:
    user = accounts.get_user(session, ada.user_id)
    for days in (1, -1):
        logins.begin_login(session, user, holds=timedelta(hours=1), now=NOW - timedelta(days=days))
        accounts.create_login_secret(session, user, holds=timedelta(hours=1), now=NOW - timedelta(days=days))
    researcher = accounts.principal_of_user(accounts.create_user(session, "rita@example.org", role="researcher"))
    group_id = groups.create_group(session, researcher, "Lab").id
    for days in (1, -1):
        when = NOW - timedelta(days=days) - groups.INVITATION_HOLDS
        groups.invite(session, researcher, group_id, f"days{days}@example.org", now=when)
    job = my_data.request_export(session, ada, now=NOW - timedelta(days=9))
    job.state, job.ended_at = "done", NOW - timedelta(days=8)
    session.commit()
    export = my_data.export_path(tmp_path, job.id)
    letters = [tmp_path / "outbox" / f"{name}-user1-verify.eml" for name in ("old", "new")]
    for path, days in ((export, 8), (letters[0], 8), (letters[1], 6)):
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        os.utime(path, ((NOW - timedelta(days=days)).timestamp(),) * 2)

    outcome = retention.run(session, KEEP, instance=tmp_path, now=NOW)

    assert outcome == RetentionOutcome(n_secrets=3, n_exports=1, n_letters=1)
    assert len(session.scalars(select(LogIn)).all()) == len(session.scalars(select(OneTimeToken)).all()) == 1
    assert [row.email for row in session.scalars(select(GroupInvitation))] == ["days-1@example.org"]
    assert session.scalars(select(Job)).all() == []
    assert [path.exists() for path in (export, *letters)] == [False, False, True]


def test_a_recording_without_its_frames_is_not_analysed_again(session: Session, ada: Principal, tmp_path: Path) -> None:
    recording_id = record(session, ada, days_ago=31)
    retention.run(session, RULES, instance=tmp_path, now=NOW)
    session.expire_all()

    with pytest.raises(ConflictError, match="were removed on 2026-06-01"):
        reanalyse(session, recordings.find_recording(session, recording_id), ThresholdClassifier())
