from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from config import ROOT


def loaded_by(statement: str) -> set[str]:
    """Names of the modules that a new process has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*(name for name, module in sys.modules.items() if module is not None))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed, so nothing could load it")
def test_the_classifier_loads_nothing_of_scikit_learn() -> None:
    loaded = loaded_by("import focus.eyestate.model")

    assert "xgboost.core" in loaded
    assert loaded & {"sklearn", "scipy.stats", "pandas"} == set()


def test_scikit_learn_can_be_loaded_afterwards_by_those_who_use_it() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")

    assert "sklearn.base" in loaded_by("import focus.eyestate.model\nimport sklearn.base")
