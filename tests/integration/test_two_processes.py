"""Two server processes on one PostgreSQL and one Redis: what ends a right in one ends the open sockets of the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from focus.services import accounts
from focus.storage.database import make_engine
from tests.faults.processes import ServerProcess
from tests.integration.realtime.wire import PATIENCE_S, TrackerWire, WireClient
from tests.integration.web.made import csrf_of
from tests.servers import PostgresServer, wait_until


@dataclass
class Pair:
    """Two processes, and the database that they share."""

    here: ServerProcess
    there: ServerProcess
    engine: Engine

    def add_person(self, email: str) -> tuple[int, str]:
        """Somebody new: their id and a token for trackers."""
        with Session(self.engine) as session:
            user = accounts.create_user(session, email)
            _, secret = accounts.create_token(session, user, name="tracker", scopes=["frames:write"])
            session.commit()
            return user.id, secret

    def browser_there(self, user_id: int) -> requests.Session:
        """A browser at the second process in which this person is logged in."""
        with Session(self.engine) as session:
            user = accounts.get_user(session, user_id)
            secret = accounts.create_login_secret(session, user, holds=timedelta(minutes=1))
            session.commit()
        browser = requests.Session()
        assert browser.get(f"{self.there.url}/login/{secret}", timeout=PATIENCE_S).status_code == 200
        return browser


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, postgres_template: str, redis_url: str
) -> Iterator[Pair]:
    name = postgres_server.create_database(template=postgres_template)
    url = postgres_server.url(name)
    servers = [_server(tmp_path_factory.mktemp(process), url, redis_url) for process in ("here", "there")]
    engine = make_engine(url)
    try:
        for server in servers:
            server.start()
        yield Pair(servers[0], servers[1], engine)
    finally:
        for server in servers:
            server.end()
        engine.dispose()
        postgres_server.drop_database(name)


def _server(folder: Path, url: str, redis_url: str) -> ServerProcess:
    return ServerProcess(folder, url, REDIS_URL=redis_url, SECRET_KEY="0123456789abcdef" * 4)


def test_a_token_that_is_revoked_in_one_process_ends_its_socket_in_the_other(pair: Pair) -> None:
    user_id, secret = pair.add_person("ada@example.org")
    _, other_secret = pair.add_person("bob@example.org")
    tracker, bystander = TrackerWire(pair.here.url, secret), TrackerWire(pair.here.url, other_secret)
    browser = pair.browser_there(user_id)
    csrf = browser.get(f"{pair.there.url}/api/v1/me/csrf", timeout=PATIENCE_S).json()["csrf_token"]
    (token,) = browser.get(f"{pair.there.url}/api/v1/me/tokens", timeout=PATIENCE_S).json()["items"]

    answer = browser.delete(
        f"{pair.there.url}/api/v1/me/tokens/{token['id']}", headers={"X-CSRFToken": csrf}, timeout=PATIENCE_S
    )

    assert answer.status_code == 204
    assert tracker.wait_for("notice")["code"] == "revoked"
    wait_until(lambda: not tracker._client.connected, what="the end of the socket", limit_s=PATIENCE_S)
    assert bystander.call("clock", {"c0": 1})["c0"] == 1
    for end in (tracker.close, bystander.close, browser.close):
        end()


def test_a_person_who_is_disabled_loses_sockets_and_log_ins_in_every_process(pair: Pair) -> None:
    user_id, secret = pair.add_person("eve@example.org")
    browser = pair.browser_there(user_id)
    tracker = TrackerWire(pair.here.url, secret)
    cookie = browser.cookies["focus_login"]
    viewer = WireClient(pair.there.url, None, namespace="/live", headers={"Cookie": f"focus_login={cookie}"})

    # As `flask users` or an administrator's page in a third process would.
    with Session(pair.engine) as session:
        accounts.set_active(session, accounts.operator_principal(), user_id, is_active=False)
        session.commit()

    assert tracker.wait_for("notice")["code"] == "revoked"
    for client in (tracker, viewer):
        wait_until(lambda client=client: not client._client.connected, what="the end", limit_s=PATIENCE_S)  # type: ignore[misc]
    header = {"Cookie": f"focus_login={cookie}"}
    answers = [
        requests.get(f"{server.url}/api/v1/me", headers=header, timeout=PATIENCE_S).status_code
        for server in (pair.here, pair.there)
    ]
    assert answers == [401, 401]
    for end in (tracker.close, viewer.close, browser.close):
        end()


def test_logging_out_everywhere_in_one_process_ends_the_pages_sockets_in_the_other(pair: Pair) -> None:
    user_id, _ = pair.add_person("dan@example.org")
    browser = pair.browser_there(user_id)
    cookie = browser.cookies["focus_login"]
    viewer = WireClient(pair.here.url, None, namespace="/live", headers={"Cookie": f"focus_login={cookie}"})
    csrf = csrf_of(browser.get(f"{pair.there.url}/account", timeout=PATIENCE_S).text)

    answer = browser.post(f"{pair.there.url}/logout/everywhere", data={"csrf_token": csrf}, timeout=PATIENCE_S)

    assert answer.status_code == 200
    wait_until(lambda: not viewer._client.connected, what="the end of the socket", limit_s=PATIENCE_S)
    viewer.close()
    browser.close()
