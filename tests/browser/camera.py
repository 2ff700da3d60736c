"""Chromium with a camera that plays a film, a server that can be killed, and what was stored of a recording."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from focus.protocol.batch import FrameBatch
from focus.services import accounts, recordings
from focus.storage import accounts as account_queries
from focus.storage import frames as frame_queries
from focus.storage.database import make_engine
from focus.storage.recording_models import Recording
from tests.browser.conftest import CHROMIUM_OPTIONS, Browser
from tests.browser.drawn_face import REST_ROLL_DEG, Film
from tests.faults.processes import ServerProcess
from tests.servers import find_program

BLINKS_S = ((1.5, 0.4), (3.6, 0.42), (5.2, 0.4), (7.8, 0.42), (10.0, 0.4), (12.2, 0.42))
FILM = Film(BLINKS_S, upright_s=15.0, rest_s=6.0)
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SOFTWARE_WEBGL = ("--enable-unsafe-swiftshader",)


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


def with_film(path: Path) -> tuple[str, ...]:
    """Arguments of a Chromium whose camera plays this film and is allowed to every page."""
    return (*FAKE_CAMERA, *SOFTWARE_WEBGL, f"--use-file-for-fake-video-capture={path}")


@dataclass
class Tracked:
    """A server with one account, looked at from outside: its process and its database."""

    process: ServerProcess
    engine: Engine
    email: str = "person@example.org"

    def enter(self, browser: Browser, *, host: str = "127.0.0.1") -> None:
        """Log the person in, making the account the first time."""
        with Session(self.engine) as session:
            user = account_queries.find_user_by_email(session, self.email) or accounts.create_user(session, self.email)
            session.flush()
            secret = accounts.create_login_secret(session, user, holds=timedelta(minutes=5))
            session.commit()
        browser.driver.get(f"http://{host}:{self.process.port}/login/{secret}")

    def summary(self, recording_id: str) -> dict[str, Any]:
        with Session(self.engine) as session:
            recording = session.get(Recording, recording_id)
            assert recording is not None
            return recordings.summary(session, recording)

    def frames(self, recording_id: str) -> FrameBatch:
        """Everything that is stored of a recording."""
        with Session(self.engine) as session:
            stored = frame_queries.frames_of(session, recording_id)
        assert stored is not None
        return stored


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Tracked]:
    """A server on a new SQLite file in this folder; skipped, or failed under CI, without Chromium."""
    find_program("chromium")
    url = f"sqlite:///{folder / 'focus.db'}"
    process = ServerProcess(folder, url, **settings)
    process.start()
    engine = make_engine(url)
    try:
        yield Tracked(process, engine)
    finally:
        engine.dispose()
        process.end()


class TrackerPage:
    """The page `/track` in a browser."""

    def __init__(self, browser: Browser, server: Tracked) -> None:
        self.browser = browser
        self.driver = browser.driver
        self.address = f"{server.process.url}/track"

    def open(self) -> None:
        self.driver.get(self.address)

    def told(self, name: str) -> str | None:
        """What the page's root says of itself: view, troubleCode, frames, roll, recording, produced."""
        script = "return document.getElementById('tracker')?.dataset[arguments[0]] ?? null"
        found = self.driver.execute_script(script, name)
        return None if found is None else str(found)

    def wait_for_view(self, view: str) -> None:
        self.browser.wait(
            lambda: self.told("view") == view, f"the view {view!r}; the trouble is {self.told('troubleCode')}"
        )

    def wait_for_rest(self) -> None:
        """Until the film is in its tilted part, where nothing happens."""
        self.browser.wait(lambda: self._roll_deg() > REST_ROLL_DEG / 2, "the film's rest")

    def wait_for_script(self) -> None:
        """Until the film is in its upright part."""
        self.browser.wait(lambda: self._roll_deg() < REST_ROLL_DEG / 2, "the film's script")

    def start_at_rest(self) -> str:
        """Begin to record while the film rests; the recording."""
        self.wait_for_view("check")
        self.wait_for_script()
        self.wait_for_rest()
        self.driver.find_element(By.ID, "start").click()
        self.wait_for_view("recording")
        return str(self.told("recording"))

    def stop(self, recording_id: str) -> None:
        """Press stop and wait for the report."""
        self.driver.find_element(By.ID, "stop").click()
        self.browser.wait(lambda: self.driver.current_url.endswith(f"/sessions/{recording_id}"), "the report")

    def stop_counting(self) -> int:
        """Press stop and say how many frames the page has put into its queue; does not wait for the report."""
        script = """
            const done = arguments[arguments.length - 1];
            const root = document.getElementById("tracker");
            new MutationObserver(() => root.dataset.state === "closing" && done(root.dataset.produced))
              .observe(root, { attributes: true });
            document.getElementById("stop").click();
        """
        self.driver.set_script_timeout(30)
        return int(self.driver.execute_async_script(script))

    def n_waiting(self) -> int:
        return int(self.browser.number("#count-waiting"))

    def n_frames(self) -> int:
        return int(self.told("frames") or 0)

    def _roll_deg(self) -> float:
        told = self.told("roll")
        return float(told) if told else float("nan")


def closures_of(stored: FrameBatch) -> int:
    """How often the lids went down in stored frames: stretches under half of the usual openness."""
    left, right = stored.columns["openness_left"], stored.columns["openness_right"]
    mean: npt.NDArray[np.float32] = (left + right) / 2
    known = mean[np.isfinite(mean)]
    is_closed = known < 0.5 * np.median(known)
    return int(np.count_nonzero(is_closed[1:] & ~is_closed[:-1]) + is_closed[0])


def is_played_slowly(stored: FrameBatch) -> bool:
    """Whether the machine was so busy that the film played slowly, and a blink may have lasted over half a second."""
    return bool(np.median(np.diff(stored.t_us)) > 50_000)


def sent_binaries(browser: Browser) -> tuple[list[bytes], list[str], set[str]]:
    """Binary and text messages that pages sent by WebSocket, and bodies of requests, since the last call; and hosts."""
    binaries, texts, hosts = [], [], set()
    for entry in browser.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        parameters = message["params"]
        if message["method"] == "Network.webSocketFrameSent":
            response = parameters["response"]
            if response["opcode"] == 2:
                binaries.append(base64.b64decode(response["payloadData"]))
            else:
                texts.append(response["payloadData"])
        elif message["method"] == "Network.webSocketCreated":
            hosts.add(parameters["url"].split("/")[2])
        elif message["method"] == "Network.requestWillBeSent":
            request = parameters["request"]
            if not request["url"].startswith(("data:", "blob:")):
                hosts.add(request["url"].split("/")[2])
            texts.append(request.get("postData", ""))
    return binaries, texts, hosts
