"""Training from a configuration file and a seed: simulated people and labelled files in, a release out.

Whole people are held out to decide when to stop. The same configuration, files, library versions and number of threads
give the same release.
"""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from focus.analysis.features import feature_names
from focus.analysis.pipeline import training_rows
from focus.analysis.types import CLASSES, BoolArray, Float32Array, FloatArray, IntArray
from focus.errors import ModelError, ParameterError
from focus.eyestate.artifact import Manifest, feature_hash
from focus.eyestate.dataset import class_codes
from focus.eyestate.native import xgb
from focus.eyestate.scoring import calibration_error, class_f1, confusion, kappa
from focus.eyestate.sources import Source, sources

CONFIG_PATH: Final = Path(__file__).with_name("training.toml")
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one recording at one look-ahead."""

    features: Float32Array
    classes: IntArray
    weights: FloatArray
    person: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Feature rows with their class, weight and person."""

    features: Float32Array
    classes: IntArray
    weights: FloatArray
    people: tuple[str, ...]
    person: IntArray  # place in `people`


def read_config(path: Path = CONFIG_PATH) -> dict[str, Any]:
    """The configuration as it stands in the file.

    Raises
    ------
    ParameterError
        If it is no TOML or a section is missing.
    """
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as err:
        raise ParameterError(f"{path.name} cannot be read: {err}") from err
    for name in ("seed", "lookahead_ms", "held_out_ratio", "max_rows_per_recording", "boosting", "class_weight"):
        if name not in config:
            raise ParameterError(f"{path.name} has no {name!r}")
    unknown = sorted(set(config["class_weight"]) ^ set(CLASSES))
    if unknown:
        raise ParameterError(f"{path.name}: class_weight {unknown[0]!r} is missing or no class")
    return config


def build_rows(all_sources: Sequence[Source], config: Mapping[str, Any], *, n_processes: int, report: Report) -> Rows:
    """Feature rows of all sources at each look-ahead; the same for any number of processes.

    Raises
    ------
    ModelError
        If no frame has a label.
    """
    tasks = [(number, source, dict(config)) for number, source in enumerate(all_sources)]
    parts: list[_Part] = []
    if n_processes > 1:
        with ProcessPoolExecutor(n_processes) as pool:
            for number, some in enumerate(pool.map(_source_rows, tasks, chunksize=4)):
                parts += some
                _tell(number, len(tasks), report)
    else:
        for number, task in enumerate(tasks):
            parts += _source_rows(task)
            _tell(number, len(tasks), report)
    if not parts:
        raise ModelError("there is no labelled frame to train on")
    people = tuple(dict.fromkeys(part.person for part in parts))
    place = {person: index for index, person in enumerate(people)}
    return Rows(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.weights for part in parts]),
        people,
        np.concatenate([np.full(part.classes.size, place[part.person]) for part in parts]),
    )


def _tell(number: int, n_sources: int, report: Report) -> None:
    if (number + 1) % 50 == 0:
        report(f"{number + 1} of {n_sources} sources")


def _source_rows(task: tuple[int, Source, dict[str, Any]]) -> list[_Part]:
    """Rows of one source, thinned so that long recordings do not drown the others.

    Frames of rare classes are kept first; of the others so many that the limit holds, with as much more weight. Every
    recording counts the same, however many frames it has: a person is what is new in it.
    """
    number, source, config = task
    limit = config["max_rows_per_recording"]
    class_weight = np.array([config["class_weight"][name] for name in CLASSES])
    parts = []
    for variant, recording in enumerate(source.recordings()):
        codes = class_codes(recording)
        for lookahead_ms in config["lookahead_ms"]:
            rng = np.random.default_rng([config["seed"], 2000, number, variant, lookahead_ms])
            chosen, chosen_weight = _thin(codes, limit, rng)
            if chosen.size:
                features = training_rows(recording.frames, recording.tracker, lookahead_us=1000 * lookahead_ms)
                share = source.section["weight"] * limit * chosen_weight / chosen_weight.sum()
                classes = codes[chosen]
                parts.append(_Part(features[chosen], classes, share * class_weight[classes], recording.person))
    return parts


def _thin(codes: IntArray, limit: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    known = np.flatnonzero(codes >= 0)
    rare = np.isin(codes[known], [CLASSES.index(name) for name in ("saccade", "pso", "blink")])
    keep_rare = min(1.0, 0.5 * limit / max(int(rare.sum()), 1))
    keep_rest = min(1.0, (limit - keep_rare * rare.sum()) / max(int((~rare).sum()), 1))
    chance = np.where(rare, keep_rare, keep_rest)
    chosen = rng.random(known.size) < chance
    return known[chosen], 1.0 / chance[chosen]


def held_out_rows(rows: Rows, config: Mapping[str, Any]) -> BoolArray:
    """Which rows are of the people who are held out: a share of them, drawn with the seed.

    Raises
    ------
    ModelError
        If there are too few people to have some on both sides.
    """
    rng = np.random.default_rng([config["seed"], 3000])
    order = rng.permutation(len(rows.people))
    n_held = max(1, round(config["held_out_ratio"] * len(rows.people)))
    held: BoolArray = np.isin(rows.person, order[:n_held])
    if held.all() or not held.any():
        raise ModelError(f"{len(rows.people)} people cannot be split into those to learn from and those held out")
    return held


def train_booster(
    rows: Rows, config: Mapping[str, Any], *, held: BoolArray, n_threads: int, report: Report
) -> tuple[xgb.Booster, dict[str, Any]]:
    """Trees, and their results on the rows that are held out."""
    boosting = dict(config["boosting"])
    rounds, patience = boosting.pop("rounds"), boosting.pop("early_stopping_rounds")
    parameters = {
        "objective": "multi:softprob",
        "num_class": len(CLASSES),
        "tree_method": "hist",
        "eval_metric": "mlogloss",
        "seed": config["seed"],
        "nthread": n_threads,
        **boosting,
    }
    max_bin = boosting.get("max_bin", 256)

    def matrix(part: BoolArray, like: xgb.QuantileDMatrix | None) -> xgb.QuantileDMatrix:
        chosen = rows.features[part], rows.classes[part]
        return xgb.QuantileDMatrix(*chosen, weight=rows.weights[part], max_bin=max_bin, nthread=n_threads, ref=like)

    learn = matrix(~held, None)
    check = matrix(held, learn)
    history: dict[str, Any] = {}
    booster = xgb.train(
        parameters,
        learn,
        num_boost_round=rounds,
        evals=[(check, "held_out")],
        early_stopping_rounds=patience,
        evals_result=history,
        verbose_eval=False,
    )
    booster = booster[: booster.best_iteration + 1]
    report(f"{booster.num_boosted_rounds()} rounds, held-out loss {min(history['held_out']['mlogloss']):.4f}")
    probabilities = booster.inplace_predict(rows.features[held], missing=np.nan)
    counts = confusion(rows.classes[held], probabilities.argmax(axis=1), len(CLASSES))
    results = {
        "held_out_people": int(np.unique(rows.person[held]).size),
        "rounds": int(booster.num_boosted_rounds()),
        "mlogloss": float(min(history["held_out"]["mlogloss"])),
        "kappa": round(kappa(counts), 4),
        "calibration_error": round(calibration_error(probabilities, rows.classes[held]), 4),
        "f1": {name: round(class_f1(counts, code), 4) for code, name in enumerate(CLASSES) if counts[code].any()},
    }
    return booster, results


def train_release(
    name: str, *, config: Mapping[str, Any], data_dir: Path | None, created: str, n_threads: int, report: Report
) -> tuple[bytes, Manifest]:
    """A release: the model's bytes and its manifest.

    Parameters
    ----------
    name : str
        Of the release.
    config : mapping
        From `read_config`.
    data_dir : Path or None
        Folder of the labelled files that the configuration names; None for simulated people alone.
    created : str
        Date of the manifest.
    n_threads : int
        Processes that make rows, and threads that make trees.
    report : callable
        Gets a line of progress now and then.

    Raises
    ------
    ModelError, ParameterError
        If there is nothing to train on, or the configuration or a file does not fit.
    """

    all_sources = sources(config, data_dir)
    rows = build_rows(all_sources, config, n_processes=n_threads, report=report)
    report(f"{len(rows.classes)} rows of {len(rows.people)} people")
    held = held_out_rows(rows, config)
    booster, results = train_booster(rows, config, held=held, n_threads=n_threads, report=report)
    booster.set_attr(best_iteration=None, best_score=None)
    model = bytes(booster.save_raw("ubj"))
    files = [source.path for source in all_sources if source.path is not None]
    digest = hashlib.sha256(rows.features.tobytes() + rows.classes.tobytes() + rows.weights.tobytes()).hexdigest()
    manifest = Manifest(
        name=name,
        classes=CLASSES,
        features=feature_names(),
        features_sha256=feature_hash(feature_names()),
        model_sha256=hashlib.sha256(model).hexdigest(),
        training={
            "rows_sha256": digest,
            "rows": len(rows.classes),
            "people": len(rows.people),
            "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        },
        parameters=dict(config),
        results={"held_out": results},
        versions={"python": platform.python_version(), "numpy": np.__version__, "xgboost": xgb.__version__},
        created=created,
    )
    return model, manifest
