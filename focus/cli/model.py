"""`flask model`: train a release and measure it on labelled recordings; `releases` has the rest of the group."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from focus.cli.base import FocusGroup, echo_table, load_classifier
from focus.cli.releases import RELEASE_COMMANDS, held_out_kappa

if TYPE_CHECKING:
    from focus.eyestate.dataset import LabelledRecording
    from focus.eyestate.evaluation import Result, Score
    from focus.eyestate.model import EyeStateModel

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
@click.option("--table", is_flag=True, help="Fill the table of docs/model.md, each row with recordings of its kind.")
@click.option("--lookahead-ms", multiple=True, type=float, help="Delay of the final state; may be given several times.")
@click.option("--rate-hz", multiple=True, type=float, help="Average down to this rate; may be given several times.")
@click.option("--noise-deg", default=0.0, show_default=True, help="White noise added to gaze in degrees.")
@click.option("--person", metavar="REGEX", help="Its group finds the person in a file's name; else a file is one.")
@click.option("--release", help="Name of an installed release, or a folder; the active one if not given.")
@click.option("--no-baselines", is_flag=True, help="Leave out baselines and the detectors of other projects.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate_command(
    paths: tuple[Path, ...],
    table: bool,
    lookahead_ms: tuple[float, ...],
    rate_hz: tuple[float, ...],
    noise_deg: float,
    person: str | None,
    release: str | None,
    no_baselines: bool,
    as_json: bool,
) -> None:
    """Measure agreement with the labels of recordings: CSV files with a column `label`, or folders of them."""
    from focus.eyestate.evaluation import Setting, evaluate_baselines, evaluate_model
    from focus.eyestate.peers import missing_packages, quiet_peers

    recordings = _labelled(paths, person)
    classifier = load_classifier(release)
    if not no_baselines:
        quiet_peers()
        for package in missing_packages():
            click.echo(f"{package} is not installed; its detectors are left out (requirements-dev.txt)", err=True)
    if table:
        _fill_table(recordings, classifier, has_baselines=not no_baselines, as_json=as_json)
        return
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
    n_people = len({recording.person for recording in recordings})
    click.echo(f"{len(recordings)} recordings of {n_people} people; intervals over people; 'all' sees all of it")
    for result in results:
        _print_result(result)


def _fill_table(
    recordings: list[LabelledRecording], classifier: EyeStateModel, *, has_baselines: bool, as_json: bool
) -> None:
    from focus.eyestate.scoreboard import fill_table

    rows = fill_table(
        recordings,
        classifier,
        name=classifier.release,
        has_baselines=has_baselines,
        report=lambda line: click.echo(line, err=True),
    )
    if as_json:
        click.echo(json.dumps({"release": classifier.release, "rows": [row.to_dict() for row in rows]}))
        return
    cells = []
    for filled in rows:
        row = filled.row
        if not filled.model:
            cells.append((row.title, row.measure, "", "no such recording", "", "", "", ""))
        for lookahead, score in filled.model.items():
            goal = row.reach[lookahead]
            others = ", ".join(f"{name} {each.value:.3f}" for name, each in filled.others.items())
            reached = {None: "", True: "yes", False: "no"}[row.is_reached(lookahead, score.value)]
            ahead = f"{lookahead:g} ms"
            value = f"{score.value:.3f}"
            wanted = "" if goal is None else f"{goal:g}"
            cells.append((row.title, row.measure, ahead, value, _interval(score), wanted, reached, others))
    heads = ("recordings", "measure", "look-ahead", classifier.release, "95 %", "reach", "reached")
    echo_table((*heads, "others, seeing the whole recording"), cells)


def _labelled(paths: tuple[Path, ...], person: str | None) -> list[LabelledRecording]:
    from focus.errors import RecordingFileError
    from focus.eyestate.dataset import load_labelled

    files: list[Path] = []
    for path in paths:
        files += sorted([*path.rglob("*.csv"), *path.rglob("*.csv.gz")]) if path.is_dir() else [path]
    if not files:
        raise RecordingFileError(f"there is no .csv or .csv.gz file in {', '.join(map(str, paths))}")
    return [load_labelled(path, person=_person_of(path, person)) for path in files]


def _person_of(path: Path, pattern: str | None) -> str | None:
    """What the pattern's group finds in a file's name; None without a pattern."""
    if pattern is None:
        return None
    try:
        match = re.search(pattern, path.name)
    except re.error as err:
        raise click.BadParameter(f"{pattern!r} is no regular expression: {err}", param_hint="--person") from err
    if match is None or not any(match.groups()):
        raise click.BadParameter(f"{pattern!r} finds no group in {path.name}", param_hint="--person")
    return next(group for group in match.groups() if group is not None)


def _jsonable(result: Result) -> dict[str, Any]:
    values = result.to_dict()
    if values["lookahead_ms"] == float("inf"):
        values["lookahead_ms"] = None
    return values


def _interval(score: Score) -> str:
    return "" if score.low != score.low else f"{score.low:.3f} .. {score.high:.3f}"


def _print_result(result: Result) -> None:
    setting = result.setting
    ahead = "all" if setting.lookahead_ms == float("inf") else f"{setting.lookahead_ms:g} ms"
    rate = "" if setting.rate_hz is None else f", {setting.rate_hz:g} Hz"
    noise = f", +{setting.noise_deg:g} deg" if setting.noise_deg else ""
    click.echo(f"\n{result.classifier}, look-ahead {ahead}{rate}{noise}")
    rows = []
    for name, score in result.scores.items():
        rows.append((f"  {name}", f"{score.value:.3f}", _interval(score)))
    echo_table(("  measure", "value", "95 %"), rows)
