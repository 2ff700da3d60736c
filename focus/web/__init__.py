"""The pages and the JSON they need: blueprints, templates, static files, headers and error pages.

`register(app)` is the only thing that `focus.app` calls. Nothing here reads a table: pages ask `focus.services` with a
database session and the principal of the person who is logged in, and turn `FocusError` into a page or problem JSON.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from focus.web import (
    accounts,
    admin,
    analyses,
    api,
    errors,
    exports,
    formats,
    groups,
    headers,
    imports,
    reports,
    sessions,
    tracking,
)

STATIC_FOLDER = Path(__file__).parent / "static"
TEMPLATE_FOLDER = Path(__file__).parent / "templates"


class RowNumber(IntegerConverter):
    """`int` in an address: no larger than a row's number can be, so that a longer one is simply not found."""

    def __init__(self, url_map: Map, fixed_digits: int = 0, min: int | None = None, max: int | None = None) -> None:
        super().__init__(url_map, fixed_digits, min, 2**63 - 1 if max is None else max)


def register(app: Flask) -> None:
    """Join blueprints, templates, static files, error pages and security headers to the app.

    Called once, after the login manager and the CSRF protection were set up.
    """
    # Flask serves whatever `static_folder` names when a request comes, so the app itself may live in another folder.
    app.static_folder = str(STATIC_FOLDER)
    app.url_map.converters["int"] = RowNumber
    for part in (accounts, sessions, tracking, reports, exports, imports, analyses, groups, admin):
        app.register_blueprint(part.blueprint)
    api.register(app)
    formats.register(app)
    headers.register(app)
    errors.register(app)
