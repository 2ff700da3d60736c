"""Recordings for the tests of exports, imports and analyses: stored as chunks, with a complete live analysis."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from focus.analysis.offline import analyse
from focus.analysis.pipeline import CODE_VERSION
from focus.protocol.batch import FrameBatch, ScreenGeometry, TrackerInfo
from focus.protocol.schema import COLUMNS as SCHEMA
from focus.services import accounts
from focus.storage import frames as frame_queries
from focus.storage import recordings as queries
from focus.storage import results
from focus.storage.chunk_codec import CHUNK_CODEC, pack_batch_list, pack_frames
from focus.storage.recording_models import CLOSED, Recording
from tests.unit.analysis.fakes import ThresholdClassifier

STARTED_AT = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)
SCREEN = ScreenGeometry(width_mm=520, height_mm=290, distance_mm=650, width_px=1920, height_px=1080)
COLUMNS = ("gaze_x", "gaze_y", "pupil_left", "pupil_right", "openness_left", "openness_right", "confidence", "head_yaw")
UNITS = {"pupil_left": "mm", "pupil_right": "mm", "openness_left": "ratio", "openness_right": "ratio"}
TRACKER = TrackerInfo("Test tracker", COLUMNS, rate_hz=60.0, units=UNITS, screen=SCREEN)


def add_owner(session: Session) -> int:
    user = accounts.create_user(session, "owner@example.org")
    session.commit()
    return user.id


def frames_of(n: int, tracker: TrackerInfo = TRACKER, *, first: int = 0) -> FrameBatch:
    """Frames first..first+n-1 at 60 Hz: a jump each second, a blink of a fifth of one every three."""
    at = np.arange(first, first + n)
    t_us = at * 1_000_000 // 60 + 12_345
    closed = at % 180 >= 168
    jump = np.where(at // 60 % 2, 0.55, 0.3)
    noise = ((at * 7919) % 101 - 50) / 100_000
    signals = {
        "gaze_x": np.where(closed, np.nan, jump + noise),
        "gaze_y": np.where(closed, np.nan, 0.5 - noise),
        "pupil_left": np.where(closed, np.nan, 3.4 + noise),
        "pupil_right": np.where(closed, np.nan, 3.5 - noise),
        "openness_left": np.where(closed, 0.02, 0.3) + noise,
        "openness_right": np.where(closed, 0.02, 0.31) + noise,
        "confidence": np.where(at % 97 == 5, 0.5, 1.0),
        "head_yaw": 3.0 + noise,
    }
    signals |= {"gaze_left_x": signals["gaze_x"] - 0.01, "gaze_left_y": signals["gaze_y"]}
    signals |= {"gaze_right_x": signals["gaze_x"] + 0.01, "gaze_right_y": signals["gaze_y"]}
    signals |= {column.name: 0.01 * column.bit + noise for column in SCHEMA if column.name not in signals}
    if tracker.gaze_space == "deg":
        for name in signals:
            if name.startswith("gaze_"):
                signals[name] = signals[name] * 40 - 20
    return FrameBatch(t_us, {name: signals[name].astype(np.float32) for name in tracker.columns})


def make_recording(
    session: Session,
    owner_id: int,
    *,
    n_frames: int = 1200,
    tracker: TrackerInfo = TRACKER,
    markers: tuple[tuple[int, str, dict[str, Any]], ...] = (),
    is_analysed: bool = True,
    title: str = "Reading",
) -> Recording:
    """A closed recording; its chunks hold at most 3000 frames."""
    recording = queries.add_recording(
        session,
        recording_id=str(uuid.uuid4()),
        owner_id=owner_id,
        tracker=tracker.to_dict(),
        started_at=STARTED_AT,
        title=title,
        task="reading",
    )
    frames = frames_of(n_frames, tracker)
    parts = [frames[start : start + 3000] for start in range(0, n_frames, 3000)]
    frame_queries.add_chunks(session, [_chunk_row(recording.id, seq, part) for seq, part in enumerate(parts)])
    frame_queries.add_markers(
        session,
        [
            {
                "recording_id": recording.id,
                "seq": len(parts) + at,
                "t_us": t_us,
                "kind": kind,
                "body": body,
                "crc32": 0,
            }
            for at, (t_us, kind, body) in enumerate(markers)
        ],
    )
    cursor = recording.cursor
    cursor.n_frames, cursor.n_batches, cursor.next_seq = n_frames, len(parts), len(parts) + len(markers)
    cursor.t_first_us, cursor.t_last_us = int(frames.t_us[0]), int(frames.t_us[-1])
    recording.state, recording.ended_at = CLOSED, STARTED_AT
    if is_analysed:
        _analyse(session, recording, frames, tracker)
    session.commit()
    return recording


def _chunk_row(recording_id: str, seq: int, frames: FrameBatch) -> dict[str, Any]:
    return {
        "recording_id": recording_id,
        "first_seq": seq,
        "last_seq": seq,
        "t_start_us": int(frames.t_us[0]),
        "t_stop_us": int(frames.t_us[-1]),
        "n": len(frames),
        "codec": CHUNK_CODEC,
        "payload": pack_frames(frames),
        "batches": pack_batch_list([seq], [len(frames)]),
    }


def _analyse(session: Session, recording: Recording, frames: FrameBatch, tracker: TrackerInfo) -> None:
    found = analyse(frames, tracker, ThresholdClassifier())
    row = results.begin_analysis(
        session,
        recording.id,
        model_release="test-release-7",
        parameters={"lookahead_us": 150_000},
        code_version=str(CODE_VERSION),
        started_at=STARTED_AT,
    )
    write = results.ResultWrite(
        row.id, recording.next_seq, len(frames), found.runs, found.events, found.windows, finished_at=STARTED_AT
    )
    results.write_results(session, [write])
