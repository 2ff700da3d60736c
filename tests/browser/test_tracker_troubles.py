"""The tracker page when something stands in the way: each has a page of its own that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver.common.by import By

from tests.browser.camera import (
    FAKE_CAMERA,
    OTHER_NAME,
    OTHER_NAME_RULE,
    SOFTWARE_WEBGL,
    Tracked,
    TrackerPage,
    forget,
    serving,
)
from tests.browser.conftest import Browser, chromium


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    with serving(tmp_path_factory.mktemp("server"), ALLOWED_HOSTS=OTHER_NAME) as tracked:
        yield tracked


@pytest.fixture(scope="module")
def with_camera(server: Tracked) -> Iterator[Browser]:
    """Chromium with a camera that every page may use."""
    with chromium(*FAKE_CAMERA, *SOFTWARE_WEBGL, OTHER_NAME_RULE) as browser:
        yield browser


@pytest.fixture(scope="module")
def that_asks(server: Tracked) -> Iterator[Browser]:
    """Chromium with a camera that is allowed or denied by the person."""
    with chromium(FAKE_CAMERA[0], *SOFTWARE_WEBGL) as browser:
        yield browser


@contextmanager
def tracker_page(browser: Browser, server: Tracked, *, stub: str = "") -> Iterator[TrackerPage]:
    """The tracker page of somebody logged in, and nothing left of it afterwards; `stub` runs before the page's own."""
    server.enter(browser)
    added = None
    if stub:
        added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": stub})
    try:
        yield TrackerPage(browser, server)
    finally:
        if added:
            browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        forget(browser, server)


@contextmanager
def own_browser(server: Tracked, *arguments: str) -> Iterator[TrackerPage]:
    """The tracker page in a Chromium of its own, for arguments that no other test wants."""
    with chromium(*arguments) as browser:
        server.enter(browser)
        yield TrackerPage(browser, server)


def words_of_trouble(page: TrackerPage) -> tuple[str, str]:
    """Which trouble the page shows, and its words."""
    page.wait_for_view("trouble")
    shown = [part for part in page.driver.find_elements(By.CSS_SELECTOR, "[data-trouble]") if part.is_displayed()]
    assert len(shown) == 1
    return str(shown[0].get_attribute("data-trouble")), shown[0].text


def tries_again(page: TrackerPage) -> str | None:
    """Press "Try again" where the page is in trouble; which view it has come to."""
    if page.told("view") == "trouble":
        with page.browser.another_page():
            page.browser.press("Try again")
    return page.told("view")


def refusing(error: str) -> str:
    """A script that lets the camera be refused with an error of this name."""
    return f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('refused', '{error}'); }};"


def test_a_machine_without_a_camera(server: Tracked) -> None:
    with own_browser(server, "--use-fake-ui-for-media-stream", *SOFTWARE_WEBGL) as page:
        page.open()
        code, words = words_of_trouble(page)

        assert code == "no-camera"
        assert "Connect one" in words
        page.browser.follow("replay the demo recording or connect another tracker")
        assert page.driver.current_url.endswith("/sessions/start")


def test_a_camera_that_is_not_allowed(that_asks: Browser, server: Tracked) -> None:
    with tracker_page(that_asks, server) as page:
        set_camera(page, "denied")
        page.open()
        code, words = words_of_trouble(page)

    assert code == "denied"
    assert "allow the camera for this page" in words


def test_a_camera_that_another_program_has(with_camera: Browser, server: Tracked) -> None:
    with tracker_page(with_camera, server, stub=refusing("NotReadableError")) as page:
        page.open()
        code, words = words_of_trouble(page)

    assert code == "camera-taken"
    assert "video call" in words


def test_an_address_that_is_not_secure(with_camera: Browser, server: Tracked) -> None:
    server.enter(with_camera, host=OTHER_NAME)
    page = TrackerPage(with_camera, server)
    page.driver.get(f"http://{OTHER_NAME}:{server.process.port}/track")
    code, words = words_of_trouble(page)
    forget(with_camera, server)

    assert code == "insecure"
    assert "https" in words


def test_a_browser_without_webgl(server: Tracked) -> None:
    with own_browser(server, *FAKE_CAMERA, "--disable-3d-apis", "--disable-software-rasterizer") as page:
        page.open()
        code, words = words_of_trouble(page)

    assert code == "no-webgl"
    assert "hardware or graphics acceleration" in words


def test_a_browser_that_lacks_a_part(with_camera: Browser, server: Tracked) -> None:
    stub = "Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });"
    with tracker_page(with_camera, server, stub=stub) as page:
        page.open()
        code, words = words_of_trouble(page)

    assert code == "unsupported"
    assert "A current Chrome, Edge, Firefox or Safari" in words


def test_a_face_model_that_does_not_load_leaves_no_camera_on(with_camera: Browser, server: Tracked) -> None:
    """The camera, which is given only after the page has given up, is switched off at once."""
    stub = """
        window.Worker = class {
          postMessage() { setTimeout(() => this.onerror({ message: "it is not there" })); }
        };
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          const stream = await ask(wanted);
          window.given = new Promise((resolve) => { window.give = resolve; });
          await window.given;
          window.camera = stream.getVideoTracks()[0];
          return stream;
        };
    """
    with tracker_page(with_camera, server, stub=stub) as page:
        page.open()
        code, words = words_of_trouble(page)
        assert code == "assets"
        assert "it is not there" in words

        page.browser.wait(lambda: page.driver.execute_script("return Boolean(window.give)"), "the wish for a camera")
        page.driver.execute_script("window.give()")
        page.browser.wait(lambda: page.driver.execute_script("return window.camera?.readyState") == "ended", "the end")
        assert page.told("view") == "trouble"


def test_another_tab_that_tracks_already(with_camera: Browser, server: Tracked) -> None:
    with tracker_page(with_camera, server) as page:
        page.open()
        page.wait_for_view("check")
        first = page.driver.current_window_handle
        page.driver.switch_to.new_window("tab")
        second = page.driver.current_window_handle
        page.open()
        code, words = words_of_trouble(page)
        assert code == "other-tab"
        assert "One tab of this browser" in words

        page.driver.switch_to.window(first)
        page.driver.close()
        page.driver.switch_to.window(second)
        # On a busy machine the other tab takes a while to end, and a person tries once more.
        page.browser.wait(lambda: tries_again(page) == "check", "the check before the start")


def test_a_session_that_is_stopped_on_its_live_page(with_camera: Browser, server: Tracked) -> None:
    with tracker_page(with_camera, server) as page:
        page.open()
        recording_id = page.start()
        tracking = page.driver.current_window_handle
        page.browser.wait(lambda: int(page.told("produced") or 0) > 10, "frames")
        page.driver.switch_to.new_window("tab")
        page.driver.get(f"{server.process.url}/sessions/{recording_id}/live")
        page.browser.follow("Stop")
        page.driver.switch_to.window(tracking)
        code, words = words_of_trouble(page)

        assert code == "closed"
        assert page.driver.title == "This session was ended somewhere else · FOCUS"
        assert "What was stored is in the report" in words
        page.browser.follow("Open the report")
        assert page.driver.current_url.endswith(f"/sessions/{recording_id}")


def test_somebody_who_logged_out_goes_on_after_logging_in(with_camera: Browser, server: Tracked) -> None:
    with tracker_page(with_camera, server) as page:
        page.open()
        page.wait_for_view("check")
        page.driver.delete_all_cookies()
        page.driver.find_element(By.ID, "start").click()
        code, _ = words_of_trouble(page)
        assert code == "login"

        server.enter(page.browser)
        page.open()
        page.wait_for_view("recording")
        page.browser.wait(lambda: page.browser.text("#recording-link") == "connected", "the connection")


def test_a_camera_that_is_taken_away_and_given_back(that_asks: Browser, server: Tracked) -> None:
    """The same session goes on with it."""
    with tracker_page(that_asks, server) as page:
        set_camera(page, "granted")
        page.open()
        recording_id = page.start()
        page.browser.wait(lambda: int(page.told("produced") or 0) > 10, "frames")
        set_camera(page, "denied")
        code, words = words_of_trouble(page)
        assert code == "camera-gone"
        assert "goes on with the same session" in words

        set_camera(page, "granted")
        page.browser.press("Try again")
        page.wait_for_view("recording")
        assert page.told("recording") == recording_id


def test_a_browser_that_hands_frames_to_the_page_alone_says_that_it_pauses_while_hidden(
    with_camera: Browser, server: Tracked
) -> None:
    """As Firefox, where the page takes the frames from the video and gives them to the worker."""
    with tracker_page(with_camera, server, stub="delete window.MediaStreamTrackProcessor;") as page:
        page.open()
        page.wait_for_view("check")
        page.browser.wait(lambda: page.n_frames() > 20, "frames")

        assert "tracking pauses while the tab is hidden" in page.browser.text("#hidden-note")


def test_a_camera_that_gives_no_pictures_is_not_called_ready(with_camera: Browser, server: Tracked) -> None:
    stub = """
        window.MediaStreamTrackProcessor = class {
          readable = new ReadableStream();
        };
    """
    with tracker_page(with_camera, server, stub=stub) as page:
        page.open()
        page.browser.wait(lambda: "no pictures come" in page.browser.text("#check-rate"), "the silent camera")
        assert page.browser.text("#check-summary") == "Not yet good enough"
        page.start()
        page.browser.wait(lambda: page.browser.text("#recording-state") == "No pictures come", "the silent camera")


def test_the_screen_stays_on_while_it_records(with_camera: Browser, server: Tracked) -> None:
    stub = """
        window.awake = 0;
        navigator.wakeLock.request = async () => {
          window.awake += 1;
          return { release: async () => { window.awake -= 1; } };
        };
    """
    with tracker_page(with_camera, server, stub=stub) as page:
        page.open()
        page.wait_for_view("check")
        n_awake = "return window.awake"
        assert page.driver.execute_script(n_awake) == 0
        page.driver.find_element(By.ID, "start").click()
        page.browser.wait(lambda: page.driver.execute_script(n_awake) == 1, "the wake lock")
        page.browser.press("Pause")
        page.browser.wait(lambda: page.driver.execute_script(n_awake) == 0, "the end of the wake lock")


def test_a_session_that_was_deleted_meanwhile_can_be_let_go(with_camera: Browser, server: Tracked) -> None:
    with tracker_page(with_camera, server) as page:
        page.open()
        recording_id = page.start()
        page.browser.wait(lambda: int(page.told("produced") or 0) > 10, "frames")
        tracking = page.driver.current_window_handle
        page.driver.switch_to.new_window("tab")
        page.driver.get(f"{server.process.url}/sessions/{recording_id}/delete")
        with page.browser.another_page():
            page.browser.find("main form button").click()
        page.driver.switch_to.window(tracking)
        code, _ = words_of_trouble(page)
        assert code in ("refused", "closed")
        page.browser.press("Let go of what waits, and start anew" if code == "refused" else "Start another one")
        page.wait_for_view("check")


def set_camera(page: TrackerPage, setting: str) -> None:
    """Allow or forbid the camera, as the person does in the browser's own settings."""
    page.driver.execute_cdp_cmd("Browser.setPermission", {"permission": {"name": "camera"}, "setting": setting})
