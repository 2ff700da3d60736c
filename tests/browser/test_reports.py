"""Reports in a real browser: numbers read off the charts and their tables, keyboard, phone, no complaint."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Browser, Server
from tests.browser.test_first_session import drawn_pixels, log_in


def test_charts_of_a_report_say_what_their_tables_say(browser: Browser, server: Server, stored_session: str) -> None:
    driver = browser.driver
    log_in(browser, server)
    driver.get(f"{server.url}/sessions/{stored_session}")
    browser.wait_for_report()
    browser.find("#chart-blink-rate canvas")

    driver.find_element(By.ID, "chart-blink-rate").send_keys(Keys.ARROW_RIGHT)

    row = driver.find_element(By.CSS_SELECTOR, "#blink-rate-table tbody tr")
    said = browser.text("#value-blink-rate")
    found = re.search(r": ([\d.]+) \(([\d.]+) to ([\d.]+)\)", said)
    assert found is not None, said
    stored = [float(row.get_attribute(f"data-{name}")) for name in ("value", "low", "high")]
    assert [float(number) for number in found.groups()] == pytest.approx(stored, rel=0.01)
    browser.wait(lambda: driver.find_element(By.ID, "gaze-map").get_attribute("data-fixations"), "the filled map")
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


def test_pages_of_a_text_have_their_speed_and_lead_to_where_the_eyes_rested_on_them(
    browser: Browser, server: Server, stored_session: str
) -> None:
    driver = browser.driver
    log_in(browser, server)
    driver.get(f"{server.url}/sessions/{stored_session}")
    browser.wait_for_report()
    gaze_map = driver.find_element(By.ID, "gaze-map")
    in_all = int(browser.wait(lambda: gaze_map.get_attribute("data-fixations"), "the map of all"))

    rows = [row.text.split("\n") for row in driver.find_elements(By.CSS_SELECTOR, "#pages-table tbody tr")]
    cells = [" ".join(row).replace("\u202f", "") for row in rows]
    read = [re.fullmatch(r"(\w+) (\S+ to \S+) (\d+) ([\d.]+) s ([\d.]+|turned over)", line) for line in cells]
    assert [found and (found[1], found[2], found[3]) for found in read] == [
        ("one", "0:10 to 0:30", "80"),
        ("2", "0:30 to 0:30", "90"),
        ("three", "0:30 to 0:50", "70"),
    ], cells
    one, turned, three = (found for found in read if found is not None)
    assert turned[5] == "turned over"
    for found in (one, three):
        assert float(found[5]) == pytest.approx(int(found[3]) / float(found[4]) * 60, rel=0.03)
        assert 15 <= float(found[4]) <= 20
    speed = browser.number("[data-metric=words_per_minute] [data-value]")
    assert speed == pytest.approx(60 * 150 / (float(one[4]) + float(three[4])), rel=0.03)

    driver.find_element(By.CSS_SELECTOR, "#pages-table button").click()

    shown = browser.wait(lambda: int(gaze_map.get_attribute("data-fixations")) < in_all, "the map of the page")
    assert shown
    timeline = driver.find_element(By.ID, "timeline")
    browser.wait(lambda: timeline.get_attribute("data-shown") == "10000000-30000000", "the stretch of the page")
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


def webcam_csv(path: Path, *, fault: str = "") -> Path:
    """Twenty seconds of eyelids at 30 Hz with four blinks of 200 ms, in our own format; a fault stands in line 9."""
    rows = ["t_us,openness_left,openness_right"]
    for frame in range(600):
        t_us = round(frame * 1e6 / 30)
        openness = 0.04 if any(at <= t_us < at + 200_000 for at in (4e6, 8e6, 12e6, 16e6)) else 0.31
        rows.append(f"{t_us},{openness},{fault if fault and frame == 7 else openness}")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_file_becomes_a_report_whose_numbers_are_those_of_the_file(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    driver = browser.driver
    log_in(browser, server)
    driver.get(f"{server.url}/sessions/import")

    driver.find_element(By.ID, "import-file").send_keys(str(webcam_csv(tmp_path / "wrong.csv", fault="half")))
    browser.press("Import")
    fault = browser.wait(lambda: driver.find_element(By.CSS_SELECTOR, "#imports [data-message]").text, "the fault")
    assert fault == "wrong.csv line 9, column openness_right: 'half' is not a number"
    driver.find_element(By.ID, "import-file").send_keys(str(webcam_csv(tmp_path / "lids.csv")))
    browser.press("Import")
    link = browser.wait(
        lambda: driver.find_element(By.CSS_SELECTOR, "#imports [data-state=done] a").get_attribute("href"), "the report"
    )
    driver.get(link)
    browser.wait_for_report()

    assert browser.text("#frames-stored") == "600"
    assert browser.text("[data-count=blink]") == "Blinks 4"
    value = float(browser.text("[data-metric=blink_rate] [data-value]"))
    assert value == pytest.approx(12, rel=0.02)
    rate = driver.find_element(By.CSS_SELECTOR, "[data-metric=rate] [data-value]").get_attribute("textContent")
    assert float(rate) == pytest.approx(30)
    rows = browser.wait(lambda: driver.find_elements(By.CSS_SELECTOR, "#timeline-table tbody tr"), "the table")
    cells = [[cell.get_attribute("textContent") for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows]
    heads = driver.find_elements(By.CSS_SELECTOR, "#timeline-table th[class]")
    assert [head.get_attribute("textContent") for head in heads] == ["Eyelid openness, ratio"]
    assert sum(events == "blinks 1" for _, _, events in cells) == 4
    # A webcam's eyes that are seen are open, though where they look is not known.
    assert all(states.startswith("open ") for _, states, _ in cells), cells
    assert {openness for openness, _, _ in cells} == {"0.31", "0.040 to 0.31"}
    assert browser.complaints() == []
