"""Real eyes through the whole of it: streamed, stored and analysed by a running server, and analysed again without one.

The commands are those that a user types.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import ROOT
from tests.integration.test_server import Server, Servers

DATA = ROOT.parent / "shared" / "data"

# One of each origin, signal and rate.
FILES = (
    "gaze/training/irf_s5.csv.gz",
    "gaze/training/hmr_u01_eye0.csv.gz",
    "gaze/development/gazecom_golf_MMS.csv.gz",
    "gaze/development/lund_images_TL48_img_Rome.csv.gz",
    "gaze/development/lund_videos_TL40_video_BiljardKlipp.csv.gz",
    "blinks/development/person_a_1.csv.gz",
    "blinks/development/person_b_5_low_rate.csv.gz",
)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings in {DATA} are not on this machine")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    servers = Servers(tmp_path_factory.mktemp("real"))
    yield servers.start_and_wait()
    servers.end()


@pytest.fixture(scope="module")
def environment(server: Server) -> dict[str, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "FOCUS_INSTANCE": str(server.log.parent / "instance"),
        "PORT": str(server.port),
    }
    made = run(environment, "flask", "tokens", "create", "admin@localhost", "--scope", "frames:write")
    return {**environment, "FOCUS_TOKEN": made.stdout.strip()}


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done


def events_of(instance: Path, recording: str) -> list[tuple[str, int, int]]:
    query = (
        "SELECT kind, onset_us, offset_us FROM event JOIN analysis ON analysis.id = event.analysis_id "
        "WHERE analysis.recording_id = ?"
    )
    with sqlite3.connect(instance / "focus.db") as database:
        return sorted(database.execute(query, (recording,)))


def without_zeros(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("name", FILES)
def test_a_real_recording_is_stored_whole_and_gives_the_same_live_and_offline(
    server: Server, environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    file = DATA / name
    with gzip.open(file) as lines:
        n_frames = sum(1 for _ in lines) - 1
    states, events = tmp_path / "states.csv", tmp_path / "events.csv"

    streamed = run(
        environment, "focus.client", "stream", "--server", server.url, "--source", "replay", "--file", str(file),
        "--speed", "max", "--json",
    )  # fmt: skip
    result: dict[str, Any] = json.loads(streamed.stdout.splitlines()[-1])
    shown = json.loads(run(environment, "flask", "recordings", "show", result["recording"], "--json").stdout)
    offline = run(
        {**environment, "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"},
        "flask", "recordings", "analyse", str(file), "--json", "--states", str(states), "--events", str(events),
    )  # fmt: skip
    again = json.loads(offline.stdout)

    assert (result["frames_sent"], result["frames_stored"], shown["frames"]) == (n_frames, n_frames, n_frames)
    assert (shown["state"], shown["pending"]) == ("closed", 0)
    with states.open() as lines:
        assert sum(1 for _ in lines) - 1 == n_frames
    with events.open() as lines:
        found = sorted((row["kind"], int(row["onset_us"]), int(row["offset_us"])) for row in csv.DictReader(lines))
    assert found
    assert events_of(Path(environment["FOCUS_INSTANCE"]), result["recording"]) == found
    assert without_zeros(shown["states"]) == without_zeros(again["states"])
    assert shown["metrics"] == again["metrics"]
