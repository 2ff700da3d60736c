"""People who look at pages: a member with a session, another member, an administrator, and nobody."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.made import Person, browser_of, make_person


@dataclass(frozen=True)
class People:
    """Everybody in the tests, with a browser each."""

    ada: Person
    bob: Person
    carol: Person
    browsers: dict[str, FlaskClient]


@pytest.fixture(autouse=True)
def _quick(quick_hashes: None) -> None:
    """Nothing here is about how long a hash takes."""


@pytest.fixture
def people(app: Flask) -> People:
    ada = make_person(app, "ada@example.org")
    bob = make_person(app, "bob@example.org")
    carol = make_person(app, "carol@example.org", role="admin")
    browsers = {
        "nobody": browser_of(app, None),
        "ada": browser_of(app, ada),
        "bob": browser_of(app, bob),
        "admin": browser_of(app, carol),
    }
    return People(ada, bob, carol, browsers)
