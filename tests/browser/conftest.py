"""A real server in a process of its own, and a real browser: Chromium without a window.

Where Chromium is missing the tests are skipped with the reason; under CI they fail.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from focus.demo import DEMO_PATH
from focus.services import accounts
from focus.storage import accounts as account_queries
from focus.storage.database import make_engine
from tests.browser.drawn_face import FILM
from tests.servers import find_program, free_port, wait_until

ROOT = Path(__file__).parents[2]
OWNER = "admin@localhost"
WAIT_S = 60.0
N_STARTS = 3
"""Tries to start a browser."""

PAGES = """t_us,kind,body
10000000,page_start,"{""words"": 80, ""page"": ""one""}"
30000000,page_start,"{""words"": 90}"
30500000,page_start,"{""words"": 70, ""page"": ""three""}"
50000000,page_stop,
"""
"""Markers of the session that most tests look at; the second page is turned over."""

CHROMIUM_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    # The browser's own calls home, which are none of ours.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--window-size=1440,900",
)


def login_path(engine: Engine, email: str) -> str:
    """A new one-time link of this person, whose account is made the first time."""
    with Session(engine) as session:
        user = account_queries.find_user_by_email(session, email) or accounts.create_user(session, email)
        session.flush()
        secret = accounts.create_login_secret(session, user, holds=timedelta(minutes=15))
        session.commit()
    return f"/login/{secret}"


@dataclass
class Server:
    """A running FOCUS: where it is, what is set for it, and its database."""

    url: str
    environment: dict[str, str]
    engine: Engine

    @property
    def instance(self) -> Path:
        return Path(self.environment["FOCUS_INSTANCE"])

    def login_link(self, email: str = OWNER) -> str:
        return self.url + login_path(self.engine, email)

    def new_token(self) -> str:
        """A token of the owner that may send frames."""
        with Session(self.engine) as session:
            owner = account_queries.find_user_by_email(session, OWNER)
            assert owner is not None
            _, secret = accounts.create_token(session, owner, name="tests", scopes=["frames:write"])
            session.commit()
        return secret

    def replay(self, recording_id: str, *, speed: str, markers: Path | None = None) -> subprocess.Popen[str]:
        """The demo recording, on its way here through the client as a session of the owner."""
        source = ["--source", "replay", "--file", str(DEMO_PATH), "--speed", speed, "--recording", recording_id]
        source += ["--markers", str(markers)] if markers else []
        return subprocess.Popen(
            [sys.executable, "-m", "focus.client", "stream", "--server", self.url, *source],
            cwd=ROOT,
            env={**self.environment, "FOCUS_TOKEN": self.new_token()},
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Chromium's fake camera plays: the drawn face."""
    path = tmp_path_factory.mktemp("film") / "face.mjpeg"
    FILM.write(path)
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server as `make run` starts it, on a new installation."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "FOCUS_INSTANCE": str(folder / "instance"),
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    output = folder / "output.txt"
    with output.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "wsgi.py"], cwd=ROOT, env=environment, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        wait_until(
            lambda: "/login/" in output.read_text() or process.poll() is not None,
            what=f"the server's log-in link\n{output.read_text()}",
            limit_s=WAIT_S,
        )
        assert "/login/" in output.read_text(), output.read_text()
        engine = make_engine(f"sqlite:///{folder / 'instance' / 'focus.db'}")
        yield Server(f"http://127.0.0.1:{port}", environment, engine)
        engine.dispose()
    finally:
        process.terminate()
        process.wait(WAIT_S)


@pytest.fixture(scope="session")
def stored_session(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Id of a session of the owner that has ended: the demo recording, with three pages marked in it."""
    recording_id = str(uuid.uuid4())
    markers = tmp_path_factory.mktemp("markers") / "pages.csv"
    markers.write_text(PAGES)
    with server.replay(recording_id, speed="max", markers=markers) as client:
        _, complaint = client.communicate(timeout=2 * WAIT_S)
    assert client.returncode == 0, complaint
    return recording_id


class NoNumberError(LookupError):
    """An element says no number, or not yet."""


PASSING = (NoSuchElementException, StaleElementReferenceException, NoNumberError)
"""What is met on a page that is being left or filled in: a wait looks again, and only a plain look fails."""


class Browser:
    """A page with the few things the tests do with it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def wait(self, is_so: Any, what: str, *, limit_s: float = WAIT_S) -> Any:
        """What `is_so` gives as soon as it is true; fails saying `what` did not come."""
        waiting = WebDriverWait(self.driver, limit_s, poll_frequency=0.1, ignored_exceptions=PASSING)
        try:
            return waiting.until(lambda _driver: is_so())
        except TimeoutException as error:
            found = self.driver.find_elements(By.CSS_SELECTOR, "main")
            words = found[0].text[:500] if found else self.driver.page_source[:500]
            raise AssertionError(f"{what}: not within {limit_s:g} s on {self.driver.current_url}:\n{words}") from error

    def find(self, selector: str) -> WebElement:
        """The element, as soon as it is there and can be seen."""
        found: WebElement = self.wait(lambda: self._seen(selector), f"{selector} on the page")
        return found

    def text(self, selector: str) -> str:
        """The words of an element, with ordinary blanks."""
        return str(self.driver.find_element(By.CSS_SELECTOR, selector).text).replace("\u202f", "")

    def number(self, selector: str) -> float:
        """The first number among an element's words."""
        words = self.text(selector)
        found = re.search(r"-?\d+(\.\d+)?", words.replace("\u2212", "-"))
        if found is None:
            raise NoNumberError(f"{selector} says {words!r}")
        return float(found[0])

    def press(self, words: str) -> None:
        """Press the button or link with these words, as soon as it can be seen."""
        self.wait(lambda: self._press(words), f"something to press that says {words!r}")

    def follow(self, words: str) -> None:
        """Press what leads to another page, and wait until that is there."""
        with self.another_page():
            self.press(words)

    @contextmanager
    def another_page(self) -> Iterator[None]:
        """What is done inside leads to another page; ends when that is there, with its scripts.

        The driver may call a click done before the browser has begun to leave the page. Whoever asks for the next
        address then takes the place of what was sent, and whoever looks sees the old page.
        """
        self.driver.execute_script("window.isLeft = true")
        yield
        self.wait(self._is_another_page, "another page")

    def wait_for_report(self) -> None:
        """Until a report is there and all of its frames are analysed: from then on it does not load itself anew."""
        script = """
            return document.readyState === "complete" && document.getElementById("metrics-title") !== null
              && document.querySelector("[data-pending]") === null;
        """
        self.wait(lambda: self.driver.execute_script(script), "the report with the end of the analysis")

    def _seen(self, selector: str) -> WebElement | None:
        found = self.driver.find_element(By.CSS_SELECTOR, selector)
        return found if found.is_displayed() else None

    def _press(self, words: str) -> bool:
        for element in self.driver.find_elements(By.CSS_SELECTOR, "button, a, summary"):
            if element.is_displayed() and element.text.strip() == words:
                element.click()
                return True
        return False

    def _is_another_page(self) -> bool:
        try:
            return bool(self.driver.execute_script("return !window.isLeft && document.readyState === 'complete'"))
        except WebDriverException:  # a script that the end of its page has broken off
            return False

    def show(self, *, width_px: int, is_dark: bool = False) -> None:
        """Look at the page as on another screen."""
        size = {"width": width_px, "height": 900, "deviceScaleFactor": 1, "mobile": width_px < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def requested_hosts(self) -> set[str]:
        """Hosts that the pages asked for anything, WebSockets included, since the last call."""
        hosts = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                hosts.add(urlsplit(parameters["request"]["url"]).netloc)
            elif message["method"] == "Network.webSocketCreated":
                hosts.add(urlsplit(parameters["url"]).netloc)
        return hosts - {""}

    def complaints(self) -> list[str]:
        """Errors and warnings of the browser's console: script faults, refused content, missing files."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def forget(self, *origins: str) -> None:
        """Be as at first, but for files that are kept: one empty tab, no log-in, nothing stored by these origins."""
        first, *others = self.driver.window_handles
        self.driver.switch_to.window(first)
        self.driver.get("about:blank")
        for handle in others:
            self.driver.execute_cdp_cmd("Target.closeTarget", {"targetId": handle})
        self.wait(lambda: self.driver.window_handles == [first], "the end of the other tabs")
        for origin in origins:
            self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
            self.driver.execute_cdp_cmd("Storage.overrideQuotaForOrigin", {"origin": origin})
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        for log in ("browser", "performance"):
            self.driver.get_log(log)


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Chromium without a window, which remembers what it asked for and complained about."""
    options = Options()
    options.binary_location = find_program("chromium")
    for argument in (*CHROMIUM_OPTIONS, *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = start_driver(options)
    driver.set_script_timeout(WAIT_S)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def start_driver(options: Options) -> webdriver.Chrome:
    """A driver with its browser. On a busy machine a browser may not come up in time; then another one is started."""
    program = find_program("chromedriver")
    for _ in range(N_STARTS - 1):
        with suppress(WebDriverException):
            return webdriver.Chrome(options=options, service=Service(program))
    return webdriver.Chrome(options=options, service=Service(program))


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def browser(shared_browser: Browser, server: Server) -> Iterator[Browser]:
    """Chromium, which knows nothing of the test before."""
    yield shared_browser
    shared_browser.forget(server.url)
