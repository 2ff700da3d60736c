"""People and stored sessions for the tests of the pages: made through the services and the real analysis."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from flask import Flask
from flask.testing import FlaskClient

from focus.analysis.offline import analyse
from focus.analysis.pipeline import CODE_VERSION
from focus.protocol import codec
from focus.protocol.batch import FrameBatch, ScreenGeometry, TrackerInfo
from focus.services import accounts, recordings
from focus.storage import results
from focus.storage.database import db
from focus.storage.recording_models import FrameBatchRow
from tests.unit.analysis.fakes import ThresholdClassifier

PASSWORD = "twelve or more letters"
RATE_HZ = 60
LENGTH_S = 20
BLINKS_AT_S = (4.0, 9.0, 15.0)
JUMPS_AT_S = (2.0, 6.0, 12.0, 18.0)
SCREEN = ScreenGeometry(width_mm=520, height_mm=290, distance_mm=650)
FULL_TRACKER = TrackerInfo(
    "Test tracker",
    ("gaze_x", "gaze_y", "pupil_left", "pupil_right", "openness_left", "openness_right"),
    rate_hz=RATE_HZ,
    units={"pupil_left": "mm", "pupil_right": "mm", "openness_left": "ratio", "openness_right": "ratio"},
    screen=SCREEN,
)
WEBCAM = TrackerInfo("Webcam", ("openness_left", "openness_right"), rate_hz=RATE_HZ)


@dataclass(frozen=True)
class Person:
    """An account, and a browser in which it may be logged in."""

    user_id: int
    email: str
    role: str


def make_person(app: Flask, email: str, *, role: str = "member", password: str | None = None) -> Person:
    """An account; without a password, because hashing one takes longer than most tests."""
    with app.app_context():
        user = accounts.create_user(db.session, email, role=role, password=password, display_name=email.split("@")[0])
        db.session.commit()
        return Person(user.id, user.email, user.role)


def browser_of(app: Flask, person: Person | None) -> FlaskClient:
    """A client in which the person is logged in by a one-time link; for None, one of nobody."""
    client = app.test_client()
    if person is not None:
        with app.app_context():
            user = accounts.get_user(db.session, person.user_id)
            secret = accounts.create_login_secret(db.session, user, holds=timedelta(minutes=1))
            db.session.commit()
        assert client.get(f"/login/{secret}").status_code == 302
    return client


def csrf_of(page: str) -> str:
    """The CSRF token in a page's first form."""
    mark = 'name="csrf_token" value="'
    return page[page.index(mark) + len(mark) :].split('"', 1)[0]


def csrf_in(client: FlaskClient) -> str:
    """The CSRF token that this browser's forms carry."""
    return csrf_of(client.get("/").text)


def frames_of(tracker: TrackerInfo) -> FrameBatch:
    """Twenty seconds with three blinks of 200 ms and four jumps of gaze."""
    t_us = np.arange(LENGTH_S * RATE_HZ, dtype=np.int64) * 1_000_000 // RATE_HZ
    t_s = t_us * 1e-6
    closed = sum(((t_s >= at) & (t_s < at + 0.2)).astype(float) for at in BLINKS_AT_S)
    gaze_x = 0.2 + 0.12 * sum((t_s >= at).astype(float) for at in JUMPS_AT_S)
    wobble = 0.0005 * np.sin(37 * t_s)
    signals = {
        "gaze_x": np.where(closed > 0, np.nan, gaze_x + wobble),
        "gaze_y": np.where(closed > 0, np.nan, 0.5 - wobble),
        "pupil_left": np.where(closed > 0, np.nan, 3.4 + 0.1 * np.sin(t_s)),
        "pupil_right": np.where(closed > 0, np.nan, 3.5 + 0.1 * np.sin(t_s)),
        "openness_left": 0.3 * (1 - 0.95 * closed),
        "openness_right": 0.3 * (1 - 0.95 * closed),
    }
    return FrameBatch(t_us, {name: signals[name].astype(np.float32) for name in tracker.columns})


def make_session(
    app: Flask,
    owner: Person,
    *,
    title: str = "Reading",
    tracker: TrackerInfo = FULL_TRACKER,
    state: str = "closed",
    has_frames: bool = True,
    pending: int = 0,
) -> str:
    """A stored session of this person; its id. `pending` frames count as not analysed yet."""
    recording_id = str(uuid.uuid4())
    with app.app_context():
        session = db.session
        principal = accounts.principal_of_user(accounts.get_user(session, owner.user_id))
        recording = recordings.create_recording(
            session, principal, tracker=tracker, recording_id=recording_id, title=title
        )
        if has_frames:
            _store(recording_id, frames_of(tracker), tracker, pending)
        session.flush()
        if state == "closed":
            recordings.close_recording(session, recording)
        session.commit()
    return recording_id


def _store(recording_id: str, frames: FrameBatch, tracker: TrackerInfo, pending: int) -> None:
    session = db.session
    payload = codec.encode_batch(frames)
    first_us, last_us = int(frames.t_us[0]), int(frames.t_us[-1])
    session.add(
        FrameBatchRow(
            recording_id=recording_id,
            seq=0,
            n=len(frames),
            t0_us=first_us,
            t1_us=last_us,
            crc32=codec.checksum(payload),
            payload=payload,
        )
    )
    cursor = recordings.find_recording(session, recording_id).cursor
    cursor.n_frames, cursor.n_batches, cursor.next_seq = len(frames), 1, 1
    cursor.t_first_us, cursor.t_last_us = first_us, last_us
    found = analyse(frames, tracker, ThresholdClassifier())
    row = results.begin_analysis(
        session,
        recording_id,
        model_release="test-release-7",
        parameters={"lookahead_us": 150_000},
        code_version=str(CODE_VERSION),
        started_at=datetime.now(UTC),
    )
    write = results.ResultWrite(row.id, 1, len(frames) - pending, found.runs, found.events, found.windows)
    results.write_results(session, [write])
