"""axe-core finds no serious fault on the tracker's views and the pages around it, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.browser.camera import Tracked, TrackerPage, serving, with_film
from tests.browser.conftest import chromium

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


def serious_faults(page: TrackerPage) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands, in both colours and at two widths."""
    found = []
    for width_px, is_dark in ((1440, False), (390, True)):
        page.browser.show(width_px=width_px, is_dark=is_dark)
        page.driver.execute_script(AXE)
        result: dict[str, Any] = page.driver.execute_async_script(RUN)
        assert result.get("passes"), result
        for fault in result["violations"]:
            if fault["impact"] in ("serious", "critical"):
                places = ", ".join(" ".join(node["target"]) for node in fault["nodes"][:3])
                found.append(f"{page.driver.current_url} at {width_px} px: {fault['id']} ({fault['help']}) at {places}")
    return found


def test_the_tracker_can_be_used_by_everybody_in_each_of_its_views(page: TrackerPage) -> None:
    page.open()
    page.wait_for_view("check")
    page.browser.wait(lambda: page.n_frames() > 20, "frames")
    page.driver.execute_script("document.getElementById('diagnostics').open = true")
    faults = serious_faults(page)
    page.browser.show(width_px=1440)
    page.driver.find_element(By.ID, "start").click()
    page.wait_for_view("recording")
    faults += serious_faults(page)
    tracking = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.driver.get(f"{page.address.removesuffix('/track')}/sessions/start")
    faults += serious_faults(page)
    page.open()
    page.wait_for_view("trouble")
    faults += serious_faults(page)
    page.driver.switch_to.window(tracking)

    assert faults == []
