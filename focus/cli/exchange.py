"""`flask recordings export | import | formats`: recordings as files for other programs, and from them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import click
from flask.cli import with_appcontext

from focus.cli.base import FocusCommand, echo_table, frames_bar, load_classifier, open_session, share_bar


@click.command("export", cls=FocusCommand)
@click.argument("recording_id", metavar="ID")
@click.option("--format", "format_name", required=True, metavar="FORMAT", help="See `flask recordings formats`.")
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@with_appcontext
def export(recording_id: str, format_name: str, folder: Path) -> None:
    """Write recording ID with its shown analysis into the folder DIR; the files must not exist yet."""
    from focus.services import recordings
    from focus.services.exports import EXPORTERS, export_source, export_to_folder

    exporter = EXPORTERS[format_name]
    session = open_session()
    source = export_source(session, recordings.find_recording(session, recording_id))
    with share_bar("Exporting") as advance:
        paths = export_to_folder(exporter, source, folder, on_share=advance)
    for path in paths:
        click.echo(path)


@click.command("import", cls=FocusCommand)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--owner", required=True, metavar="EMAIL", help="Whose recording it becomes.")
@click.option(
    "--format", "format_name", metavar="FORMAT", help="Recognised by default; see `flask recordings formats`."
)
@click.option("--title", default="", help="In place of the file's name.")
@click.option("--task", default="", help="What the person did: reading, screen work, video, free.")
@click.option("--no-analysis", is_flag=True, help="Leave the analysis to the server.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@with_appcontext
def import_recording(
    path: Path, owner: str, format_name: str | None, title: str, task: str, no_analysis: bool, as_json: bool
) -> None:
    """Store the recording in FILE (or folder) and analyse it; a wrong file stores nothing."""
    from flask import current_app

    from focus.services import accounts
    from focus.services.imports import import_file
    from focus.services.imports.uploads import make_spool_folder
    from focus.services.reanalysis import HOLD

    session = open_session()
    user = accounts.get_user_by_email(session, owner)
    with share_bar("Reading") as advance:
        found = import_file(
            session,
            user.id,
            path,
            format_name=format_name,
            title=title,
            task=task,
            hold=timedelta(0) if no_analysis else HOLD,
            on_share=advance,
            spool_folder=make_spool_folder(current_app.extensions["focus.settings"].INSTANCE),
        )
    session.commit()
    recording_id = found.recording.id
    for note in found.notes:
        click.echo(f"{path.name}: {note}", err=True)
    if not no_analysis:
        _analyse(recording_id)
    if as_json:
        names = {"recording": recording_id, "format": found.format_name}
        click.echo(json.dumps({**names, "frames": found.n_frames, "markers": found.n_markers}))
    else:
        click.echo(f"{recording_id}: {found.n_frames} frames, {found.n_markers} markers, from {found.format_name}")


def _analyse(recording_id: str) -> None:
    from flask import current_app

    from focus.analysis.parameters import AnalysisParameters
    from focus.services import reanalysis, recordings

    settings = current_app.extensions["focus.settings"]
    model = load_classifier()
    parameters = AnalysisParameters(lookahead_us=round(settings.LOOKAHEAD_MS * 1000))
    session = open_session()
    recording = recordings.find_recording(session, recording_id)
    with frames_bar(recording.n_frames, "Analysing") as advance:
        reanalysis.analyse_imported(session, recording, model, parameters=parameters, on_progress=advance)


@click.command("formats", cls=FocusCommand)
@click.argument("name", required=False)
def formats(name: str | None) -> None:
    """Print the formats of exports and imports, or a small example of the import format NAME."""
    from focus.services.exports import EXPORTERS
    from focus.services.imports import IMPORTERS

    if name is not None:
        for file_name, text in IMPORTERS[name].example.files.items():
            click.echo(f"-- {file_name}")
            click.echo(text, nl=False)
        return
    rows = [("export", each, exporter.description) for each, exporter in EXPORTERS]
    rows += [("import", each, importer.description) for each, importer in IMPORTERS]
    echo_table(("way", "format", "what it is"), rows)
