"""`flask model`: train a release and measure it on labelled recordings; `releases` has the rest of the group."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from focus.cli.base import FocusGroup, echo_table, load_classifier
from focus.cli.releases import RELEASE_COMMANDS, held_out_kappa

if TYPE_CHECKING:
    from focus.eyestate.dataset import LabelledRecording
    from focus.eyestate.evaluation import Result

PATH = click.Path(path_type=Path, exists=True)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)

model = FocusGroup("model", help="The eye-state classifier: its releases, training one, measuring one.")
for _command in RELEASE_COMMANDS:
    model.add_command(_command)


@model.command("train")
@click.argument("name")
@click.option("--data", "data_dir", type=FOLDER, help="Folder of labelled files that the configuration names.")
@click.option("--config", "config_path", type=PATH, help="Configuration in place of the shipped one.")
@click.option("--out", "out_dir", type=click.Path(path_type=Path), required=True, help="Where its folder is made.")
@click.option("--threads", default=1, show_default=True, help="Threads for training.")
def train_command(name: str, data_dir: Path | None, config_path: Path | None, out_dir: Path, threads: int) -> None:
    """Train a release called NAME from the configuration, simulated people and the labelled files in a folder."""
    from focus.eyestate.artifact import write_release
    from focus.eyestate.training import CONFIG_PATH, read_config, train_release

    trees, manifest = train_release(
        name,
        config=read_config(config_path or CONFIG_PATH),
        data_dir=data_dir,
        created=date.today().isoformat(),
        n_threads=threads,
        report=lambda line: click.echo(line, err=True),
    )
    write_release(out_dir / name, trees, manifest)
    click.echo(f"{out_dir / name}: {len(trees)} bytes, {held_out_kappa(manifest)}")


@model.command("evaluate")
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--lookahead-ms", multiple=True, type=float, help="Delay of the final state; may be given several times.")
@click.option("--rate-hz", multiple=True, type=float, help="Average down to this rate; may be given several times.")
@click.option("--noise-deg", default=0.0, show_default=True, help="White noise added to gaze in degrees.")
@click.option("--release", help="Name of an installed release, or a folder; the active one if not given.")
@click.option("--no-baselines", is_flag=True, help="Leave out I-VT, I-DT and the eyelid thresholds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate_command(
    paths: tuple[Path, ...],
    lookahead_ms: tuple[float, ...],
    rate_hz: tuple[float, ...],
    noise_deg: float,
    release: str | None,
    no_baselines: bool,
    as_json: bool,
) -> None:
    """Measure agreement with the labels of recordings: CSV files, or folders of them."""
    from focus.eyestate.evaluation import Setting, evaluate_baselines, evaluate_model

    recordings = _labelled(paths)
    classifier = load_classifier(release)
    results: list[Result] = []
    for rate in rate_hz or (None,):
        for lookahead in lookahead_ms or (0.0, 50.0, 150.0):
            setting = Setting(lookahead, rate, noise_deg)
            results.append(evaluate_model(recordings, classifier, setting, name=classifier.release))
        if not no_baselines:
            results += evaluate_baselines(recordings, Setting(float("inf"), rate, noise_deg))
    if as_json:
        click.echo(json.dumps({"recordings": len(recordings), "results": [_jsonable(each) for each in results]}))
        return
    click.echo(f"{len(recordings)} recordings; intervals over recordings; look-ahead 'all' sees a whole recording")
    for result in results:
        _print_result(result)


def _labelled(paths: tuple[Path, ...]) -> list[LabelledRecording]:
    from focus.errors import RecordingFileError
    from focus.eyestate.dataset import load_labelled

    files: list[Path] = []
    for path in paths:
        files += sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")]) if path.is_dir() else [path]
    if not files:
        raise RecordingFileError(f"there is no .csv or .csv.gz file in {', '.join(map(str, paths))}")
    return [load_labelled(path) for path in files]


def _jsonable(result: Result) -> dict[str, Any]:
    values = result.to_dict()
    if values["lookahead_ms"] == float("inf"):
        values["lookahead_ms"] = None
    return values


def _print_result(result: Result) -> None:
    setting = result.setting
    ahead = "all" if setting.lookahead_ms == float("inf") else f"{setting.lookahead_ms:g} ms"
    rate = "" if setting.rate_hz is None else f", {setting.rate_hz:g} Hz"
    noise = f", +{setting.noise_deg:g} deg" if setting.noise_deg else ""
    click.echo(f"\n{result.classifier}, look-ahead {ahead}{rate}{noise}")
    rows = []
    for name, score in result.scores.items():
        interval = "" if score.low != score.low else f"{score.low:.3f} .. {score.high:.3f}"
        rows.append((f"  {name}", f"{score.value:.3f}", interval))
    echo_table(("  measure", "value", "95 %"), rows)
