"""`flask recordings reanalyse | analyses | show-analysis`: other analyses of a stored recording, and which is shown."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from focus.cli.base import FocusCommand, echo_table, frames_bar, load_classifier, open_session


@click.command("reanalyse", cls=FocusCommand)
@click.argument("recording_id", metavar="ID")
@click.option("--model", "release", metavar="RELEASE", help="Model release; the active one by default.")
@click.option(
    "--lookahead-ms", type=float, help="How much later than a frame its state may be decided; 150 by default."
)
@click.option("--choose", is_flag=True, help="Show the new analysis from now on.")
@with_appcontext
def reanalyse(recording_id: str, release: str | None, lookahead_ms: float | None, choose: bool) -> None:
    """Analyse the stored frames of recording ID again; the new analysis stands beside the old ones."""
    from flask import current_app

    from focus.analysis.parameters import AnalysisParameters
    from focus.services import reanalysis, recordings

    settings = current_app.extensions["focus.settings"]
    lookahead_ms = settings.LOOKAHEAD_MS if lookahead_ms is None else lookahead_ms
    parameters = AnalysisParameters(lookahead_us=round(lookahead_ms * 1000))
    model = load_classifier(release)
    session = open_session()
    recording = recordings.find_recording(session, recording_id)
    with frames_bar(recording.n_frames, "Analysing") as advance:
        analysis = reanalysis.reanalyse(session, recording, model, parameters=parameters, on_progress=advance)
    if choose:
        reanalysis.choose_analysis(session, recording, analysis.number)
        session.commit()
    click.echo(f"analysis {analysis.number} of {recording.id}: {analysis.n_frames} frames, release {model.release}")


@click.command("analyses", cls=FocusCommand)
@click.argument("recording_id", metavar="ID")
@with_appcontext
def list_analyses(recording_id: str) -> None:
    """Print the analyses of recording ID with their provenance; the one that is shown has a mark."""
    from focus.services import reanalysis, recordings

    session = open_session()
    recording = recordings.find_recording(session, recording_id)
    echo_table(
        ("shown", "number", "origin", "release", "lookahead_ms", "code", "frames", "complete", "started"),
        (
            (
                "*" if is_shown else "",
                analysis.number,
                analysis.origin,
                analysis.model_release,
                f"{analysis.parameters.get('lookahead_us', 0) / 1000:g}",
                analysis.code_version,
                analysis.n_frames,
                "yes" if analysis.is_complete else "no",
                f"{analysis.started_at:%Y-%m-%d %H:%M:%S}",
            )
            for analysis, is_shown in reanalysis.list_analyses(session, recording)
        ),
    )


@click.command("show-analysis", cls=FocusCommand)
@click.argument("recording_id", metavar="ID")
@click.argument("number", type=click.IntRange(0))
@with_appcontext
def choose_analysis(recording_id: str, number: int) -> None:
    """Show analysis NUMBER of recording ID in reports, summaries and exports from now on; the others stay."""
    from focus.services import reanalysis, recordings

    session = open_session()
    recording = recordings.find_recording(session, recording_id)
    analysis = reanalysis.choose_analysis(session, recording, number)
    session.commit()
    click.echo(f"analysis {number} of {recording.id} is shown now: release {analysis.model_release}")
