"""What a tick would store, decided without a database."""

from __future__ import annotations

import numpy as np

from focus.errors import FrameValueError
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.services.ingest.items import BatchItem, CloseItem, MarkerItem
from focus.services.ingest.planning import plan_tick
from focus.services.ingest.state import LiveRecording

ID = "00000000-0000-4000-8000-000000000001"


def recording(**changed: object) -> LiveRecording:
    values = {"next_seq": 5, "t_last_us": 1000, "lease": "mine", **changed}
    return LiveRecording(ID, 1, TrackerInfo("t", ("gaze_x",)), **values)  # type: ignore[arg-type]


def batch(seq: int, t0_us: int, *, lease: str = "mine", fault: FrameValueError | None = None) -> BatchItem:
    frames = FrameBatch(np.array([t0_us, t0_us + 10])) if fault is None else None
    return BatchItem("c", ID, lease, seq, 2, t0_us, t0_us + 10, seq, b"", frames, fault)


def marker(seq: int) -> MarkerItem:
    return MarkerItem("c", ID, "mine", seq, 0, "cue", {}, seq)


def test_batches_and_markers_in_order_move_the_cursor_by_one_step() -> None:
    plan = plan_tick([batch(5, 1001), marker(6), batch(7, 1012)], {ID: recording()})

    step = plan.recordings[ID].step()
    assert (step.first_seq, step.next_seq, step.n_batches, step.n_frames) == (5, 8, 2, 4)
    assert (step.t_first_us, step.t_last_us) == (1001, 1022)
    assert plan.refusals == []


def test_a_gap_is_refused_with_the_next_seq_and_nothing_after_it_is_taken() -> None:
    plan = plan_tick([batch(5, 1001), batch(7, 1020), batch(8, 1040)], {ID: recording()})

    assert plan.recordings[ID].next_seq == 6
    assert [(r.item.seq, r.error.code, r.next_seq) for r in plan.refusals] == [(7, "gap", 6), (8, "gap", 6)]


def test_a_batch_that_does_not_come_after_the_stored_frames_is_kept_aside_and_takes_its_number() -> None:
    plan = plan_tick([batch(5, 1000), batch(6, 1001)], {ID: recording()})

    own = plan.recordings[ID]
    assert [(item.seq, fault.code) for item, fault in own.rejected] == [(5, "frame_value")]
    assert [item.seq for item in own.batches] == [6]
    assert own.step().n_frames_rejected == 2


def test_a_batch_of_bad_values_is_kept_aside_and_does_not_move_the_time() -> None:
    plan = plan_tick([batch(5, 9000, fault=FrameValueError("bad")), batch(6, 1001)], {ID: recording()})

    assert plan.recordings[ID].t_last_us == 1011
    assert plan.recordings[ID].step().n_rejected == 1


def test_an_earlier_number_is_doubtful_and_left_to_its_checksum() -> None:
    plan = plan_tick([batch(4, 900)], {ID: recording()})

    assert [item.seq for item in plan.recordings[ID].doubtful] == [4]
    assert not plan.recordings[ID].has_step


def test_another_lease_an_unknown_recording_and_a_closed_one_are_refused() -> None:
    refusals = [
        plan_tick([batch(5, 1001, lease="old")], {ID: recording()}).refusals[0],
        plan_tick([batch(5, 1001)], {}).refusals[0],
        plan_tick([batch(5, 1001)], {ID: recording(is_closed=True)}).refusals[0],
    ]

    assert [(r.error.code, r.next_seq) for r in refusals] == [("lease", None), ("lease", None), ("closed", 5)]


def test_closes_are_set_aside_for_after_the_batches() -> None:
    plan = plan_tick([CloseItem("c", ID, "mine", 5), batch(5, 1001)], {ID: recording()})

    assert [close.last_seq for close in plan.closes] == [5]
    assert plan.recordings[ID].next_seq == 6
