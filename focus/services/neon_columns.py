"""The columns of Pupil Labs' CSV files and what they are here: one table for the exporter and the importer.

Angles: azimuth rises to the right as `gaze_x` does; elevation rises upwards, `gaze_y` downwards. Pixels have their
origin at the top left, as shares of the screen do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from focus.protocol.batch import Float32Array, TrackerInfo
from focus.protocol.schema import COLUMNS


@dataclass(frozen=True, slots=True)
class NeonColumn:
    """A header of a file, the column it is here, and how to turn one into the other.

    A value in the file is that of the column times `factor`.
    """

    header: str
    name: str
    unit: str
    factor: float = 1.0

    def to_file(self, values: Float32Array) -> npt.NDArray[np.generic]:
        """Values as they stand in the file; float32 where that is exact, so that they are short."""
        if self.factor in (1.0, -1.0):
            return values * np.float32(self.factor)
        return values.astype(np.float64) * self.factor

    def from_file(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Values of the column; those that `to_file` made come back the same once they are float32."""
        return values / self.factor


_AXES = {"x": ("azimuth", 1.0), "y": ("elevation", -1.0)}


def gaze_columns(tracker: TrackerInfo) -> tuple[NeonColumn, ...]:
    """Columns of gaze.csv: gaze of both eyes, of each eye, and the tracker's confidence."""
    found = [_gaze_column(column.name, tracker) for column in COLUMNS if column.name.startswith("gaze_")]
    found.append(NeonColumn("confidence", "confidence", "1"))
    return tuple(column for column in found if column.name in tracker.columns)


def _gaze_column(name: str, tracker: TrackerInfo) -> NeonColumn:
    *eye, axis = name.removeprefix("gaze_").split("_")
    which = " ".join(["", *eye])
    if tracker.gaze_space == "deg":
        word, factor = _AXES[axis]
        return NeonColumn(f"{word}{which} [deg]", name, "deg", factor)
    screen = tracker.screen
    size_px = None if screen is None else (screen.width_px if axis == "x" else screen.height_px)
    if tracker.gaze_space == "screen" and size_px:
        return NeonColumn(f"gaze{which} {axis} [px]", name, "px", float(size_px))
    return NeonColumn(f"gaze{which} {axis} [norm]", name, f"share of the {tracker.gaze_space}")


def eye_state_columns(tracker: TrackerInfo) -> tuple[NeonColumn, ...]:
    """Columns of 3d_eye_states.csv: pupils, lids, and whatever has no place in another file."""
    found = []
    for eye in ("left", "right"):
        is_mm = tracker.units.get(f"pupil_{eye}") == "mm"
        unit = "mm" if is_mm else "own unit"
        found.append(NeonColumn(f"pupil diameter {eye} [{unit}]", f"pupil_{eye}", unit))
    for eye in ("left", "right"):
        is_mm = tracker.units.get(f"openness_{eye}") == "mm"
        header = f"eyelid aperture {eye} [mm]" if is_mm else f"openness {eye} [ratio]"
        found.append(NeonColumn(header, f"openness_{eye}", "mm" if is_mm else "ratio"))
    elsewhere = {column.name for column in (*found, *head_columns(tracker))} | {"confidence"}
    for column in COLUMNS:
        if column.name not in elsewhere and not column.name.startswith("gaze_"):
            unit = tracker.units.get(column.name, column.unit)
            found.append(NeonColumn(f"{column.name.replace('_', ' ')} [{unit}]", column.name, unit))
    return tuple(column for column in found if column.name in tracker.columns)


def head_columns(tracker: TrackerInfo) -> tuple[NeonColumn, ...]:
    """Columns of head_pose.csv: how the head is turned, and how far away it is."""
    found = [NeonColumn(f"{angle} [deg]", f"head_{angle}", "deg") for angle in ("yaw", "pitch", "roll")]
    found.append(NeonColumn("distance [mm]", "distance", "mm"))
    return tuple(column for column in found if column.name in tracker.columns)
