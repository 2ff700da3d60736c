"""Both kinds of outbox keep the same promises; the one on disk keeps them over a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from focus.client.outbox import DiskOutbox, MemoryOutbox, Outbox, OutboxItem
from focus.errors import ConflictError, SequenceGapError, StorageError

RECORDING = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Outbox]:
    return lambda: MemoryOutbox(RECORDING) if request.param == "memory" else DiskOutbox(tmp_path, RECORDING)


def item(t1_us: int, *, n: int = 10) -> OutboxItem:
    return OutboxItem(-1, "frames", "", n, t1_us - 9, t1_us, t1_us % 7, b"payload %d" % t1_us)


def test_numbers_are_given_in_order_and_items_come_back_unchanged(make: Callable[[], Outbox]) -> None:
    with make() as outbox:
        given = [outbox.append(item(100 * k)) for k in range(1, 4)]

        assert [each.seq for each in given] == [0, 1, 2]
        assert [outbox.get(seq) for seq in range(3)] == given
        assert (len(outbox), outbox.state.n_frames, outbox.state.last_t_us) == (3, 30, 300)


def test_what_is_stored_leaves_and_is_counted(make: Callable[[], Outbox]) -> None:
    with make() as outbox:
        for k in range(1, 6):
            outbox.append(item(100 * k, n=k))

        assert outbox.release(3, rejected=[1]) == 3
        assert outbox.release(2) == 0

        state = outbox.state
        assert (state.first_seq, state.n_frames_stored, state.n_frames_rejected, state.n_rejected) == (3, 4, 2, 1)
        assert outbox.get(3).n_frames == 4
        with pytest.raises(SequenceGapError, match=r"batch 2 is not in the outbox, which holds 3 \.\.|batch 2 is not"):
            outbox.get(2)
        with pytest.raises(SequenceGapError, match="batch 5"):
            outbox.get(5)


def test_numbers_go_on_after_everything_has_left(make: Callable[[], Outbox]) -> None:
    with make() as outbox:
        outbox.append(item(100))
        outbox.release(1)
        assert outbox.append(item(200)).seq == 1


def test_a_marker_does_not_move_the_time_of_the_last_frame(make: Callable[[], Outbox]) -> None:
    with make() as outbox:
        outbox.append(item(100))
        outbox.append(OutboxItem(-1, "marker", "note", 0, 900, 900, 0, b"{}"))
        assert outbox.state.last_t_us == 100


def test_a_disk_outbox_is_the_same_after_it_was_opened_again(tmp_path: Path) -> None:
    with DiskOutbox(tmp_path, RECORDING) as first:
        items = [first.append(item(100 * k)) for k in range(1, 5)]
        first.opened("lease-1")
        first.release(2, rejected=[0])
        state = first.state

    with DiskOutbox(tmp_path, RECORDING) as second:
        assert second.state == state
        assert second.state.is_opened is True
        assert [second.get(2), second.get(3)] == items[2:]


def test_a_disk_outbox_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    with DiskOutbox(tmp_path, RECORDING), pytest.raises(ConflictError, match="in use by another process"):
        DiskOutbox(tmp_path, RECORDING)


def test_a_file_that_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / f"{RECORDING}.outbox"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StorageError, match="cannot be used"):
        DiskOutbox(tmp_path, RECORDING)
    assert path.read_bytes().startswith(b"something else")


def test_an_outbox_of_another_recording_is_refused(tmp_path: Path) -> None:
    DiskOutbox(tmp_path, RECORDING).close()
    other = RECORDING.replace("3f", "4f")
    (tmp_path / f"{RECORDING}.outbox").rename(tmp_path / f"{other}.outbox")
    with pytest.raises(StorageError, match=f"is not an outbox of recording {other}"):
        DiskOutbox(tmp_path, other)


def test_everything_appended_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from focus.client.outbox import DiskOutbox, OutboxItem\n"
        f"outbox = DiskOutbox(sys.argv[1], {RECORDING!r})\n"
        "while True:\n"
        "    item = outbox.append(OutboxItem(-1, 'frames', '', 1, 0, 0, 0, b'x' * 1000))\n"
        "    print(item.seq, flush=True)\n"
    )
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root, env=dict(os.environ)
    )
    with process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]

    with DiskOutbox(tmp_path, RECORDING) as outbox:
        assert outbox.state.next_seq >= told[-1] + 1 == len(told)
        assert all(outbox.get(seq).payload == b"x" * 1000 for seq in told)
