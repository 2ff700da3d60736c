"""A stranger: from the first page to a confirmed account, a token, a recording, an export, and nothing left."""

from __future__ import annotations

import re
import sqlite3
import uuid
import zipfile
from pathlib import Path

from selenium.webdriver.common.by import By

from tests.browser.conftest import WAIT_S, Browser, Server
from tests.servers import wait_until

PASSWORD = "a stranger's own sentence"


def letters(server: Server) -> list[Path]:
    return sorted((server.instance / "outbox").glob("*.eml"))


def mailed_link(server: Server, kind: str) -> str:
    wait_until(
        lambda: any(f"-{kind}-" in path.name for path in letters(server)), what=f"the letter {kind}", limit_s=WAIT_S
    )
    found = re.search(
        rf"{re.escape(server.url)}/\S+", [p for p in letters(server) if f"-{kind}-" in p.name][-1].read_text()
    )
    assert found is not None
    return found[0]


def write(browser: Browser, **values: str) -> None:
    """Write into all fields of these names, as soon as there is one."""
    for name, value in values.items():
        browser.find(f"[name={name}]")
        for field in browser.driver.find_elements(By.NAME, name):
            field.clear()
            field.send_keys(value)


def test_a_stranger_comes_records_takes_everything_and_leaves_nothing(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    driver, email = browser.driver, f"{uuid.uuid4().hex}@example.org"
    driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})

    # an account
    driver.get(server.url)
    browser.follow("Make an account")
    write(browser, email=email, display_name="Stranger", new=PASSWORD, again=PASSWORD)
    browser.follow("Make my account")
    assert browser.text("h1") == "Look into your mail"
    driver.get(mailed_link(server, "verify"))
    write(browser, password=PASSWORD)
    browser.follow("Confirm and log in")
    assert browser.text("h1").startswith("Welcome")
    write(browser, birth_year="1990")
    browser.follow("Keep my answers")

    # a token
    driver.get(f"{server.url}/account")
    write(browser, name="my tracker")
    browser.follow("Make the token")
    assert browser.text("#secret").startswith("focus_")

    # a recording, with the words of consent beside the button
    driver.get(server.url)
    assert "By starting a session you agree" in browser.text(".consent-line")
    browser.follow("Replay the demo recording")
    browser.wait(lambda: browser.number("#count-blink") >= 1, "the first blink")
    recording_id = driver.current_url.split("/")[-2]
    browser.follow("Stop")
    browser.wait_for_report()

    # everything, to take along
    driver.get(f"{server.url}/account/data")
    browser.follow("Make a copy of everything")
    browser.press("Fetch the file")
    wait_until(lambda: any(map(zipfile.is_zipfile, tmp_path.glob("*.zip"))), what="the file", limit_s=WAIT_S)
    with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as archive:
        assert email in archive.read("account.json").decode()
        assert archive.read(f"recordings/{recording_id}/frames.csv").count(b"\n") > 100

    # nothing left
    write(browser, word="DELETE", current=PASSWORD)
    browser.follow("Delete my account and everything in it")
    assert "Your account and everything in it is deleted" in driver.page_source
    stored = sqlite3.connect(server.instance / "focus.db")
    for table, column, value in (("user", "email", email), ("recording", "id", recording_id)):
        assert stored.execute(f'SELECT count(*) FROM "{table}" WHERE {column} = ?', [value]).fetchone() == (0,)
    stored.close()
    assert list((server.instance / "exports").glob("*")) == []
    assert not any(email in path.read_text() for path in letters(server))
    assert browser.complaints() == []
