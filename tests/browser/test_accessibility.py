"""axe-core finds no serious fault on pages in light and dark, wide and narrow: the tracker, administrators, groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sqlalchemy.orm import Session

from focus.services import accounts, groups
from tests.browser.camera import Tracked, TrackerPage, serving, with_film
from tests.browser.conftest import Browser, chromium

AXE = (Path(__file__).parent / "axe-core" / "4.14.1" / "axe.min.js").read_text()

RUN = """
    const done = arguments[arguments.length - 1];
    axe.run(document).then(done, (error) => done({ error: String(error) }));
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    with serving(tmp_path_factory.mktemp("server")) as tracked:
        yield tracked


@pytest.fixture
def page(server: Tracked, film: Path) -> Iterator[TrackerPage]:
    with chromium(*with_film(film)) as browser:
        server.enter(browser)
        yield TrackerPage(browser, server)


def serious_faults(browser: Browser) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands, in both colours and at two widths."""
    found = []
    for width_px, is_dark in ((1440, False), (390, True)):
        browser.show(width_px=width_px, is_dark=is_dark)
        browser.driver.execute_script(AXE)
        result: dict[str, Any] = browser.driver.execute_async_script(RUN)
        assert result.get("passes"), result
        for fault in result["violations"]:
            if fault["impact"] in ("serious", "critical"):
                places = ", ".join(" ".join(node["target"]) for node in fault["nodes"][:3])
                found.append(
                    f"{browser.driver.current_url} at {width_px} px: {fault['id']} ({fault['help']}) at {places}"
                )
    return found


@pytest.fixture(scope="module")
def admin(server: Tracked) -> Tracked:
    """The same server, looked at by an administrator with a group."""
    with Session(server.engine) as session:
        root = accounts.create_user(session, "root@example.org", role="admin")
        accounts.create_user(session, "new.person@example.org", display_name="New Person")
        principal = accounts.principal_of_user(root)
        group = groups.create_group(session, principal, "Reading lab")
        groups.invite(session, principal, group.id, "invited@example.org")
        session.commit()
    return replace(server, email="root@example.org")


PAGES = ("health", "users", "users/2", "groups", "sessions", "models", "jobs", "audit")


def tab_to(driver: Any, css: str, *, limit: int = 40) -> Any:
    """The element that Tab reaches, from where the keyboard is now."""
    for _ in range(limit):
        found = driver.switch_to.active_element
        if driver.execute_script("return arguments[0].matches(arguments[1])", found, css):
            return found
        found.send_keys(Keys.TAB)
    raise AssertionError(f"{limit} times Tab do not reach {css} on {driver.current_url}")


def test_the_pages_of_administrators_and_groups_are_used_with_the_keyboard_alone(admin: Tracked) -> None:
    with chromium() as browser:
        driver, faults = browser.driver, []
        admin.enter(browser)
        for path in (
            *(f"/admin/{name}" for name in PAGES),
            "/groups",
            "/groups/1",
            "/groups/1/delete",
            "/sessions/import",
        ):
            driver.get(f"{admin.process.url}{path}")
            faults += serious_faults(browser)
        browser.show(width_px=1440)
        driver.get(f"{admin.process.url}/admin/health")

        with browser.another_page():
            tab_to(driver, "a[href='/admin/users']").send_keys(Keys.ENTER)
        with browser.another_page():
            tab_to(driver, "#q").send_keys("new.person", Keys.ENTER)
        assert "q=new.person" in driver.current_url
        with browser.another_page():
            tab_to(driver, "td a").send_keys(Keys.ENTER)
        with browser.another_page():
            tab_to(driver, "#role").send_keys("res", Keys.TAB, Keys.ENTER)
        said = browser.text(".notice")

    assert faults == []
    assert said == "new.person@example.org is researcher from now on, and logged out everywhere."


def test_the_tracker_can_be_used_by_everybody_in_each_of_its_views(page: TrackerPage) -> None:
    page.open()
    page.wait_for_view("check")
    page.browser.wait(lambda: page.n_frames() > 20, "frames")
    page.driver.execute_script("document.getElementById('diagnostics').open = true")
    faults = serious_faults(page.browser)
    page.browser.show(width_px=1440)
    page.driver.find_element(By.ID, "calibrate").click()
    page.browser.wait(lambda: page.dot() == 0, "the first dot")
    faults += serious_faults(page.browser)
    page.driver.switch_to.active_element.send_keys(" ")
    page.browser.wait(lambda: page.dot() == 1, "the second dot, after a press of the space bar")
    page.driver.find_element(By.ID, "calibration-cancel").click()
    page.browser.show(width_px=1440)
    page.start()
    faults += serious_faults(page.browser)
    tracking = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    for path in ("/", "/live", "/sessions/start"):
        page.driver.get(page.address.removesuffix("/track") + path)
        faults += serious_faults(page.browser)
    page.open()
    page.wait_for_view("trouble")
    faults += serious_faults(page.browser)
    page.driver.switch_to.window(tracking)

    assert faults == []
