"""Every route of the API does what its OpenAPI document says, whatever is sent: schemathesis asks, in this process."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from focus.analysis.parameters import AnalysisParameters
from focus.app import start_background, stop_background
from focus.services.reanalysis_runner import ReanalysisRunner
from focus.web.api.base import SESSION_COOKIE
from tests.conftest import AppFactory
from tests.integration.api.conftest import API, Caller, by_login, opening
from tests.integration.web.made import Person, make_person, make_session
from tests.unit.analysis.fakes import ThresholdClassifier

CHECKS = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
)
EXAMPLES = 8
NO_LIMIT = "1000000 per second"
LIMITS = ("LOGIN_LIMIT", "LOGIN_ACCOUNT_LIMIT", "STRANGER_LIMIT", "MAIL_FORM_LIMIT", "MAIL_ACCOUNT_LIMIT")


@pytest.fixture
def open_app(
    make_app: AppFactory, sqlite_url: str, quick_hashes: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    monkeypatch.setattr("focus.realtime._load_classifier", lambda settings, release: ThresholdClassifier())
    app = make_app(DATABASE_URL=sqlite_url, **dict.fromkeys(LIMITS, NO_LIMIT))
    app.extensions["focus.reanalyses"] = WaitingRunner(sqlite_url, lambda release: ThresholdClassifier())
    start_background(app)
    yield app
    app.extensions["focus.desk"].finish()
    stop_background(app)


class WaitingRunner(ReanalysisRunner):
    """Answers when the analysis is made, so that none is under way when the test ends."""

    def start(self, recording_id: str, *, release: str, parameters: AnalysisParameters) -> threading.Thread:
        task = super().start(recording_id, release=release, parameters=parameters)
        task.join(60)
        return task


def schema_of(app: Flask, mode: GenerationMode) -> Any:
    config = SchemathesisConfig()
    config.projects.default.generation.modes = [mode]
    # Who asks is settled here, not made up.
    config.projects.default.generation.with_security_parameters = False
    return schemathesis.openapi.from_wsgi(f"{API}/openapi.json", app, config=config)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_answers_as_its_document_says(
    open_app: Flask, mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    operations = [found.ok() for found in schema_of(open_app, mode).get_all_operations()]
    assert len(operations) > 40

    for number, operation in enumerate(operations):
        with subtests.test(operation.label):
            ask(operation, *somebody(open_app, f"person{number}@example.org", operation.path))


def somebody(app: Flask, email: str, path: str) -> tuple[Caller, dict[str, Any]]:
    """A person who is logged in, and real values for the address: what one route deletes, no other misses."""
    role = "admin" if "/admin" in path else "researcher" if "/groups" in path or "/analyses" in path else "member"
    person = make_person(app, email, role=role)
    caller = by_login(app, person)
    real: dict[str, Any] = {"purpose": "own_reports", "format_name": "csv", "date_text": "2026-11-23"}
    if "{user_id}" in path:
        real["user_id"] = make_person(app, f"other-{email}").user_id
    if "{group_id}" in path and role == "researcher":
        real["group_id"] = caller.post("/groups", json={"name": "Readers"}).get_json()["id"]
    if "/analyses/" in path:
        real["number"] = 0
    if "{recording_id}" in path:
        real["recording_id"] = real_recording(app, person, caller, path)
    return caller, real


def real_recording(app: Flask, person: Person, caller: Caller, path: str) -> str:
    if not path.endswith(("/lease", "/{seq}", "/close")):
        return make_session(app, person)
    recording_id = str(uuid.uuid4())
    lease = caller.put(f"/recordings/{recording_id}/lease", json=opening()).get_json()["lease"]
    caller.headers["Focus-Lease"] = lease
    return recording_id


def ask(operation: Any, caller: Caller, real: dict[str, Any]) -> None:
    """Send the route many requests, most of them about objects that are there."""
    n_asked, statuses = 0, set[int]()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        nonlocal n_asked
        n_asked += 1
        if n_asked % 3 and not _is_negated(case, ParameterLocation.PATH):
            case.path_parameters = {name: real.get(name, value) for name, value in (case.path_parameters or {}).items()}
        headers = dict(caller.headers)
        if n_asked % 4 == 0 or _is_negated(case, ParameterLocation.HEADER):
            headers.pop("Focus-Lease", None)
        # Looked up each time: changing the password gives the browser another one.
        cookie = caller.client.get_cookie(SESSION_COOKIE)
        answer = case.call(headers=headers, cookies={SESSION_COOKIE: cookie.value} if cookie else None)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=list(CHECKS))

    check()
    assert statuses - {401}, "nobody got through the door"


def _is_negated(case: Any, part: ParameterLocation) -> bool:
    """Whether this part of the request was made wrong on purpose."""
    found = [
        info.mode
        for location, info in case.meta.components.items()
        if getattr(location, "value", str(location)) == part
    ]
    return bool(found) and found[0] is GenerationMode.NEGATIVE
