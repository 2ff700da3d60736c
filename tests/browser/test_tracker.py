"""The browser tracker with a drawn face before Chromium's fake camera: what it measures arrives, whatever happens.

Counts and order are compared, and no clock times: the fake camera drifts on a busy machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from focus.protocol.codec import decode_batch
from tests.browser.camera import (
    BLINKS_S,
    FILM,
    Tracked,
    TrackerPage,
    chromium,
    closures_of,
    is_played_slowly,
    sent_binaries,
    serving,
    with_film,
)
from tests.browser.conftest import Browser
from tests.servers import wait_until


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "face.mjpeg"
    FILM.write(path)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    with serving(tmp_path_factory.mktemp("server")) as tracked:
        yield tracked


@pytest.fixture
def browser(film: Path) -> Iterator[Browser]:
    with chromium(*with_film(film)) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, server: Tracked) -> TrackerPage:
    server.enter(browser)
    return TrackerPage(browser, server)


def wait_until_analysed(server: Tracked, recording_id: str) -> None:
    wait_until(
        lambda: server.summary(recording_id)["pending"] == 0 and server.summary(recording_id)["state"] == "closed",
        what="the end of the analysis",
        limit_s=60,
    )


def assert_the_script_was_found(server: Tracked, recording_id: str) -> int:
    """Each closure of the script is in the frames and is an event, and every one is a blink; how many blinks there are.

    A machine so busy that it plays the film slowly stretches some to over half a second, which are then long closures.
    """
    stored = server.frames(recording_id)
    events = server.summary(recording_id)["events"]
    n_long = events.get("closure", 0)
    assert closures_of(stored) == len(BLINKS_S)
    assert events.get("blink", 0) + n_long == len(BLINKS_S)
    assert n_long == 0 or is_played_slowly(stored)
    return int(events.get("blink", 0))


def test_the_report_counts_the_blinks_of_the_script(page: TrackerPage, server: Tracked) -> None:
    page.open()
    recording_id = page.start_at_rest()
    page.wait_for_script()
    page.wait_for_rest()
    page.stop(recording_id)
    wait_until_analysed(server, recording_id)

    n_blinks = assert_the_script_was_found(server, recording_id)
    page.driver.refresh()
    assert page.browser.number("[data-count=blink]") == n_blinks


def test_a_hidden_tab_goes_on_and_misses_no_blink(page: TrackerPage, server: Tracked) -> None:
    page.open()
    recording_id = page.start_at_rest()
    page.wait_for_script()
    tracking = page.driver.current_window_handle
    n_before = page.n_frames()
    page.driver.switch_to.new_window("tab")
    other = page.driver.current_window_handle
    # Half of the script's blinks happen meanwhile; the tab is asked without being shown.
    wait_until(
        lambda: closures_of(server.frames(recording_id)) >= len(BLINKS_S) // 2, what="blinks while hidden", limit_s=40
    )
    page.driver.switch_to.window(tracking)
    was_hidden = page.driver.execute_script(
        "return performance.getEntriesByType('visibility-state').some(e => e.name === 'hidden')"
    )
    assert was_hidden
    assert page.n_frames() > n_before
    page.wait_for_rest()
    page.stop(recording_id)
    wait_until_analysed(server, recording_id)
    page.driver.switch_to.window(other)

    assert_the_script_was_found(server, recording_id)


def test_a_killed_server_and_a_reload_lose_and_double_nothing(page: TrackerPage, server: Tracked) -> None:
    page.open()
    recording_id = page.start_at_rest()
    page.wait_for_script()
    server.process.kill()
    page.browser.wait(lambda: page.n_waiting() >= 10, "batches that wait in the browser")
    server.process.start()
    page.browser.wait(lambda: page.n_waiting() <= 2, "an empty queue")
    page.driver.refresh()
    page.wait_for_view("recording")
    assert page.told("recording") == recording_id
    page.browser.wait(lambda: page.n_frames() > 10, "frames after the reload")
    n_produced = page.stop_counting()
    page.browser.wait(lambda: page.driver.current_url.endswith(f"/sessions/{recording_id}"), "the report")

    stored = server.frames(recording_id)
    assert len(stored) == n_produced
    assert (np.diff(stored.t_us) > 0).all()
    assert server.summary(recording_id)["rejected"] == 0


def test_what_waits_is_sent_after_a_stop_without_a_server(page: TrackerPage, server: Tracked) -> None:
    page.open()
    recording_id = page.start_at_rest()
    page.browser.wait(lambda: page.n_frames() > 20, "frames")
    server.process.kill()
    page.browser.wait(lambda: page.n_waiting() >= 3, "batches that wait in the browser")
    n_produced = page.stop_counting()
    page.browser.wait(lambda: "Sending the rest" in page.browser.text("#recording-state"), "the page that still sends")
    server.process.start()
    page.browser.wait(lambda: page.driver.current_url.endswith(f"/sessions/{recording_id}"), "the report")

    assert len(server.frames(recording_id)) == n_produced
    assert server.summary(recording_id)["state"] == "closed"


def test_a_pause_leaves_a_gap_and_no_frame_of_it(page: TrackerPage, server: Tracked) -> None:
    page.open()
    recording_id = page.start_at_rest()
    page.browser.wait(lambda: page.n_frames() > 20, "frames")
    page.browser.press("Pause")
    page.browser.wait(lambda: page.browser.text("#recording-state") == "Paused", "the pause")
    n_paused = page.told("produced")
    n_seen = page.n_frames()
    page.browser.wait(lambda: page.n_frames() > n_seen + 20, "frames that are seen and not taken")
    assert page.told("produced") == n_paused
    page.browser.press("Go on")
    page.browser.wait(lambda: int(page.told("produced") or 0) > int(n_paused or 0), "frames after the pause")
    page.stop(recording_id)

    assert np.diff(server.frames(recording_id).t_us).max() > 500_000


def test_images_stay_in_the_tab(page: TrackerPage, server: Tracked) -> None:
    """95 seconds of everything the browser asks for and sends: its own server, batches of numbers, and nothing else."""
    sent_binaries(page.browser)
    page.open()
    recording_id = page.start_at_rest()
    begun_s = page.driver.execute_script("return performance.now() / 1000")
    binaries, texts, hosts = [], [], set()
    while page.driver.execute_script("return performance.now() / 1000") < begun_s + 95:
        page.browser.wait(lambda: page.told("roll") is not None, "the page")
        more = sent_binaries(page.browser)
        binaries += more[0]
        texts += more[1]
        hosts |= more[2]
    page.stop(recording_id)

    assert hosts == {f"127.0.0.1:{server.process.port}"}
    batches = [decode_batch(payload) for payload in binaries]  # raises for anything that is no batch of frames
    assert sum(map(len, batches)) > 300
    assert {name for batch in batches for name in batch.columns} <= set(
        server.summary(recording_id)["tracker"]["columns"]
    )
    assert max(map(len, texts)) < 2000  # a picture of the face takes ten times as much, in any format
