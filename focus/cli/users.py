"""`flask users`: accounts from the shell."""

from __future__ import annotations

import sys

import click

from focus.cli.base import FocusGroup, echo_table, open_session

users = FocusGroup("users", help="Make and list accounts.")


@users.command("create")
@click.argument("email")
@click.option("--role", default="member", show_default=True, help="member, researcher or admin.")
@click.option("--name", default="", help="Name to show.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; without it, a link logs in."
)
def create(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Make an account and print its id."""
    from focus.services import accounts

    session = open_session()
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    user = accounts.create_user(session, email, role=role, display_name=name, password=password)
    session.commit()
    click.echo(user.id)


@users.command("create-admin")
@click.argument("email")
@click.option("--name", default="", help="Name to show.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else a link logs in.")
@click.pass_context
def create_admin(context: click.Context, email: str, name: str, password_stdin: bool) -> None:
    """Make an administrator's account and print its id."""
    context.invoke(create, email=email, role="admin", name=name, password_stdin=password_stdin)


@users.command("list")
def list_all() -> None:
    """Print all accounts."""
    from focus.services import accounts

    session = open_session()
    found = accounts.list_users(session, accounts.operator_principal(), limit=1_000_000)
    echo_table(
        ("id", "email", "name", "role", "active", "made"),
        (
            (u.id, u.email, u.display_name, u.role, "yes" if u.is_active else "no", f"{u.created_at:%Y-%m-%d}")
            for u in found
        ),
    )


@users.command("login-link")
@click.argument("email")
def login_link(email: str) -> None:
    """Print a link that logs this person in once."""
    from datetime import timedelta

    from flask import current_app

    from focus.services import accounts

    session = open_session()
    settings = current_app.extensions["focus.settings"]
    user = accounts.get_user_by_email(session, email)
    holds = timedelta(minutes=settings.LOGIN_LINK_MINUTES)
    secret = accounts.create_login_secret(session, user, holds=holds)
    session.commit()
    click.echo(f"{settings.address}/login/{secret}")
