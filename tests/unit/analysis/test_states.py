"""Smoothing, and the rule for what is lost."""

from __future__ import annotations

import numpy as np
import pytest

from focus.analysis.states.decide import PROBABILITY_SCALE, boundary_leads, decide_states, state_scores, weigh_scores
from focus.analysis.states.smoothing import ScoreTail, smooth_scores, split_lookahead
from focus.analysis.types import EyeState

FIXATION, SACCADE, PURSUIT, BLINK, LOST = EyeState
NAN = float("nan")


def scores(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return (np.array(rows) * PROBABILITY_SCALE).astype(np.int64)


def test_a_saccade_needs_a_little_less_than_half_of_the_probability() -> None:
    seen = np.zeros(3)
    given = scores((0.52, 0.44, 0.04, 0.0), (0.6, 0.4, 0.0, 0.0), (0.52, 0.04, 0.44, 0.0))

    states, certainty = decide_states(
        given, weigh_scores(given, seen, seen, seen), seen, seen, loss_hold_us=75_000, blink_max_us=500_000
    )

    assert states.tolist() == [SACCADE, FIXATION, FIXATION]
    assert certainty[0] == int(0.44 * PROBABILITY_SCALE)


def test_a_blink_needs_less_where_neither_lid_nor_pupil_is_there_to_see() -> None:
    given = scores(*[(0.7, 0.0, 0.0, 0.3)] * 4)

    weighed = weigh_scores(given, np.array([NAN, 0, NAN, 0]), np.array([NAN, NAN, 0, 0]), np.full(4, 0.5))

    assert weighed.argmax(axis=1).tolist() == [BLINK, FIXATION, FIXATION, FIXATION]


@pytest.mark.parametrize(
    ("openness_stale_us", "openness", "state"),
    [(0, 0.94, FIXATION), (0, 0.92, BLINK), (33_000, 0.94, BLINK), (0, NAN, BLINK), (NAN, NAN, BLINK)],
)
def test_a_lid_that_is_seen_to_be_open_is_in_no_blink(
    openness_stale_us: float, openness: float, state: EyeState
) -> None:
    weighed = weigh_scores(
        scores((0.3, 0.1, 0.0, 0.6)), np.array([openness_stale_us]), np.array([0.0]), np.array([openness])
    )

    assert weighed.argmax(axis=1).tolist() == [state]


def test_post_saccadic_oscillation_counts_for_the_saccade() -> None:
    probabilities = np.array([[0.4, 0.3, 0.25, 0.05, 0.0]], dtype=np.float32)

    assert state_scores(probabilities).argmax(axis=1).tolist() == [SACCADE]


@pytest.mark.parametrize(
    ("best", "gaze_stale_us", "openness_stale_us", "state"),
    [
        (FIXATION, 0, NAN, FIXATION),
        (FIXATION, 75_000, NAN, FIXATION),  # a short dropout is bridged
        (FIXATION, 75_001, NAN, LOST),
        (BLINK, 500_000, NAN, BLINK),  # a loss as long as a blink may be one
        (BLINK, 500_001, NAN, LOST),
        (BLINK, NAN, NAN, LOST),
        (BLINK, NAN, 0, BLINK),  # a closed lid that is seen may stay closed
        (FIXATION, NAN, 0, LOST),  # an open eye does not tell where it looks
        (SACCADE, NAN, 0, LOST),
    ],
)
def test_what_cannot_be_known_is_lost(
    best: EyeState, gaze_stale_us: float, openness_stale_us: float, state: EyeState
) -> None:
    row = [0.1, 0.1, 0.1, 0.1]
    row[best] = 0.7

    given = scores(tuple(row))
    states, certainty = decide_states(
        given,
        weigh_scores(given, np.array([openness_stale_us]), np.array([0.0]), np.array([0.5])),
        np.array([gaze_stale_us]),
        np.array([openness_stale_us]),
        loss_hold_us=75_000,
        blink_max_us=500_000,
    )

    assert states.tolist() == [state]
    assert certainty[0] == (PROBABILITY_SCALE if state is LOST else int(0.7 * PROBABILITY_SCALE))


@pytest.mark.parametrize(
    ("lookahead_us", "parts"), [(0, (0, 0)), (20_000, (15_000, 5_000)), (150_000, (140_000, 10_000))]
)
def test_the_parts_of_a_look_ahead_add_up(lookahead_us: int, parts: tuple[int, int]) -> None:
    assert split_lookahead(lookahead_us) == parts


def test_a_single_frame_that_stands_out_is_outvoted_by_its_neighbours() -> None:
    tail = ScoreTail(0)
    fixation, saccade = (0.8, 0.2, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0)
    tail.append(np.arange(5) * 2_000, scores(fixation, fixation, saccade, fixation, fixation), np.empty((5, 0)))

    t_us, mean, _, counts = smooth_scores([tail], [2_000], [True])

    assert t_us.tolist() == [0, 2_000, 4_000, 6_000, 8_000]
    assert mean.argmax(axis=1).tolist() == [FIXATION] * 5
    assert counts.tolist() == [5]


def test_a_frame_waits_until_its_window_is_complete() -> None:
    tail = ScoreTail(0)
    row = (1.0, 0.0, 0.0, 0.0)
    tail.append(np.array([0, 4_000, 8_000]), scores(row, row, row), np.empty((3, 0)))

    first, _, _, _ = smooth_scores([tail], [5_000], [False])
    tail.append(np.array([20_000]), scores(row), np.empty((1, 0)))
    second, _, _, _ = smooth_scores([tail], [5_000], [False])

    assert first.tolist() == [0]
    assert second.tolist() == [4_000, 8_000]


def test_a_state_begins_where_its_score_crosses_the_one_before() -> None:
    # From 900:100 to 300:700 the first falls and the second rises in even steps: they cross two thirds of the way.
    scores = np.array([[900, 100, 0, 0], [300, 700, 0, 0], [200, 800, 0, 0], [0, 500, 0, 500]])
    states = np.array([EyeState.FIXATION, EyeState.SACCADE, EyeState.SACCADE, EyeState.LOST], dtype=np.uint8)

    leads_us = boundary_leads(scores, states, np.full(3, 9000), gap_limits_us=np.full(3, 20_000))

    assert leads_us.tolist() == [3000, 0, 0]  # lost is a rule, so nothing is said of when it began


def test_in_a_gap_nothing_is_known_of_when_a_state_began() -> None:
    scores = np.array([[900, 100, 0, 0], [300, 700, 0, 0]])
    states = np.array([EyeState.FIXATION, EyeState.SACCADE], dtype=np.uint8)

    assert boundary_leads(scores, states, np.array([9000]), gap_limits_us=np.array([8999])).tolist() == [0]
