"""The administrators' page of model releases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from focus.eyestate.artifact import read_release, write_release
from focus.eyestate.installed import BUNDLED_DIR, shipped_name
from focus.services import releases
from focus.storage import audit
from focus.storage.database import db
from tests.integration.web.conftest import People
from tests.integration.web.made import csrf_in, make_session


@pytest.fixture
def models_dir(app: Flask) -> Path:
    """With a second release in it."""
    folder: Path = app.extensions["focus.settings"].INSTANCE / "models"
    shipped = read_release(BUNDLED_DIR / shipped_name())
    write_release(folder / "second", shipped.model, replace(shipped.manifest, name="second"))
    return folder


def test_an_administrator_promotes_a_release_and_rolls_back(app: Flask, people: People, models_dir: Path) -> None:
    browser = people.browsers["admin"]
    form = {"csrf_token": csrf_in(browser)}

    promoted = browser.post("/admin/models/second/promote", data=form, follow_redirects=True).text
    with app.app_context():
        active = releases.active_name(db.session())
    back = browser.post("/admin/models/rollback", data=form, follow_redirects=True).text

    assert "second is active. Sessions that are opened from now on are analysed with it; before it was" in promoted
    assert active == "second"
    assert f"{shipped_name()} is active again; before it was second." in back
    with app.app_context():
        noted = [(entry.action, entry.actor_id) for entry in audit.list_entries(db.session(), limit=2)]
    assert noted == [("model.rolled_back", people.carol.user_id), ("model.promoted", people.carol.user_id)]


def test_a_member_can_neither_promote_nor_roll_back(app: Flask, people: People, models_dir: Path) -> None:
    browser = people.browsers["ada"]
    form = {"csrf_token": csrf_in(browser)}

    answers = [browser.post(f"/admin/models/{path}", data=form) for path in ("second/promote", "rollback")]

    assert [answer.status_code for answer in answers] == [403, 403]
    with app.app_context():
        assert releases.active_name(db.session()) == shipped_name()


def test_the_card_shows_what_the_release_was_trained_on(people: People, models_dir: Path) -> None:
    page = people.browsers["admin"].get(f"/admin/models/{shipped_name()}").text

    assert "r-zemblys/irf (lookAtPoint_EL), 1000 Hz, labelled by hand" in page
    assert read_release(BUNDLED_DIR / shipped_name()).manifest.model_sha256 in page


def test_a_release_that_cannot_be_used_says_why_and_has_no_button(people: People, models_dir: Path) -> None:
    (models_dir / "second" / "manifest.json").write_text("{", encoding="utf-8")

    page = people.browsers["admin"].get("/admin/models").text

    assert "release second: manifest.json is not JSON" in page
    assert "/admin/models/second/promote" not in page


def test_a_release_that_cannot_be_promoted_is_said_and_nothing_changes(people: People, models_dir: Path) -> None:
    (models_dir / "second" / "manifest.json").write_text("{", encoding="utf-8")
    browser = people.browsers["admin"]
    form = {"csrf_token": csrf_in(browser)}

    damaged = browser.post("/admin/models/second/promote", data=form)
    unknown = browser.post("/admin/models/third/promote", data=form)

    assert (damaged.status_code, unknown.status_code) == (409, 404)
    assert "manifest.json is not JSON" in damaged.text
    assert "no release is called" in unknown.text


def test_the_card_of_analyses_offers_every_release_that_can_be_used(
    app: Flask, people: People, models_dir: Path
) -> None:
    recording_id = make_session(app, people.carol)

    page = people.browsers["admin"].get(f"/sessions/{recording_id}").text

    assert f"<option selected>{shipped_name()}</option>" in page
    assert "<option>second</option>" in page

    (models_dir / "second" / "manifest.json").write_text("{", encoding="utf-8")

    assert "<option>second</option>" not in people.browsers["admin"].get(f"/sessions/{recording_id}").text
