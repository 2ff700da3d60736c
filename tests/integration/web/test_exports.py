"""Downloads of a session, from the link on its report to the bytes."""

from __future__ import annotations

import csv
import io
import sys
import zipfile

import pytest
from flask import Flask

from focus.services.exports import EXPORTERS
from tests.integration.web.made import LENGTH_S, RATE_HZ, browser_of, make_person, make_session


def test_the_report_links_to_every_format_and_each_link_gives_a_zip(app: Flask) -> None:
    owner = make_person(app, "owner@example.org")
    recording_id = make_session(app, owner)
    client = browser_of(app, owner)

    page = client.get(f"/sessions/{recording_id}").text

    for name in EXPORTERS.names():
        link = f"/sessions/{recording_id}/export/{name}"
        assert f'href="{link}"' in page
        found = client.get(link)
        assert found.status_code == 200
        assert found.mimetype == "application/zip"
        assert found.headers["Content-Disposition"].endswith(f'{recording_id[:8]}-{name}.zip"')
        with zipfile.ZipFile(io.BytesIO(found.data)) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) >= 4


def test_the_csv_that_is_downloaded_has_a_row_for_every_frame(app: Flask) -> None:
    owner = make_person(app, "owner@example.org")
    recording_id = make_session(app, owner)

    data = browser_of(app, owner).get(f"/sessions/{recording_id}/export/csv").data

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/gaze.csv")]
        rows = list(csv.DictReader(io.StringIO(archive.read(name).decode())))
    assert len(rows) == LENGTH_S * RATE_HZ
    assert {row["recording id"] for row in rows} == {recording_id}


@pytest.mark.parametrize("who", ["stranger@example.org", None])
def test_nobody_else_can_download_it(app: Flask, who: str | None) -> None:
    recording_id = make_session(app, make_person(app, "owner@example.org"))
    client = browser_of(app, make_person(app, who) if who else None)

    found = client.get(f"/sessions/{recording_id}/export/csv")

    assert found.status_code == (404 if who else 302)
    assert b"PK" not in found.data[:2]


def test_an_unknown_format_is_a_page_that_says_so(app: Flask) -> None:
    owner = make_person(app, "owner@example.org")
    recording_id = make_session(app, owner)

    found = browser_of(app, owner).get(f"/sessions/{recording_id}/export/xls")

    assert found.status_code == 404
    assert "bids, csv, parquet" in found.text


def test_a_download_that_is_broken_off_gives_its_connection_back(app: Flask) -> None:
    from focus.services.exports.downloads import stream_download

    recording_id = make_session(app, make_person(app, "owner@example.org"))
    pieces = stream_download(app.config["SQLALCHEMY_DATABASE_URI"], recording_id, EXPORTERS["csv"], root="r")

    first = next(pieces)
    pieces.close()

    assert first[:2] == b"PK"
    assert list(pieces) == []


def test_a_format_whose_package_is_missing_is_no_link_and_says_what_it_needs(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_person(app, "owner@example.org")
    recording_id = make_session(app, owner)
    client = browser_of(app, owner)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)

    page = client.get(f"/sessions/{recording_id}").text
    found = client.get(f"/sessions/{recording_id}/export/parquet")

    assert "needs pyarrow, which is not installed" in page
    assert "/export/parquet" not in page
    assert found.status_code == 404
    assert "focus-eye[parquet]" in found.text
