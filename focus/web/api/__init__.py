"""The JSON API under `/api/v1`: the same services as the pages, for scripts, trackers and the pages' own scripts.

`register(app)` is called by `focus.web` when the accounts and the CSRF protection are set up. Who may call a route is
said by its decorator in `callers.py`, what comes in and goes out by the schemas beside it; the OpenAPI document is made
of both. Errors are problem JSON (`focus.web.errors`).
"""

from __future__ import annotations

from flask import Flask

from focus.web.api import (
    accounts,
    analyses,
    data,
    delivery,
    document,
    groups,
    installation,
    me,
    recordings,
    reports,
)
from focus.web.api.base import FocusApi

PARTS = (accounts, me, data, recordings, analyses, delivery, reports, groups, installation)
"""`installation` has the blueprint of `admin`, to which it adds routes."""


def register(app: Flask) -> None:
    """Join the API's routes to the app, and their description to its OpenAPI document."""
    api = FocusApi(app)
    app.extensions["focus.api"] = api
    for part in PARTS:
        api.register_blueprint(part.blueprint)
    app.register_blueprint(document.blueprint)
    for blueprint in [*(part.blueprint for part in PARTS), document.blueprint]:
        # A form's field is no use here: `callers` asks for the header wherever a cookie says who is calling.
        app.extensions["csrf"].exempt(blueprint)
