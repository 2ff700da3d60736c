"""One calibrated recording of a drawn face, made once and looked at in several tests.

Its tab is hidden half of the time, and for 95 seconds everything that the browser asks for and sends is written down.

How often the film's script was played, and when, is read from the stored frames.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from focus.protocol.codec import decode_batch
from tests.browser.camera import (
    N_RECORDINGS,
    Seen,
    Tracked,
    TrackerPage,
    Wiretap,
    finish,
    forget,
    scripts_of,
    serving,
    with_film,
)
from tests.browser.conftest import chromium
from tests.browser.drawn_face import LOOKS, LOOKS_FILM

TAPPED_S = 95.0
N_SIGHTS, SIGHT_S = 4, 7.0
"""So often, and for so long each time, the tab is hidden and then seen."""

STATE_WORDS = {"Fixation", "Saccade", "Pursuit", "Blink", "Closed", "Not seen", "Waiting"}


@dataclass
class Outcome:
    """The recording, and what was seen while it was made."""

    seen: Seen
    tap: Wiretap
    host: str
    calibration_words: str
    shown_ratio: float
    live_blinks: float
    live_words: set[str]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("server")
    film = folder / "looks.mjpeg"
    with serving(folder) as server:
        LOOKS_FILM.write(film)
        with chromium(*with_film(film)) as browser:
            server.enter(browser)
            outcome = record(TrackerPage(browser, server), server, Wiretap(browser))
            for _ in range(N_RECORDINGS - 1):
                if not outcome.seen.is_evidence:
                    forget(browser, server)
                    server.enter(browser)
                    outcome = record(TrackerPage(browser, server), server, Wiretap(browser))
            yield outcome


def record(page: TrackerPage, server: Tracked, tap: Wiretap) -> Outcome:
    """Calibrate, and record with the tab hidden half of the time behind the recording's own live page."""
    driver, browser = page.driver, page.browser
    page.open()
    page.wait_for_view("check")
    page.calibrate(LOOKS_FILM)
    page.wait_for_rest()
    words = browser.wait(lambda: browser.text("#calibration-found"), "the outcome of the calibration")
    browser.press("Use it")
    browser.wait(lambda: browser.text("#calibration-found") != words, f"an answer to {words}")
    assert browser.text("#gaze-words").startswith("Calibrated"), browser.text("#calibration-found")
    page.wait_for_rest()
    recording_id = page.start()  # the rest is just over at most, and the film's first look has no blink
    begun_ms = page.now_ms()
    tracking = driver.current_window_handle
    driver.switch_to.new_window("tab")
    watching = driver.current_window_handle
    driver.get(f"{server.process.url}/sessions/{recording_id}/live")
    live_words = set()
    for _ in range(N_SIGHTS):
        driver.switch_to.window(watching)
        end_s = time.monotonic() + SIGHT_S
        browser.wait(listening(tap, lambda end_s=end_s: time.monotonic() > end_s), "the end of a look")
        live_words.add(browser.text("#state-word"))
        driver.switch_to.window(tracking)
        browser.wait(listening(tap, lambda: page.shown_ratio(begun_ms) >= 0.5), "as much time with the tab seen")
    shown_ratio = page.shown_ratio(begun_ms)
    browser.wait(lambda: tap.length_s > TAPPED_S, "the end of the 95 s")
    seen = finish(page, server, recording_id, LOOKS_FILM)
    tap.listen()
    driver.switch_to.window(watching)
    browser.wait(lambda: browser.text("#connection") == "ended", "the end on the live page")
    live_blinks = browser.number("#count-blink")
    return Outcome(seen, tap, f"127.0.0.1:{server.process.port}", words, shown_ratio, live_blinks, live_words)


def listening(tap: Wiretap, is_so: Callable[[], bool]) -> Callable[[], bool]:
    """The same thing to wait for, where each look takes what was sent since the last."""

    def is_so_now() -> bool:
        tap.listen()
        return is_so()

    return is_so_now


def test_a_tab_that_is_hidden_half_of_the_time_misses_no_blink(outcome: Outcome) -> None:
    assert 0.35 < outcome.shown_ratio < 0.65
    assert np.ptp(outcome.seen.stored.t_us) >= 2 * N_SIGHTS * SIGHT_S * 1e6
    assert len(scripts_of(outcome.seen.stored)) >= 2
    outcome.seen.assert_every_blink_is_told()


def test_gaze_follows_the_drawn_irises(outcome: Outcome) -> None:
    """In the middle of each look, gaze stands where the film looks, but for what the calibration may miss it by."""
    stored = outcome.seen.stored
    look_s = LOOKS_FILM.look_s
    found = []
    for script in scripts_of(stored):
        begins_us = outcome.seen.times_us(script, [look_s * (look + 0.2) for look in range(len(LOOKS))])
        ends_us = outcome.seen.times_us(script, [look_s * (look + 0.6) for look in range(len(LOOKS))])
        for begin_us, end_us in zip(begins_us, ends_us, strict=True):
            is_in = (stored.t_us > begin_us) & (stored.t_us < end_us)
            found.append([np.nanmedian(stored.columns[name][is_in]) for name in ("gaze_x", "gaze_y")])
    looks = np.array(LOOKS * len(scripts_of(stored)))
    gaze = np.array(found)

    assert np.corrcoef(looks[:, 0], gaze[:, 0])[0, 1] > 0.9
    assert np.corrcoef(looks[:, 1], gaze[:, 1])[0, 1] > 0.8
    assert np.abs(gaze - looks).mean() < 0.15


def test_the_calibration_says_how_good_it_is_and_the_report_names_it(outcome: Outcome) -> None:
    calibration = outcome.seen.summary["calibration"]
    assert 0 < calibration["accuracy_deg"] < 5
    assert calibration["screen"]["distance_mm"] == 600
    assert f"Accuracy {calibration['accuracy_deg']:.1f}°" in outcome.calibration_words
    assert f"{calibration['accuracy_deg']:.2f} deg accurate" in outcome.seen.calibration_on_page
    assert outcome.seen.summary["tracker"]["screen"] == calibration["screen"]


def test_the_live_page_of_the_camera_tells_blinks_and_the_state_of_the_eyes(outcome: Outcome) -> None:
    assert outcome.live_blinks == outcome.seen.summary["events"]["blink"]
    assert outcome.live_words <= STATE_WORDS


def test_images_stay_in_the_tab(outcome: Outcome) -> None:
    """95 seconds of everything the browser asks for and sends: its own server, batches of numbers, and nothing else."""
    tap, seen = outcome.tap, outcome.seen
    assert tap.length_s > TAPPED_S
    assert tap.hosts == {outcome.host}
    batches = [decode_batch(payload) for payload in tap.binaries]  # raises for anything that is no batch of frames
    assert sum(map(len, batches)) == len(seen.stored)
    assert {name for batch in batches for name in batch.columns} == set(seen.summary["tracker"]["columns"])
    # A picture of the face takes 20 kB, in any format; the points of a calibration are the longest text.
    assert max(map(len, tap.texts)) < 6000
