"""The Parquet export, read by pyarrow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy.orm import Session

from focus.analysis.types import EyeState
from focus.services.exports import EXPORTERS, export_source, export_to_folder
from focus.storage import results
from tests.contract.test_exporters import MARKERS, TRACKERS
from tests.integration.exchange.made import frames_of, make_recording

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("kind", TRACKERS)
def test_frames_are_those_that_are_stored_with_their_units(
    kind: str, database_session: Session, owner_id: int, tmp_path: Path
) -> None:
    tracker = TRACKERS[kind]
    recording = make_recording(database_session, owner_id, tracker=tracker)
    export_to_folder(EXPORTERS["parquet"], export_source(database_session, recording), tmp_path)
    frames = frames_of(1200, tracker)

    table = pq.read_table(tmp_path / "frames.parquet")

    assert table["t_us"].to_pylist() == frames.t_us.tolist()
    assert table.schema.field("t_us").metadata[b"unit"] == b"us"
    for name, values in frames.columns.items():
        read = table[name].to_numpy()
        assert np.array_equal(read.astype(np.float32), values, equal_nan=True)
        assert table[name].null_count == int(np.isnan(values).sum())
        assert table.schema.field(name).metadata[b"unit"]


def test_events_states_and_markers_are_those_of_the_analysis(
    database_session: Session, owner_id: int, tmp_path: Path
) -> None:
    recording = make_recording(database_session, owner_id, markers=MARKERS)
    export_to_folder(EXPORTERS["parquet"], export_source(database_session, recording), tmp_path)
    analysis = results.newest_analysis(database_session, recording.id)
    assert analysis is not None

    events = pq.read_table(tmp_path / "events.parquet").to_pylist()
    states = pq.read_table(tmp_path / "frames.parquet")["state"].to_pylist()
    markers = pq.read_table(tmp_path / "markers.parquet").to_pylist()

    stored = results.events_between(database_session, analysis.id)
    assert [(e["kind"], e["onset_us"], e["offset_us"]) for e in events] == [
        (e.kind, e.onset_us, e.offset_us) for e in stored
    ]
    for read, event in zip(events, stored, strict=True):
        attributes = {key: value for key, value in read.items() if key not in ("kind", "onset_us", "offset_us")}
        assert {key: value for key, value in attributes.items() if value is not None} == event.attributes
    counted = {state.label: states.count(state.label) for state in EyeState}
    assert counted == results.state_frame_counts(database_session, analysis.id)
    assert [(m["t_us"], m["kind"], json.loads(m["body"])) for m in markers] == list(MARKERS)


def test_the_schema_says_which_release_and_parameters_made_the_events(
    database_session: Session, owner_id: int, tmp_path: Path
) -> None:
    recording = make_recording(database_session, owner_id)
    export_to_folder(EXPORTERS["parquet"], export_source(database_session, recording), tmp_path)

    for path in tmp_path.glob("*.parquet"):
        provenance = json.loads(pq.read_schema(path).metadata[b"focus"])
        assert provenance["recording"] == recording.id
        assert provenance["analysis"]["model_release"] == "test-release-7"
        assert provenance["analysis"]["parameters"] == {"lookahead_us": 150_000}
        assert provenance["units"]["pupil_left"] == "mm"
