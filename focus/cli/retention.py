"""`flask retention`: removing what is older than the settings say."""

from __future__ import annotations

import click

from focus.cli.base import FocusGroup, open_session

retention = FocusGroup("retention", help="Remove what is older than this installation keeps.")


@retention.command("run")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def run(dry_run: bool) -> None:
    """Remove old sessions, frames, exports, links and messages, as RETENTION_* and EXPORT_DAYS say."""
    from flask import current_app

    from focus.services import retention as service

    settings = current_app.extensions["focus.settings"]
    rules = service.RetentionRules.of_days(
        frames=settings.RETENTION_FRAMES_DAYS, metrics=settings.RETENTION_METRICS_DAYS, exports=settings.EXPORT_DAYS
    )
    session = open_session()
    outcome = service.run(session, rules, instance=settings.INSTANCE, is_rehearsal=dry_run)
    verb = "would be removed" if dry_run else "removed"
    for count, what in (
        (outcome.n_recordings, "sessions with everything"),
        (outcome.n_without_frames, "sessions' raw frames"),
        (outcome.n_exports, "exports"),
        (outcome.n_secrets, "links and log-ins that had run out"),
        (outcome.n_letters, "messages in outbox/"),
    ):
        click.echo(f"{count:>6}  {what} {verb}")
