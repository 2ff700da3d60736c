"""How well the eye-state classifier agrees with people, and what it learns from: the figures of docs/model.md.

    python -m benchmarks.model_report agreement DATA                  # minutes: after every new release
    python -m benchmarks.model_report learning DATA [--scale 0.4]     # half an hour: trains many small models

Both end by writing docs/model.md, its plots and docs/model-card.md anew (`benchmarks.model_page`).

DATA holds `gaze` and `blinks` with labelled recordings. `agreement` measures the release that is shipped: the table of
targets, each kind of recording at several rates, noise levels and look-aheads, the reliability curve and the gain of
each feature. `learning` trains from the shipped configuration and seed on a share of the simulated people with fewer
rows and rounds, which it states, three times with other seeds: without each family of features, and with fewer people.
Everything is written as JSON into docs/model/, from which the page is made.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.model_page import main as write_page
from config import ROOT
from focus.analysis.features import feature_names
from focus.analysis.features.base import FEATURES
from focus.analysis.types import BoolArray
from focus.eyestate.artifact import feature_hash
from focus.eyestate.dataset import LabelledRecording, load_labelled
from focus.eyestate.evaluation import Result, Setting, evaluate_model, labelled_probabilities
from focus.eyestate.model import EyeStateModel, load_shipped
from focus.eyestate.peers import missing_packages, quiet_peers
from focus.eyestate.scoreboard import fill_table
from focus.eyestate.scoring import error_of_reliability, reliability
from focus.eyestate.sources import sources
from focus.eyestate.training import CONFIG_PATH, Rows, build_rows, held_out_rows, read_config, train_booster

OUT = ROOT / "docs" / "model"
PERSON = re.compile(r"(?:lund_[a-z]+|person)_([A-Za-z0-9]+)_|gazecom_.*_([A-Z0-9]+)\.csv")
RATES_HZ = (None, 250.0, 120.0, 60.0, 30.0)
NOISE_DEG = (0.0, 0.15, 0.3, 0.5)
WRONG_CLOCK = ("TL48", "UL47")
"""People of the Lund set who were recorded at 200 Hz, though the times of their files say 500: a film that takes the
others 92.9 s takes UL47 37.2 s, and one of 72.9 s takes TL48 29.2 s, which is 200 / 500 each time."""
CLOCK_SETTINGS = ((None, 0.0), (120.0, 0.0), (60.0, 0.0), (60.0, 0.3), (30.0, 0.0), (30.0, 0.5))
LOOKAHEAD_MS = (0.0, 25.0, 50.0, 100.0, 150.0, 250.0)
N_SEEDS = 3
PEOPLE_RATIOS = (0.1, 0.3, 0.6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=("agreement", "learning"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--scale", type=float, default=0.4, help="share of people, rows and rounds for `learning`")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    OUT.mkdir(exist_ok=True)
    if arguments.part == "agreement":
        quiet_peers()
        if missing := missing_packages():
            raise SystemExit(
                f"{', '.join(missing)} must be installed (requirements-dev.txt): the page compares with them"
            )
        write("agreement", agreement(load_shipped(), arguments.data))
    else:
        write("learning", learning(arguments.data, arguments.scale))
    write_page()


def tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def write(name: str, figures: Mapping[str, Any]) -> None:
    path = OUT / f"{name}.json"
    path.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    tell(f"{path} is written")


# -- agreement --------------------------------------------------------------------------------------------------------


def load_kinds(data: Path) -> dict[str, list[LabelledRecording]]:
    """The recordings for development by kind."""
    kinds: dict[str, list[LabelledRecording]] = {}
    for path in sorted([*data.glob("gaze/development/*.csv.gz"), *data.glob("blinks/development/*.csv.gz")]):
        match = PERSON.search(path.name)
        person = next(group for group in match.groups() if group) if match else None
        recording = load_labelled(path, person=person)
        kinds.setdefault(_kind_of(recording), []).append(recording)
    if not kinds:
        raise SystemExit(f"there is no labelled recording in {data}/gaze/development or {data}/blinks/development")
    return kinds


def _kind_of(recording: LabelledRecording) -> str:
    if not recording.has_gaze:
        return "webcam lids, 18 Hz and more" if recording.rate_hz >= 18 else "webcam lids, under 18 Hz"
    for part, kind in (("images", "images"), ("videos", "videos"), ("dots", "moving dots"), ("gazecom", "GazeCom")):
        if part in recording.name:
            return kind
    return "other gaze"


def agreement(model: EyeStateModel, data: Path) -> dict[str, Any]:
    """All figures of a release."""
    kinds = load_kinds(data)
    everything = [recording for some in kinds.values() for recording in some]
    rows = fill_table(everything, model, name=model.release, report=tell)
    return {
        "release": model.release,
        "model_sha256": model.manifest.model_sha256,
        "recordings": {kind: _sizes(some) for kind, some in kinds.items()},
        "table": [row.to_dict() for row in rows],
        "right_clock": _right_clock(model, kinds["images"]),
        "by_rate_and_noise": _by_rate_and_noise(model, kinds["images"]),
        "by_lookahead": _by_lookahead(model, kinds),
        "reliability": _reliability(model, kinds),
        "gain": _gain(model),
    }


def _sizes(recordings: Sequence[LabelledRecording]) -> dict[str, float]:
    return {
        "recordings": len(recordings),
        "people": len({recording.person for recording in recordings}),
        "minutes": round(sum(float(np.ptp(recording.frames.t_us)) for recording in recordings) / 60e6, 1),
    }


def _right_clock(model: EyeStateModel, images: Sequence[LabelledRecording]) -> list[dict[str, Any]]:
    """Images without the recordings whose times are wrong, at 0 and 50 ms."""
    right = [recording for recording in images if recording.person not in WRONG_CLOCK]
    tell(f"images: {len(right)} of {len(images)} recordings have the right clock")
    return [
        _told(evaluate_model(right, model, Setting(lookahead_ms, rate_hz, noise_deg), name=model.release))
        for rate_hz, noise_deg in CLOCK_SETTINGS
        for lookahead_ms in (0.0, 50.0)
    ]


def _by_rate_and_noise(model: EyeStateModel, images: Sequence[LabelledRecording]) -> list[dict[str, Any]]:
    """Each rate and noise level at 0 and 50 ms, on images, where there is neither pursuit nor a moving head."""
    results = []
    for rate_hz in RATES_HZ:
        for noise_deg in NOISE_DEG:
            tell(f"images at {rate_hz or 500:g} Hz with {noise_deg:g} deg")
            for lookahead_ms in (0.0, 50.0):
                setting = Setting(lookahead_ms, rate_hz, noise_deg)
                results.append(_told(evaluate_model(images, model, setting, name=model.release)))
    return results


def _by_lookahead(
    model: EyeStateModel, kinds: Mapping[str, Sequence[LabelledRecording]]
) -> dict[str, list[dict[str, Any]]]:
    results: dict[str, list[dict[str, Any]]] = {}
    for kind, recordings in kinds.items():
        tell(f"{kind}: {len(recordings)} recordings at {len(LOOKAHEAD_MS)} look-aheads")
        results[kind] = [
            _told(evaluate_model(recordings, model, Setting(lookahead_ms), name=model.release))
            for lookahead_ms in LOOKAHEAD_MS
        ]
    return results


def _told(result: Result) -> dict[str, Any]:
    values = result.to_dict()
    del values["classifier"]
    return values


def _reliability(model: EyeStateModel, kinds: Mapping[str, Sequence[LabelledRecording]]) -> dict[str, dict[str, Any]]:
    """By kind, at a look-ahead of 50 ms: mean probability and share of right frames in each bin."""
    curves = {}
    for kind, recordings in kinds.items():
        told = [labelled_probabilities(recording, model, lookahead_us=50_000) for recording in recordings]
        sums = np.sum([reliability(probabilities, truth) for probabilities, truth in told], axis=0)
        some = sums[0] >= 50
        curves[kind] = {
            "frames": sums[0][some].astype(int).tolist(),
            "confidence": np.round(sums[1][some] / sums[0][some], 4).tolist(),
            "accuracy": np.round(sums[2][some] / sums[0][some], 4).tolist(),
            "error": round(error_of_reliability(sums), 4),
        }
    return curves


def _gain(model: EyeStateModel) -> list[dict[str, Any]]:
    """Share of all loss reduction that splits on each feature brought, largest first."""
    gains = model.feature_gains()
    total = sum(gains.values())
    ordered = sorted(gains.items(), key=lambda item: -item[1])
    return [{"feature": name, "share": round(gain / total, 5)} for name, gain in ordered]


# -- learning ---------------------------------------------------------------------------------------------------------


def learning(data: Path, scale: float) -> dict[str, Any]:
    """An ablation by family of features and a learning curve, from small models."""
    config = reduced(read_config(), scale)
    tell(f"rows of {sum(section['people'] for section in config['simulated'].values())} simulated people and files")
    rows = build_rows(sources(config, data / "gaze" / "training"), config, n_processes=1, report=tell)
    held = held_out_rows(rows, config)
    tell(f"{len(rows.classes)} rows of {len(rows.people)} people")
    ablation = _ablation(rows, config, held)
    return {
        "configuration_sha256": hashlib.sha256(CONFIG_PATH.read_bytes()).hexdigest(),
        "features_sha256": feature_hash(feature_names()),
        "scale": round(scale, 3),
        "seed": config["seed"],
        "trainings": N_SEEDS,
        "rounds": config["boosting"]["rounds"],
        "rows": len(rows.classes),
        "people": len(rows.people),
        "held_out_people": int(np.unique(rows.person[held]).size),
        "ablation": ablation,
        "curve": [*_curve(rows, config, held), {"people": int(np.unique(rows.person[~held]).size), **ablation[0]}],
    }


def reduced(config: dict[str, Any], scale: float) -> dict[str, Any]:
    """The configuration with a share of its people, rows and rounds, every second rate, and a faster learning rate."""
    config["max_rows_per_recording"] = max(50, round(config["max_rows_per_recording"] * scale))
    config["lookahead_ms"] = [0, 50]
    boosting = config["boosting"]
    boosting |= {"rounds": max(10, round(boosting["rounds"] * scale)), "learning_rate": 0.3}
    for section in config["simulated"].values():
        section["people"] = max(4, round(section["people"] * scale))
    for section in config["recorded"]:
        section["rates_hz"] = section["rates_hz"][::2]
    return config


def _ablation(rows: Rows, config: Mapping[str, Any], held: BoolArray) -> list[dict[str, Any]]:
    families = {name: set(family().names) for name, family in FEATURES}
    results = [{"without": None, "features": len(feature_names()), **_trained(rows, config, held, set())}]
    for name, names in families.items():
        results.append({"without": name, "features": len(names), **_trained(rows, config, held, names)})
        tell(f"without {name}: {results[-1]['kappa']}")
    ahead = {name for name in feature_names() if "_ahead_" in name}
    results.append({"without": "whatever looks ahead", "features": len(ahead), **_trained(rows, config, held, ahead)})
    return results


def _curve(rows: Rows, config: Mapping[str, Any], held: BoolArray) -> list[dict[str, Any]]:
    """The same people held out, and a growing share of the others to learn from; short of all of them."""
    others = np.unique(rows.person[~held])
    order = np.random.default_rng([config["seed"], 4000]).permutation(others)
    results = []
    for ratio in PEOPLE_RATIOS:
        some = order[: max(3, round(ratio * order.size))]
        taken = held | np.isin(rows.person, some)
        fewer = Rows(rows.features[taken], rows.classes[taken], rows.weights[taken], rows.people, rows.person[taken])
        results.append({"people": int(some.size), **_trained(fewer, config, held[taken], set())})
        tell(f"{some.size} people: {results[-1]['kappa']}")
    return results


def _trained(rows: Rows, config: Mapping[str, Any], held: BoolArray, without: set[str]) -> dict[str, Any]:
    keep = [place for place, name in enumerate(feature_names()) if name not in without]
    fewer = Rows(np.ascontiguousarray(rows.features[:, keep]), rows.classes, rows.weights, rows.people, rows.person)
    results = []
    for number in range(N_SEEDS):
        own = {**config, "seed": config["seed"] + number}
        results.append(train_booster(fewer, own, held=held, n_threads=1, report=lambda line: None)[1])
    kappas = [each["kappa"] for each in results]
    names = results[0]["f1"]
    return {
        "kappa": round(float(np.median(kappas)), 4),
        "kappas": sorted(kappas),
        "mlogloss": round(float(np.median([each["mlogloss"] for each in results])), 4),
        "f1": {name: round(float(np.median([each["f1"][name] for each in results])), 4) for name in names},
    }


if __name__ == "__main__":
    main()
