"""Every route that the running application has, crossed with everybody: exact statuses, and no route without a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask, url_for

from focus.app import create_app
from focus.storage.database import db
from tests.conftest import KEY
from tests.integration.access.bodies import BODIES
from tests.integration.access.rules import API, API_ROLES, PAGE_ROLES, PAGES, lines
from tests.integration.access.world import TOKENS, World, make_world

LIMITS = (
    "LOGIN_LIMIT",
    "LOGIN_ACCOUNT_LIMIT",
    "STRANGER_LIMIT",
    "MAIL_FORM_LIMIT",
    "MAIL_ACCOUNT_LIMIT",
    "INVITE_LIMIT",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OTHER_OBJECTS = {
    "api_admin.promote_release": {"name": "release"},
    "api_groups.stop_run": {"recording_id": "run_id"},
    "admin.model_card": {"name": "release"},
    "admin.promote_model": {"name": "release"},
    "api_admin.cancel_job": {"job_id": "import_id"},
    "imports.state": {"job_id": "import_id"},
    "groups.stop_run": {"recording_id": "run_id"},
}
"""Where a part of the address names another object than in other routes."""

RULES = [(PAGE_ROLES, *line) for line in lines(PAGES)] + [(API_ROLES, *line) for line in lines(API)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template) -> Iterator[World]:
    from config import load_settings

    instance = tmp_path_factory.mktemp("access") / "instance"
    instance.mkdir()
    database = instance / "focus.db"
    database.write_bytes(sqlite_template.read_bytes())
    values = {"FOCUS_ENV": "testing", "FOCUS_INSTANCE": str(instance), "SECRET_KEY": KEY}
    app = create_app(load_settings({**values, **dict.fromkeys(LIMITS, "1000000 per second")}, env_file=None))
    with pytest.MonkeyPatch.context() as patch:
        # Real hashes take longer than all requests together.
        patch.setattr("focus.services.passwords._hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        made = make_world(app, database)
        yield made
    made.close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    app.extensions["focus.engine"].dispose()


def address(world: World, endpoint: str) -> str:
    """The route's address with real objects in it; what stands behind a ? is its query."""
    name, _, query = endpoint.partition("?")
    rule = max(world.app.url_map.iter_rules(name), key=lambda rule: len(rule.arguments))
    changed = OTHER_OBJECTS.get(name, {})
    values = {part: world.objects[changed.get(part, part)] for part in rule.arguments}
    with world.app.test_request_context():
        path = url_for(name, **values)
    return f"{path}?{query.format(**world.objects)}" if query else path


def routes(app: Flask) -> set[tuple[str, str]]:
    """Every method of every route, without those that Flask answers itself."""
    return {
        (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_has_a_rule_and_every_rule_a_route(world: World) -> None:
    ruled = {(method, endpoint.partition("?")[0]) for _, method, endpoint, *_ in RULES}

    assert ruled == routes(world.app)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule[1]} {rule[2]}")
def test_everybody_gets_the_answer_of_the_rule(world: World, rule: tuple[tuple[str, ...], str]) -> None:
    roles, method, endpoint, *statuses = rule
    path, body = address(world, endpoint), _body(world, method, endpoint)

    found = {who: world.ask(who, method, path, body).status_code for who in roles}

    assert found == dict(zip(roles, map(int, statuses), strict=True))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule[1]} {rule[2]}")
def test_a_disabled_person_and_a_token_on_a_page_are_strangers(world: World, rule: tuple[tuple[str, ...], str]) -> None:
    roles, method, endpoint, stranger, *_ = rule
    path, body = address(world, endpoint), _body(world, method, endpoint)
    whos = ["gone", "gone token", *(TOKENS if roles == PAGE_ROLES else ())]

    found = {who: world.ask(who, method, path, body).status_code for who in whos}

    assert found == dict.fromkeys(whos, int(stranger))


def test_no_route_takes_a_method_that_has_no_rule(world: World) -> None:
    map_of_routes = world.app.url_map.bind("localhost")
    paths = {address(world, endpoint).partition("?")[0] for _, _, endpoint, *_ in RULES}

    found = {
        (who, method, path): world.ask(who, method, path, {}).status_code
        for path in paths
        for method in METHODS
        if method not in map_of_routes.allowed_methods(path)
        for who in ("stranger", "admin")
    }

    assert len(found) > 300
    assert {case: status for case, status in found.items() if status != 405} == {}


def test_asking_for_the_head_alone_gives_the_status_of_the_page_and_does_nothing(world: World) -> None:
    # A look at a log-in link by HEAD does not use it up, and tells nothing.
    pages = [rule for rule in RULES if rule[1] == "GET" and rule[2] != "accounts.log_in_by_link"]

    found = {
        (endpoint, who): world.ask(who, "HEAD", address(world, endpoint), {}).status_code
        for roles, _, endpoint, *_ in pages
        for who in roles
    }

    expected = {
        (endpoint, who): int(status)
        for roles, _, endpoint, *statuses in pages
        for who, status in zip(roles, statuses, strict=True)
    }
    assert found == expected


def test_options_tell_the_methods_and_nothing_else(world: World) -> None:
    for _, _, endpoint, *_ in RULES:
        answer = world.ask("stranger", "OPTIONS", address(world, endpoint), {})
        assert (answer.status_code, answer.data) == (200, b""), endpoint


def _body(world: World, method: str, endpoint: str) -> dict[str, Any]:
    """What is sent; a text in braces stands for an object of the world."""
    sent = {} if method == "GET" else BODIES.get(endpoint.partition("?")[0], {})
    if "json" not in sent:
        return sent
    texts = {name: value for name, value in sent["json"].items() if isinstance(value, str)}
    return {**sent, "json": {**sent["json"], **{name: text.format(**world.objects) for name, text in texts.items()}}}
