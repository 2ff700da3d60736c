"""The promises of delivery, on SQLite and PostgreSQL: what is stored, what is refused and with which words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from focus.errors import (
    ClosedRecordingError,
    ConflictError,
    FocusError,
    LeaseError,
    NotFoundError,
    PermissionDeniedError,
    SequenceGapError,
)
from focus.protocol.messages import Evicted, Refused, Stored
from focus.services import accounts, consent, groups
from focus.services.ingest import MarkerItem, RefusalError, stage, upkeep
from focus.services.ingest.engine import EngineSettings
from focus.storage import frames as frame_queries
from focus.storage import recordings as recording_queries
from focus.storage.recording_models import FrameBatchRow, Recording, RejectedBatch
from tests.integration.ingest.harness import (
    FIRST,
    SECOND,
    TRACKER,
    Clocks,
    Harness,
    add_user,
    batch_item,
    frames_between,
    running,
)


def refusals(messages: list[Stored | Refused | Evicted]) -> list[tuple[int, str, int | None]]:
    return [(m.seq, m.code, m.next_seq) for m in messages if isinstance(m, Refused)]


def test_batches_are_reported_stored_and_come_back_frame_by_frame(harness: Harness, fresh_session: Session) -> None:
    lease = harness.open().lease

    answers = harness.send(*(batch_item(FIRST, lease, seq, frames_between(seq * 5, seq * 5 + 5)) for seq in range(4)))

    assert answers == [Stored(FIRST, 4)]
    stored = frame_queries.frames_of(fresh_session, FIRST)
    assert stored is not None
    assert stored.equals(frames_between(0, 20))
    recording = fresh_session.get(Recording, FIRST)
    assert recording is not None
    assert (recording.next_seq, recording.n_frames, recording.t_first_us, recording.t_last_us) == (4, 20, 0, 190_000)


def test_one_tick_stores_the_batches_of_many_recordings(harness: Harness, fresh_session: Session) -> None:
    ids = [f"00000000-0000-4000-8000-0000000001{at:02d}" for at in range(12)]
    leases = harness.open_all(*ids)

    answers = harness.send(
        *(batch_item(i, leases[i], seq, frames_between(seq, seq + 1)) for seq in (0, 1) for i in ids)
    )

    assert sorted(answers, key=lambda m: m.recording) == [Stored(i, 2) for i in ids]
    assert fresh_session.execute(select(func.count()).select_from(FrameBatchRow)).scalar_one() == 24


def test_a_gap_is_refused_with_the_number_to_go_on_from(harness: Harness) -> None:
    lease = harness.open().lease

    answers = harness.send(
        batch_item(FIRST, lease, 0, frames_between(0, 5)), batch_item(FIRST, lease, 2, frames_between(10, 15))
    )

    assert answers[0] == Stored(FIRST, 1)
    assert refusals(answers) == [(2, "gap", 1)]


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_duplicate_is_stored_and_another_batch_of_its_number_is_a_conflict(
    harness: Harness, database_url: str, is_forgotten: bool
) -> None:
    lease = harness.open().lease
    first = batch_item(FIRST, lease, 0, frames_between(0, 5))
    harness.send(first, batch_item(FIRST, lease, 1, frames_between(5, 10)))
    if is_forgotten:  # the checksum then has to come from the database
        harness = Harness(database_url, harness.clocks, harness.user_id)
        lease = harness.open(lease=lease).lease

    answers = harness.send(replace_lease(first, lease), batch_item(FIRST, lease, 1, frames_between(5, 9)))

    assert answers[-1] == Stored(FIRST, 2)
    assert refusals(answers) == [(1, "seq_conflict", 2)]
    harness.abandon()


def replace_lease(item: object, lease: str) -> object:
    return replace(item, lease=lease)  # type: ignore[type-var]


def test_both_copies_of_a_batch_within_one_tick_are_one_batch(harness: Harness, fresh_session: Session) -> None:
    lease = harness.open().lease
    item = batch_item(FIRST, lease, 0, frames_between(0, 5))

    answers = harness.send(item, replace(item))

    assert answers == [Stored(FIRST, 1)]
    assert fresh_session.execute(select(func.count()).select_from(FrameBatchRow)).scalar_one() == 1


def test_bad_meaning_is_kept_aside_counted_and_reported_and_the_stream_goes_on(
    harness: Harness, fresh_session: Session
) -> None:
    lease = harness.open().lease

    answers = harness.send(
        batch_item(FIRST, lease, 0, frames_between(0, 5)),
        batch_item(FIRST, lease, 1, frames_between(5, 10), bad=True),
        batch_item(FIRST, lease, 2, frames_between(0, 5)),  # times that were stored already
        batch_item(FIRST, lease, 3, frames_between(10, 15)),
    )

    assert answers == [Stored(FIRST, 4, (1, 2))]
    kept = fresh_session.execute(select(RejectedBatch).order_by(RejectedBatch.seq)).scalars().all()
    assert [(row.seq, row.code, row.n) for row in kept] == [(1, "frame_value", 5), (2, "frame_value", 5)]
    recording = fresh_session.get(Recording, FIRST)
    assert recording is not None
    assert (recording.n_frames, recording.n_rejected, recording.cursor.n_frames_rejected) == (10, 2, 10)


def test_a_marker_takes_its_place_in_the_sequence(harness: Harness, fresh_session: Session) -> None:
    lease = harness.open().lease
    marker = MarkerItem("one", FIRST, lease, 1, 12_345, "stimulus", {"name": "a cat", "trial": 3}, 77)

    answers = harness.send(batch_item(FIRST, lease, 0, frames_between(0, 5)), marker, replace(marker))

    assert answers == [Stored(FIRST, 2)]
    (found,) = frame_queries.markers_of(fresh_session, FIRST)
    assert (found.seq, found.t_us, found.kind, found.body) == (1, 12_345, "stimulus", {"name": "a cat", "trial": 3})


def test_a_full_queue_is_busy_after_the_wait_and_says_when_to_try_again(harness: Harness) -> None:
    harness.engine.settings = EngineSettings(queue_batches=2, queue_wait_s=0.0)
    lease = harness.open().lease
    for seq in range(2):
        harness.engine.offer(batch_item(FIRST, lease, seq, frames_between(seq, seq + 1)))

    with pytest.raises(RefusalError) as caught:
        harness.engine.offer(batch_item(FIRST, lease, 2, frames_between(2, 3)))

    assert (caught.value.error.code, caught.value.next_seq, caught.value.retry_ms) == ("busy", 0, 500)


# -- leases -----------------------------------------------------------------------------------------------------------


def test_a_held_recording_is_refused_to_others_until_its_lease_runs_out(harness: Harness, clocks: Clocks) -> None:
    harness.open()

    with pytest.raises(RefusalError) as caught:
        harness.open(connection="two")
    clocks.pass_by(31)
    reopened = harness.open(connection="two")

    assert isinstance(caught.value.error, LeaseError)
    assert caught.value.retry_ms == 30_000
    assert reopened.next_seq == 0


def test_who_knows_the_lease_or_takes_over_gets_the_recording_and_the_other_is_evicted(harness: Harness) -> None:
    first = harness.open()
    second = harness.open(connection="two", lease=first.lease)
    third = harness.open(connection="three", takeover=True)

    assert len({first.lease, second.lease, third.lease}) == 3
    assert harness.replies.messages == [("one", Evicted(FIRST)), ("two", Evicted(FIRST))]
    assert refusals(harness.send(batch_item(FIRST, first.lease, 0, frames_between(0, 5)))) == [(0, "lease", None)]


def test_a_connection_that_ends_gives_its_recording_back(harness: Harness) -> None:
    lease = harness.open().lease
    harness.send(batch_item(FIRST, lease, 0, frames_between(0, 5)))
    harness.release()

    assert harness.open(connection="two").next_seq == 1


def test_a_takeover_in_another_process_evicts_the_tracker_here_and_loses_nothing(
    harness: Harness, database_url: str, fresh_session: Session
) -> None:
    lease = harness.open().lease
    harness.send(batch_item(FIRST, lease, 0, frames_between(0, 5)))
    with running(database_url, harness.clocks, harness.user_id) as other:
        taken = other.open(connection="two", takeover=True)
        assert taken.next_seq == 1
        other.send(batch_item(FIRST, taken.lease, 1, frames_between(5, 10)))

        answers = harness.send(batch_item(FIRST, lease, 1, frames_between(5, 11)))

    assert answers[0] == Evicted(FIRST)
    assert refusals(answers) == [(1, "lease", 2)]
    stored = frame_queries.frames_of(fresh_session, FIRST)
    assert stored is not None
    assert stored.equals(frames_between(0, 10))


def test_a_lease_of_a_quiet_connection_is_kept_alive(harness: Harness, clocks: Clocks) -> None:
    harness.open()
    for _ in range(6):
        clocks.pass_by(10)
        harness.engine.tick()

    with pytest.raises(FocusError, match="another connection holds"):
        harness.open(connection="two")


def test_what_was_committed_by_a_transaction_that_was_given_up_is_found_again(
    harness: Harness, fresh_session: Session
) -> None:
    lease = harness.open().lease
    harness.send(batch_item(FIRST, lease, 0, frames_between(0, 5)))
    # The engine's memory is behind the database, as after a timeout whose transaction went through after all.
    harness.engine.recordings[FIRST].next_seq = 0
    harness.engine.recordings[FIRST].t_last_us = -1

    harness.send(batch_item(FIRST, lease, 0, frames_between(0, 5)), batch_item(FIRST, lease, 1, frames_between(5, 10)))
    harness.engine.tick()

    assert harness.replies.take() == [Stored(FIRST, 2)]
    stored = frame_queries.frames_of(fresh_session, FIRST)
    assert stored is not None
    assert stored.equals(frames_between(0, 10))


# -- who may open -----------------------------------------------------------------------------------------------------


def test_nobody_opens_a_recording_of_somebody_else(harness: Harness, database_session: Session) -> None:
    harness.open()
    other_id = add_user(database_session, "other@example.org")

    with pytest.raises(PermissionDeniedError):
        harness.open(connection="two", user_id=other_id, takeover=True)


def test_a_researcher_records_for_a_member_until_they_leave(harness: Harness, database_session: Session) -> None:
    member_id = add_user(database_session, "member@example.org")
    with pytest.raises(PermissionDeniedError, match="only researchers"):
        harness.open(participant=member_id)
    group_id = make_group(database_session, harness.user_id, member_id)

    lease = harness.open(participant=member_id).lease
    harness.stream(lease, 3)
    recording = database_session.get_one(Recording, FIRST)
    belongs_to = (recording.owner_id, recording.run_by_id, recording.n_frames)
    with pytest.raises(PermissionDeniedError):
        harness.open(lease=lease)  # as a recording of one's own
    principal = accounts.principal_of_user(accounts.get_user(database_session, member_id))
    groups.leave(database_session, principal, group_id)
    database_session.commit()
    answers = harness.send(batch_item(FIRST, lease, 3, frames_between(30, 40)))

    assert belongs_to == (member_id, harness.user_id, 30)
    assert refusals(answers) == [(3, "closed", 3)]
    with pytest.raises(NotFoundError):
        harness.open(SECOND, participant=member_id)


def make_group(session: Session, researcher_id: int, member_id: int) -> int:
    """A group with one member, who agreed to be recorded."""
    researcher, member = accounts.get_user(session, researcher_id), accounts.get_user(session, member_id)
    researcher.role = "researcher"
    session.flush()
    group = groups.create_group(session, accounts.principal_of_user(researcher), "Lab")
    _, key = groups.invite(session, accounts.principal_of_user(researcher), group.id, member.email)
    groups.accept_invitation(session, accounts.principal_of_user(member), key)
    consent.give(session, accounts.principal_of_user(member), consent.OWN_REPORTS)
    group_id = group.id
    session.commit()
    return group_id


def test_a_recording_goes_on_with_the_tracker_it_was_begun_with(harness: Harness) -> None:
    lease = harness.open().lease

    with pytest.raises(ConflictError, match="another tracker"):
        harness.open(lease=lease, tracker=replace(TRACKER, rate_hz=60.0))


# -- closing ----------------------------------------------------------------------------------------------------------


def test_a_closed_recording_takes_nothing_more_and_says_how_far_it_went(harness: Harness) -> None:
    lease = harness.open().lease
    harness.stream(lease, 3)

    result = harness.close(lease, 2)

    assert (result.next_seq, result.n_frames, result.n_rejected) == (3, 30, 0)
    with pytest.raises(RefusalError) as caught:
        harness.open(takeover=True)
    assert isinstance(caught.value.error, ClosedRecordingError)
    assert caught.value.next_seq == 3


def test_a_close_before_all_has_come_is_a_gap_and_changes_nothing(harness: Harness) -> None:
    lease = harness.open().lease
    harness.stream(lease, 2)

    with pytest.raises(RefusalError) as caught:
        harness.close(lease, 2)

    assert isinstance(caught.value.error, SequenceGapError)
    assert caught.value.next_seq == 2
    assert harness.close(lease, 1).n_frames == 20


def test_a_recording_without_a_frame_can_be_closed(harness: Harness, fresh_session: Session) -> None:
    lease = harness.open().lease

    assert harness.close(lease, -1).n_frames == 0
    recording = fresh_session.get(Recording, FIRST)
    assert recording is not None
    assert recording.state == "closed"


def test_a_recording_that_a_page_closed_refuses_the_tracker_s_next_batch(
    harness: Harness, database_session: Session
) -> None:
    lease = harness.open().lease
    harness.stream(lease, 2)
    recording_queries.close_recording(database_session, FIRST, ended_at=harness.clocks.now())
    database_session.commit()

    answers = harness.send(batch_item(FIRST, lease, 2, frames_between(20, 30)))

    assert refusals(answers) == [(2, "closed", 2)]


def test_a_recording_that_was_deleted_refuses_its_tracker_and_disturbs_no_other(
    harness: Harness, database_session: Session
) -> None:
    leases = {
        recording_id: harness.open(recording_id, connection=recording_id).lease for recording_id in (FIRST, SECOND)
    }
    for recording_id, lease in leases.items():
        harness.stream(lease, 12, recording_id=recording_id)
    recording_queries.delete_recording(database_session, FIRST)
    database_session.commit()
    harness.clocks.pass_by(2)  # results are due

    answers = harness.send(
        *(batch_item(recording_id, lease, 12, frames_between(120, 130)) for recording_id, lease in leases.items())
    )

    assert refusals(answers) == [(12, "not_found", None)]
    assert Stored(SECOND, 13) in answers
    assert harness.close(leases[SECOND], 12, SECOND).n_frames == 130


# -- trouble ----------------------------------------------------------------------------------------------------------


def test_one_recording_that_cannot_be_stored_takes_no_other_with_it(harness: Harness) -> None:
    leases = {
        recording_id: harness.open(recording_id, connection=recording_id).lease for recording_id in (FIRST, SECOND)
    }
    poison = MarkerItem(FIRST, FIRST, leases[FIRST], 0, 0, "cue", {"no JSON": object()}, 1)

    answers = harness.send(poison, batch_item(SECOND, leases[SECOND], 0, frames_between(0, 5)))

    assert refusals(answers) == [(0, "busy", 0)]
    assert Stored(SECOND, 1) in answers


def test_while_the_database_is_out_of_reach_batches_are_busy_and_then_stored(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = harness.open().lease
    worker = harness.engine._writer
    item = batch_item(FIRST, lease, 0, frames_between(0, 5))

    with monkeypatch.context() as outage:
        outage.setattr(worker, "transact", lambda work: (_ for _ in ()).throw(ConnectionError("no route")))
        during = harness.send(item)
    after = harness.send(item)

    assert [(m.code, m.next_seq, m.retry_ms) for m in during if isinstance(m, Refused)] == [("busy", 0, 1000)]
    assert after == [Stored(FIRST, 1)]


def test_the_engine_rests_until_something_is_due(harness: Harness, clocks: Clocks) -> None:
    engine, lease = harness.engine, harness.open().lease
    rests_s = []
    for seq, passes_s in enumerate((stage.PATIENCE_S - 0.2, 0.2)):
        harness.send(batch_item(FIRST, lease, seq, frames_between(seq * 10, seq * 10 + 10)))
        rests_s.append(engine.pause_s)
        clocks.pass_by(passes_s)
        engine.tick()
        rests_s.append(engine.pause_s)
    assert rests_s == pytest.approx([upkeep.IDLE_PAUSE_S, 0.2, 0.2, upkeep.IDLE_PAUSE_S])

    engine.live.watch(FIRST)
    for seq in (2, 3):  # the first is shown at once, the second not before its time
        harness.send(batch_item(FIRST, lease, seq, frames_between(seq * 10, seq * 10 + 10)))
        rests_s.append(engine.pause_s)
    assert rests_s[-2:] == pytest.approx([upkeep.IDLE_PAUSE_S, 0.2])
