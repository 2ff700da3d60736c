"""The BIDS export, judged by the validator of the standard and read as the standard says."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from focus.protocol.batch import TrackerInfo
from focus.services.exports import EXPORTERS, export_source, export_to_folder
from focus.storage import results
from tests.contract.test_exporters import MARKERS, TRACKERS
from tests.integration.exchange.made import frames_of, make_recording


def validate(folder: Path, home: Path) -> list[dict[str, Any]]:
    """Errors that the validator finds."""
    validator = Path(sys.executable).with_name("bids-validator-deno")
    environ = {**os.environ, "DENO_DIR": str(home), "DENO_NO_UPDATE_CHECK": "1", "HOME": str(home)}
    done = subprocess.run(
        [validator, "--json", str(folder)], env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [issue for issue in issues if issue["severity"] == "error"]


def export(session: Session, owner_id: int, tracker: TrackerInfo, folder: Path) -> str:
    recording = make_recording(session, owner_id, tracker=tracker, markers=MARKERS)
    export_to_folder(EXPORTERS["bids"], export_source(session, recording), folder)
    return recording.id


def table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["usual", "everything", "lids alone"])
def test_the_validator_finds_no_error(kind: str, database_session: Session, owner_id: int, tmp_path: Path) -> None:
    export(database_session, owner_id, TRACKERS[kind], tmp_path / "set")

    assert validate(tmp_path / "set", tmp_path) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_validator_looks_at_the_eye_tracking(database_session: Session, owner_id: int, tmp_path: Path) -> None:
    export(database_session, owner_id, TRACKERS["usual"], tmp_path / "set")
    [sidecar] = (tmp_path / "set").rglob("*_physio.json")
    described = json.loads(sidecar.read_text())
    del described["RecordedEye"]
    sidecar.write_text(json.dumps(described))

    assert [error["code"] for error in validate(tmp_path / "set", tmp_path)] == ["SIDECAR_KEY_REQUIRED"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_signals_and_times_are_those_that_are_stored(database_session: Session, owner_id: int, tmp_path: Path) -> None:
    tracker = TRACKERS["each eye"]
    export(database_session, owner_id, tracker, tmp_path)
    frames = frames_of(1200, tracker)

    for number, eye, prefix in ((1, "cyclopean", "gaze"), (2, "left", "gaze_left"), (3, "right", "gaze_right")):
        [path] = tmp_path.rglob(f"*_recording-eye{number}_physio.tsv.gz")
        described = json.loads(path.with_name(path.name.replace(".tsv.gz", ".json")).read_text())
        rows = table(path)
        columns = dict(zip(described["Columns"], zip(*rows, strict=True), strict=True))
        assert described["RecordedEye"] == eye
        assert described["x_coordinate"]["Units"] == "pixel"
        assert described["SamplingFrequency"] == 60.0
        assert described["StartTime"] == 0.012345
        assert [int(text) for text in columns["timestamp"]] == frames.t_us.tolist()
        for name, column, size in (("x_coordinate", f"{prefix}_x", 1920), ("y_coordinate", f"{prefix}_y", 1080)):
            read = np.array([text.replace("n/a", "nan") for text in columns[name]], dtype=np.float64)
            assert np.array_equal((read / size).astype(np.float32), frames.columns[column], equal_nan=True)
        if eye != "cyclopean":
            read = np.array([text.replace("n/a", "nan") for text in columns["pupil_size"]], dtype=np.float32)
            assert np.array_equal(read, frames.columns[f"pupil_{eye}"], equal_nan=True)
            assert described["pupil_size"] == {"Description": "Pupil diameter", "Units": "mm"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_events_are_those_of_the_analysis_and_the_screen_is_described(
    database_session: Session, owner_id: int, tmp_path: Path
) -> None:
    recording_id = export(database_session, owner_id, TRACKERS["usual"], tmp_path)
    analysis = results.newest_analysis(database_session, recording_id)
    assert analysis is not None
    events = results.events_between(database_session, analysis.id)

    [path] = tmp_path.rglob("*_physioevents.tsv.gz")
    [stimulus] = tmp_path.rglob("*_events.json")

    assert [(int(row[0]), round(float(row[1]) * 1e6), row[2]) for row in table(path)] == [
        (event.onset_us, event.duration_us, event.kind) for event in events
    ]
    assert len(events) > 20
    assert json.loads(stimulus.read_text())["StimulusPresentation"] == {
        "ScreenDistance": 0.65,
        "ScreenOrigin": ["top", "left"],
        "ScreenResolution": [1920, 1080],
        "ScreenSize": [0.52, 0.29],
    }
