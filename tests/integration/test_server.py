"""`python wsgi.py` as its user runs it: the way up, health, the log-in link, a second server, the way down."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
import requests

import wsgi
from config import ROOT, Settings
from tests.integration.realtime.wire import PATIENCE_S, TrackerWire
from tests.servers import START_S, PostgresServer, free_port, wait_until

MODES = ("eventlet", "gevent", "threading")


@dataclass
class Server:
    """A server process of its own, and what it has said."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    instance: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answers."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as err:
            with err:
                return err.code, err.read().decode()
        except (urllib.error.URLError, OSError):
            return 0, ""

    def wait_until_ready(self) -> None:
        wait_until(
            lambda: self.process.poll() is not None or self.get("/readyz")[0] == 200, what=f"the server {self.log}"
        )
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.log.read_text()

    def login_link(self) -> str:
        found = re.search(r"http://\S+/login/\S+", self.said())
        assert found is not None, self.said()
        return found[0]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(START_S)


class Servers:
    """Starts servers on one instance folder and ends those that are left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Server] = []

    def start(self, **settings: str) -> Server:
        port = int(settings.pop("PORT", free_port()))
        log = self.folder / f"server{len(self._started)}.log"
        instance = Path(settings.pop("FOCUS_INSTANCE", str(self.folder / "instance")))
        environ = {"PATH": os.environ["PATH"], "FOCUS_INSTANCE": str(instance), "PORT": str(port)}
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "wsgi.py"], cwd=ROOT, env={**environ, **settings}, stdout=file, stderr=file, text=True
            )
        server = Server(process, port, log, instance)
        self._started.append(server)
        return server

    def start_and_wait(self, **settings: str) -> Server:
        server = self.start(**settings)
        server.wait_until_ready()
        return server

    def end(self) -> None:
        for server in self._started:
            server.process.kill()
            server.process.wait()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path)
    yield servers
    servers.end()


@pytest.mark.parametrize("mode", MODES)
def test_a_fresh_instance_comes_up_answers_and_goes_down_in_peace(servers: Servers, mode: str) -> None:
    server = servers.start_and_wait(SOCKETIO_ASYNC_MODE=mode)

    live, (status, ready) = server.get("/livez"), server.get("/readyz")
    assert live == (200, '{"status":"ok"}\n')
    assert (status, json.loads(ready)) == (
        200,
        {"status": "ok", "database": "ok", "migrations": "ok", "engine": "ok"},
    )
    assert f"FOCUS runs at {server.url}\n" in server.said()
    assert server.stop() == 0
    assert "Traceback" not in server.said()


def test_the_printed_link_logs_in_once(servers: Servers) -> None:
    server = servers.start_and_wait()
    link = server.login_link()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    with browser.open(link, timeout=START_S) as page:
        assert (page.status, page.url) == (200, f"{server.url}/")
    with browser.open(f"{server.url}/account", timeout=START_S) as page:
        assert "admin@localhost" in page.read().decode()
    assert server.get(link.removeprefix(server.url))[0] == 401


def test_neither_the_link_nor_the_address_stands_in_the_log(servers: Servers) -> None:
    server = servers.start_and_wait(LOG_LEVEL="DEBUG")
    secret = server.login_link().rpartition("/")[2]
    before = server.said()
    server.get(f"/login/{secret}")
    server.get("/login/wrong")
    server.stop()

    after = server.said().removeprefix(before)
    assert "accounts.log_in_by_link" in after
    assert secret not in after
    assert "admin@localhost" not in after


def test_starting_again_keeps_key_and_account_and_gives_a_new_link(servers: Servers) -> None:
    first = servers.start_and_wait()
    key = (servers.folder / "instance" / "secret_key").read_text()
    first.stop()

    second = servers.start_and_wait()

    assert (servers.folder / "instance" / "secret_key").read_text() == key
    assert second.login_link().rpartition("/")[2] != first.login_link().rpartition("/")[2]
    assert "migrated" not in second.said()


def test_a_server_that_was_killed_leaves_nothing_in_the_way(servers: Servers) -> None:
    servers.start_and_wait().stop(signal.SIGKILL)

    assert servers.start_and_wait().get("/readyz")[0] == 200


def test_a_second_server_on_the_same_sqlite_is_refused_in_one_line(
    servers: Servers, shared_servers: dict[str, Server]
) -> None:
    first = shared_servers["eventlet"]

    second = servers.start(FOCUS_INSTANCE=str(first.instance))

    assert second.process.wait(START_S) == 1
    assert second.said() == (
        f"another server (process {first.process.pid}) uses {first.instance}; stop it, or name another folder with "
        "FOCUS_INSTANCE, or use PostgreSQL\n"
    )
    assert first.get("/readyz")[0] == 200


def test_a_port_in_use_is_said_in_one_line(servers: Servers, shared_servers: dict[str, Server]) -> None:
    first = shared_servers["eventlet"]

    second = servers.start(PORT=str(first.port), LOG_LEVEL="WARNING")

    assert second.process.wait(START_S) == 1
    assert second.said() == (
        f"HOST is '127.0.0.1' and PORT is {first.port}; allowed is an address of this machine and a port that no "
        "other program uses: Address already in use\n"
    )


def test_two_servers_share_one_postgresql(servers: Servers, empty_postgres_url: str) -> None:
    # Started together, so that both find an empty database and one of them has to wait for the other's migrations.
    both = [servers.start(DATABASE_URL=empty_postgres_url) for _ in range(2)]
    for server in both:
        server.wait_until_ready()

    assert [server.stop() for server in both] == [0, 0]
    assert "Traceback" not in both[0].said() + both[1].said()


@pytest.mark.parametrize("mode", MODES)
def test_an_outage_of_postgresql_makes_the_server_unready_and_nothing_worse(servers: Servers, mode: str) -> None:
    postgres = PostgresServer()
    postgres.start()
    try:
        server = servers.start_and_wait(DATABASE_URL=postgres.url("postgres"), SOCKETIO_ASYNC_MODE=mode)

        postgres.stop()
        during = server.get("/readyz"), server.get("/livez")
        postgres.start()
        wait_until(lambda: server.get("/readyz")[0] == 200, what="the server after the outage")
    finally:
        postgres.remove()

    (status, parts), live = during
    assert (status, live[0]) == (503, 200)
    assert json.loads(parts) == {"status": "unready", "database": "failed", "migrations": "failed", "engine": "ok"}


@pytest.mark.parametrize("mode", ["eventlet", "gevent"])
def test_a_database_that_hangs_does_not_hang_the_other_requests(servers: Servers, mode: str) -> None:
    postgres = PostgresServer()
    postgres.start()
    try:
        server = servers.start_and_wait(DATABASE_URL=postgres.url("postgres"), SOCKETIO_ASYNC_MODE=mode)
        with socket.create_connection(("127.0.0.1", server.port), timeout=START_S) as asking:
            with postgres.frozen():
                asking.sendall(f"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
                answers = [server.get("/livez")[0] for _ in range(10)]
                is_answered, _, _ = select.select([asking], [], [], 0)
            afterwards = asking.recv(12)
    finally:
        postgres.remove()

    assert answers == [200] * 10
    assert not is_answered
    assert afterwards == b"HTTP/1.1 200"


@pytest.mark.parametrize("mode", ["eventlet", "gevent"])
def test_more_connections_than_a_process_may_open_by_default_are_served(
    shared_servers: dict[str, Server], mode: str
) -> None:
    # 1024 is the usual limit of open files, and what eventlet serves at a time unless told otherwise.
    n_connections = 1100
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * n_connections:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * n_connections), hard))
    server = shared_servers[mode]
    own = f"127.0.0.1:{server.port}"
    with ExitStack() as stack:
        statuses = [
            stack.enter_context(opened_socket(server.port, host=own, origin=f"http://{own}"))
            for _ in range(n_connections)
        ]
        ready = server.get("/readyz")[0]

    assert (set(statuses), ready) == ({101}, 200)


def test_the_demo_is_streamed_into_a_server_that_runs(shared_servers: dict[str, Server]) -> None:
    server = shared_servers["eventlet"]
    environ = {"PATH": os.environ["PATH"], "FOCUS_INSTANCE": str(server.instance), "PORT": str(server.port)}
    flask = Path(sys.executable).with_name("flask")

    done = subprocess.run(
        [flask, "demo", "--speed", "max"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    found = re.search(rf"Its report is at {server.url}/sessions/(\S+)", done.stdout)
    assert found is not None, done.stdout
    shown = subprocess.run(
        [flask, "recordings", "show", found[1], "--json"], cwd=ROOT, env=environ, capture_output=True, check=True
    )
    # Two and a half minutes at 60 Hz, counted in the file.
    assert json.loads(shown.stdout)["frames"] == 9001


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("{own}", "http://{own}", 101),
        ("{own}", "http://evil.example", 400),
        ("{own}", "https://{own}", 400),
        ("{own}", "null", 400),
        ("evil.example", "http://evil.example", 400),
    ],
)
def test_only_a_page_of_this_server_may_open_a_socket(
    shared_servers: dict[str, Server], mode: str, host: str, origin: str, status: int
) -> None:
    server = shared_servers[mode]
    own = f"127.0.0.1:{server.port}"

    with opened_socket(server.port, host=host.format(own=own), origin=origin.format(own=own)) as answered:
        assert answered == status


@pytest.mark.parametrize("mode", MODES)
def test_a_revoked_token_ends_its_open_connection(shared_servers: dict[str, Server], mode: str) -> None:
    server, browser = shared_servers[mode], requests.Session()
    browser.get(server.login_link(), timeout=PATIENCE_S)
    proof = browser.get(f"{server.url}/api/v1/me/csrf", timeout=PATIENCE_S).json()["csrf_token"]
    browser.headers["X-CSRFToken"] = proof
    wanted = {"name": "tracker", "scopes": ["frames:write"]}
    token = browser.post(f"{server.url}/api/v1/me/tokens", json=wanted, timeout=PATIENCE_S).json()
    with closing(TrackerWire(server.url, token["secret"])) as tracker:
        assert "lease" in tracker.open()

        browser.delete(f"{server.url}/api/v1/me/tokens/{token['id']}", timeout=PATIENCE_S)

        assert tracker.wait_for("notice")["code"] == "revoked"
        wait_until(lambda: not tracker._client.connected, what="the end of the connection", limit_s=PATIENCE_S)


@pytest.fixture(scope="module")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """One running server of each kind."""
    started = {mode: Servers(tmp_path_factory.mktemp(mode)) for mode in MODES}
    yield {mode: servers.start_and_wait(SOCKETIO_ASYNC_MODE=mode) for mode, servers in started.items()}
    for servers in started.values():
        servers.end()


@contextmanager
def opened_socket(port: int, *, host: str, origin: str) -> Iterator[int]:
    """A WebSocket handshake; gives the status of the answer and keeps the connection open."""
    lines = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
        f"Host: {host}",
        f"Origin: {origin}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with socket.create_connection(("127.0.0.1", port), timeout=START_S) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        yield int(connection.recv(12).split()[1])


def test_the_mode_that_is_patched_for_is_the_mode_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "dotenv_values", lambda _path: {})
    assert wsgi.chosen_mode() == Settings.model_fields["SOCKETIO_ASYNC_MODE"].default

    monkeypatch.setattr(wsgi, "dotenv_values", lambda _path: {"SOCKETIO_ASYNC_MODE": "threading"})
    assert wsgi.chosen_mode() == "threading"

    monkeypatch.setenv("SOCKETIO_ASYNC_MODE", "gevent")
    assert wsgi.chosen_mode() == "gevent"
