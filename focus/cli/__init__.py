"""The `flask` commands, one module each. `register` attaches them to an application.

A command module imports click and the standard library alone at its top, and the rest inside its functions, so that a
command starts quickly and one that needs no database touches none. An error of ours becomes one line on standard error
and an exit code: 2 for input that is wrong, 1 for everything else.
"""

from __future__ import annotations

import sys

from flask import Flask

from config import Settings, load_settings
from focus.cli.demo import demo
from focus.cli.doctor import doctor
from focus.cli.model import model
from focus.cli.recordings import recordings
from focus.cli.retention import retention
from focus.cli.tokens import tokens
from focus.cli.users import users
from focus.errors import SettingError


def register(app: Flask) -> None:
    """Attach every command to the application's `flask` command."""
    for command in (users, tokens, recordings, model, retention, demo, doctor):
        app.cli.add_command(command)


def load_settings_or_stop() -> Settings:
    """The settings of this installation; with a wrong one the command ends with its line and status 1."""
    try:
        return load_settings()
    except SettingError as err:
        sys.exit(err.message)
