"""Server time of the report of an eight-hour recording at 60 Hz.

`python -m benchmarks.report [--hours 8] [--keep FOLDER]`

Two minutes of the demo recording are analysed once with the bundled model; frames, runs, events and windows are then
repeated, with their times moved on, until the recording is as long as asked, and written straight to the tables. Each
address of the report is asked for through the application itself, without a network, and timed: the first time, and
the median of the following ones, and the processor time of these, which other work on the machine disturbs less.
The pages of days, weeks and twelve weeks are timed with two short sessions a day in the half year before.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask

from config import load_settings
from focus.analysis.offline import Analysis, analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pipeline import CODE_VERSION
from focus.analysis.types import Event, MetricWindow, StateRun
from focus.app import create_app
from focus.demo import DEMO_PATH
from focus.eyestate.model import load_shipped
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches
from focus.protocol.recording_csv import open_recording_csv
from focus.services import accounts, overviews, recordings
from focus.storage import frames as frame_queries
from focus.storage import results
from focus.storage.chunk_codec import CHUNK_CODEC, pack_batch_list, pack_frames
from focus.storage.database import db
from focus.storage.schema_version import upgrade_database

PIECE_US = 120_000_000
RECORDING_ID = "8a8a8a8a-8888-4888-8888-888888888888"
OWNER = "bench@example.org"
REPEATS = 7
DAYS = 180
MOMENTS = ("first_us", "head_us", "tail_us", "last_us", "end_us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--keep", type=Path, help="an instance folder to fill and leave behind")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = make_app(arguments.keep or Path(folder))
        with app.app_context():
            fill(round(arguments.hours * 3.6e9 / PIECE_US))
            fill_days(DAYS)
        measure(app)


def make_app(folder: Path) -> Flask:
    """The application on an instance folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = load_settings({"FOCUS_INSTANCE": str(folder), "SECRET_KEY": secrets.token_hex(32)}, env_file=None)
    app = create_app(settings)
    upgrade_database(app.config["SQLALCHEMY_DATABASE_URI"])
    return app


def fill(n_pieces: int) -> None:
    """Write the recording of `n_pieces` times two minutes, unless it is there."""
    session = db.session
    if session.query(recordings.Recording).count():
        return
    source = open_recording_csv(DEMO_PATH)
    frames = join_batches(list(source))
    frames = frames[: int(frames.t_us.searchsorted(PIECE_US))]
    found = analyse(frames, source.tracker, load_shipped(), parameters=AnalysisParameters())
    owner = accounts.create_user(session, OWNER, role="admin", password=None, display_name="Bench")
    principal = accounts.principal_of_user(owner)
    started_at = datetime.now(UTC) - timedelta(hours=9)
    recording = recordings.create_recording(
        session,
        principal,
        tracker=TrackerInfo.from_dict(source.tracker.to_dict()),
        recording_id=RECORDING_ID,
        title="Eight hours at a desk",
        now=started_at,
    )
    cursor = recording.cursor
    cursor.n_frames, cursor.n_batches, cursor.next_seq = len(frames) * n_pieces, 2 * n_pieces, 2 * n_pieces
    cursor.t_first_us = int(frames.t_us[0])
    cursor.t_last_us = int(frames.t_us[-1]) + (n_pieces - 1) * PIECE_US
    row = results.begin_analysis(
        session,
        RECORDING_ID,
        model_release="bench",
        parameters=AnalysisParameters().to_dict(),
        code_version=str(CODE_VERSION),
        started_at=started_at,
    )
    session.commit()
    for at in range(n_pieces):
        frame_queries.add_chunks(session, list(chunk_rows(frames, at)))
        write = moved(found, row.id, at, n_frames=len(frames) * (at + 1), is_last=at == n_pieces - 1)
        results.write_results(session, [write])
        session.commit()
    recordings.close_recording(session, recordings.find_recording(session, RECORDING_ID))
    session.commit()


def fill_days(n_days: int) -> None:
    """Write two sessions of two minutes a day, their frames left out, unless they are there."""
    session = db.session
    if session.query(recordings.Recording).count() > 1:
        return
    source = open_recording_csv(DEMO_PATH)
    frames = join_batches(list(source))
    frames = frames[: int(frames.t_us.searchsorted(PIECE_US))]
    found = analyse(frames, source.tracker, load_shipped(), parameters=AnalysisParameters())
    owner = accounts.principal_of_user(accounts.get_user_by_email(session, OWNER))
    for at in range(2 * n_days):
        started_at = datetime.now(UTC) - timedelta(hours=12 * (at + 1))
        recording = recordings.create_recording(
            session,
            owner,
            tracker=source.tracker,
            title=f"Session {at}",
            task=("reading", "video")[at % 2],
            now=started_at,
        )
        cursor = recording.cursor
        cursor.n_frames, cursor.t_first_us, cursor.t_last_us = len(frames), 0, PIECE_US
        row = results.begin_analysis(
            session,
            recording.id,
            model_release="bench",
            parameters=AnalysisParameters().to_dict(),
            code_version=str(CODE_VERSION),
            started_at=started_at,
        )
        write = moved(found, row.id, 0, n_frames=len(frames), is_last=True)
        results.write_results(session, [write])
        recordings.close_recording(session, recording)
    session.commit()


def chunk_rows(frames: FrameBatch, at: int) -> Iterator[dict[str, object]]:
    """Two chunks of a minute, moved on by `at` pieces."""
    middle = int(frames.t_us.searchsorted(PIECE_US // 2))
    for half, part in enumerate((frames[:middle], frames[middle:])):
        t_us = part.t_us + at * PIECE_US
        yield {
            "recording_id": RECORDING_ID,
            "first_seq": 2 * at + half,
            "last_seq": 2 * at + half,
            "t_start_us": int(t_us[0]),
            "t_stop_us": int(t_us[-1]),
            "n": len(part),
            "codec": CHUNK_CODEC,
            "payload": pack_frames(FrameBatch(t_us, part.columns)),
            "batches": pack_batch_list(np.array([1]), np.array([len(part)])),
        }


def moved(found: Analysis, analysis_id: int, at: int, *, n_frames: int, is_last: bool) -> results.ResultWrite:
    """What was found in the piece, moved on by `at` pieces."""
    by = at * PIECE_US
    runs = [
        StateRun(run.state, run.start_us + by, min(run.stop_us, PIECE_US) + by, run.n_frames, run.mean_probability)
        for run in found.runs
        if run.start_us < PIECE_US
    ]
    events = [Event(each.kind, each.onset_us + by, each.offset_us + by, each.attributes) for each in found.events]
    windows = [
        MetricWindow(each.start_us + by, min(each.stop_us, PIECE_US) + by, moved_sums(each.sums, by))
        for each in found.windows
        if each.start_us < PIECE_US
    ]
    finished_at = datetime.now(UTC) if is_last else None
    return results.ResultWrite(analysis_id, 2 * at + 2, n_frames, runs, events, windows, finished_at=finished_at)


def moved_sums(sums: Mapping[str, Any], by: int) -> dict[str, Any]:
    """Sums with the moments in them moved on; lengths of time stay."""
    found: dict[str, Any] = {}
    for name, value in sums.items():
        if name == "baseline":
            found[name] = {str(int(start_us) + by): middle for start_us, middle in value.items()}
        elif isinstance(value, Mapping):
            found[name] = moved_sums(value, by)
        else:
            found[name] = value + by if name in MOMENTS else value
    return found


def measure(app: Flask) -> None:
    """Print one line an address: bytes, first time, median of the next, in milliseconds."""
    with app.app_context():
        began_s = time.perf_counter()
        n_made = overviews.make_missing(db.session(), limit=10_000)
        print(f"overviews made in the background: {n_made} in {time.perf_counter() - began_s:.2f} s")
        owner = accounts.first_account(db.session)
        assert owner is not None
        secret = accounts.create_login_secret(db.session, owner, holds=timedelta(minutes=5))
        db.session.commit()
    client = app.test_client()
    client.get(f"/login/{secret}")
    page, api = f"/sessions/{RECORDING_ID}", f"/api/v1/recordings/{RECORDING_ID}"
    day = (datetime.now(UTC).date() - timedelta(days=2)).isoformat()
    hour = "start_us=3600000000&stop_us=7200000000"
    minute = "start_us=3600000000&stop_us=3660000000"
    print(f"{'address':58} {'bytes':>9} {'first ms':>9} {'median ms':>9} {'CPU ms':>7}")
    for address in (
        page,
        f"{page}?kind=blink&page=3",
        f"{api}/timeline?points=1200",
        f"{api}/timeline?points=1200&{hour}",
        f"{api}/timeline?points=1200&{minute}",
        f"{api}/gaze-map",
        f"{api}/gaze-map?{minute}",
        f"{api}/eye-strain",
        "/reports",
        f"/reports/week/{day}",
        f"/reports/day/{day}",
        f"/reports/compare?a={RECORDING_ID}&b={RECORDING_ID}",
    ):
        times_ms, work_ms = [], []
        for _ in range(REPEATS):
            began_s, work_s = time.perf_counter(), time.process_time()
            answer = client.get(address)
            times_ms.append(1e3 * (time.perf_counter() - began_s))
            work_ms.append(1e3 * (time.process_time() - work_s))
        assert answer.status_code == 200, (address, answer.status_code)
        short = address.replace(RECORDING_ID, "ID")
        print(
            f"{short:58} {len(answer.data):9d} {times_ms[0]:9.1f} {statistics.median(times_ms[1:]):9.1f} "
            f"{statistics.median(work_ms[1:]):7.1f}"
        )


if __name__ == "__main__":
    main()
