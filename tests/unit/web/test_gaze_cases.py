"""`gaze_cases.json`, which holds the page's ridge regression to NumPy's: the file says what NumPy says.

`python -m tests.unit.web.test_gaze_cases` writes it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PATH = Path(__file__).parent / "gaze_cases.json"
PENALTY = 0.002
SIZES = np.array([0.1, 0.1, 20.0, 20.0, 20.0])


def ridge(rows: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """The weights by least squares over rows to which the penalty is added as rows of its own."""
    n, m = rows.shape
    extra = np.sqrt(penalty * n) * np.eye(m)[1:]
    return np.linalg.lstsq(np.vstack([rows, extra]), np.concatenate([targets, np.zeros(m - 1)]), rcond=None)[0]


def angle_deg(a: np.ndarray, b: np.ndarray, screen: dict[str, float]) -> float:
    """The angle between two points of the screen by the dot product alone."""
    size = np.array([screen["width_mm"], screen["height_mm"]])
    p, q = (np.append((point - 0.5) * size, screen["distance_mm"]) for point in (a, b))
    return float(np.degrees(np.arccos(p @ q / np.linalg.norm(p) / np.linalg.norm(q))))


def make_cases() -> dict[str, Any]:
    """A calibration of a simulated eye: features that follow the target, with noise of a webcam."""
    random = np.random.default_rng(6)
    targets = np.array([(x, y) for y in (0.1, 0.5, 0.9) for x in (0.1, 0.5, 0.9)])
    features = np.column_stack(
        [
            0.22 * (0.5 - targets[:, 0]) + random.normal(0, 0.004, 9),
            0.13 * (targets[:, 1] - 0.45) + random.normal(0, 0.006, 9),
            random.normal(4.0, 0.6, 9),
            random.normal(-8.0, 0.5, 9),
            random.normal(1.0, 0.3, 9),
        ]
    )
    rows = np.column_stack([np.ones(9), features / SIZES])
    screen = {"width_mm": 344.0, "height_mm": 194.0, "distance_mm": 600.0}
    pairs = random.uniform(0, 1, (6, 2, 2))
    return {
        "penalty": PENALTY,
        "targets": targets.tolist(),
        "features": features.tolist(),
        "weights_x": ridge(rows, targets[:, 0], PENALTY).tolist(),
        "weights_y": ridge(rows, targets[:, 1], PENALTY).tolist(),
        "screen": screen,
        "pairs": pairs.tolist(),
        "angles_deg": [angle_deg(a, b, screen) for a, b in pairs],
    }


def test_the_cases_of_the_page_are_numpys() -> None:
    stored, made = json.loads(PATH.read_text()), make_cases()

    assert stored.keys() == made.keys()
    for name, values in made.items():
        if name == "screen":
            assert stored[name] == values
        else:
            np.testing.assert_allclose(stored[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_penalty_of_nothing_is_least_squares() -> None:
    cases = make_cases()
    rows = np.column_stack([np.ones(9), np.array(cases["features"]) / SIZES])
    targets = np.array(cases["targets"])[:, 0]

    assert ridge(rows, targets, 0.0) == pytest.approx(np.linalg.pinv(rows) @ targets)


if __name__ == "__main__":
    PATH.write_text(json.dumps(make_cases(), indent=1) + "\n")
