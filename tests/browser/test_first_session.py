"""A newcomer: the printed link, one click, eyes at work live, the report."""

from __future__ import annotations

import re
import uuid
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.demo import DEMO_PATH
from focus.eyestate.model import load_shipped
from focus.protocol.recording_csv import open_recording_csv
from tests.browser.conftest import WAIT_S, Browser, Server

STATE_WORDS = {"Fixation", "Saccade", "Pursuit", "Blink", "Not seen"}


def log_in(browser: Browser, server: Server) -> None:
    browser.driver.get(server.login_link())
    browser.wait(lambda: urlsplit(browser.driver.current_url).path == "/", "the list of sessions")


def wait_until_live(browser: Browser) -> None:
    """Until the live page has its connection; the browser complains about one that is left while it is made."""
    browser.wait(lambda: browser.text("#connection") == "live", "the live connection")


def test_a_newcomer_sees_eyes_at_work_with_one_click_and_reads_the_report(browser: Browser, server: Server) -> None:
    driver = browser.driver
    driver.get(server.login_link(f"{uuid.uuid4().hex}@example.org"))
    assert browser.text("h1") == "Your first session is one click away"

    browser.follow("Replay the demo recording")

    wait_until_live(browser)
    browser.wait(lambda: browser.text("#state-word") in STATE_WORDS, "a state of the eyes")
    browser.wait(lambda: browser.number("#count-blink") >= 1, "the first blink")
    browser.wait(lambda: browser.number("#count-fixation") > 3, "more than three fixations")
    browser.wait(lambda: browser.number("#quality-rate") == pytest.approx(60, rel=0.03), "the rate")
    browser.wait(lambda: browser.number("#quality-delay") < 2000, "a short delay")
    browser.find("[data-metric=blink_rate] [data-value]")
    browser.wait(lambda: drawn_pixels(browser, "#screen") > 500, "the drawn gaze")
    browser.wait(lambda: drawn_pixels(browser, "#strip-openness") > 500, "the drawn eyelids")

    browser.follow("Stop")

    browser.wait_for_report()
    browser.wait(lambda: driver.find_elements(By.CSS_SELECTOR, "#chart-openness canvas"), "the drawn timeline")
    assert browser.number("#frames-stored") > 100
    assert browser.number("[data-count=blink]") >= 1
    assert driver.find_element(By.CSS_SELECTOR, "[data-metric=blink_rate] .chip").text in ("valid", "estimate")
    assert browser.requested_hosts() == {urlsplit(server.url).netloc}
    assert browser.complaints() == []


def test_two_live_sessions_stand_side_by_side_over_one_line(browser: Browser, server: Server) -> None:
    driver = browser.driver
    driver.get(server.login_link(f"{uuid.uuid4().hex}@example.org"))
    for kind in ("Replay the demo recording", "Simulate a person"):
        driver.get(f"{server.url}/sessions/start")
        browser.follow(kind)
        wait_until_live(browser)
    driver.get_log("performance")
    driver.get(f"{server.url}/live")

    for name in ("Demo recording", "Simulated person"):
        card = f"[aria-label='You: {name}']"
        browser.wait(lambda card=card: browser.text(f"{card} [data-part=connection]") == "live", f"{name} live")
        browser.wait(lambda card=card: browser.text(f"{card} [data-part=state]") in STATE_WORDS, f"the eyes of {name}")
        browser.wait(lambda card=card: browser.number(f"{card} [data-part=frame-rate]") > 50, f"the rate of {name}")
        browser.wait(lambda card=card: drawn_pixels(browser, f"{card} [data-part=screen]") > 200, f"gaze of {name}")
        # After a few seconds a rate has no value that says anything, or an interval beside it.
        browser.wait(
            lambda card=card: re.search(r" to |not shown", browser.text(f"{card} [data-part=rate]")), f"rate of {name}"
        )
    lines = [entry for entry in driver.get_log("performance") if "Network.webSocketCreated" in entry["message"]]
    assert len(lines) == 1
    for name in ("Demo recording", "Simulated person"):
        card = f"[aria-label='You: {name}']"
        driver.get(f"{server.url}/live")
        browser.wait(lambda card=card: browser.text(f"{card} [data-part=connection]") == "live", f"{name} live")
        with browser.another_page():
            browser.find(f"{card} a").click()
        wait_until_live(browser)
        browser.follow("Stop")
    assert browser.complaints() == []


def test_the_live_page_ends_with_its_session_and_the_report_says_what_the_analysis_of_the_file_says(
    browser: Browser, server: Server
) -> None:
    driver = browser.driver
    recording = open_recording_csv(DEMO_PATH)
    wanted = analyse(recording, recording.tracker, load_shipped(), parameters=AnalysisParameters())
    recording_id = str(uuid.uuid4())
    log_in(browser, server)

    with server.replay(recording_id, speed="25") as client:
        browser.wait(lambda: is_open(browser, server, recording_id), "the open session")
        browser.wait(lambda: browser.number("#count-blink") >= 1, "the first blink")
        browser.wait(lambda: driver.find_element(By.ID, "ended").is_displayed(), "the end of the session")
        _, complaint = client.communicate(timeout=WAIT_S)
    assert client.returncode == 0, complaint
    assert browser.text("#connection") == "ended"

    browser.follow("Open the report")

    browser.wait_for_report()
    assert browser.number("#frames-stored") == len(wanted.t_us)
    shown = {
        element.get_attribute("data-count"): int(re.sub(r"\D", "", element.text))
        for element in driver.find_elements(By.CSS_SELECTOR, "[data-count]")
    }
    assert shown == {kind: n for kind in shown if (n := sum(event.kind == kind for event in wanted.events))}
    assert sum(shown.values()) == len(wanted.events)
    rate = next(metric for metric in wanted.metrics() if metric.name == "blink_rate")
    assert rate.value is not None
    assert browser.number("[data-metric=blink_rate] [data-value]") == pytest.approx(rate.value, rel=0.005)


def test_the_timeline_moves_with_mouse_and_keyboard_and_tells_values(
    browser: Browser, server: Server, stored_session: str
) -> None:
    driver = browser.driver
    log_in(browser, server)
    driver.get(f"{server.url}/sessions/{stored_session}")
    browser.wait(lambda: driver.find_elements(By.CSS_SELECTOR, "#chart-openness .u-over"), "the drawn timeline")
    whole = shown_span(browser)
    chart = driver.find_element(By.CSS_SELECTOR, "#chart-openness .u-over")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)

    ActionChains(driver).move_to_element(chart).perform()
    browser.wait(lambda: re.search(r"\d at 0:\d\d\.\d\d|at \d+:\d\d\.\d\d", browser.text("#value-events")), "the state")
    assert 0 <= browser.number("#value-openness") < 2

    ActionChains(driver).click_and_hold(chart).move_by_offset(150, 0).release().perform()
    dragged = browser.wait(lambda: shown_span(browser) != whole and shown_span(browser), "a closer stretch")
    assert whole[0] < dragged[0] < dragged[1] <= whole[1]

    driver.find_element(By.ID, "timeline").send_keys("+")
    closer = browser.wait(lambda: shown_span(browser) != dragged and shown_span(browser), "a still closer stretch")
    assert closer[1] - closer[0] == pytest.approx((dragged[1] - dragged[0]) / 2, abs=2)

    browser.press("All")
    browser.wait(lambda: shown_span(browser) == whole, "the whole timeline")


@pytest.mark.parametrize("is_dark", [False, True])
def test_no_page_is_wider_than_a_phone(browser: Browser, server: Server, stored_session: str, is_dark: bool) -> None:
    driver = browser.driver
    log_in(browser, server)
    report = f"/sessions/{stored_session}"
    browser.show(width_px=390, is_dark=is_dark)

    widths = {}
    for address in (
        "/",
        "/sessions/start",
        "/account",
        "/admin/users",
        "/admin/sessions",
        "/admin/health",
        "/admin/jobs",
        "/admin/audit",
        "/groups",
        "/nothing",
        report,
    ):
        driver.get(server.url + address)
        widths[address] = driver.execute_script("return document.documentElement.scrollWidth")

    assert widths == dict.fromkeys(widths, 390)
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 150) is is_dark


def is_open(browser: Browser, server: Server, recording_id: str) -> bool:
    """Whether the live page of a recording that is about to begin can be seen; opens it."""
    browser.driver.get(f"{server.url}/sessions/{recording_id}/live")
    return bool(browser.driver.find_elements(By.ID, "live"))


def drawn_pixels(browser: Browser, selector: str) -> int:
    """Pixels of a canvas that are not empty."""
    script = """
        const canvas = document.querySelector(arguments[0]);
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let n = 0;
        for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
        return n;
    """
    return int(browser.driver.execute_script(script, selector))


def shown_span(browser: Browser) -> tuple[int, int]:
    """The stretch that the timeline shows, in microseconds."""
    start, stop = browser.driver.find_element(By.ID, "timeline").get_attribute("data-shown").split("-")
    return int(start), int(stop)
