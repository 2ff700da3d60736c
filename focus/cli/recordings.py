"""`flask recordings`: what is stored, and the analysis of a file without a database (`analyse`)."""

from __future__ import annotations

import click

from focus.cli.analyse import analyse
from focus.cli.base import FocusGroup, echo_findings, echo_table, open_session
from focus.cli.exchange import export, formats, import_recording
from focus.cli.reanalysis import choose_analysis, list_analyses, reanalyse

recordings = FocusGroup("recordings", help="List and show recordings, or analyse a file.")
for _command in (analyse, reanalyse, list_analyses, choose_analysis, export, import_recording, formats):
    recordings.add_command(_command)


@recordings.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Newest ones to print.")
def list_newest(limit: int) -> None:
    """Print the newest recordings of everybody."""
    from focus.services import recordings as service
    from focus.services.accounts import operator_principal

    session = open_session()
    found = service.list_recordings(session, operator_principal(), of_everybody=True, limit=limit)
    echo_table(
        ("recording", "owner", "state", "frames", "started", "title"),
        ((r.id, r.owner_id, r.state, r.n_frames, f"{r.started_at:%Y-%m-%d %H:%M:%S}", r.title) for r in found),
    )


@recordings.command("show")
@click.argument("recording_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def show(recording_id: str, as_json: bool) -> None:
    """Print counts of frames, states and events of a recording, and its metrics."""
    import json

    from focus.services import recordings as service
    from focus.services.accounts import operator_principal

    session = open_session()
    recording = service.get_recording(session, operator_principal(), recording_id)
    summary = service.summary(session, recording)
    if as_json:
        click.echo(json.dumps(summary, allow_nan=False))
        return
    for name in ("recording", "state", "task", "started_at", "frames", "rejected", "pending"):
        click.echo(f"{name:<12} {summary[name]}")
    echo_findings(summary)
