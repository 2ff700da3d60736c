"""`flask tokens`: API tokens from the shell."""

from __future__ import annotations

from datetime import timedelta

import click

from focus.cli.base import FocusGroup, open_session

tokens = FocusGroup("tokens", help="Make API tokens.")


@tokens.command("create")
@click.argument("email")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do: frames:write, recordings:read.")
@click.option(
    "--name", default="made on the command line", show_default=True, help="By which its owner knows it again."
)
@click.option("--expires-days", type=click.FloatRange(min=0, min_open=True), help="Days it works; for ever without it.")
def create(email: str, scopes: tuple[str, ...], name: str, expires_days: float | None) -> None:
    """Print a new token for an account that exists, alone on one line. It is shown this once."""
    from focus.services import accounts

    session = open_session()
    user = accounts.get_user_by_email(session, email)
    expires = None if expires_days is None else timedelta(days=expires_days)
    _, secret = accounts.create_token(session, user, name=name, scopes=scopes, expires=expires)
    session.commit()
    click.echo(secret)
