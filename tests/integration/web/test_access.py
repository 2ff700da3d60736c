"""What a refused request leaves as it was; who gets which answer from which route is in `tests/integration/access`."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.integration.web.conftest import People
from tests.integration.web.made import csrf_in, make_session


@pytest.mark.parametrize("action", ["delete", "stop"])
def test_another_member_can_neither_stop_nor_delete_a_session(app: Flask, people: People, action: str) -> None:
    recording_id = make_session(app, people.ada, state="open")
    bob = people.browsers["bob"]

    answer = bob.post(f"/sessions/{recording_id}/{action}", data={"csrf_token": csrf_in(bob)})

    assert answer.status_code == 404
    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text
    assert "This session is still going on." in page


def test_nobody_is_sent_to_the_log_in_and_back(people: People) -> None:
    answer = people.browsers["nobody"].get("/sessions/start")

    assert answer.headers["Location"] == "/login?next=%2Fsessions%2Fstart"


def test_every_form_is_refused_without_its_csrf_token(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, state="open")
    forms = [
        re.sub(r"<int:\w+>", "1", rule.rule.replace("<uuid:recording_id>", recording_id))
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
    ]
    assert len(forms) >= 9

    found = {path: people.browsers["ada"].post(path).status_code for path in forms}

    assert found == dict.fromkeys(forms, 400)
