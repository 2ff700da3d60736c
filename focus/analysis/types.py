"""The words of the analysis: eye states, events, and what a classifier has to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
StateArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


class EyeState(IntEnum):
    """What the eyes do in one frame. The numbers are stored, so they never change."""

    FIXATION = 0
    SACCADE = 1
    PURSUIT = 2
    BLINK = 3
    LOST = 4

    @property
    def label(self) -> str:
        """The name in files, pages and the API."""
        return self.name.lower()


CLASSES: Final = ("fixation", "saccade", "pso", "pursuit", "blink")
"""What the classifier tells apart, in the order of its output columns. Post-saccadic oscillation is a class of its own
inside and part of the saccade outside. `lost` is decided by rule from validity and is not a class."""

STATE_OF_CLASS: Final = (EyeState.FIXATION, EyeState.SACCADE, EyeState.SACCADE, EyeState.PURSUIT, EyeState.BLINK)
"""The eye state that each class stands for."""


class StateClassifier(Protocol):
    """Anything that gives class probabilities for feature rows: a model release, or a fake in a test."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns that `predict` expects, in order."""

    def predict(self, rows: Float32Array) -> Float32Array:
        """Class probabilities, shape (n, len(CLASSES)), for rows of shape (n, len(feature_names)).

        A row's result depends on that row alone, to the last bit.
        """


@dataclass(frozen=True, slots=True)
class StateRun:
    """Consecutive frames in one state: from the first frame of it up to the first frame of the next state.

    At the end of a recording and before a gap the run stops one frame interval after its last frame.
    """

    state: EyeState
    start_us: int
    stop_us: int
    n_frames: int
    mean_probability: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something the eyes did, of a `kind` in `EVENT_KINDS`.

    `attributes` are numbers whose names carry the unit; one that could not be measured is absent. Kind and onset are an
    event's natural key within an analysis.
    """

    kind: str
    onset_us: int
    offset_us: int
    attributes: Mapping[str, float]

    @property
    def duration_us(self) -> int:
        return self.offset_us - self.onset_us


EVENT_KINDS: Final = ("blink", "closure", "fixation", "saccade", "pursuit", "track_loss")


@dataclass(frozen=True, slots=True)
class MetricWindow:
    """What the metrics gathered between two times: JSON-able sums by metric name, which can be combined exactly.

    Windows of a recording lie on a grid of `parameters.window_us` (a minute) from the recording's time zero; `start_us`
    is a window's natural key. `stop_us` of the last one may be earlier than its grid line.
    """

    start_us: int
    stop_us: int
    sums: Mapping[str, Any]
