"""A stranger: from the first page to a confirmed account, a token, a recording, an export, and nothing left."""

from __future__ import annotations

import re
import sqlite3
import uuid
import zipfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.conftest import Browser, Server
from tests.servers import wait_until

PASSWORD = "a stranger's own sentence"


def instance_of(server: Server) -> Path:
    return Path(server.environment["FOCUS_INSTANCE"])


def letters(server: Server) -> list[Path]:
    return sorted((instance_of(server) / "outbox").glob("*.eml"))


def mailed_link(server: Server, kind: str) -> str:
    wait_until(lambda: any(f"-{kind}-" in path.name for path in letters(server)), what=f"the letter {kind}", limit_s=20)
    found = re.search(
        rf"{re.escape(server.url)}/\S+", [p for p in letters(server) if f"-{kind}-" in p.name][-1].read_text()
    )
    assert found is not None
    return found[0]


def write(driver: webdriver.Chrome, **values: str) -> None:
    for name, value in values.items():
        for field in driver.find_elements(By.NAME, name):
            if field.is_displayed():
                field.clear()
                field.send_keys(value)


def test_a_stranger_comes_records_takes_everything_and_leaves_nothing(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    driver, email = browser.driver, f"{uuid.uuid4().hex}@example.org"
    driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})

    # an account
    driver.get(server.url)
    driver.find_element(By.LINK_TEXT, "Make an account").click()
    write(driver, email=email, display_name="Stranger", new=PASSWORD, again=PASSWORD)
    browser.press("Make my account")
    browser.wait(lambda: browser.text("h1") == "Look into your mail", "the answer")
    driver.get(mailed_link(server, "verify"))
    write(driver, password=PASSWORD)
    browser.press("Confirm and log in")
    browser.wait(lambda: browser.text("h1").startswith("Welcome"), "the questions")
    write(driver, birth_year="1990")
    browser.press("Keep my answers")
    browser.wait(lambda: not driver.find_elements(By.NAME, "birth_year"), "the home page")

    # a token
    driver.get(f"{server.url}/account")
    write(driver, name="my tracker")
    browser.press("Make the token")
    browser.wait(lambda: driver.find_elements(By.ID, "secret"), "the token")
    assert browser.text("#secret").startswith("focus_")

    # a recording, with the words of consent beside the button
    driver.get(server.url)
    assert "By starting a session you agree" in browser.text(".consent-line")
    browser.press("Replay the demo recording")
    browser.wait(lambda: browser.number("#count-blink") >= 1, "the first blink")
    recording_id = driver.current_url.split("/")[-2]
    browser.press("Stop")
    browser.wait(lambda: driver.find_elements(By.ID, "metrics-title"), "the report")
    browser.wait(lambda: not driver.find_elements(By.CSS_SELECTOR, "[data-pending]"), "the end of the analysis")

    # everything, to take along
    driver.get(f"{server.url}/account/data")
    browser.press("Make a copy of everything")
    browser.wait(lambda: driver.find_elements(By.LINK_TEXT, "Fetch the file"), "the end of the export")
    driver.find_element(By.LINK_TEXT, "Fetch the file").click()
    wait_until(lambda: bool(list(tmp_path.glob("*.zip"))), what="the file", limit_s=20)
    with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as archive:
        assert email in archive.read("account.json").decode()
        assert archive.read(f"recordings/{recording_id}/frames.csv").count(b"\n") > 100

    # nothing left
    write(driver, word="DELETE", current=PASSWORD)
    browser.press("Delete my account and everything in it")
    browser.wait(lambda: "Your account and everything in it is deleted" in driver.page_source, "the end")
    stored = sqlite3.connect(instance_of(server) / "focus.db")
    for table, column, value in (("user", "email", email), ("recording", "id", recording_id)):
        assert stored.execute(f'SELECT count(*) FROM "{table}" WHERE {column} = ?', [value]).fetchone() == (0,)
    stored.close()
    assert list((instance_of(server) / "exports").glob("*")) == []
    assert not any(email in path.read_text() for path in letters(server))
    assert browser.complaints() == []
