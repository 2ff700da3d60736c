"""The interface of a feature family, its registry, and the pass over a stack.

A family is a class with `names` and `compute`; it goes into a file of its own in this package and registers itself::

    @FEATURES.register("pupil")
    class PupilFeatures:
        names = ("pupil_change_50ms",)

        def compute(self, stack: Stack) -> list[FloatArray]:
            ...

Rules that the contract tests check: a feature looks back at most `REACH_BACK_US` and ahead at most `stack.ahead_us`;
sums are sums of whole numbers; no absolute gaze position; NaN where something is missing, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, Protocol

import numpy as np

from focus.analysis.stack import Stack
from focus.analysis.types import Float32Array, FloatArray
from focus.registry import Registry


class FeatureFamily(Protocol):
    """Features that are computed together."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called; scales and units are in the name."""

    def compute(self, stack: Stack) -> list[FloatArray]:
        """One array of shape (stack.n_rows,) a name; NaN where the feature cannot be told."""


FEATURES: Final[Registry[Callable[[], FeatureFamily]]] = Registry("feature family", "focus.analysis.features")


@cache
def _families() -> tuple[FeatureFamily, ...]:
    return tuple(family() for _, family in FEATURES)


@cache
def feature_names() -> tuple[str, ...]:
    """Names of the columns of a feature row, in order."""
    return tuple(name for family in _families() for name in family.names)


def feature_rows(stack: Stack) -> Float32Array:
    """The rows of a stack.

    Returns
    -------
    ndarray of float32, shape (stack.n_rows, len(feature_names()))
        NaN where a feature cannot be told.
    """
    rows: Float32Array = np.empty((len(feature_names()), stack.n_rows), dtype=np.float32)
    at = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        for family in _families():
            for column in family.compute(stack):
                rows[at] = column
                at += 1
    return np.ascontiguousarray(rows.T)
