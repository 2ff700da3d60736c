"""The tracker page's headers, its worker's own policy, and the packed files of the face model."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from focus.services import accounts, consent, groups
from focus.storage.database import db
from focus.web import STATIC_FOLDER
from focus.web.tracking.views import FACE_MESH_VERSION
from tests.integration.web.conftest import People
from tests.integration.web.made import browser_of, csrf_in, make_person

FOLDER = f"/static/vendor/mediapipe-face-mesh/{FACE_MESH_VERSION}"
WASM = "face_mesh_solution_simd_wasm_bin.wasm"


@pytest.fixture
def ada(people: People) -> FlaskClient:
    return people.browsers["ada"]


def test_the_page_may_ask_for_the_camera_and_makes_no_code_from_text(ada: FlaskClient) -> None:
    response = ada.get("/track")

    assert response.status_code == 200
    assert "camera=(self)" in response.headers["Permissions-Policy"]
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_what_one_agrees_to_stands_beside_the_start(ada: FlaskClient) -> None:
    page = ada.get("/track").text

    start = page.index('id="start"')
    assert 0 < page.index("By starting a session you agree that FOCUS stores and analyses its frames") - start < 500


def test_no_other_page_may_ask_for_the_camera(ada: FlaskClient) -> None:
    assert "camera=()" in ada.get("/").headers["Permissions-Policy"]


def test_the_worker_alone_has_the_right_that_the_model_needs(ada: FlaskClient) -> None:
    response = ada.get("/track/worker.js", buffered=True)

    expected = "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-eval'"
    assert response.headers["Content-Security-Policy"] == expected
    assert response.mimetype == "text/javascript"
    assert response.data == (STATIC_FOLDER / "tracker" / "worker.js").read_bytes()


def test_somebody_who_is_not_logged_in_is_asked_to(people: People) -> None:
    response = people.browsers["nobody"].get("/track")

    assert response.status_code == 302
    assert "/login?next=%2Ftrack" in response.headers["Location"]


def test_large_files_are_sent_as_they_are_kept_gzipped_and_for_ever(ada: FlaskClient) -> None:
    response = ada.get(f"{FOLDER}/{WASM}", headers={"Accept-Encoding": "gzip, br"}, buffered=True)

    assert (response.status_code, response.mimetype) == (200, "application/wasm")
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    assert gzip.decompress(response.data)[:4] == b"\0asm"


def test_a_client_without_gzip_gets_the_file_itself(ada: FlaskClient) -> None:
    response = ada.get(f"{FOLDER}/{WASM}", headers={"Accept-Encoding": "identity"}, buffered=True)

    assert "Content-Encoding" not in response.headers
    assert response.data[:4] == b"\0asm"


@pytest.mark.parametrize("path", ["/nothing.wasm", "/LICENSE", "/"])
def test_nothing_else_is_handed_out(ada: FlaskClient, path: str) -> None:
    assert ada.get(f"{FOLDER}{path}").status_code == 404


def test_the_page_names_the_folder_of_the_model_that_is_kept(ada: FlaskClient) -> None:
    page = ada.get("/track").text

    folder = re.search(r'data-face-mesh="([^"]+)"', page)
    assert folder is not None
    assert folder[1] == FOLDER
    assert (STATIC_FOLDER / "vendor" / "mediapipe-face-mesh" / FACE_MESH_VERSION / f"{WASM}.gz").is_file()


@pytest.mark.parametrize("address", ["/", "/sessions/start"])
def test_a_new_account_is_led_to_the_camera_first(ada: FlaskClient, address: str) -> None:
    page = ada.get(address).text

    assert page.index('href="/track"') < page.index("Replay the demo recording")


SCREEN = {"width_mm": 344.0, "height_mm": 194.0, "distance_mm": 600.0, "width_px": 1440, "height_px": 900}
MADE = {
    "screen": SCREEN,
    "points": [{"x": 0.1, "y": 0.5, "iris_x": 0.08, "n": 20}],
    "coefficients": {"x": [0.5, -0.4, 0.0, 0.0, 0.0, 0.0], "y": [0.5, 0.0, 0.6, 0.0, 0.0, 0.0], "openness": 0.3},
    "accuracy_deg": 2.1,
    "precision_deg": 0.4,
}


def post_calibration(browser: FlaskClient, made: object) -> TestResponse:
    """As the page sends one, to the address that it is given."""
    return browser.post(address_on("/track", browser), json=made, headers={"X-CSRFToken": csrf_in(browser)})


def address_on(path: str, browser: FlaskClient) -> str:
    """Where a tracker page keeps its calibrations."""
    found = re.search(r'data-address="([^"]*)"', browser.get(path).text)
    assert found is not None
    return found[1]


def known_to_the_page(browser: FlaskClient) -> dict[str, object] | None:
    """The calibration that the tracker page is given."""
    found = re.search(r"data-calibration='([^']*)'", browser.get("/track").text)
    assert found is not None
    known: dict[str, object] | None = json.loads(found[1])
    return known


def test_a_calibration_that_the_page_has_made_is_given_back_to_it(people: People, ada: FlaskClient) -> None:
    assert known_to_the_page(ada) is None

    answer = post_calibration(ada, MADE)

    assert answer.status_code == 201
    known = known_to_the_page(ada)
    assert known is not None
    assert (known["coefficients"], known["screen"], known["accuracy_deg"]) == (MADE["coefficients"], SCREEN, 2.1)
    assert known_to_the_page(people.browsers["bob"]) is None


def test_a_calibration_beyond_the_limit_is_kept_and_not_applied(ada: FlaskClient) -> None:
    answer = post_calibration(ada, {**MADE, "accuracy_deg": 7.5})

    assert (answer.status_code, answer.json["is_valid"]) == (201, False)
    assert known_to_the_page(ada) is None


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"screen": SCREEN},
        {**MADE, "owner": 1},
        {**MADE, "points": [1, 2]},
        {**MADE, "coefficients": [1.0]},
        {**MADE, "coefficients": {"x": "many"}},
        {**MADE, "screen": {"width_mm": 344.0}},
        {**MADE, "accuracy_deg": "good"},
    ],
)
def test_a_calibration_that_is_none_is_refused(ada: FlaskClient, wrong: object) -> None:
    assert post_calibration(ada, wrong).status_code == 422


def test_nobody_keeps_a_calibration_without_logging_in(people: People) -> None:
    nobody = people.browsers["nobody"]

    answer = nobody.post("/track/calibrations", json=MADE, headers={"X-CSRFToken": csrf_in(nobody)})

    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/login")


def test_a_calibration_made_for_a_participant_is_theirs(app: Flask, people: People) -> None:
    rita = make_person(app, "rita@example.org", role="researcher")
    browser = browser_of(app, rita)
    with app.app_context():
        session = db.session()
        ada_, rita_ = (accounts.principal_of_user(accounts.get_user(session, p.user_id)) for p in (people.ada, rita))
        group = groups.create_group(session, rita_, "Reading lab")
        _, key = groups.invite(session, rita_, group.id, people.ada.email)
        groups.accept_invitation(session, ada_, key)
        consent.give(session, ada_, consent.OWN_REPORTS)
        session.commit()
    of_ada = address_on(f"/track?participant={people.ada.user_id}", browser)
    answers = [
        browser.post(path, json=MADE, headers={"X-CSRFToken": csrf_in(browser)}).status_code
        for path in (of_ada, f"/track/calibrations?participant={people.bob.user_id}")
    ]

    assert answers == [201, 404]
    assert known_to_the_page(browser) is None
    assert known_to_the_page(people.browsers["ada"]) is not None
