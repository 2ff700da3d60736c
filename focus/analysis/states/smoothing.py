"""Smoothing of scores over a short window on both sides of a frame.

The look-ahead of an analysis has two parts: the features of a frame see most of it, and the last bit is spent here,
where a frame's scores become the mean over the frames near it in time. Single frames that stand out at 500 Hz and
more are thus outvoted; at 60 Hz the window holds one frame and nothing changes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from focus.analysis.states.decide import N_STATES
from focus.analysis.types import FloatArray, IntArray

SMOOTHING_US: Final = 10_000
"""Half the window, at most: about the shortest saccade (Bahill 1975), so that none is averaged away."""

_JUMP_US: Final = 1 << 24


def split_lookahead(lookahead_us: int) -> tuple[int, int]:
    """How far features may look ahead, and how far the smoothing does; they add up to the look-ahead."""
    smoothing_us = min(SMOOTHING_US, lookahead_us // 4)
    return lookahead_us - smoothing_us, smoothing_us


class ScoreTail:
    """Scores of one recording's newest frames: those that are not smoothed yet, and those before that they need."""

    def __init__(self, n_facts: int) -> None:
        self.t_us: IntArray = np.empty(0, dtype=np.int64)
        self.scores: IntArray = np.empty((0, N_STATES), dtype=np.int64)
        self.facts: FloatArray = np.empty((0, n_facts))
        self.n_done = 0  # how many of them are smoothed

    def append(self, t_us: IntArray, scores: IntArray, facts: FloatArray) -> None:
        """Add frames with what else is known of them, which is kept until they are smoothed."""
        self.t_us = np.concatenate([self.t_us, t_us])
        self.scores = np.concatenate([self.scores, scores])
        self.facts = np.concatenate([self.facts, facts])

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"t_us": self.t_us, "scores": self.scores, "facts": self.facts, "n_done": self.n_done}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.t_us, self.scores, self.facts = state["t_us"], state["scores"], state["facts"]
        self.n_done = state["n_done"]


def smooth_scores(
    tails: list[ScoreTail], smoothing_us: list[int], is_last: list[bool]
) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
    """Mean scores of all frames whose window is complete, over all recordings at once.

    Parameters
    ----------
    tails : list of ScoreTail
        One a recording; the frames that are done leave their tail.
    smoothing_us : list of int
        Half the window of each.
    is_last : list of bool
        Whether no more frames come, so that windows end where the recording does.

    Returns
    -------
    t_us : ndarray of int64, shape (n,)
        Times of the frames, one recording after the other.
    scores : ndarray of int64, shape (n, 4)
        Mean scores.
    facts : ndarray of float64, shape (n, n_facts)
        What `append` was given.
    counts : ndarray of int64, shape (len(tails),)
        How many frames each recording got.
    """
    sizes = np.array([len(tail.t_us) for tail in tails])
    starts = np.cumsum(sizes) - sizes
    own_t_us = np.concatenate([tail.t_us for tail in tails])
    scores = np.concatenate([tail.scores for tail in tails])
    facts = np.concatenate([tail.facts for tail in tails])
    begins = np.array([tail.t_us[0] if len(tail.t_us) else 0 for tail in tails])
    ends = np.array([tail.t_us[-1] if len(tail.t_us) else 0 for tail in tails])
    spans = ends - begins + _JUMP_US
    t_us = own_t_us + np.repeat(np.cumsum(spans) - spans - begins, sizes)
    half_us = np.repeat(np.array(smoothing_us, dtype=np.int64), sizes)
    complete = (own_t_us + half_us <= np.repeat(ends, sizes)) | np.repeat(np.array(is_last), sizes)
    done = np.concatenate([np.arange(len(tail.t_us)) < tail.n_done for tail in tails])
    wanted = np.flatnonzero(complete & ~done)
    start = np.searchsorted(t_us, t_us[wanted] - half_us[wanted], side="left")
    stop = np.searchsorted(t_us, t_us[wanted] + half_us[wanted], side="right")
    total: IntArray = np.zeros((len(scores) + 1, N_STATES), dtype=np.int64)
    np.cumsum(scores, axis=0, out=total[1:])
    mean = (total[stop] - total[start]) // (stop - start)[:, None]
    counts = (
        np.bincount(np.searchsorted(starts, wanted, side="right") - 1, minlength=len(tails)) if len(tails) else sizes
    )
    for tail, count, half in zip(tails, counts.tolist(), smoothing_us, strict=True):
        _forget(tail, tail.n_done + count, half)
    return own_t_us[wanted], mean, facts[wanted], counts


def _forget(tail: ScoreTail, n_done: int, smoothing_us: int) -> None:
    """Drop the frames that are done and that no window of a later frame can reach."""
    if n_done < len(tail.t_us):
        oldest_us = tail.t_us[n_done] - smoothing_us
    elif n_done:
        oldest_us = tail.t_us[-1] - smoothing_us
    else:
        return
    n = min(int(np.searchsorted(tail.t_us, oldest_us, side="left")), n_done)
    tail.t_us, tail.scores, tail.facts = tail.t_us[n:], tail.scores[n:], tail.facts[n:]
    tail.n_done = n_done - n
