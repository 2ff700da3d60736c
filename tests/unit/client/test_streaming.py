"""Cutting, pacing and the command line, with a server in this process."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from focus.client import MemoryOutbox, stream
from focus.client.__main__ import main
from focus.client.markers import TimedMarker
from focus.client.outbox import OutboxItem
from focus.client.sources.replay import ReplaySource
from focus.client.sources.synthetic import SyntheticSource
from focus.client.streaming import cut_batches
from focus.errors import ConflictError, ParameterError, StorageError
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches
from focus.protocol.messages import NAMESPACE, Frames, Limits, Marker, Stored
from focus.protocol.recording_csv import write_recording_csv
from tests.unit.client.tracker_server import TOKEN, TrackerServer, frames_of, once, store_and_cut


@pytest.fixture
def server() -> Iterator[TrackerServer]:
    with TrackerServer() as running:
        yield running


@pytest.fixture
def csv_path(tmp_path: Path) -> Path:
    path = tmp_path / "frames.csv.gz"
    write_recording_csv(path, [frames_of(3456)], TrackerInfo("x", ("gaze_x",)))
    return path


def test_batches_end_at_multiples_of_their_length() -> None:
    batches = list(cut_batches([frames_of(95, rate_hz=100)], span_us=300_000, max_frames=1000))
    assert [len(batch) for batch in batches] == [30, 30, 30, 5]
    assert join_batches(batches).equals(frames_of(95, rate_hz=100))


def test_batches_never_have_more_frames_than_allowed() -> None:
    batches = list(cut_batches([frames_of(95, rate_hz=100)], span_us=300_000, max_frames=20))
    assert [len(batch) for batch in batches] == [20, 10, 20, 10, 20, 10, 5]


def test_batches_without_a_length_are_full() -> None:
    blocks = [frames_of(50), frames_of(3, start=50), frames_of(47, start=53)]
    batches = list(cut_batches(blocks, span_us=None, max_frames=30))
    assert [len(batch) for batch in batches] == [30, 30, 30, 10]
    assert join_batches(batches).equals(frames_of(100))


def test_limits_of_the_server_bound_the_batches(tmp_path: Path, csv_path: Path) -> None:
    with TrackerServer(limits=Limits(max_batch_bytes=1024, max_frames=60, in_flight=3)) as server:
        result = stream(ReplaySource(csv_path), server.url, TOKEN, speed=math.inf)

    items = server.held(result.recording).items
    assert max(item.n for item in items if isinstance(item, Frames)) == 60
    assert result.batches == math.ceil(3456 / 60)


def test_a_replay_stores_every_frame_of_the_file(server: TrackerServer, csv_path: Path) -> None:
    server.faults.append(once(2, do=store_and_cut))
    result = stream(ReplaySource(csv_path), server.url, TOKEN, speed=math.inf, task="reading")

    held = server.held(result.recording)
    assert held.frames.equals(frames_of(3456))
    assert (result.frames_sent, result.frames_stored, result.connections) == (3456, 3456, 2)
    assert held.opens[0].task == "reading"


def test_frames_are_not_sent_before_they_are_due(server: TrackerServer, csv_path: Path) -> None:
    result = stream(ReplaySource(csv_path), server.url, TOKEN, speed=10.0)

    # 3.455 s at tenfold speed; a batch is 1 s of the recording.
    assert result.duration_s >= 0.3455
    assert result.batches == 4


def test_markers_are_sent_before_the_batch_that_reaches_them(server: TrackerServer, csv_path: Path) -> None:
    markers = [TimedMarker(t_us, "page_start", {"words": 9}) for t_us in (0, 999_000, 1_000_000, 5_000_000)]
    result = stream(ReplaySource(csv_path), server.url, TOKEN, speed=10.0, markers=markers)

    items = server.held(result.recording).items
    assert [item.t_us if isinstance(item, Marker) else "frames" for item in items] == [
        0, 999_000, "frames", 1_000_000, "frames", "frames", "frames", 5_000_000,
    ]  # fmt: skip


def test_a_stream_that_goes_on_does_not_send_its_markers_again(server: TrackerServer, csv_path: Path) -> None:
    class Full(MemoryOutbox):
        is_full = True

        def append(self, item: OutboxItem) -> OutboxItem:
            if self.is_full and item.t0_us > 1_500_000:
                raise StorageError("the disk is full")
            return super().append(item)

    outbox = Full(str(uuid.uuid4()))
    markers = [TimedMarker(t_us, "trial") for t_us in (500_000, 2_500_000)]
    with pytest.raises(StorageError, match="disk is full"):
        stream(ReplaySource(csv_path), server.url, TOKEN, speed=10.0, outbox=outbox, markers=markers)
    outbox.is_full = False
    stream(ReplaySource(csv_path), server.url, TOKEN, speed=10.0, outbox=outbox, markers=markers)

    held = server.held(outbox.state.recording)
    assert held.frames.equals(frames_of(3456))
    assert [item.t_us for item in held.items if isinstance(item, Marker)] == [500_000, 2_500_000]


def test_a_stream_that_is_stopped_stores_what_was_sent_and_closes(server: TrackerServer) -> None:
    asked: list[int] = []
    source = SyntheticSource(duration_s=math.inf)
    result = stream(source, server.url, TOKEN, speed=5.0, should_stop=lambda: asked.append(1) or len(asked) > 3)  # type: ignore[func-returns-value]

    held = server.held(result.recording)
    assert result.is_stopped
    assert held.is_closed
    assert 0 < len(held.frames) == result.frames_sent == result.frames_stored


def test_an_outbox_of_another_recording_is_not_used(server: TrackerServer, csv_path: Path) -> None:
    outbox = MemoryOutbox(str(uuid.uuid4()))
    with pytest.raises(ConflictError, match="the outbox is of recording"):
        stream(ReplaySource(csv_path), server.url, TOKEN, outbox=outbox, recording=str(uuid.uuid4()))


def test_a_speed_that_is_not_positive_is_refused(csv_path: Path) -> None:
    with pytest.raises(ParameterError, match="speed 0"):
        stream(ReplaySource(csv_path), "http://127.0.0.1:1", TOKEN, speed=0)


# -- command line -----------------------------------------------------------------------------------------------------


def run(server_url: str, *options: str) -> int:
    return main(["stream", "--server", server_url, *options])


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOCUS_TOKEN", TOKEN)


def test_the_command_ends_with_one_line_of_json(server, csv_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(server.url, "--source", "replay", "--file", str(csv_path), "--speed", "max", "--json")

    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert status == 0
    assert last == {"recording": last["recording"], "frames_sent": 3456, "frames_stored": 3456}
    assert server.held(last["recording"]).frames.equals(frames_of(3456))


def test_unknown_columns_are_named_in_a_warning(server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.csv"
    path.write_text("t_us,gaze_x_deg,shoe_size\n0,1,44\n10,2,44\n")

    assert run(server.url, "--file", str(path), "--speed", "max") == 0
    assert "r.csv: columns without a meaning are left out: shoe_size" in capsys.readouterr().err


def test_a_wrong_file_is_one_line_and_status_2_and_nothing_is_sent(server, tmp_path: Path, capsys) -> None:
    path = tmp_path / "recording.csv"
    rows = "".join(f"{10 * k},1\n" for k in range(15))
    path.write_text(f"t_us,gaze_x_deg\n{rows}150,abc\n160,1\n")

    status = run(server.url, "--file", str(path), "--speed", "max")

    assert status == 2
    assert capsys.readouterr().err == "error: recording.csv line 17, column gaze_x_deg: 'abc' is not a number\n"
    assert server.n_connects == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source", "replay"], "--source replay needs --file"),
        (["--file", "missing.csv"], "missing.csv cannot be read"),
        (["--source", "synthetic", "--duration", "-1"], "duration_s -1.0 is not positive"),
        (["--file", "x.csv", "--screen-mm", "wide"], "--screen-mm 'wide'"),
    ],
)
def test_wrong_options_are_one_line_and_status_2(options: list[str], words: str, capsys) -> None:
    assert run("http://127.0.0.1:9", *options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_no_token_is_one_line_and_status_2(csv_path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.delenv("FOCUS_TOKEN")
    assert run("http://127.0.0.1:9", "--file", str(csv_path)) == 2
    assert "FOCUS_TOKEN is not set" in capsys.readouterr().err


def test_an_unreachable_server_is_one_line_and_status_1(csv_path: Path, capsys) -> None:
    with TrackerServer() as server:
        url = server.url
    assert run(url, "--file", str(csv_path), "--give-up-after", "0.3") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: nothing was stored by {url}")
    assert "Connection refused" in lines[0]


def test_a_wrong_token_is_one_line_and_status_1(server, csv_path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("FOCUS_TOKEN", "wrong")
    assert run(server.url, "--file", str(csv_path)) == 1
    assert capsys.readouterr().err == "error: the token is not known\n"


def test_frames_kept_aside_are_told_and_give_status_1(server, csv_path: Path, capsys) -> None:
    def spoil(server: TrackerServer, sid: str, message: Frames) -> None:
        held = server.held(message.recording)
        held.items.append(message)
        held.rejected.append(message.seq)
        server.sio.emit(
            "stored", Stored(message.recording, held.next_seq, (message.seq,)).to_wire(), to=sid, namespace=NAMESPACE
        )

    server.faults.append(once(1, do=spoil))

    assert run(server.url, "--file", str(csv_path), "--speed", "max", "--json") == 1
    out = capsys.readouterr()
    assert json.loads(out.out)["frames_stored"] == 2456
    assert "1 batches with 1000 frames were kept aside" in out.err


def test_a_stream_that_gave_up_is_finished_by_a_second_run_with_its_outbox(server, csv_path, tmp_path, capsys) -> None:
    recording = str(uuid.uuid4())
    options = ["--file", str(csv_path), "--speed", "max", "--outbox", str(tmp_path), "--recording", recording, "--json"]
    server.faults.append(lambda server, sid, message: message.seq >= 2)
    assert run(server.url, *options, "--give-up-after", "0.5") == 1
    server.faults.clear()

    assert run(server.url, *options) == 0
    numbers = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert numbers == {"recording": recording, "frames_sent": 3456, "frames_stored": 3456}
    assert server.held(recording).frames.equals(frames_of(3456))


def test_the_synthetic_source_gives_the_same_person_for_the_same_seed() -> None:
    def take(seed: int) -> FrameBatch:
        return join_batches(list(SyntheticSource(seed=seed, duration_s=2).frames()))

    assert take(3).equals(take(3))
    assert not take(3).equals(take(4))
    assert np.all(take(3).t_us < 2_000_000)
