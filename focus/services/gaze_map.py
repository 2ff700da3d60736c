"""Where the eyes rested: time in fixations over a grid of the screen, the scene picture or the field of view.

Fixations are stored in degrees; on a screen they are put back to where they were on it, with the geometry that the
degrees came from (`focus.analysis.geometry`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from focus.analysis.geometry import ASSUMED_SCENE_DEG, ASSUMED_SCREEN
from focus.analysis.types import Event, FloatArray
from focus.protocol.batch import TrackerInfo

COLUMNS: Final = 64
ROWS: Final = 36
REACHES_DEG: Final = (5.0, 10.0, 20.0, 30.0, 60.0)
"""A map in degrees reaches so far to the left and right of its middle, and 9/16 of it up and down: the least of these
that holds all fixations."""
MARGIN: Final = 1.1
"""What lies at the very edge could not be seen whole."""
MIDDLE_STEP_DEG: Final = 5.0


@dataclass(frozen=True, slots=True)
class View:
    """The part of the field of view that a map in degrees shows: its middle, and how far it reaches to the sides."""

    x_deg: float
    y_deg: float
    reach_deg: float

    @classmethod
    def around(cls, x_deg: FloatArray, y_deg: FloatArray) -> View:
        """The view of some directions: around straight ahead, unless they lie to one side of it and a view around their
        own middle is at most half as wide."""
        if not len(x_deg):
            return cls(0.0, 0.0, REACHES_DEG[-2])
        ends = np.array([[x_deg.min(), x_deg.max()], [y_deg.min(), y_deg.max()]])
        middle = np.rint(ends.mean(axis=1) / MIDDLE_STEP_DEG) * MIDDLE_STEP_DEG
        ahead, own = (_reach_deg(ends - np.reshape(at, (2, 1))) for at in (np.zeros(2), middle))
        is_aside = bool((np.sign(ends[:, 0]) * np.sign(ends[:, 1]) > 0).any())
        return cls(float(middle[0]), float(middle[1]), own) if is_aside and own <= ahead / 2 else cls(0.0, 0.0, ahead)


def _reach_deg(ends: FloatArray) -> float:
    """The least reach that holds these ends of x and of y; the greatest where none does."""
    needed_deg = float(np.abs(ends * [[1.0], [16 / 9]]).max())
    return next((reach for reach in REACHES_DEG if MARGIN * needed_deg < reach), REACHES_DEG[-1])


class GazeMap:
    """Gathers fixations. Cells are counted in milliseconds; what lies outside of the map is counted apart."""

    def __init__(self, tracker: TrackerInfo) -> None:
        self._tracker = tracker
        self.space = tracker.gaze_space
        self._x_deg, self._y_deg, self._ms = array("d"), array("d"), array("q")

    def add(self, fixations: Iterable[Event]) -> None:
        """Take in fixations; those whose direction is not known are left out."""
        for each in fixations:
            if "x_deg" in each.attributes and "y_deg" in each.attributes:
                self._x_deg.append(each.attributes["x_deg"])
                self._y_deg.append(each.attributes["y_deg"])
                self._ms.append(round(each.duration_us / 1000))

    def places(self) -> FloatArray:
        """Where each fixation is, as parts of the map's width and height from its top left corner; shape (n, 2)."""
        return self._places(self._view())

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the cells row by row from the top, in milliseconds, and the view of a map in degrees."""
        view = self._view()
        x, y = self._places(view).T
        ms = np.array(self._ms, dtype=np.int64)
        inside = (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
        cells_ms = np.zeros((ROWS, COLUMNS), dtype=np.int64)
        np.add.at(cells_ms, ((y[inside] * ROWS).astype(int), (x[inside] * COLUMNS).astype(int)), ms[inside])
        return {
            "columns": COLUMNS,
            "rows": ROWS,
            "cells_ms": cells_ms.ravel().tolist(),
            "n_fixations": len(ms),
            "outside_ms": int(ms[~inside].sum()),
            "view": asdict(view) if view else None,
        }

    def _view(self) -> View | None:
        return View.around(np.array(self._x_deg), np.array(self._y_deg)) if self.space == "deg" else None

    def _places(self, view: View | None) -> FloatArray:
        deg = np.array([self._x_deg, self._y_deg]).T
        if view is not None:
            return 0.5 + (deg - [view.x_deg, view.y_deg]) / (2 * view.reach_deg * np.array([1, 9 / 16]))
        if self.space == "scene":
            return deg / ASSUMED_SCENE_DEG + 0.5
        screen = self._tracker.screen or ASSUMED_SCREEN
        places: FloatArray = np.tan(np.radians(deg)) * screen.distance_mm / [screen.width_mm, screen.height_mm] + 0.5
        return places


def regions(cells_ms: npt.ArrayLike) -> list[list[int]]:
    """Milliseconds in the three by three parts of a map, from the top left: what the map says in a table."""
    grid = np.asarray(cells_ms, dtype=np.int64).reshape(ROWS, COLUMNS)
    rows, columns = np.arange(ROWS) * 3 // ROWS, np.arange(COLUMNS) * 3 // COLUMNS
    parts = np.zeros((3, 3), dtype=np.int64)
    np.add.at(parts, (rows[:, None], columns[None, :]), grid)
    return [[int(ms) for ms in row] for row in parts]
