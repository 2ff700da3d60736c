"""Agreement between two labellings: kappa, sample F1, event F1, and bootstrap intervals over recordings.

Only arithmetic on codes and times; `evaluation` says what is compared with what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from focus.analysis.types import FloatArray, IntArray

N_BOOTSTRAP: Final = 1000

Counts = IntArray | FloatArray


def confusion(truth: IntArray, predicted: IntArray, n_classes: int) -> IntArray:
    """Counts, shape (n_classes, n_classes): truth by row. Frames whose truth is negative are left out."""
    known = truth >= 0
    cells = truth[known] * n_classes + predicted[known]
    counts: IntArray = np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
    return counts


def kappa(counts: IntArray) -> float:
    """Cohen's kappa of a confusion matrix; NaN when both used a single and the same class.

    References
    ----------
    Cohen (1960), doi:10.1177/001316446002000104.
    """
    total = counts.sum()
    if total == 0:
        return float("nan")
    agreed = np.trace(counts) / total
    expected = float((counts.sum(axis=0) / total) @ (counts.sum(axis=1) / total))
    return float("nan") if expected >= 1 else float((agreed - expected) / (1 - expected))


def class_f1(counts: IntArray, code: int) -> float:
    """F1 of one class of a confusion matrix; NaN when nobody ever used it."""
    both = counts[code, :].sum() + counts[:, code].sum()
    return float(2 * counts[code, code] / both) if both else float("nan")


def match_events(
    truth: Sequence[tuple[int, int]],
    predicted: Sequence[tuple[int, int]],
    *,
    min_iou: float = 0.0,
    tolerance_us: int = 0,
) -> tuple[int, int, int]:
    """One-to-one matches in the order of onsets: an event takes the first one free that overlaps it.

    Parameters
    ----------
    truth, predicted : sequences of (onset_us, offset_us)
        Events of one kind.
    min_iou : float
        Overlap that is asked for, as intersection over union; 0 takes any.
    tolerance_us : int
        True events are widened by this at both ends.

    Returns
    -------
    tuple of int
        Matched, in the truth alone, predicted alone.
    """
    wide = sorted((onset - tolerance_us, offset + tolerance_us) for onset, offset in truth)
    found = sorted(predicted)
    taken = [False] * len(found)
    matched, begin = 0, 0
    for onset, offset in wide:
        while begin < len(found) and (taken[begin] or found[begin][1] <= onset):
            begin += 1
        for place in range(begin, len(found)):
            if found[place][0] >= offset:
                break
            if not taken[place] and _iou((onset, offset), found[place]) > min_iou:
                taken[place] = True
                matched += 1
                break
    return matched, len(wide) - matched, len(found) - matched


def _iou(a: tuple[int, int], b: tuple[int, int]) -> float:
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared / (max(a[1], b[1]) - min(a[0], b[0])) if shared > 0 else 0.0


def event_f1(counts: IntArray) -> float:
    """F1 from (matched, missed, false) counts; NaN without any event."""
    matched, missed, false = (int(count) for count in counts)
    total = 2 * matched + missed + false
    return 2 * matched / total if total else float("nan")


def bootstrap(
    parts: Sequence[Counts], measure: Callable[[Any], float], *, rng: np.random.Generator
) -> tuple[float, float, float]:
    """A measure of summed counts, and its 95 % interval when recordings are drawn again with replacement.

    Parameters
    ----------
    parts : sequence of ndarray
        Counts of each recording; they add up.
    measure : callable
        From summed counts to a number.
    rng : Generator
        Source of the draws.

    Returns
    -------
    tuple of float
        Value, low and high; low and high are NaN for fewer than three recordings.
    """
    stack = np.stack(parts)
    value = measure(stack.sum(axis=0))
    if len(parts) < 3:
        return value, float("nan"), float("nan")
    weights = rng.multinomial(len(parts), np.full(len(parts), 1 / len(parts)), size=N_BOOTSTRAP)
    draws = np.array([measure(np.tensordot(weight, stack, axes=1)) for weight in weights])
    draws = draws[~np.isnan(draws)]
    if not draws.size:
        return value, float("nan"), float("nan")
    low, high = np.quantile(draws, [0.025, 0.975])
    return value, float(low), float(high)


def reliability(probabilities: FloatArray, truth: IntArray, *, n_bins: int = 15) -> FloatArray:
    """Sums for a reliability curve of the winning class, which add up over recordings.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n, k)
        Of k classes.
    truth : ndarray of int64, shape (n,)
        Class of each frame; frames whose truth is negative are left out.
    n_bins : int
        Bins of equal width, by the probability of the winning class.

    Returns
    -------
    ndarray of float64, shape (3, n_bins)
        In each bin: frames, sum of the winning probability, frames whose winning class is the true one.
    """
    known = truth >= 0
    confidence = probabilities[known].max(axis=1)
    correct = probabilities[known].argmax(axis=1) == truth[known]
    place = np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)
    return np.stack([np.bincount(place, weights, minlength=n_bins) for weights in (None, confidence, correct)])


def error_of_reliability(sums: FloatArray) -> float:
    """Expected calibration error from what `reliability` gave: how far confidence lies from accuracy, by frames.

    References
    ----------
    Guo et al. (2017), arXiv:1706.04599.
    """
    n_frames = sums[0].sum()
    return float(np.abs(sums[2] - sums[1]).sum() / n_frames) if n_frames else float("nan")


def calibration_error(probabilities: FloatArray, truth: IntArray, *, n_bins: int = 15) -> float:
    """Expected calibration error of the winning class; NaN when no frame has a truth."""
    return error_of_reliability(reliability(probabilities, truth, n_bins=n_bins))
