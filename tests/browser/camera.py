"""Chromium with a camera that plays a film, a server that can be killed, and what was stored of a recording."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from selenium.webdriver.common.by import By
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from focus.analysis.states.decide import OPEN_RATIO
from focus.protocol.batch import FrameBatch
from focus.services import recordings
from focus.storage import frames as frame_queries
from focus.storage.database import make_engine
from focus.storage.recording_models import Recording
from tests.browser.conftest import WAIT_S, Browser, login_path
from tests.browser.drawn_face import REST_ROLL_DEG, Film
from tests.faults.processes import ServerProcess
from tests.servers import find_program, wait_until

PRESS_AT_DOTS = """
    const [noses, upright_deg] = arguments;
    const root = document.getElementById("tracker");
    const box = document.getElementById("calibration");
    const pressing = { outcome: null };
    window.pressing = pressing;
    const lookNow = () => {
      const aways = noses.map((nose) => Math.abs(nose - Number(root.dataset.nose)));
      return Math.abs(Number(root.dataset.roll)) < upright_deg ? aways.indexOf(Math.min(...aways)) : -1;
    };
    let atDot = 0; // frames that look at the dot, one after the other
    let pressed = null; // the dot that was pressed, with its frames
    const observer = new MutationObserver(() => {
      const point = box.hidden ? null : Number(box.dataset.point);
      const look = lookNow();
      if (pressed) {
        pressed.n += 1;
        pressed.n_wrong += look !== pressed.point;
        if (pressed.point === point && document.querySelector("#dot.is-looked-at")) return;
        const { n, n_wrong } = pressed;
        if (pressed.point === point || n_wrong > n / 4) {
          pressing.outcome = `dot ${pressed.point}: ${n_wrong} of ${n} frames looked elsewhere`;
        }
        pressed = null;
        atDot = 0;
      }
      if (point === null && !pressing.outcome) pressing.outcome = "done";
      if (pressing.outcome) observer.disconnect();
      else if (look !== point) atDot = 0;
      else if (++atDot === 2) {
        pressed = { point, n: 0, n_wrong: 0 };
        document.getElementById("dot").click();
      }
    });
    observer.observe(root, { attributeFilter: ["data-frames"] });
"""
"""Presses each dot of the calibration at the second frame that looks at it; `pressing.outcome` says "done" or why
not. In the page, because the way over the driver takes a busy machine longer than a look."""

ROOM_BYTES = 8_000_000
"""What `limit_browser` leaves to a server's pages: enough to begin a recording."""

FILL = """
    const [room, done] = arguments;
    const request = indexedDB.open("filling");
    request.onupgradeneeded = () => request.result.createObjectStore("bytes", { autoIncrement: true });
    request.onsuccess = () => fill(room / 2);
    const fill = (n) => {
      const bytes = new Uint8Array(n);
      for (let at = 0; at < n; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
      const writing = request.result.transaction("bytes", "readwrite");
      writing.objectStore("bytes").add(bytes);
      writing.oncomplete = () => fill(n);
      writing.onabort = () => (n > 1000 ? fill(Math.floor(n / 2)) : done(writing.error.name));
    };
"""

FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SOFTWARE_WEBGL = ("--enable-unsafe-swiftshader",)
N_RECORDINGS = 3
"""Tries to record a film with a frame in each of its closures."""

LONGEST_STEP_US = 300_000
"""Between two frames; the lids of the films are under half of their openness for longer."""

N_CALIBRATIONS = 5
"""Tries to press at each dot while the film looks at it."""

OTHER_NAME = "focus.test"
"""Another name of this machine for a Chromium with `OTHER_NAME_RULE`; without https it is no secure address."""

OTHER_NAME_RULE = f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1"


def with_film(path: Path) -> tuple[str, ...]:
    """Arguments of a Chromium whose camera plays this film and is allowed to every page."""
    return (*FAKE_CAMERA, *SOFTWARE_WEBGL, f"--use-file-for-fake-video-capture={path}")


def forget(browser: Browser, server: Tracked) -> None:
    """Leave a browser as it was at first, but for the files it keeps."""
    browser.forget(*(f"http://{host}:{server.process.port}" for host in ("127.0.0.1", OTHER_NAME)))


@dataclass
class Tracked:
    """A server with one account, looked at from outside: its process and its database."""

    process: ServerProcess
    engine: Engine
    email: str = "person@example.org"

    def enter(self, browser: Browser, *, host: str = "127.0.0.1") -> None:
        """Log the person in, making the account the first time."""
        browser.driver.get(f"http://{host}:{self.process.port}{login_path(self.engine, self.email)}")

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

    def calibrate(self, film: Film) -> None:
        """Press at each dot while the film looks at it; anew if a busy machine saw too little of a look."""
        field = self.driver.find_element(By.ID, "screen-distance")
        field.clear()
        field.send_keys("60")
        noses = [film.nose_at(look) for look in range(len(film.looks))]
        outcomes = []
        while "done" not in outcomes and len(outcomes) < N_CALIBRATIONS:
            self.driver.find_element(By.ID, "calibrate").click()
            self.browser.wait(lambda: self.dot() == 0, "the first dot")
            self.driver.execute_script(PRESS_AT_DOTS, noses, REST_ROLL_DEG / 2)
            told = self.browser.wait(
                lambda: self.driver.execute_script("return window.pressing.outcome"), "the dots", limit_s=3 * WAIT_S
            )
            outcomes.append(str(told))
            if told != "done":
                self.driver.find_element(By.ID, "calibration-cancel").click()
                self.browser.wait(lambda: self.dot() is None, "the end of a calibration")
        assert outcomes[-1] == "done", outcomes

    def dot(self) -> int | None:
        """Number of the dot that is shown; None without one."""
        script = """
            const box = document.getElementById("calibration");
            return box.hidden ? null : Number(box.dataset.point);
        """
        found: int | None = self.driver.execute_script(script)
        return found

    def now_ms(self) -> float:
        """The page's own clock."""
        return float(self.driver.execute_script("return performance.now()"))

    def shown_ratio(self, since_ms: float) -> float:
        """For how much of the time since then the page was visible, from 0 to 1."""
        script = """
            const changes = performance.getEntriesByType("visibility-state");
            const starts = changes.map((change) => Math.max(change.startTime, arguments[0]));
            const until = [...starts.slice(1), performance.now()];
            const spans_ms = changes.map((change, i) => [change.name, until[i] - starts[i]]);
            const sum = (chosen) => chosen.reduce((total, [, span_ms]) => total + span_ms, 0);
            return sum(spans_ms.filter(([name]) => name === "visible")) / sum(spans_ms);
        """
        return float(self.driver.execute_script(script, since_ms))

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
        return self.start()

    def start(self) -> str:
        """Begin to record now; the recording, once the server knows of it."""
        self.wait_for_view("check")
        self.driver.find_element(By.ID, "start").click()
        self.wait_for_view("recording")
        self.browser.find("#watch")
        return str(self.told("recording"))

    def stop(self, recording_id: str) -> None:
        """Press stop and wait for the report."""
        self.driver.find_element(By.ID, "stop").click()
        self.wait_for_end(recording_id)

    def wait_for_end(self, recording_id: str) -> None:
        """Until all is stored and the page has gone to the report."""
        script = "return document.readyState === 'complete' && location.pathname"
        self.browser.wait(lambda: self.driver.execute_script(script) == f"/sessions/{recording_id}", "the report")

    def limit_browser(self) -> None:
        """Give this server's pages little room in the browser, before they use any; `Browser.forget` gives it back."""
        origin = self.address.removesuffix("/track")
        self.driver.execute_cdp_cmd("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": ROOM_BYTES})

    def fill_browser(self) -> None:
        """Use up the room that is left, to the last kilobyte, for something else."""
        assert self.driver.execute_async_script(FILL, ROOM_BYTES) == "QuotaExceededError"

    def count_produced(self) -> None:
        """From now on, remember beyond the end of the page how many frames it has put into its queue."""
        script = """
            const { dataset } = document.getElementById("tracker");
            const keep = () => sessionStorage.setItem("produced", dataset.produced);
            new MutationObserver(keep).observe(document.getElementById("tracker"), { attributes: true });
            keep();
        """
        self.driver.execute_script(script)

    def n_produced(self) -> int:
        """The frames that the page had put into its queue when it ended."""
        return int(self.driver.execute_script("return sessionStorage.getItem('produced')"))

    def n_waiting(self) -> int:
        return int(self.browser.number("#count-waiting"))

    def n_frames(self) -> int:
        return int(self.told("frames") or 0)

    def _roll_deg(self) -> float:
        told = self.told("roll")
        return float(told) if told else float("nan")


def closures_of(stored: FrameBatch) -> list[tuple[int, int]]:
    """When the lids were down in stored frames, in us: stretches under half of the usual openness."""
    left, right = stored.columns["openness_left"], stored.columns["openness_right"]
    mean: npt.NDArray[np.float32] = (left + right) / 2
    known = np.isfinite(mean)
    is_closed = mean[known] < 0.5 * np.median(mean[known])
    return _stretches(stored.t_us[known], is_closed)


@dataclass
class Seen:
    """What is known of a recording of a film once it has ended."""

    film: Film
    stored: FrameBatch
    summary: dict[str, Any]
    n_blinks_on_page: int
    calibration_on_page: str

    @property
    def is_evidence(self) -> bool:
        """Whether something follows from what was found: all is right, or the machine let the tracker see enough.

        Where a busy machine began after a script's first closure, or looked less often than a closure lasts, nothing
        follows from a blink that is not there.
        """
        n_told = sum(self.summary["events"].get(kind, 0) for kind in ("blink", "closure"))
        if len(closures_of(self.stored)) == n_told == len(scripts_of(self.stored)) * len(self.film.blinks_s):
            return True
        stored_us, scripts = self.stored.t_us, scripts_of(self.stored)
        shortest_us = 1e6 * (self.film.upright_s - self.film.blinks_s[0][0])
        steps_us = [np.diff(stored_us[(stored_us >= a) & (stored_us <= b)]).max() for a, b in scripts]
        return min(b - a for a, b in scripts) >= shortest_us and max(steps_us) <= LONGEST_STEP_US

    def times_us(self, script: tuple[int, int], film_s: Sequence[float]) -> npt.NDArray[np.float64]:
        """When in the recording the film was at these times of a script.

        A busy machine plays the film now slowly and now not; its closures say when it was where.
        """
        start_us, stop_us = script
        seen_us = [closure_us for closure_us, _ in closures_of(self.stored) if start_us <= closure_us < stop_us]
        known_s = [0.0, *(onset_s for onset_s, _ in self.film.blinks_s), self.film.upright_s]
        return np.interp(film_s, known_s, [start_us, *seen_us, stop_us])

    def assert_every_blink_is_told(self) -> None:
        """Each closure of the script is in the frames, in the database and on the page, and every one is a blink.

        A machine that is busy at that moment plays one slowly. What is stretched to over half a second is a long
        closure, and then more than half a second lies between two frames with open lids.
        """
        n_expected = len(scripts_of(self.stored)) * len(self.film.blinks_s)
        events = self.summary["events"]
        assert len(closures_of(self.stored)) == n_expected
        assert events.get("blink", 0) + events.get("closure", 0) == n_expected
        mean = (self.stored.columns["openness_left"] + self.stored.columns["openness_right"]) / 2
        is_open = mean > OPEN_RATIO * np.nanquantile(mean, 0.85)
        n_stretched = int((np.diff(self.stored.t_us[is_open]) > 500_000).sum())
        assert events.get("closure", 0) <= n_stretched
        assert self.n_blinks_on_page == events.get("blink", 0)


def finish(page: TrackerPage, server: Tracked, recording_id: str, film: Film) -> Seen:
    """Stop while the film rests, and look at the report once all is analysed."""
    page.wait_for_rest()
    page.stop(recording_id)
    wait_until(
        lambda: server.summary(recording_id)["pending"] == 0 and server.summary(recording_id)["state"] == "closed",
        what="the end of the analysis",
        limit_s=60,
    )
    page.driver.refresh()
    page.browser.wait_for_report()
    return Seen(
        film,
        server.frames(recording_id),
        server.summary(recording_id),
        n_blinks_on_page=int(page.browser.number("[data-count=blink]")),
        calibration_on_page=str(page.driver.find_element(By.ID, "calibration").get_attribute("textContent")),
    )


def scripts_of(stored: FrameBatch) -> list[tuple[int, int]]:
    """When the film's script was played, from rest to rest, in us, by the head's tilt in stored frames."""
    roll_deg = stored.columns["head_roll"]
    known = np.isfinite(roll_deg)
    return _stretches(stored.t_us[known], roll_deg[known] < REST_ROLL_DEG / 2)


def _stretches(t_us: npt.NDArray[np.int64], is_so: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Times of the first frame of each stretch, and of the first after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_so, [False]]).astype(np.int8)))
    times_us = np.append(t_us, t_us[-1])
    return [(int(times_us[start]), int(times_us[stop])) for start, stop in edges.reshape(-1, 2)]


class Wiretap:
    """What pages sent from its making on: messages by WebSocket, bodies of requests, and to which hosts."""

    def __init__(self, browser: Browser) -> None:
        self._driver = browser.driver
        self._driver.get_log("performance")
        self._begun_s = time.monotonic()
        self.binaries: list[bytes] = []
        self.texts: list[str] = []
        self.hosts: set[str] = set()

    @property
    def length_s(self) -> float:
        """For how long it has been listening."""
        return time.monotonic() - self._begun_s

    def listen(self) -> None:
        """Take what was sent since the last time."""
        for entry in self._driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.webSocketFrameSent":
                response = parameters["response"]
                if response["opcode"] == 2:
                    self.binaries.append(base64.b64decode(response["payloadData"]))
                else:
                    self.texts.append(response["payloadData"])
            elif message["method"] == "Network.webSocketCreated":
                self.hosts.add(parameters["url"].split("/")[2])
            elif message["method"] == "Network.requestWillBeSent":
                request = parameters["request"]
                if not request["url"].startswith(("data:", "blob:")):
                    self.hosts.add(request["url"].split("/")[2])
                self.texts.append(request.get("postData", ""))
