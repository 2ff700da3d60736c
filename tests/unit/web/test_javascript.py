"""The pages' JavaScript units, run by Node's own test runner, and what both languages have to agree on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from focus.analysis.types import EVENT_KINDS, EyeState

HERE = Path(__file__).parent
STATIC = Path(__file__).parents[3] / "focus" / "web" / "static"


def test_the_javascript_units_pass() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("the program node is not on this machine")
        pytest.skip("the program node is not on this machine")
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    assert len(files) >= 4

    done = subprocess.run(
        [node, "--test", *files],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_knows_the_eye_states_by_their_codes() -> None:
    words = (STATIC / "js" / "words.js").read_text()
    states = re.search(r"export const STATES = \[(.*?)\]", words)

    assert states is not None
    assert re.findall(r'"(\w+)"', states[1]) == [state.label for state in EyeState]


def test_every_kind_of_event_has_words_and_a_row_in_the_report() -> None:
    words = (STATIC / "js" / "words.js").read_text()
    charts = (STATIC / "js" / "report" / "charts.js").read_text()

    for kind in EVENT_KINDS:
        assert re.search(rf"^  {kind}: ", words, re.MULTILINE), kind
        assert f'"{kind}"]' in charts, kind


def test_no_module_names_another_host() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".css") and "vendor" not in path.parts:
            assert not re.search(r"https?://|wss?://", path.read_text()), path
