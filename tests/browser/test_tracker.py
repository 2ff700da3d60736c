"""The browser tracker with a drawn face before Chromium's fake camera: what it measures arrives, whatever happens.

Counts and order are compared, and no clock times: the fake camera drifts on a busy machine. The film goes round and
round, so how often its script was played is read from the stored frames themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.by import By

from tests.browser.camera import (
    N_RECORDINGS,
    Seen,
    Tracked,
    TrackerPage,
    finish,
    forget,
    scripts_of,
    serving,
    with_film,
)
from tests.browser.conftest import WAIT_S, Browser, chromium
from tests.browser.drawn_face import FILM
from tests.servers import wait_until

PASSWORD = "a drawn face's own sentence"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Tracked]:
    with serving(folder) as tracked:
        yield tracked


@pytest.fixture(scope="module")
def browser(server: Tracked, film: Path) -> Iterator[Browser]:
    with chromium(*with_film(film)) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, server: Tracked) -> Iterator[TrackerPage]:
    server.enter(browser)
    yield TrackerPage(browser, server)
    forget(browser, server)


def begin(page: TrackerPage) -> str:
    """Record from now on; the recording."""
    page.open()
    return page.start()


def record_script(page: TrackerPage, server: Tracked) -> Seen:
    """A recording from one rest of the film to the next."""
    recording_id = page.start_at_rest()
    page.wait_for_script()
    return finish(page, server, recording_id, FILM)


def register(browser: Browser, server: Tracked, folder: Path, email: str) -> None:
    """Make an account by the pages, with the letter that confirms the address; ends on the first page."""
    driver = browser.driver
    driver.get(f"{server.process.url}/register")
    for name, value in (("email", email), ("display_name", "Newcomer"), ("new", PASSWORD), ("again", PASSWORD)):
        driver.find_element(By.NAME, name).send_keys(value)
    browser.follow("Make my account")
    letters = folder / "outbox"
    wait_until(lambda: bool(list(letters.glob("*-verify-*.eml"))), what="the letter", limit_s=WAIT_S)
    letter = next(letters.glob("*-verify-*.eml")).read_text()
    link = re.search(r"http://\S+", letter)
    assert link is not None
    driver.get(link[0])
    browser.find("[name=password]").send_keys(PASSWORD)
    browser.follow("Confirm and log in")
    assert browser.text("h1").startswith("Welcome")
    browser.follow("Skip all of it")


def test_somebody_registers_tracks_and_reads_the_blinks_of_the_script(
    browser: Browser, server: Tracked, folder: Path
) -> None:
    register(browser, server, folder, "newcomer@example.org")
    browser.follow("Track with the camera")
    page = TrackerPage(browser, server)
    seen = record_script(page, server)
    for _ in range(2 * N_RECORDINGS - 1):  # it is short
        if not seen.is_evidence:
            page.open()
            seen = record_script(page, server)
    forget(browser, server)

    assert len(scripts_of(seen.stored)) == 1
    seen.assert_every_blink_is_told()


def test_a_killed_server_and_a_reload_lose_and_double_nothing(page: TrackerPage, server: Tracked) -> None:
    recording_id = begin(page)
    page.browser.wait(lambda: page.n_frames() > 20 and page.n_waiting() <= 2, "frames that are stored")
    server.process.kill()
    page.browser.wait(lambda: page.n_waiting() >= 10, "batches that wait in the browser")
    server.process.start()
    page.browser.wait(lambda: page.n_waiting() <= 2, "an empty queue")
    page.driver.refresh()
    page.wait_for_view("recording")
    assert page.told("recording") == recording_id
    page.browser.wait(lambda: page.n_frames() > 10, "frames after the reload")
    page.count_produced()
    page.stop(recording_id)

    stored = server.frames(recording_id)
    assert len(stored) == page.n_produced()
    assert (np.diff(stored.t_us) > 0).all()
    assert server.summary(recording_id)["rejected"] == 0


def test_what_fits_into_a_full_browser_is_sent_after_a_stop_without_a_server(
    page: TrackerPage, server: Tracked
) -> None:
    page.limit_browser()
    recording_id = begin(page)
    page.browser.wait(lambda: page.n_frames() > 20, "frames")
    server.process.kill()
    page.browser.wait(lambda: page.n_waiting() >= 3, "batches that wait in the browser")
    page.fill_browser()
    page.browser.find("#full")
    page.browser.wait(lambda: page.browser.text("#recording-state") == "Paused", "the pause")
    page.count_produced()
    page.driver.find_element(By.ID, "stop").click()
    page.browser.wait(lambda: "Sending the rest" in page.browser.text("#recording-state"), "the page that still sends")
    server.process.start()
    page.wait_for_end(recording_id)

    assert len(server.frames(recording_id)) == page.n_produced()
    assert server.summary(recording_id)["state"] == "closed"


def test_a_pause_leaves_a_gap_and_no_frame_of_it(page: TrackerPage, server: Tracked) -> None:
    recording_id = begin(page)
    page.browser.wait(lambda: page.n_frames() > 20, "frames")
    page.browser.press("Pause")
    page.browser.wait(lambda: page.browser.text("#recording-state") == "Paused", "the pause")
    n_paused = int(page.told("produced") or 0)
    n_seen = page.n_frames()
    page.browser.wait(lambda: page.n_frames() > n_seen + 20, "frames that are seen and not taken")
    assert int(page.told("produced") or 0) == n_paused
    page.browser.press("Go on")
    page.browser.wait(lambda: int(page.told("produced") or 0) > n_paused, "frames after the pause")
    page.stop(recording_id)

    t_us = server.frames(recording_id).t_us
    assert t_us[n_paused] - t_us[n_paused - 1] > 500_000
