"""The columns a tracker may send: one table for the wire, the database, the recording CSV and the JavaScript client.

A column's `bit` is its place in the column mask of the wire format and in stored chunks, so the table is append-only: a
bit is never given to another column. All columns are float32 and NaN is missing. Frame times are not a column: they are
int64 microseconds since the recording began and stand beside the columns in every frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

GazeSpace = Literal["screen", "deg", "scene"]
"""Where gaze is measured: `screen` 0..1 from the top left corner of the screen, `deg` degrees of visual angle
(x right, y down), `scene` 0..1 of a head-mounted scene camera's picture."""

GAZE_SPACES: Final[tuple[GazeSpace, ...]] = ("screen", "deg", "scene")


@dataclass(frozen=True, slots=True)
class Column:
    """One signal of a frame.

    `low` and `high` bound what a tracker may send: they are wide enough for every device and narrow enough to catch a
    unit mistaken or a value that stands for "missing" (0xFFFF, -1000).
    """

    name: str
    bit: int
    unit: str
    low: float
    high: float
    meaning: str


COLUMNS: Final[tuple[Column, ...]] = (
    Column("gaze_x", 0, "gaze space", -400.0, 400.0, "horizontal gaze, both eyes combined; rises to the right"),
    Column("gaze_y", 1, "gaze space", -400.0, 400.0, "vertical gaze, both eyes combined; rises downwards"),
    Column("pupil_left", 2, "mm or the tracker's own", 0.0, 100_000.0, "pupil diameter of the left eye"),
    Column("pupil_right", 3, "mm or the tracker's own", 0.0, 100_000.0, "pupil diameter of the right eye"),
    Column("openness_left", 4, "ratio or mm", -1.0, 100.0, "eyelid distance of the left eye, or its eye aspect ratio"),
    Column(
        "openness_right", 5, "ratio or mm", -1.0, 100.0, "eyelid distance of the right eye, or its eye aspect ratio"
    ),
    Column("confidence", 6, "1", 0.0, 1.0, "the tracker's own trust in the frame; 0 is a lost face or eye"),
    Column("head_yaw", 7, "deg", -180.0, 180.0, "head turned to its left is positive"),
    Column("head_pitch", 8, "deg", -180.0, 180.0, "head raised is positive"),
    Column("head_roll", 9, "deg", -180.0, 180.0, "head tilted to its right shoulder is positive"),
    Column("distance", 10, "mm", 0.0, 10_000.0, "eyes to camera or screen"),
    Column("gaze_left_x", 11, "gaze space", -400.0, 400.0, "horizontal gaze of the left eye alone"),
    Column("gaze_left_y", 12, "gaze space", -400.0, 400.0, "vertical gaze of the left eye alone"),
    Column("gaze_right_x", 13, "gaze space", -400.0, 400.0, "horizontal gaze of the right eye alone"),
    Column("gaze_right_y", 14, "gaze space", -400.0, 400.0, "vertical gaze of the right eye alone"),
    Column("iris_left_x", 15, "eye widths", -5.0, 5.0, "left iris from the middle of its eye; rises as gaze_x"),
    Column("iris_left_y", 16, "eye widths", -5.0, 5.0, "left iris from the line of its eye's corners; rises as gaze_y"),
    Column("iris_right_x", 17, "eye widths", -5.0, 5.0, "right iris from the middle of its eye; rises as gaze_x"),
    Column("iris_right_y", 18, "eye widths", -5.0, 5.0, "right iris, as iris_left_y"),
)

COLUMN_BY_NAME: Final[dict[str, Column]] = {column.name: column for column in COLUMNS}
COLUMN_BY_BIT: Final[dict[int, Column]] = {column.bit: column for column in COLUMNS}

MAX_T_US: Final = 2**53 - 1
"""The last time a frame may have: the largest integer that JavaScript holds exactly (285 years)."""


def column_mask(names: tuple[str, ...]) -> int:
    """The bits of the named columns, added up."""
    mask = 0
    for name in names:
        mask |= 1 << COLUMN_BY_NAME[name].bit
    return mask


def columns_of_mask(mask: int) -> tuple[str, ...]:
    """Names of the columns in a mask, in the order of their bits; a bit no column has raises KeyError."""
    return tuple(COLUMN_BY_BIT[bit].name for bit in range(mask.bit_length()) if mask >> bit & 1)
