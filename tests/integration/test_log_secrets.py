"""Nothing that lets somebody in, and no address, stands in the log of a whole day: log-in, token, socket, reset.

Looked at are the lines that are written, at the level that writes most, and the records of our own loggers before the
formatter takes secrets out of them: the formatter is a net below the rule, not the rule.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from flask import Flask

from tests.integration.realtime.wire import Refusal, TrackerWire, WireClient, serving
from tests.integration.web.made import csrf_of
from tests.unit.analysis.fakes import ThresholdClassifier

EMAIL, OTHER_EMAIL = "eve.listener@example.org", "nobody.known@example.org"
FIRST_PASSWORD, NEW_PASSWORD, WRONG_PASSWORD = "correct horse battery", "quite another horse", "my wrong guess 12"
PATIENCE_S = 20


@dataclass
class Day:
    """A browser on a running server, and every secret that it came across."""

    url: str
    outbox: Path
    finish_letters: Callable[[], None]
    browser: requests.Session = field(default_factory=requests.Session)
    secrets: set[str] = field(default_factory=set)

    def fill(self, path: str, **fields: str) -> requests.Response:
        """Open a page and send its form."""
        page = self.browser.get(self.url + path, timeout=PATIENCE_S)
        csrf = csrf_of(page.text)
        answer = self.browser.post(self.url + path, data={**fields, "csrf_token": csrf}, timeout=PATIENCE_S)
        self.secrets |= {csrf, *self.browser.cookies.values()}
        return answer

    def letter(self) -> str:
        """The path of the link in the newest letter."""
        self.finish_letters()
        text = sorted(self.outbox.glob("*.eml"))[-1].read_text()
        found = re.search(r"https?://\S+?(/(?:verify|reset)/(\S+))", text)
        assert found is not None
        self.secrets.add(found[2])
        return found[1]


@pytest.fixture
def loud_app(make_app: Callable[..., Flask], sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setattr("focus.realtime._load_classifier", lambda settings, release: ThresholdClassifier())
    root = logging.getLogger()
    before = list(root.handlers), root.level
    yield make_app(DATABASE_URL=sqlite_url, LOG_LEVEL="DEBUG")
    root.handlers[:], root.level = before
    logging.getLogger("focus").setLevel(logging.NOTSET)


def live_through(day: Day) -> None:
    """Register, confirm, log in wrongly and rightly, make a token, use it in every way, forget the password."""
    day.fill("/register", email=EMAIL, new=FIRST_PASSWORD, again=FIRST_PASSWORD)
    assert day.fill(day.letter(), password=FIRST_PASSWORD).status_code == 200
    day.browser.cookies.clear()
    assert day.fill("/login", email=EMAIL, password=WRONG_PASSWORD).status_code == 422
    assert day.fill("/login", email=OTHER_EMAIL, password=WRONG_PASSWORD).status_code == 422
    assert day.fill("/login", email=EMAIL, password=FIRST_PASSWORD).status_code == 200

    csrf = day.browser.get(f"{day.url}/api/v1/me/csrf", timeout=PATIENCE_S).json()["csrf_token"]
    body = {"name": "tracker", "scopes": ["frames:write", "recordings:read"]}
    made = day.browser.post(
        f"{day.url}/api/v1/me/tokens", json=body, headers={"X-CSRFToken": csrf}, timeout=PATIENCE_S
    ).json()
    secret: str = made["secret"]
    day.secrets |= {csrf, secret, secret.removeprefix("focus_"), *day.browser.cookies.values()}

    tracker = TrackerWire(day.url, secret)
    assert tracker.open()["next_seq"] == 0
    tracker.close()
    with suppress(Refusal):
        WireClient(day.url, {"proto": 1, "token": secret + "x"})
    for query, header in (("", secret), ("", secret + "x"), (f"?token={secret}", secret), (f"?search={EMAIL}", secret)):
        headers = {"Authorization": f"Bearer {header}"}
        requests.get(f"{day.url}/api/v1/recordings{query}", headers=headers, timeout=PATIENCE_S)

    day.fill("/forgot", email=EMAIL)
    day.fill("/forgot", email=OTHER_EMAIL)
    link = day.letter()
    assert day.fill(link, new="short", again="short").status_code == 422
    assert day.fill(link, new=NEW_PASSWORD, again=NEW_PASSWORD).status_code == 200
    assert day.fill("/login", email=EMAIL, password=NEW_PASSWORD).status_code == 200
    day.secrets |= {*day.browser.cookies.values()}


def test_no_password_token_cookie_link_or_address_stands_in_the_log(
    loud_app: Flask, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    outbox = loud_app.extensions["focus.settings"].INSTANCE / "outbox"
    with caplog.at_level(logging.DEBUG), serving(loud_app) as url:
        day = Day(url, outbox, loud_app.extensions["focus.desk"].finish)
        live_through(day)
        day.browser.close()
    written = capsys.readouterr().err
    own = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("focus"))

    secrets = {*day.secrets, FIRST_PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, EMAIL, OTHER_EMAIL}
    assert len(secrets) > 10
    assert min(map(len, secrets)) > 12
    for place, text in (("written", written), ("of our own loggers", own)):
        assert "accounts.log_in 422" in text, f"the log {place} holds nothing of it"
        assert [secret for secret in secrets if secret in text] == [], place
