"""`flask recordings analyse`: a recording file through the same pipeline that the server runs, without a database."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from focus.cli.base import FocusCommand, echo_findings, load_classifier

if TYPE_CHECKING:
    from focus.analysis.offline import Analysis

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("analyse", cls=FocusCommand)
@click.argument("file", type=_FILE)
@click.option(
    "--lookahead-ms", type=float, help="How much later than a frame its state may be decided; 150 by default."
)
@click.option("--states", "states_path", type=_FILE, metavar="S", help="Write t_us,state of every frame.")
@click.option("--events", "events_path", type=_FILE, metavar="E", help="Write kind,onset_us,offset_us,... of events.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def analyse(
    file: Path, lookahead_ms: int | None, states_path: Path | None, events_path: Path | None, as_json: bool
) -> None:
    """Analyse the recording CSV FILE (plain or .gz)."""
    import json

    from flask import current_app

    from focus.analysis.offline import analyse as analyse_frames
    from focus.analysis.parameters import AnalysisParameters
    from focus.errors import StorageError
    from focus.eyestate.model import load_shipped
    from focus.protocol.recording_csv import open_recording_csv

    settings = current_app.extensions["focus.settings"]
    if lookahead_ms is None:
        lookahead_ms = settings.LOOKAHEAD_MS
    parameters = AnalysisParameters(lookahead_us=lookahead_ms * 1000)
    recording = open_recording_csv(file)
    for name in recording.unknown_columns:
        click.echo(f"{file.name}: column {name} is unknown and left out", err=True)
    try:
        model = load_classifier()
    except StorageError as err:
        # A file needs no database; only which release was promoted stands there.
        model = load_shipped()
        click.echo(f"{err.message}; analysed with the shipped release {model.release}", err=True)
    analysis = analyse_frames(recording, recording.tracker, model, parameters=parameters)
    if states_path:
        _write_states(states_path, analysis)
    if events_path:
        _write_events(events_path, analysis)
    summary = _summary(file, analysis)
    summary["analysis"] = {"model_release": model.release, "parameters": parameters.to_dict()}
    if as_json:
        click.echo(json.dumps(summary, allow_nan=False))
    else:
        click.echo(f"{summary['file']}: {summary['frames']} frames")
        echo_findings(summary)


def _summary(file: Path, analysis: Analysis) -> dict[str, Any]:
    from focus.analysis.types import EVENT_KINDS, EyeState

    counts = Counter(analysis.states.tolist())
    kinds = Counter(event.kind for event in analysis.events)
    return {
        "file": file.name,
        "frames": len(analysis.t_us),
        "states": {state.label: counts[state] for state in EyeState},
        "events": {kind: kinds[kind] for kind in EVENT_KINDS},
        "metrics": [metric.to_dict() for metric in analysis.metrics()],
    }


def _write_states(path: Path, analysis: Analysis) -> None:
    from focus.analysis.types import EyeState

    labels = [state.label for state in EyeState]
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write("t_us,state\n")
        out.writelines(
            f"{t_us},{labels[state]}\n"
            for t_us, state in zip(analysis.t_us.tolist(), analysis.states.tolist(), strict=True)
        )


def _write_events(path: Path, analysis: Analysis) -> None:
    import csv

    names = sorted({name for event in analysis.events for name in event.attributes})
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["kind", "onset_us", "offset_us", "duration_us", *names])
        for event in analysis.events:
            attributes = [repr(event.attributes[name]) if name in event.attributes else "" for name in names]
            writer.writerow([event.kind, event.onset_us, event.offset_us, event.duration_us, *attributes])
