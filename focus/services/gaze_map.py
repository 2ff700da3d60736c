"""Where the eyes rested: time in fixations over a grid of the screen, the scene picture or the field of view.

Fixations are stored in degrees; on a screen they are put back to where they were on it, with the geometry that the
degrees came from (`focus.analysis.geometry`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from focus.analysis.geometry import ASSUMED_SCENE_DEG, ASSUMED_SCREEN
from focus.analysis.types import Event
from focus.protocol.batch import TrackerInfo

COLUMNS: Final = 64
ROWS: Final = 36
REACH_DEG: Final = 30.0
"""A map in degrees reaches so far to the left and right of straight ahead, and 9/16 of it up and down."""


class GazeMap:
    """Gathers fixations. Cells are counted in milliseconds; what lies outside of the map is counted apart."""

    def __init__(self, tracker: TrackerInfo) -> None:
        self._tracker = tracker
        self.space = tracker.gaze_space
        self._cells_ms = np.zeros((ROWS, COLUMNS), dtype=np.int64)
        self.n = 0
        self.outside_ms = 0

    def add(self, fixations: Iterable[Event]) -> list[tuple[float, float]]:
        """Take in fixations; returns where each is, as parts of the map's width and height (0..1 within it)."""
        places = []
        for each in fixations:
            if "x_deg" not in each.attributes or "y_deg" not in each.attributes:
                continue
            x, y = self.place(each.attributes["x_deg"], each.attributes["y_deg"])
            ms = round(each.duration_us / 1000)
            self.n += 1
            if 0 <= x < 1 and 0 <= y < 1:
                self._cells_ms[int(y * ROWS), int(x * COLUMNS)] += ms
            else:
                self.outside_ms += ms
            places.append((x, y))
        return places

    def place(self, x_deg: float, y_deg: float) -> tuple[float, float]:
        """A direction of gaze as parts of the map's width and height from its top left corner."""
        if self.space == "deg":
            return 0.5 + x_deg / (2 * REACH_DEG), 0.5 + y_deg / (2 * REACH_DEG * 9 / 16)
        if self.space == "scene":
            return x_deg / ASSUMED_SCENE_DEG[0] + 0.5, y_deg / ASSUMED_SCENE_DEG[1] + 0.5
        screen = self._tracker.screen or ASSUMED_SCREEN
        x_mm, y_mm = (math.tan(math.radians(deg)) * screen.distance_mm for deg in (x_deg, y_deg))
        return x_mm / screen.width_mm + 0.5, y_mm / screen.height_mm + 0.5

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the cells row by row from the top, in milliseconds."""
        return {
            "columns": COLUMNS,
            "rows": ROWS,
            "cells_ms": self._cells_ms.ravel().tolist(),
            "n_fixations": self.n,
            "outside_ms": self.outside_ms,
        }


def regions(cells_ms: npt.ArrayLike) -> list[list[int]]:
    """Milliseconds in the three by three parts of a map, from the top left: what the map says in a table."""
    grid = np.asarray(cells_ms, dtype=np.int64).reshape(ROWS, COLUMNS)
    rows, columns = np.arange(ROWS) * 3 // ROWS, np.arange(COLUMNS) * 3 // COLUMNS
    parts = np.zeros((3, 3), dtype=np.int64)
    np.add.at(parts, (rows[:, None], columns[None, :]), grid)
    return [[int(ms) for ms in row] for row in parts]
