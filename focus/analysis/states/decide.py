"""The state of a frame from its class probabilities and from what was measured at all."""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.types import CLASSES, STATE_OF_CLASS, EyeState, Float32Array, FloatArray, IntArray, StateArray

PROBABILITY_SCALE: Final = 1 << 20
"""Probabilities are added up as whole multiples of 1 / PROBABILITY_SCALE, so that sums are exact."""

N_STATES: Final = 4
"""States that the classifier tells apart; LOST is the one it does not."""

_WEIGHTS: Final = np.array([3, 4, 3, 3])
_UNSEEN_BLINK_WEIGHT: Final = 9
OPEN_RATIO: Final = 0.93
"""A lid that is seen to be open by more than this share of the person's open eye is in no blink, whatever gaze does."""


def state_scores(probabilities: Float32Array) -> IntArray:
    """Scores of the four states that are seen, as whole numbers.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n, len(CLASSES))
        What the classifier gave; the classes of one state are added up.

    Returns
    -------
    ndarray of int64, shape (n, 4)
        In units of 1 / PROBABILITY_SCALE, in the order of `EyeState`.
    """
    whole = np.rint(probabilities.astype(np.float64) * PROBABILITY_SCALE).astype(np.int64)
    scores: IntArray = np.zeros((len(whole), N_STATES), dtype=np.int64)
    for index in range(len(CLASSES)):
        scores[:, STATE_OF_CLASS[index]] += whole[:, index]
    return scores


def weigh_scores(
    scores: IntArray, openness_stale_us: FloatArray, pupil_stale_us: FloatArray, openness: FloatArray
) -> IntArray:
    """Scores with the weight that each state has in the decision; they add up to nothing in particular.

    Probabilities are honest, and what is rare is seldom the likeliest. Taking the likeliest state of each frame would
    lose many saccades of noisy and slow recordings, and most blinks where neither lid nor pupil is there to see and
    nothing but a swerve of the gaze tells of them. To find a share of them is worth as much as to be right about those
    found, and that asks for less than half of the probability. Where a lid is there to see, it decides: while it is
    open there is no blink.

    Parameters
    ----------
    scores : ndarray of int64, shape (n, 4)
        From `state_scores`, or a mean of them over a window.
    openness_stale_us, pupil_stale_us : ndarray of float64, shape (n,)
        Age of the newest valid value; NaN where there is none.
    openness : ndarray of float64, shape (n,)
        The newest, as a share of the person's open eye; NaN where either is not known.

    Returns
    -------
    ndarray of int64, shape (n, 4)
    """
    weighed: IntArray = scores * _WEIGHTS
    unseen = np.isnan(openness_stale_us) & np.isnan(pupil_stale_us)
    weighed[unseen, EyeState.BLINK] = scores[unseen, EyeState.BLINK] * _UNSEEN_BLINK_WEIGHT
    weighed[(openness_stale_us == 0) & (openness > OPEN_RATIO), EyeState.BLINK] = 0
    return weighed


def boundary_leads(scores: IntArray, states: StateArray, dt_us: IntArray, *, gap_limits_us: IntArray) -> IntArray:
    """How long before a frame its state began, between it and the frame before, where the two scores cross.

    Parameters
    ----------
    scores : ndarray of int64, shape (n + 1, 4)
        Of the frames, and of the one before the first, as `weigh_scores` gives them.
    states : ndarray of uint8, shape (n + 1,)
        Of the same frames.
    dt_us : ndarray of int64, shape (n,)
        Time from the frame before to each frame.
    gap_limits_us : ndarray of int64, shape (n,)
        Longer than this is a gap, in which nothing is known.

    Returns
    -------
    ndarray of int64, shape (n,)
        0 where the state is that of the frame before, at a gap, and where one of the two is LOST, which is a rule.
    """
    before, now = states[:-1].astype(np.int64), states[1:].astype(np.int64)
    changes = np.flatnonzero((before != now) & (np.maximum(before, now) < N_STATES) & (dt_us <= gap_limits_us))
    a, b = before[changes], now[changes]
    # Near zero where a rule, not the score, chose one of the states.
    ahead = np.maximum(scores[changes, a] - scores[changes, b], 0)
    behind = np.maximum(scores[changes + 1, b] - scores[changes + 1, a], 0)
    leads: IntArray = np.zeros(len(dt_us), dtype=np.int64)
    leads[changes] = dt_us[changes] * behind // np.maximum(ahead + behind, 1)
    return leads


def decide_states(
    scores: IntArray,
    weighed: IntArray,
    gaze_stale_us: FloatArray,
    openness_stale_us: FloatArray,
    *,
    loss_hold_us: IntArray | int,
    blink_max_us: IntArray | int,
) -> tuple[StateArray, IntArray]:
    """The state of each frame, and how sure it is.

    A frame's gaze may be missing for as long as `loss_hold_us`; after that the frame is a blink, if the classifier says
    so and the loss is no longer than a blink or an eyelid is there to see, and lost otherwise. Nothing is guessed.

    Parameters
    ----------
    scores : ndarray of int64, shape (n, 4)
        From `state_scores`, or a mean of them over a window.
    weighed : ndarray of int64, shape (n, 4)
        The same from `weigh_scores`; the state with the most of it wins.
    gaze_stale_us, openness_stale_us : ndarray of float64, shape (n,)
        Age of the newest valid value; NaN where there is none.
    loss_hold_us, blink_max_us : int or ndarray of int64, shape (n,)
        The limits, as in `AnalysisParameters`.

    Returns
    -------
    states : ndarray of uint8, shape (n,)
        Codes of `EyeState`.
    certainty : ndarray of int64, shape (n,)
        Score of the state, in units of 1 / PROBABILITY_SCALE; a lost frame is certain.
    """
    best = weighed.argmax(axis=1)
    certainty = scores[np.arange(len(scores)), best]
    sees_gaze = gaze_stale_us <= loss_hold_us
    sees_lid = openness_stale_us <= loss_hold_us
    may_blink = sees_lid | (gaze_stale_us <= blink_max_us)
    keeps = sees_gaze | ((best == EyeState.BLINK) & may_blink)
    states = np.where(keeps, best, EyeState.LOST).astype(np.uint8)
    return states, np.where(keeps, certainty, PROBABILITY_SCALE)
