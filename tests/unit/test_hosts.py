"""The check of the Host header."""

from __future__ import annotations

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from focus.hosts import HostCheck


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("focus.example.org", 200),
        ("FOCUS.example.org:8443", 200),
        ("127.0.0.1:5000", 200),
        ("localhost", 200),
        ("[::1]:5000", 200),
        ("a.lab.example.org", 200),
        ("example.org", 400),
        ("focus.example.org.evil.example", 400),
        ("evil.example:5000", 400),
        ("127.0.0.2", 400),
        ("127.0.0.1:5000@evil.example", 400),
        ("[::1]evil.example", 400),
        ("[::1]evil.example:80", 400),
        ("", 400),
    ],
)
def test_only_the_names_of_this_server_get_through(host: str, status: int) -> None:
    client = Client(HostCheck(Response("in"), ["focus.example.org", ".lab.example.org"]))

    answer = client.get("/", headers={"Host": host})

    assert answer.status_code == status
    assert ("ALLOWED_HOSTS" in answer.text) == (status == 400)
