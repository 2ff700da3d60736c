"""The commands of analyses, exports and imports, as a person in the shell sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from focus.services.exports import EXPORTERS
from focus.services.imports import IMPORTERS
from focus.storage import recordings as queries
from focus.storage.recording_models import Recording
from tests.integration.exchange.conftest import Command


def test_reanalyse_adds_an_analysis_and_show_analysis_chooses_it(flask: Command, recording: Recording) -> None:
    made = flask("recordings", "reanalyse", recording.id, "--lookahead-ms", "50")
    chosen = flask("recordings", "show-analysis", recording.id, "1")
    listed = flask("recordings", "analyses", recording.id)

    assert (made.returncode, chosen.returncode, listed.returncode) == (0, 0, 0), made.stderr
    assert f"analysis 1 of {recording.id}: 1200 frames" in made.stdout
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert [row[0:3] for row in rows[1:]] == [["0", "live", "test-release-7"], ["*", "1", "again"]]


def test_an_unknown_release_is_one_line_and_changes_nothing(flask: Command, recording: Recording) -> None:
    made = flask("recordings", "reanalyse", recording.id, "--model", "nobody")

    assert made.returncode == 1
    assert made.stderr.count("\n") == 1
    assert "no release is called 'nobody'" in made.stderr
    assert len(flask("recordings", "analyses", recording.id).stdout.splitlines()) == 2


def test_formats_lists_exports_and_imports_and_prints_an_example(flask: Command) -> None:
    listed = flask("recordings", "formats")
    example = flask("recordings", "formats", "eyelink")

    names = [line.split()[:2] for line in listed.stdout.splitlines()[1:]]
    assert names == [["export", name] for name in EXPORTERS.names()] + [["import", name] for name in IMPORTERS.names()]
    assert "DISPLAY_COORDS 0 0 1919 1079" in example.stdout


@pytest.mark.parametrize("name", EXPORTERS.names())
def test_export_writes_the_files_it_names(flask: Command, recording: Recording, tmp_path: Path, name: str) -> None:
    done = flask("recordings", "export", recording.id, "--format", name, "--to", str(tmp_path / "out"))

    assert done.returncode == 0, done.stderr
    paths = done.stdout.splitlines()
    assert len(paths) >= 4
    assert sorted(paths) == sorted(str(path) for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_import_stores_and_analyses_what_export_wrote(
    flask: Command, recording: Recording, database_session: Session, tmp_path: Path
) -> None:
    flask("recordings", "export", recording.id, "--format", "csv", "--to", str(tmp_path / "out"))

    done = flask("recordings", "import", str(tmp_path / "out"), "--owner", "Owner@example.org", "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"recording": told["recording"], "format": "neon", "frames": 1200, "markers": 0}
    shown = json.loads(flask("recordings", "show", told["recording"], "--json").stdout)
    assert (shown["state"], shown["frames"], shown["pending"]) == ("closed", 1200, 0)
    assert shown["analysis"]["is_complete"]
    assert sum(shown["states"].values()) == 1200
    database_session.rollback()
    later = datetime.now(UTC) + timedelta(days=1)
    assert queries.recordings_to_analyse(database_session, now=later, limit=9) == []


def test_a_wrong_file_is_one_line_with_status_two_and_stores_nothing(
    flask: Command, owner_id: int, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("t_us,gaze_x_norm\n0,0.5\n10000,abc\n")

    done = flask("recordings", "import", str(path), "--owner", "owner@example.org")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "wrong.csv line 3, column gaze_x_norm: 'abc' is not a number"
    assert len(flask("recordings", "list").stdout.splitlines()) == 1


def test_an_unknown_format_names_those_that_there_are(flask: Command, recording: Recording, tmp_path: Path) -> None:
    done = flask("recordings", "export", recording.id, "--format", "xls", "--to", str(tmp_path / "out"))

    assert done.returncode == 1
    assert done.stderr == f"no export format is called 'xls'; there are: {', '.join(EXPORTERS.names())}\n"
    assert not (tmp_path / "out").exists()
