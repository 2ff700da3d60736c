"""A model that is trained in a few seconds on a few simulated people."""

from __future__ import annotations

import pytest

from focus.eyestate.artifact import Manifest
from focus.eyestate.training import read_config, train_release


@pytest.fixture(scope="package")
def tiny_release() -> tuple[bytes, Manifest]:
    config = read_config()
    config["boosting"] |= {"rounds": 12, "max_depth": 4, "learning_rate": 0.4, "min_child_weight": 5.0}
    config["max_rows_per_recording"] = 400
    config["lookahead_ms"] = [0, 150]
    for kind in config["simulated"]:
        config["simulated"][kind] |= {"people": 6, "minutes": 0.7}
    lines: list[str] = []
    return train_release("tiny", config=config, data_dir=None, created="2026-01-01", n_threads=1, report=lines.append)
