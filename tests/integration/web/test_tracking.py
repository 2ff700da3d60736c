"""The tracker page's headers, its worker's own policy, and the packed files of the face model."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient

from focus.web import STATIC_FOLDER
from focus.web.tracking.views import FACE_MESH_VERSION
from tests.integration.web.conftest import People

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
