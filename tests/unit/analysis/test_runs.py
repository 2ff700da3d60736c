"""Pieces, runs, and the rule that no run is too short to stand."""

from __future__ import annotations

import numpy as np
import pytest

from focus.analysis.events.runs import Consolidator, DecidedFrames, Run, RunBuilder, cut_into_pieces
from focus.analysis.types import EyeState

FIXATION, SACCADE, PURSUIT, BLINK, LOST = EyeState
MINIMUM_US = {FIXATION: 30_000, SACCADE: 8_000, PURSUIT: 80_000, BLINK: 25_000, LOST: 50_000}
NAN = float("nan")


def decided(
    t_us: list[int],
    states: list[int],
    x_deg: list[float] | None = None,
    steps_deg: list[float] | None = None,
    leads_us: list[int] | None = None,
) -> DecidedFrames:
    n = len(t_us)
    signals = np.full((n, 9), np.nan)
    signals[:, 0] = signals[:, 1] = x_deg or [0.0] * n
    return DecidedFrames(
        t_us=np.array(t_us),
        dt_us=np.diff(np.array(t_us), prepend=t_us[0] - 1_000),
        states=np.array(states, dtype=np.uint8),
        certainty=np.full(n, 1 << 19),
        signals=signals,
        speed_deg_s=np.arange(n, dtype=float),
        relative_openness=np.full(n, np.nan),
        closure=np.full(n, np.nan),
        step_deg=np.full(n, np.nan) if steps_deg is None else np.array(steps_deg),
        lead_us=np.zeros(n, dtype=np.int64) if leads_us is None else np.array(leads_us),
    )


def run(state: int, start_ms: int, stop_ms: int) -> Run:
    return Run(state, start_ms * 1000, stop_ms * 1000 - 1000, stop_ms * 1000, n_frames=stop_ms - start_ms)


def outline(runs: list[tuple[Run, int | None]]) -> list[tuple[int, int, int]]:
    return [(each.state, each.start_us // 1000, each.stop_us // 1000) for each, _ in runs]


def consolidate(*runs: Run) -> list[tuple[int, int, int]]:
    consolidator = Consolidator(MINIMUM_US)
    final = [each for each_run in runs for each in consolidator.push(each_run)]
    return outline([*final, *consolidator.finish()])


def test_a_piece_ends_at_a_state_a_gap_and_a_recording() -> None:
    frames = decided([0, 1, 2, 300, 301, 0, 1], [0, 0, 1, 1, 1, 1, 1])

    pieces = cut_into_pieces(frames, np.array([5, 0, 2]), np.array([100, 100, 100]))

    assert [[(p.state, p.start_us, p.last_us, p.n_frames) for p in own] for own in pieces] == [
        [(0, 0, 1, 2), (1, 2, 2, 1), (1, 300, 301, 2)],
        [],
        [(1, 0, 1, 2)],
    ]


def test_a_run_knows_mean_and_spread_of_its_gaze_however_it_was_cut() -> None:
    x_deg = [1.0, NAN, 3.0, 5.0]
    whole = cut_into_pieces(decided([0, 1, 2, 3], [0] * 4, x_deg), np.array([4]), np.array([100]))[0][0]
    parts = [
        cut_into_pieces(decided([0, 1], [0] * 2, x_deg[:2]), np.array([2]), np.array([100]))[0][0],
        cut_into_pieces(decided([2, 3], [0] * 2, x_deg[2:]), np.array([2]), np.array([100]))[0][0],
    ]
    parts[0].absorb(parts[1])

    assert whole.n_gaze == 3
    assert whole.mean_x_deg == pytest.approx(3.0)
    # Both coordinates have the variance ((-2)^2 + 0 + 2^2) / 3.
    assert whole.spread_deg == pytest.approx((2 * 8 / 3) ** 0.5)
    assert (parts[0].mean_x_deg, parts[0].spread_deg) == (whole.mean_x_deg, whole.spread_deg)
    assert (whole.first_x, whole.last_x) == (1.0, 5.0)


def test_a_run_knows_the_root_mean_square_of_the_steps_inside_it_however_it_was_cut() -> None:
    # The step into the run and the one that could not be measured do not count.
    steps_deg = [7.0, 3.0, NAN, 5.0]
    whole = cut_into_pieces(decided([0, 1, 2, 3], [0] * 4, steps_deg=steps_deg), np.array([4]), np.array([100]))[0][0]
    parts = [
        cut_into_pieces(decided([0], [0], steps_deg=steps_deg[:1]), np.array([1]), np.array([100]))[0][0],
        cut_into_pieces(decided([1, 2, 3], [0] * 3, steps_deg=steps_deg[1:]), np.array([3]), np.array([100]))[0][0],
    ]
    parts[0].absorb(parts[1])

    assert whole.rms_step_deg == pytest.approx((34 / 2) ** 0.5, rel=1e-5)
    assert (parts[0].n_steps, parts[0].sum_step_square) == (whole.n_steps, whole.sum_step_square)


def test_a_gap_between_frames_is_a_lost_run_of_no_frames() -> None:
    builder = RunBuilder(gap_limit_us=75_000, interval_us=10_000)
    builder.push(Run(FIXATION, 0, 50_000, -1, n_frames=6))

    closed = builder.push(Run(FIXATION, 200_000, 220_000, -1, n_frames=3))

    assert [(r.state, r.start_us, r.stop_us, r.n_frames) for r in closed] == [
        (FIXATION, 0, 60_000, 6),
        (LOST, 60_000, 200_000, 0),
    ]
    assert [r.stop_us for r in builder.finish()] == [230_000]


def test_a_short_run_between_two_of_one_state_joins_them() -> None:
    assert consolidate(run(FIXATION, 0, 100), run(SACCADE, 100, 104), run(FIXATION, 104, 200)) == [(FIXATION, 0, 200)]


def test_a_run_that_lasts_its_minimum_stands() -> None:
    runs = [run(FIXATION, 0, 100), run(SACCADE, 100, 108), run(FIXATION, 108, 200)]

    assert consolidate(*runs) == [(FIXATION, 0, 100), (SACCADE, 100, 108), (FIXATION, 108, 200)]


def test_short_runs_belong_to_the_earlier_up_to_the_first_of_the_later_state() -> None:
    runs = [
        run(SACCADE, 0, 40), run(FIXATION, 40, 50), run(PURSUIT, 50, 60), run(FIXATION, 60, 62), run(PURSUIT, 62, 200),
    ]  # fmt: skip

    assert consolidate(*runs) == [(SACCADE, 0, 50), (PURSUIT, 50, 200)]


def test_an_eye_cannot_open_and_close_again_within_a_frame_or_two() -> None:
    assert consolidate(run(BLINK, 0, 200), run(FIXATION, 200, 241), run(BLINK, 241, 300), run(FIXATION, 300, 500)) == [
        (BLINK, 0, 300),
        (FIXATION, 300, 500),
    ]
    assert consolidate(run(BLINK, 0, 200), run(FIXATION, 200, 260), run(BLINK, 260, 300)) == [
        (BLINK, 0, 200),
        (FIXATION, 200, 260),
        (BLINK, 260, 300),
    ]


def test_an_opening_that_no_blink_ends_stands_however_short_it_is() -> None:
    opened = [(BLINK, 0, 200), (FIXATION, 200, 241)]

    assert consolidate(run(BLINK, 0, 200), run(FIXATION, 200, 241), run(SACCADE, 241, 300)) == [
        *opened,
        (SACCADE, 241, 300),
    ]
    assert consolidate(run(BLINK, 0, 200), run(FIXATION, 200, 241)) == opened


def test_each_final_run_comes_with_the_state_after_it() -> None:
    consolidator = Consolidator(MINIMUM_US)
    final = [
        each
        for each_run in (run(FIXATION, 0, 100), run(BLINK, 100, 200), run(LOST, 200, 400))
        for each in consolidator.push(each_run)
    ]

    assert [(each.state, after) for each, after in [*final, *consolidator.finish()]] == [
        (FIXATION, BLINK),
        (BLINK, LOST),
        (LOST, None),
    ]


def test_an_open_run_that_has_lasted_long_enough_makes_the_one_before_final() -> None:
    consolidator = Consolidator(MINIMUM_US)
    consolidator.push(run(FIXATION, 0, 100))
    growing = Run(BLINK, 100_000, 120_000, -1, n_frames=20)

    early = consolidator.peek(growing)
    growing.last_us = 130_000
    late = consolidator.peek(growing)

    assert early == []
    assert outline(late) == [(FIXATION, 0, 100)]
    growing.stop_us = 140_000
    assert consolidator.push(growing) == []
    assert outline(consolidator.finish()) == [(BLINK, 100, 140)]


def test_a_run_knows_when_it_began_and_ended_between_frames_however_it_was_cut() -> None:
    leads_us = [0, 400, 0, 300, 0]
    frames = decided([0, 1000, 2000, 3000, 4000], [FIXATION, SACCADE, SACCADE, FIXATION, FIXATION], leads_us=leads_us)
    limit_us = np.array([2500])

    def runs_of(cuts: list[int]) -> list[Run]:
        builder = RunBuilder(gap_limit_us=2500, interval_us=1000)
        ends = [*cuts, 5]
        parts = [frames.part(start, stop) for start, stop in zip([0, *cuts], ends, strict=True)]
        pieces = [piece for part in parts for piece in cut_into_pieces(part, np.array([len(part)]), limit_us)[0]]
        closed = [run for piece in pieces for run in builder.push(piece)]
        return [*closed, *builder.finish()]

    whole, cut = runs_of([]), runs_of([2])

    assert whole == cut
    assert whole[1].between_frames == {"onset_between_us": 600.0, "offset_between_us": 2700.0}
    assert whole[0].stop_lead_us == 400


def test_short_runs_that_are_taken_in_leave_the_time_of_what_comes_after_them() -> None:
    fixation, twitch, saccade = run(FIXATION, 0, 100), run(PURSUIT, 100, 110), run(SACCADE, 110, 150)
    twitch.lead_us, twitch.stop_lead_us = 500, 200
    fixation.stop_lead_us, saccade.lead_us = 500, 200
    consolidator = Consolidator(MINIMUM_US)

    final = [each for one in (fixation, twitch, saccade) for each in consolidator.push(one)]

    ((first, _),) = final
    assert (first.stop_us, first.stop_lead_us) == (110_000, 200)
