"""`flask model` as somebody types it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from focus.cli.model import model
from focus.demo import DEMO_PATH
from focus.eyestate.artifact import Manifest, write_release


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    app = Flask("focus", instance_path=str(tmp_path))
    app.cli.add_command(model)

    def invoke(arguments: Sequence[str]) -> Result:
        return app.test_cli_runner().invoke(args=["model", *arguments])

    return invoke


def test_evaluate_prints_agreement_beside_the_baselines(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run(["evaluate", str(DEMO_PATH), "--lookahead-ms", "0", "--rate-hz", "30", "--json"])

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    ours, *others = told["results"]
    assert told["recordings"] == 1
    assert (ours["lookahead_ms"], ours["rate_hz"]) == (0.0, 30.0)
    assert ours["scores"]["kappa"]["value"] > 0.5
    assert [each["classifier"] for each in others] == ["I-VT 30 deg/s", "I-DT 1 deg"]
    assert all(each["lookahead_ms"] is None for each in others)


def test_evaluate_reads_folders_and_prints_a_table(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, tiny_release: tuple[bytes, Manifest]
) -> None:
    write_release(tmp_path / "models" / "tiny", *tiny_release)
    folder = tmp_path / "labelled"
    folder.mkdir()
    (folder / "one.csv").write_text(
        "t_us,openness_left,label\n" + "".join(f"{n * 33_000},0.3,open\n" for n in range(60)), encoding="utf-8"
    )

    result = run(["evaluate", str(folder), "--lookahead-ms", "50", "--release", "tiny"])

    assert result.exit_code == 0, result.output
    assert "tiny, look-ahead 50 ms" in result.stdout
    assert "openness < 0.2, look-ahead all" in result.stdout


def test_a_file_without_labels_ends_with_one_line_and_status_two(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "plain.csv"
    path.write_text("t_us,confidence\n0,1\n33000,1\n", encoding="utf-8")

    result = run(["evaluate", str(path)])

    assert result.exit_code == 2
    assert result.stderr == "plain.csv: there is no label column, so nothing can be compared\n"


def test_an_unknown_release_is_refused_with_those_that_exist(run) -> None:  # type: ignore[no-untyped-def]
    result = run(["evaluate", str(DEMO_PATH), "--release", "nobody"])

    assert result.exit_code == 1
    assert result.stderr.startswith("no release is called 'nobody'; there are: ")


def test_list_marks_the_active_release(run, tmp_path: Path, tiny_release: tuple[bytes, Manifest]) -> None:  # type: ignore[no-untyped-def]
    write_release(tmp_path / "models" / "tiny", *tiny_release)
    (tmp_path / "models" / "active").write_text("tiny\n", encoding="utf-8")

    listed = json.loads(run(["list", "--json"]).stdout)
    table = run(["list"]).stdout

    assert [each["name"] for each in listed if each["active"]] == ["tiny"]
    assert len(listed) >= 2
    assert any(line.startswith("*") and "tiny" in line for line in table.splitlines())


def test_train_writes_a_release_from_a_configuration(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    config = tmp_path / "small.toml"
    config.write_text(
        "seed = 5\nlookahead_ms = [0]\nheld_out_ratio = 0.3\nmax_rows_per_recording = 200\n"
        "[boosting]\nrounds = 4\nearly_stopping_rounds = 4\nmax_depth = 3\n"
        "[class_weight]\nfixation = 1.0\nsaccade = 1.0\npso = 1.0\npursuit = 1.0\nblink = 1.0\n"
        "[simulated.desktop]\npeople = 5\nminutes = 0.3\nweight = 1.0\n",
        encoding="utf-8",
    )

    result = run(["train", "small-1", "--config", str(config), "--out", str(tmp_path / "models")])

    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "models" / "small-1" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["parameters"]["seed"] == 5
    assert manifest["training"]["people"] == 5
    assert "small-1" in [each["name"] for each in json.loads(run(["list", "--json"]).stdout)]
