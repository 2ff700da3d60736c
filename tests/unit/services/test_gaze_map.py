"""The map of where the eyes rested: what part of the world it shows, and in which cell a fixation lies."""

from __future__ import annotations

import numpy as np
import pytest

from focus.analysis.types import Event
from focus.protocol.batch import ScreenGeometry, TrackerInfo
from focus.services.gaze_map import GazeMap, View

DEGREES = TrackerInfo("t", ("gaze_x", "gaze_y"), gaze_space="deg")
ON_SCREEN = TrackerInfo("t", ("gaze_x", "gaze_y"), gaze_space="screen", screen=ScreenGeometry(600, 300, 600))


def fixation(x_deg: float, y_deg: float, ms: int = 200) -> Event:
    return Event("fixation", 0, 1000 * ms, {"x_deg": x_deg, "y_deg": y_deg})


@pytest.mark.parametrize(
    ("x_deg", "y_deg", "expected"),
    [
        ([-3, 4], [-1, 2], (0, 0, 5)),  # 2 deg down need a reach of 3.6
        ([-3, 4], [-5, 2], (0, 0, 10)),  # 5 deg up one of 8.9
        ([-12, 4], [0, 0], (0, 0, 20)),
        ([2, 48], [4, 24], (25, 15, 30)),  # a gaze that is counted from a corner
        ([40, 44], [1, 2], (40, 0, 5)),
        ([-170, 170], [0, 0], (0, 0, 60)),
        ([], [], (0, 0, 30)),
    ],
)
def test_a_view_is_the_least_that_holds_all_and_stays_around_straight_ahead_where_it_can(
    x_deg: list[float], y_deg: list[float], expected: tuple[float, float, float]
) -> None:
    view = View.around(np.array(x_deg, dtype=float), np.array(y_deg, dtype=float))

    assert (view.x_deg, view.y_deg, view.reach_deg) == expected


def test_a_fixation_counts_in_the_cell_of_its_direction_and_beyond_the_edges_apart() -> None:
    found = GazeMap(DEGREES)
    found.add([fixation(0, 0, 300), fixation(100, 0, 50), fixation(-100, 0, 70)])

    told = found.to_dict()

    assert told["view"] == {"x_deg": 0.0, "y_deg": 0.0, "reach_deg": 60.0}
    assert (told["n_fixations"], told["outside_ms"], sum(told["cells_ms"])) == (3, 120, 300)
    assert told["cells_ms"].index(300) == 18 * 64 + 32


def test_a_map_of_the_screen_shows_the_screen() -> None:
    found = GazeMap(ON_SCREEN)
    # 150 mm to the right of the middle of a screen of 600 mm by 300 mm, seen from 600 mm.
    found.add([fixation(float(np.degrees(np.arctan(150 / 600))), 0.0)])

    assert found.places().tolist() == [pytest.approx([0.75, 0.5])]
    assert found.to_dict()["view"] is None


def test_a_map_of_no_fixation_is_empty() -> None:
    told = GazeMap(DEGREES).to_dict()

    assert (told["n_fixations"], sum(told["cells_ms"]), GazeMap(DEGREES).places().shape) == (0, 0, (0, 2))
