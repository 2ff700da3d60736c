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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from focus.demo import DEMO_PATH
from tests.browser.drawn_face import FILM
from tests.servers import find_program, free_port, wait_until

ROOT = Path(__file__).parents[2]
OWNER = "admin@localhost"
WAIT_S = 60.0

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


@dataclass
class Server:
    """A running FOCUS: where it is, where it keeps things, and what is set for it."""

    url: str
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """Standard output of a Python module run with the server's settings."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def login_link(self, email: str = OWNER) -> str:
        """A new one-time link of this person."""
        return self.run("flask", "users", "login-link", email).split()[-1]

    def add_person(self) -> str:
        """The address of a new account."""
        email = f"{uuid.uuid4().hex}@example.org"
        self.run("flask", "users", "create", email)
        return email

    def new_token(self) -> str:
        """A token of the owner that may send frames."""
        return self.run("flask", "tokens", "create", OWNER, "--scope", "frames:write").split()[-1]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Chromium's fake camera plays: the drawn face."""
    path = tmp_path_factory.mktemp("film") / "face.mjpeg"
    FILM.write(path)
    return path


@pytest.fixture(scope="module")
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
        "FLASK_APP": "focus.app:create_app",
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
        yield Server(f"http://127.0.0.1:{port}", environment)
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def stored_session(server: Server) -> str:
    """Id of a session of the owner that has ended: the demo recording."""
    recording_id = str(uuid.uuid4())
    source = ["--source", "replay", "--file", str(DEMO_PATH), "--speed", "max", "--recording", recording_id]
    server.environment["FOCUS_TOKEN"] = server.new_token()
    server.run("focus.client", "stream", "--server", server.url, *source)
    return recording_id


class Browser:
    """A page with the few things the tests do with it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def wait(self, is_so: Any, what: str, *, limit_s: float = WAIT_S) -> Any:
        """What `is_so` gives as soon as it is true; fails saying `what` did not come."""
        return WebDriverWait(self.driver, limit_s, poll_frequency=0.1).until(lambda _driver: is_so(), what)

    def text(self, selector: str) -> str:
        """The words of an element, with ordinary blanks."""
        return str(self.driver.find_element(By.CSS_SELECTOR, selector).text).replace("\u202f", "")

    def number(self, selector: str) -> float:
        """The first number among an element's words."""
        found = re.search(r"-?\d+(\.\d+)?", self.text(selector).replace("\u2212", "-"))
        assert found is not None, self.text(selector)
        return float(found[0])

    def press(self, words: str) -> None:
        """Press the button or link with these words."""
        for element in self.driver.find_elements(By.CSS_SELECTOR, "button, a.button, summary"):
            if element.is_displayed() and element.text.strip() == words:
                element.click()
                return
        pytest.fail(f"no button says {words!r} on {self.driver.current_url}")

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
    driver = webdriver.Chrome(options=options, service=Service(find_program("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def browser_of_module() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def browser(browser_of_module: Browser, server: Server) -> Iterator[Browser]:
    """Chromium, which knows nothing of the test before."""
    yield browser_of_module
    browser_of_module.forget(server.url)
