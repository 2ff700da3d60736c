"""A run of frames of one recording, and what is known of the tracker that made them.

`FrameBatch` is the one form in which frames move inside FOCUS: a client cuts one, the codec packs it, the pipeline
takes it. Creating one checks it, so nothing behind the border has to check again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from focus.errors import FrameValueError
from focus.protocol.schema import COLUMN_BY_NAME, GAZE_SPACES, MAX_T_US, GazeSpace

IntArray = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]
_Value = TypeVar("_Value", "ScreenGeometry", "TrackerInfo")

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def is_text(value: object, low: int, high: int) -> bool:
    """Whether a value is a text of this length that a database can keep: without U+0000 and halves of pairs."""
    return isinstance(value, str) and low <= len(value) <= high and _UNSTORABLE.search(value) is None


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """Frames in the order of their times.

    Parameters
    ----------
    t_us : ndarray of int64, shape (n,)
        Frame times in microseconds since the recording began, strictly increasing, at least one.
    columns : mapping of str to ndarray of float32, shape (n,)
        Signals by their names in `focus.protocol.schema`; NaN is missing.

    Raises
    ------
    FrameValueError
        If there is no frame, times do not rise, a length differs, a column is unknown, or a value is out of range.
    """

    t_us: IntArray
    columns: Mapping[str, Float32Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        t_us = _checked_times(self.t_us)
        checked: dict[str, Float32Array] = {}
        for name, values in self.columns.items():
            checked[name] = _checked_column(name, values, t_us.size)
        object.__setattr__(self, "t_us", t_us)
        object.__setattr__(self, "columns", checked)

    @classmethod
    def from_stack(cls, t_us: IntArray, names: tuple[str, ...], stack: Float32Array) -> FrameBatch:
        """A batch whose columns are the rows of one array: the same checks and errors, with few NumPy calls.

        Parameters
        ----------
        t_us : ndarray of int64, shape (n,)
            Frame times in microseconds.
        names : tuple of str
            Column names, each once.
        stack : ndarray of float32, shape (len(names), n), C-contiguous
            Their values; the batch keeps views of its rows.

        Raises
        ------
        FrameValueError
            As the class.
        """
        t_us = _checked_times(t_us)
        limits = _limits_of(names)
        columns = dict(zip(names, stack, strict=True))
        is_plain = stack.dtype == np.float32 and stack.flags.c_contiguous and stack.shape == (len(columns), t_us.size)
        # NaN compares false on both sides, so it passes; infinity does not.
        if limits is None or not is_plain or ((stack < limits[0]) | (stack > limits[1])).any():
            return cls(t_us, columns)  # one column after the other: converts it, or finds the frame and raises
        return _unchecked(t_us, columns)

    @classmethod
    def from_stacks(cls, t_us: IntArray, names: tuple[str, ...], stacks: Float32Array) -> list[FrameBatch | None]:
        """Many batches of one shape at once; None for one that fails a check, which the class then words.

        Parameters
        ----------
        t_us : ndarray of int64, shape (m, n), C-contiguous
            Frame times of m batches in microseconds.
        names : tuple of str
            Names of their columns, each known and once.
        stacks : ndarray of float32, shape (m, len(names), n), C-contiguous
            Their values; the batches keep views of both arrays.
        """
        is_good = (t_us[:, 0] >= 0) & (t_us[:, -1] <= MAX_T_US) & (t_us[:, 1:] > t_us[:, :-1]).all(axis=1)
        limits = _limits_of(names)
        if limits is None:
            return [None] * len(t_us)
        is_good &= ~((stacks < limits[0]) | (stacks > limits[1])).any(axis=(1, 2))
        return [
            _unchecked(times, dict(zip(names, stack, strict=True))) if good else None
            for times, stack, good in zip(t_us, stacks, is_good.tolist(), strict=True)
        ]

    def __len__(self) -> int:
        return int(self.t_us.size)

    def __getitem__(self, part: slice) -> FrameBatch:
        """The frames of a slice with step one; an empty slice is a FrameValueError."""
        columns = {name: values[part] for name, values in self.columns.items()}
        t_us = self.t_us[part]
        if t_us.size == 0 or part.step not in (None, 1):
            return FrameBatch(t_us, columns)
        return _unchecked(t_us, columns)  # neighbours of a checked batch need no second check

    def equals(self, other: FrameBatch) -> bool:
        """Whether both hold the same frames, NaN being equal to NaN."""
        return (
            np.array_equal(self.t_us, other.t_us)
            and self.columns.keys() == other.columns.keys()
            and all(np.array_equal(self.columns[k], other.columns[k], equal_nan=True) for k in self.columns)
        )


def _unchecked(t_us: IntArray, columns: dict[str, Float32Array]) -> FrameBatch:
    batch = object.__new__(FrameBatch)
    object.__setattr__(batch, "t_us", t_us)
    object.__setattr__(batch, "columns", columns)
    return batch


def _checked_times(values: npt.ArrayLike) -> IntArray:
    t_us = np.ascontiguousarray(values, dtype=np.int64)
    if t_us.ndim != 1 or t_us.size == 0:
        raise FrameValueError(f"t_us has shape {t_us.shape}; a batch is a flat array of at least one frame")
    first, last = int(t_us[0]), int(t_us[-1])
    if first < 0 or last > MAX_T_US:
        raise FrameValueError(f"t_us {first if first < 0 else last} lies outside of 0..{MAX_T_US}")
    falls = t_us[1:] <= t_us[:-1]
    if falls.any():
        at = int(falls.argmax()) + 1
        raise FrameValueError(f"frame {at}: t_us {t_us[at]} is not after {t_us[at - 1]}")
    return t_us


@lru_cache(maxsize=256)
def _limits_of(names: tuple[str, ...]) -> tuple[Float32Array, Float32Array] | None:
    """Lowest and highest values as arrays of shape (len(names), 1), or None when a name is unknown."""
    if any(name not in COLUMN_BY_NAME for name in names):
        return None
    columns = [COLUMN_BY_NAME[name] for name in names]
    low = np.array([[column.low] for column in columns], dtype=np.float32).reshape(-1, 1)
    high = np.array([[column.high] for column in columns], dtype=np.float32).reshape(-1, 1)
    return low, high


def _checked_column(name: str, values: npt.ArrayLike, n: int) -> Float32Array:
    column = COLUMN_BY_NAME.get(name)
    if column is None:
        raise FrameValueError(f"column {name!r} is unknown; there are: {', '.join(COLUMN_BY_NAME)}")
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.shape != (n,):
        raise FrameValueError(f"column {name} has shape {array.shape}; the batch has {n} frames")
    # NaN compares false on both sides, so it passes; infinity does not.
    outside = (array < column.low) | (array > column.high)
    if outside.any():
        at = int(outside.argmax())
        raise FrameValueError(f"frame {at}: {name} {array[at]} lies outside of {column.low:g}..{column.high:g}")
    return array


def join_batches(batches: Sequence[FrameBatch]) -> FrameBatch:
    """One batch of all frames; a column that is missing from some batches is NaN there."""
    names = sorted({name for batch in batches for name in batch.columns}, key=lambda name: COLUMN_BY_NAME[name].bit)
    columns = {
        name: np.concatenate(
            [batch.columns.get(name, np.full(len(batch), np.nan, dtype=np.float32)) for batch in batches]
        )
        for name in names
    }
    return FrameBatch(np.concatenate([batch.t_us for batch in batches]), columns)


@dataclass(frozen=True, slots=True)
class ScreenGeometry:
    """The screen that was looked at, and how far away it was; needed to turn `screen` gaze into degrees."""

    width_mm: float
    height_mm: float
    distance_mm: float
    width_px: int | None = None
    height_px: int | None = None

    def __post_init__(self) -> None:
        for name, low, high in (("width_mm", 10, 10_000), ("height_mm", 10, 10_000), ("distance_mm", 50, 20_000)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise FrameValueError(f"screen {name} {value} lies outside of {low}..{high}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScreenGeometry:
        """From JSON.

        Raises
        ------
        FrameValueError
            If a field is missing, unknown, of a wrong type or out of range.
        """
        return _from_fields(cls, values, "screen")


@dataclass(frozen=True, slots=True)
class TrackerInfo:
    """What a client declares about its tracker when it opens a recording.

    `rate_hz` is nominal and may be unknown; what FOCUS says about quality rests on the measured times.
    """

    name: str
    columns: tuple[str, ...]
    rate_hz: float | None = None
    gaze_space: GazeSpace = "screen"
    model: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    screen: ScreenGeometry | None = None

    def __post_init__(self) -> None:
        if not is_text(self.name, 1, 100):
            raise FrameValueError(f"tracker name {str(self.name)[:120]!r} is not a text of 1 to 100 characters")
        if not is_text(self.model, 0, 100):
            raise FrameValueError(f"tracker model {str(self.model)[:120]!r} is not a text of at most 100 characters")
        if not isinstance(self.columns, (tuple, list)):
            raise FrameValueError(f"tracker columns {self.columns!r} are not a list of names")
        for name in self.columns:
            if name not in COLUMN_BY_NAME:
                raise FrameValueError(f"column {name!r} is unknown; there are: {', '.join(COLUMN_BY_NAME)}")
        if self.gaze_space not in GAZE_SPACES:
            raise FrameValueError(f"gaze_space {self.gaze_space!r} is none of {', '.join(GAZE_SPACES)}")
        if self.rate_hz is not None:
            if isinstance(self.rate_hz, bool) or not isinstance(self.rate_hz, (int, float)):
                raise FrameValueError(f"rate_hz {self.rate_hz!r} is not a number")
            if not 0.5 <= self.rate_hz <= 5000:
                raise FrameValueError(f"rate_hz {self.rate_hz} lies outside of 0.5..5000")
        if not isinstance(self.units, Mapping) or not all(
            key in COLUMN_BY_NAME and is_text(unit, 0, 20) for key, unit in self.units.items()
        ):
            raise FrameValueError(f"units {self.units!r} are not texts of at most 20 characters by column name")
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "units", dict(self.units))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, and read again by `from_dict`."""
        return {
            "name": self.name,
            "model": self.model,
            "columns": list(self.columns),
            "rate_hz": self.rate_hz,
            "gaze_space": self.gaze_space,
            "units": dict(self.units),
            "screen": self.screen.to_dict() if self.screen else None,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrackerInfo:
        """From JSON.

        Raises
        ------
        FrameValueError
            If a field is missing, unknown, of a wrong type or out of range.
        """
        known = dict(values) if isinstance(values, Mapping) else {}
        if known.get("screen") is not None:
            known["screen"] = ScreenGeometry.from_dict(known["screen"])
        return _from_fields(cls, known, "tracker")


def _from_fields(cls: type[_Value], values: Mapping[str, Any], what: str) -> _Value:
    if not isinstance(values, Mapping):
        raise FrameValueError(f"{what} {values!r} is not an object")
    names = [field.name for field in fields(cls)]
    unknown = [key for key in values if key not in names]
    if unknown:
        raise FrameValueError(f"{what} field {unknown[0]!r} is unknown; there are: {', '.join(names)}")
    try:
        return cls(**values)
    except TypeError as err:
        raise FrameValueError(f"{what} is not complete or a field has a wrong type: {err}") from err
