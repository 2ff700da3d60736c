"""Whatever JSON or bytes a body of the API is made of, the answer is one of ours and never a fault of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import AppFactory
from tests.integration.api.conftest import API, Caller, by_login, by_token
from tests.integration.web.made import make_person, make_session

NO_LIMIT = "1000000 per second"
LIMITS = (
    "LOGIN_LIMIT",
    "LOGIN_ACCOUNT_LIMIT",
    "STRANGER_LIMIT",
    "MAIL_FORM_LIMIT",
    "MAIL_ACCOUNT_LIMIT",
    "INVITE_LIMIT",
)

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(("\0", "\ud800", "a@b.c", "x" * 500, "given", "frames:write", "own_reports", "DELETE", "nan", "")),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
VALUES_OF_ADDRESSES = ("%00", "%ed%a0%80", "9" * 400, "-1", "", "x" * 300, "nan")
NAMES = (
    *("email", "password", "display_name", "token", "current", "new", "word", "name", "scopes", "lifetime_days"),
    *("decision", "tracker", "screen", "points", "coefficients", "accuracy_deg", "title", "task", "lease", "takeover"),
    *("t_us", "columns", "kind", "body", "last_seq", "role", "is_active", "key", "answer", "birth_year", "participant"),
    *("end_tokens", "release", "lookahead_us"),
)
BODIES = st.one_of(VALUES, st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))


class Idle:
    """Stands for what makes analyses in the background, which would outlive the test."""

    def start(self, *_arguments: object, **_named: object) -> None:
        return

    def is_running(self, _recording_id: str) -> bool:
        return False


@pytest.fixture
def callers(
    make_app: AppFactory, database_url: str, quick_hashes: None
) -> Iterator[tuple[list[Caller], list[tuple[str, str]]]]:
    app = make_app(DATABASE_URL=database_url, **dict.fromkeys(LIMITS, NO_LIMIT))
    app.extensions["focus.reanalyses"] = Idle()
    ada, admin = make_person(app, "ada@example.org"), make_person(app, "admin@example.org", role="admin")
    recording_id = make_session(app, ada)
    document = Caller(app.test_client()).get("/openapi.json").get_json()
    routes = [
        (method.upper(), _address(path, recording_id, ada.user_id))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    ]
    everybody = [by_login(app, ada), by_login(app, admin), by_token(app, ada, "frames:write", "recordings:read")]
    yield everybody, routes
    app.extensions["focus.desk"].finish()
    app.extensions["focus.engine"].dispose()


def _address(path: str, recording_id: str, user_id: int) -> str:
    parts = {"recording_id": recording_id, "user_id": user_id, "purpose": "own_reports", "seq": 0, "group_id": 1}
    return path.removeprefix(API).format(**parts)


def test_no_body_is_a_fault_of_the_server(callers: tuple[list[Caller], list[tuple[str, str]]]) -> None:
    everybody, routes = callers
    assert len(routes) > 20

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(route=st.sampled_from(routes), caller=st.sampled_from(everybody), body=BODIES)
    def check(route: tuple[str, str], caller: Caller, body: Any) -> None:
        answer = caller.call(*route, json=body, headers={"Focus-Lease": "x"})
        # 503 says that no engine runs here.
        assert answer.status_code < 500 or answer.status_code == 503, (route, answer.text)
        assert answer.status_code < 400 or answer.content_type == "application/problem+json"

    check()


def test_no_bytes_are_a_fault_of_the_server(callers: tuple[list[Caller], list[tuple[str, str]]]) -> None:
    everybody, routes = callers

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        route=st.sampled_from(routes),
        content=st.one_of(st.binary(max_size=60), st.sampled_from((b"[" * 50_000, b"\xff\xfe{\x00", b"1" * 5000))),
        media_type=st.sampled_from(
            ("application/json", "application/octet-stream", "application/x+json", "", "text/html")
        ),
    )
    def check(route: tuple[str, str], content: bytes, media_type: str) -> None:
        answer = everybody[0].call(*route, data=content, content_type=media_type, headers={"Focus-Lease": "x"})
        assert answer.status_code < 500 or answer.status_code == 503, (route, answer.text)

    check()


def test_no_argument_of_an_address_is_a_fault_of_the_server(
    callers: tuple[list[Caller], list[tuple[str, str]]],
) -> None:
    admin = callers[0][1]
    document = admin.get("/openapi.json").get_json()
    recording_id = callers[0][0].get("/recordings").get_json()["items"][0]["id"]
    asked = [
        (_filled(path, recording_id, value), parameter["name"], value)
        for path, operations in document["paths"].items()
        for parameter in operations.get("get", {}).get("parameters", [{"in": "query", "name": "more"}])
        for value in VALUES_OF_ADDRESSES
        if parameter["in"] == "query" and "get" in operations
    ]
    assert len(asked) > 200

    found = {each: admin.get(f"{each[0]}?{each[1]}={each[2]}").status_code for each in asked}

    assert [each for each, status in found.items() if status >= 500] == []


def _filled(path: str, recording_id: str, value: str) -> str:
    parts = {"recording_id": recording_id, "user_id": 1, "group_id": 1, "job_id": 1}
    parts |= {"format_name": value, "date_text": value}
    return path.removeprefix(API).format(**parts)
