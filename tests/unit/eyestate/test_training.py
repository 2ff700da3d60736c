"""Training, releases on disk, and the model that runs, on a model of a few simulated people."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from focus.analysis.features import feature_names
from focus.analysis.synthetic import DESKTOP, Person, simulate
from focus.analysis.types import CLASSES
from focus.errors import ModelError, ParameterError, ShapeError
from focus.eyestate.artifact import Manifest, read_release, write_release
from focus.eyestate.dataset import LabelledRecording
from focus.eyestate.evaluation import Setting, evaluate_baselines, evaluate_model
from focus.eyestate.installed import BUNDLED_DIR
from focus.eyestate.model import load_model, load_shipped, model_from_bytes
from focus.eyestate.sources import sources
from focus.eyestate.training import build_rows, read_config, train_release

TinyRelease = tuple[bytes, Manifest]


def some_rows(n: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    rows = rng.normal(0, 30, (n, len(feature_names()))).astype(np.float32)
    rows[rng.random(rows.shape) < 0.3] = np.nan
    return rows


def test_a_model_of_a_few_simulated_people_beats_chance_on_another_one(tiny_release: TinyRelease) -> None:
    made = simulate(Person(), DESKTOP, duration_s=60, rng=np.random.default_rng(77), task="mixed")
    recording = LabelledRecording("new", made.frames, made.tracker, made.labels, "new")

    result = evaluate_model([recording], model_from_bytes(*tiny_release), Setting(150.0), name="tiny")

    assert result.scores["kappa"].value > 0.5
    assert result.scores["blink events F1"].value > 0.6


def test_the_same_configuration_gives_the_same_model(tiny_release: TinyRelease) -> None:
    config = dict(tiny_release[1].parameters)

    again, manifest = train_release(
        "tiny", config=config, data_dir=None, created="2026-01-01", n_threads=1, report=lambda line: None
    )

    assert again == tiny_release[0]
    assert manifest == tiny_release[1]


def test_rows_are_the_same_for_any_number_of_processes() -> None:
    config = read_config()
    config["simulated"] = {"laboratory": config["simulated"]["laboratory"] | {"people": 5, "minutes": 0.2}}
    all_sources = sources(config, None)

    alone, shared = (build_rows(all_sources, config, n_processes=number, report=lambda line: None) for number in (1, 2))

    np.testing.assert_array_equal(alone.features, shared.features)
    np.testing.assert_array_equal(alone.weights, shared.weights)
    assert alone.people == shared.people == tuple(f"laboratory-{number}" for number in range(5))


def test_people_without_rarer_traits_are_the_same_whatever_share_may_have_them() -> None:
    section = read_config()["simulated"]["desktop"] | {"people": 1, "minutes": 0.2}
    del section["traits_ratio"], section["glasses_ratio"]

    def frames(**ratios: float) -> bytes:
        (source,) = sources({"seed": 5, "simulated": {"desktop": section | ratios}}, None)
        (recording,) = source.recordings()
        return b"".join(column.tobytes() for column in recording.frames.columns.values())

    assert frames() == frames(traits_ratio=0.0, glasses_ratio=0.0)
    assert frames() != frames(glasses_ratio=1.0)


def test_a_pattern_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="matches 'irf_"):
        sources(read_config(), tmp_path)


def test_a_row_gets_the_same_bits_alone_and_among_others(tiny_release: TinyRelease) -> None:
    model = model_from_bytes(*tiny_release)
    rows = some_rows(301)

    together = model.predict(rows)

    alone = np.concatenate([model.predict(rows[place : place + 1]) for place in range(len(rows))])
    halves = np.concatenate([model.predict(rows[:130]), model.predict(rows[130:])])
    assert together.tobytes() == alone.tobytes() == halves.tobytes()
    assert together.shape == (301, len(CLASSES))
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_gains_are_told_by_the_names_of_features(tiny_release: TinyRelease) -> None:
    gains = model_from_bytes(*tiny_release).feature_gains()

    assert tuple(gains) == feature_names()
    assert min(gains.values()) >= 0
    # What closes the eye and what moves it decide; the order of the rest is nobody's business.
    assert sum(sorted(gains.values())[-20:]) > 0.5 * sum(gains.values())


def test_no_rows_give_no_probabilities_and_wrong_columns_are_refused(tiny_release: TinyRelease) -> None:
    model = model_from_bytes(*tiny_release)

    assert model.predict(some_rows(0)).shape == (0, len(CLASSES))
    with pytest.raises(ShapeError, match=r"\(4, 3\)"):
        model.predict(np.zeros((4, 3), dtype=np.float32))


def test_a_release_that_was_written_is_read_again(tiny_release: TinyRelease, tmp_path: Path) -> None:
    write_release(tmp_path / "tiny", *tiny_release)

    model = load_model(tmp_path / "tiny")

    rows = some_rows(20)
    assert model.release == "tiny"
    assert model.predict(rows).tobytes() == model_from_bytes(*tiny_release).predict(rows).tobytes()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"features": ["one", "two"]}, "hash of its feature names"),
        ({"format": 9}, "format 9"),
        ({"model_sha256": "0" * 64}, "checksum"),
        ({"name": "other"}, "called other"),
        ({"surplus": 1}, "'surplus' is unknown"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    tiny_release: TinyRelease, tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    write_release(tmp_path / "tiny", *tiny_release)
    path = tmp_path / "tiny" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(ModelError, match=sentence):
        read_release(tmp_path / "tiny")


def test_a_damaged_or_missing_model_file_is_refused(tiny_release: TinyRelease, tmp_path: Path) -> None:
    write_release(tmp_path / "tiny", *tiny_release)
    path = tmp_path / "tiny" / "model.ubj"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(ModelError, match="checksum"):
        load_model(tmp_path / "tiny")
    path.unlink()
    with pytest.raises(ModelError, match=r"no readable model\.ubj"):
        load_model(tmp_path / "tiny")


def test_trees_for_other_features_or_classes_are_refused(tiny_release: TinyRelease) -> None:
    trees, manifest = tiny_release

    turned = manifest.features[::-1]
    digest = hashlib.sha256("\n".join(turned).encode()).hexdigest()
    turned_manifest = replace(manifest, features=turned, features_sha256=digest)

    with pytest.raises(ModelError, match="another order"):
        model_from_bytes(trees, turned_manifest)
    with pytest.raises(ModelError, match="tells apart"):
        model_from_bytes(trees, replace(manifest, classes=("open", "closed")))
    with pytest.raises(ModelError, match="cannot be read"):
        model_from_bytes(b"{}", manifest)


def test_a_release_is_never_written_over(tiny_release: TinyRelease, tmp_path: Path) -> None:
    write_release(tmp_path / "tiny", *tiny_release)

    with pytest.raises(ModelError, match="never changed"):
        write_release(tmp_path / "tiny", *tiny_release)


def test_trees_of_a_newer_xgboost_are_refused(tiny_release: TinyRelease) -> None:
    trees, manifest = tiny_release

    with pytest.raises(ModelError, match=r"written by XGBoost 99\.1\.0"):
        model_from_bytes(trees, replace(manifest, versions={"xgboost": "99.1.0"}))


def test_the_bundled_release_fits_this_code_and_names_its_training() -> None:
    model = load_shipped()

    assert model.feature_names == feature_names()
    assert (BUNDLED_DIR / model.release / "model.ubj").stat().st_size < 8_000_000
    files = model.manifest.training["files"]
    assert files
    assert all(name.startswith(("irf_", "hmr_")) for name in files), "only permissively licensed recordings"
    json.dumps(asdict(model.manifest), allow_nan=False)


def test_baselines_find_what_is_easy() -> None:
    tracker = replace(DESKTOP, rate_hz=250.0, noise_deg=0.02, signals=("gaze",))
    made = simulate(Person(), tracker, duration_s=60, rng=np.random.default_rng(5), task="points")
    recording = LabelledRecording("easy", made.frames, made.tracker, made.labels, "new")

    results = {result.classifier: result.scores for result in evaluate_baselines([recording], Setting(0.0))}

    assert results["I-VT 30 deg/s"]["saccade events F1"].value > 0.7
    assert results["I-DT 1 deg"]["fixation F1"].value > 0.9


def test_a_configuration_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.toml"
    path.write_text("seed = 1\n")
    with pytest.raises(ParameterError, match="'lookahead_ms'"):
        read_config(path)
    path.write_text("seed = ")
    with pytest.raises(ParameterError, match="cannot be read"):
        read_config(path)
