"""Reports in a real browser: numbers read off the charts and their tables, keyboard, phone, no complaint."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Browser, Server
from tests.browser.test_first_session import drawn_pixels, log_in


def test_charts_of_a_report_say_what_their_tables_say(browser: Browser, server: Server, stored_session: str) -> None:
    driver = browser.driver
    log_in(browser, server)
    driver.get(f"{server.url}/sessions/{stored_session}")
    browser.wait(lambda: not driver.find_elements(By.CSS_SELECTOR, "[data-pending]"), "the end of the analysis")
    chart = browser.wait(lambda: driver.find_element(By.ID, "chart-blink-rate"), "the chart of the blink rate")

    chart.send_keys(Keys.ARROW_RIGHT)

    row = driver.find_element(By.CSS_SELECTOR, "#blink-rate-table tbody tr")
    said = browser.text("#value-blink-rate")
    found = re.search(r": ([\d.]+) \(([\d.]+) to ([\d.]+)\)", said)
    assert found is not None, said
    stored = [float(row.get_attribute(f"data-{name}")) for name in ("value", "low", "high")]
    assert [float(number) for number in found.groups()] == pytest.approx(stored, rel=0.01)
    shares = [
        float(re.sub(r"[^\d.]", "", cell.get_attribute("textContent")) or 0)
        for cell in driver.find_elements(By.CSS_SELECTOR, "#gaze-map-table td")
    ]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert drawn_pixels(browser, "#gaze-map-canvas") > 500
    browser.press("Heatmap")
    browser.wait(lambda: driver.find_element(By.ID, "gaze-map").get_attribute("data-drawn") == "heat", "the heatmap")
    browser.wait(lambda: "learning your baseline" in browser.text("[data-strain-reason]"), "the eye-strain index")
    assert browser.complaints() == []


@pytest.mark.parametrize("width_px", [390, 1440])
def test_pages_of_days_and_comparisons_fit_and_lead_to_the_session(
    browser: Browser, server: Server, stored_session: str, width_px: int
) -> None:
    driver = browser.driver
    log_in(browser, server)
    browser.show(width_px=width_px, is_dark=width_px < 600)
    driver.get(f"{server.url}/reports")
    day = browser.wait(
        lambda: driver.find_element(By.CSS_SELECTOR, "table.calendar a.day").get_attribute("href"), "a day"
    )

    widths = {}
    for address in (
        "/reports",
        day,
        day.replace("/day/", "/week/"),
        f"/reports/compare?a={stored_session}&b={stored_session}",
    ):
        driver.get(address if address.startswith("http") else server.url + address)
        browser.wait(lambda: driver.find_elements(By.CSS_SELECTOR, ".table-chart canvas"), f"a chart on {address}")
        widths[address] = driver.execute_script("return document.documentElement.scrollWidth")

    assert max(widths.values()) <= width_px
    driver.get(day)
    assert driver.find_elements(By.CSS_SELECTOR, f"#sessions-table a[href='/sessions/{stored_session}']")
    assert browser.complaints() == []
