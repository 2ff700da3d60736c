"""`flask model` as somebody types it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from config import ROOT, Settings
from focus.app import create_command_app
from focus.demo import DEMO_PATH
from focus.eyestate.artifact import Manifest, write_release
from focus.eyestate.installed import BUNDLED_DIR, shipped_name
from focus.storage.database import db
from tests.conftest import SettingsFactory

Run = Callable[..., Result]


@pytest.fixture
def models_dir(settings: Settings) -> Path:
    return settings.INSTANCE / "models"


@pytest.fixture
def run(settings: Settings) -> Iterator[Run]:
    app = create_command_app(settings)

    def invoke(*arguments: str) -> Result:
        return app.test_cli_runner().invoke(args=["model", *arguments])

    yield invoke
    with app.app_context():
        db.engine.dispose()


def test_evaluate_prints_agreement_beside_the_baselines(run: Run, tmp_path: Path) -> None:
    result = run("evaluate", str(DEMO_PATH), "--lookahead-ms", "0", "--rate-hz", "30", "--json")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    ours, *others = told["results"]
    assert told["recordings"] == 1
    assert (ours["lookahead_ms"], ours["rate_hz"]) == (0.0, 30.0)
    assert ours["scores"]["kappa"]["value"] > 0.5
    assert [each["classifier"] for each in others] == ["I-VT 30 deg/s", "I-DT 1 deg", "pymovements I-DT"]
    assert all(each["lookahead_ms"] is None for each in others)


def test_evaluate_reads_folders_and_prints_a_table(
    run: Run, tmp_path: Path, models_dir: Path, tiny_release: tuple[bytes, Manifest]
) -> None:
    write_release(models_dir / "tiny", *tiny_release)
    folder = tmp_path / "labelled"
    folder.mkdir()
    (folder / "one.csv").write_text(
        "t_us,openness_left,label\n" + "".join(f"{n * 33_000},0.3,open\n" for n in range(60)), encoding="utf-8"
    )

    result = run("evaluate", str(folder), "--lookahead-ms", "50", "--release", "tiny")

    assert result.exit_code == 0, result.output
    assert "tiny, look-ahead 50 ms" in result.stdout
    assert "openness < 0.2, look-ahead all" in result.stdout


def test_evaluate_fills_the_table_with_recordings_of_each_kind(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "made_images_ada_1.csv.gz").symlink_to(DEMO_PATH)
    openness = [(0.02, "closed") if n % 90 > 85 else (0.3, "open") for n in range(900)]
    lines = [f"{n * 33_000},{value},{label}" for n, (value, label) in enumerate(openness)]
    (folder / "lids_bob_1.csv").write_text("\n".join(["t_us,openness_left,label", *lines]), encoding="utf-8")

    result = run("evaluate", str(folder), "--table", "--json", "--person", r"_([a-z]+)_\d")

    assert result.exit_code == 0, result.output
    rows = {(row["recordings"], row["measure"]): row for row in json.loads(result.stdout)["rows"]}
    images = rows["images, 30 Hz", "kappa"]
    assert [(each["lookahead_ms"], each["reach"]) for each in images["model"]] == [(0.0, 0.78), (50.0, 0.81)]
    assert {"I-VT 30 deg/s", "I-DT 1 deg"} <= set(images["others"])
    assert rows["images, 30 Hz, 0.5 deg noise", "kappa"]["n_recordings"] == 0, "its gaze is not in degrees"
    lids = rows["webcam lids, 18 Hz and more", "blink events F1"]
    assert [each["lookahead_ms"] for each in lids["model"]] == [0.0, 150.0]
    assert lids["others"]["openness < 0.2"]["value"] == 1.0
    assert rows["webcam lids, 18 Hz and more", "blink rate error a minute"]["model"][0]["reach"] == 0.5
    assert rows["GazeCom, 250 Hz", "noise F1 of four"]["model"] == []


def test_a_person_that_is_not_in_a_files_name_is_refused(run: Run) -> None:
    result = run("evaluate", str(DEMO_PATH), "--person", r"_(u\d+)")

    assert result.exit_code == 2
    assert "finds no group in demo.csv.gz" in result.stderr


def test_packages_of_other_detectors_that_are_missing_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("focus.eyestate.peers.importlib.util.find_spec", lambda name: None)

    result = run("evaluate", str(DEMO_PATH), "--rate-hz", "30", "--lookahead-ms", "0")

    assert result.exit_code == 0, result.output
    assert "pymovements is not installed; its detectors are left out" in result.stderr
    assert "remodnav is not installed; its detectors are left out" in result.stderr
    assert "pymovements" not in result.stdout


def test_a_file_without_labels_ends_with_one_line_and_status_two(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("t_us,confidence\n0,1\n33000,1\n", encoding="utf-8")

    result = run("evaluate", str(path))

    assert result.exit_code == 2
    assert result.stderr == "plain.csv: there is no label column, so nothing can be compared\n"


def test_an_unknown_release_is_refused_with_those_that_exist(run: Run) -> None:
    result = run("evaluate", str(DEMO_PATH), "--release", "nobody")

    assert result.exit_code == 1
    assert result.stderr.startswith("no release is called 'nobody'; there are: ")


def test_a_release_is_registered_promoted_and_rolled_back(
    run: Run, tmp_path: Path, models_dir: Path, tiny_release: tuple[bytes, Manifest]
) -> None:
    write_release(tmp_path / "made" / "tiny", *tiny_release)

    registered = run("register", str(tmp_path / "made" / "tiny"))
    promoted = run("promote", "tiny")
    listed = json.loads(run("list", "--json").stdout)
    table = run("list").stdout
    back = run("rollback")

    assert registered.stdout == "tiny is registered; `flask model promote tiny` makes it the active one\n"
    assert (models_dir / "tiny" / "model.ubj").read_bytes() == tiny_release[0]
    assert promoted.stdout == f"tiny is active; before it was {shipped_name()}\n"
    assert [each["name"] for each in listed if each["active"]] == ["tiny"]
    assert [each["name"] for each in listed if each["shipped"]] == [shipped_name()]
    assert [line.split()[1] for line in table.splitlines() if line.startswith("*")] == ["tiny"]
    assert back.stdout == f"{shipped_name()} is active again; before it was tiny\n"
    assert run("rollback").stderr == f"no release was promoted; the shipped one, {shipped_name()}, is active\n"


def test_evaluate_uses_the_active_release(run: Run, models_dir: Path, tiny_release: tuple[bytes, Manifest]) -> None:
    write_release(models_dir / "tiny", *tiny_release)
    assert run("promote", "tiny").exit_code == 0

    result = run("evaluate", str(DEMO_PATH), "--lookahead-ms", "0", "--rate-hz", "30", "--json", "--no-baselines")

    assert [each["classifier"] for each in json.loads(result.stdout)["results"]] == ["tiny"]


def test_before_there_is_a_database_the_shipped_release_is_used(make_settings: SettingsFactory) -> None:
    app = create_command_app(make_settings())
    arguments = ["model", "evaluate", str(DEMO_PATH), "--lookahead-ms", "0", "--rate-hz", "30", "--json"]

    result = app.test_cli_runner().invoke(args=[*arguments, "--no-baselines"])
    with app.app_context():
        db.engine.dispose()

    assert [each["classifier"] for each in json.loads(result.stdout)["results"]] == [shipped_name()]


def test_a_release_that_does_not_fit_is_refused_with_one_line(
    run: Run, tmp_path: Path, models_dir: Path, tiny_release: tuple[bytes, Manifest]
) -> None:
    trees, manifest = tiny_release
    write_release(tmp_path / "odd", trees, replace(manifest, name="odd", versions={"xgboost": "99.0.0"}))

    result = run("register", str(tmp_path / "odd"))

    assert result.exit_code == 1
    assert result.stderr.startswith("release odd was written by XGBoost 99.0.0; ")
    assert result.stderr.count("\n") == 1
    assert not models_dir.exists()


def test_the_card_in_the_docs_is_that_of_the_shipped_release(run: Run) -> None:
    page = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")

    assert run("card").stdout == page, "`python -m benchmarks.model_page` makes it again"
    assert shipped_name() in page
    assert (BUNDLED_DIR / shipped_name()).is_dir()


def test_train_writes_a_release_from_a_configuration(run: Run, tmp_path: Path, models_dir: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(
        "seed = 5\nlookahead_ms = [0]\nheld_out_ratio = 0.3\nmax_rows_per_recording = 200\n"
        "[boosting]\nrounds = 4\nearly_stopping_rounds = 4\nmax_depth = 3\n"
        "[class_weight]\nfixation = 1.0\nsaccade = 1.0\npso = 1.0\npursuit = 1.0\nblink = 1.0\n"
        "[simulated.desktop]\npeople = 5\nminutes = 0.3\nweight = 1.0\n",
        encoding="utf-8",
    )

    result = run("train", "small-1", "--config", str(config), "--out", str(models_dir))

    assert result.exit_code == 0, result.output
    manifest = json.loads((models_dir / "small-1" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["parameters"]["seed"] == 5
    assert manifest["training"]["people"] == 5
    assert "small-1" in [each["name"] for each in json.loads(run("list", "--json").stdout)]
