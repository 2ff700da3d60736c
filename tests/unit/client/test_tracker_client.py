"""What the client promises, against a server in this process that fails on purpose; the server's store is audited."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from focus.client import DiskOutbox, MemoryOutbox, TrackerClient
from focus.client.outbox import Outbox, OutboxItem
from focus.errors import (
    AuthenticationError,
    ClosedRecordingError,
    DeliveryError,
    FrameFormatError,
    FrameValueError,
    LeaseError,
    ProtocolVersionError,
    SequenceConflictError,
    SequenceGapError,
)
from focus.protocol.batch import TrackerInfo
from focus.protocol.codec import checksum, encode_batch
from focus.protocol.messages import NAMESPACE, Evicted, Failure, Frames, Marker, Notice
from tests.unit.client.tracker_server import (
    TOKEN,
    TrackerServer,
    cut_connection,
    frames_of,
    once,
    refuse_with,
    store_and_cut,
)

TRACKER = TrackerInfo("test", ("gaze_x",), 1000.0)
N_BATCHES = 40


@pytest.fixture
def server() -> Iterator[TrackerServer]:
    with TrackerServer() as running:
        yield running


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox(str(uuid.uuid4()))


def client_of(server: TrackerServer, outbox: Outbox, **options: object) -> TrackerClient:
    return TrackerClient(server.url, TOKEN, outbox, tracker=TRACKER, **options)  # type: ignore[arg-type]


def send_all(client: TrackerClient, n_batches: int = N_BATCHES) -> None:
    for number in range(n_batches):
        client.send(frames_of(10, start=10 * number))


def deliver(client: TrackerClient, n_batches: int = N_BATCHES, *, max_held: int | None = None) -> None:
    for number in range(n_batches):
        client.send(frames_of(10, start=10 * number), max_held=max_held)
    client.close()


def assert_all_is_stored_once(server: TrackerServer, recording: str, n_batches: int = N_BATCHES) -> None:
    held = server.held(recording)
    assert [item.seq for item in held.items] == list(range(n_batches))
    assert held.frames.equals(frames_of(10 * n_batches))
    assert held.is_closed


def test_every_frame_is_stored_once_and_in_order(server: TrackerServer, outbox: MemoryOutbox) -> None:
    with client_of(server, outbox) as client:
        send_all(client)
        report = client.close()

    assert_all_is_stored_once(server, report.recording)
    assert (report.n_frames, report.n_frames_stored, report.n_rejected) == (400, 400, 0)
    assert len(outbox) == 0
    assert report.clock is not None
    assert server.n_refused == 0


def test_no_more_batches_are_in_flight_than_the_server_allows(server: TrackerServer, outbox: MemoryOutbox) -> None:
    waiting: list[tuple[str, Frames | Marker]] = []
    most: list[int] = []

    def answer_late(server: TrackerServer, sid: str, message: Frames | Marker) -> bool:
        waiting.append((sid, message))
        most.append(len(waiting))
        if len(waiting) == server.limits.in_flight or message.seq == N_BATCHES - 1:
            for each in waiting:
                server.store(*each)
            waiting.clear()
        return True

    server.faults.append(answer_late)
    with client_of(server, outbox) as client:
        send_all(client)
        client.close()

    assert_all_is_stored_once(server, outbox.state.recording)
    assert max(most) == server.limits.in_flight == 8


@pytest.mark.parametrize("seq", [0, 7, N_BATCHES - 1])
@pytest.mark.parametrize("fault", [cut_connection, store_and_cut], ids=["batch lost", "answer lost"])
def test_a_connection_that_ends_costs_nothing(server: TrackerServer, outbox: MemoryOutbox, fault, seq: int) -> None:
    server.faults.append(once(seq, do=fault))
    with client_of(server, outbox) as client:
        send_all(client)
        report = client.close()

    assert_all_is_stored_once(server, report.recording)
    assert report.n_connections >= 2
    assert report.n_frames_stored == 400


def test_the_lease_that_was_held_comes_with_the_next_open(server: TrackerServer, outbox: MemoryOutbox) -> None:
    server.faults.append(once(5, do=cut_connection))
    with client_of(server, outbox) as client:
        send_all(client)
        client.close()

    assert [message.lease for message in server.held(outbox.state.recording).opens] == [None, "lease-1"]


@pytest.mark.parametrize("code", ["busy", "gap", "storage", "delivery", "frame_format", "from_the_future"])
def test_a_refused_batch_and_all_after_it_are_sent_again(server: TrackerServer, outbox: MemoryOutbox, code) -> None:
    server.faults.append(once(3, 20, do=refuse_with(code, retry_ms=10)))
    with client_of(server, outbox) as client:
        send_all(client)
        report = client.close()

    assert_all_is_stored_once(server, report.recording)
    assert report.n_connections == 1


def test_after_a_refusal_nothing_is_sent_until_nothing_is_in_flight(
    server: TrackerServer, outbox: MemoryOutbox
) -> None:
    answered: list[int] = []

    def refuse_and_answer_the_others_late(server: TrackerServer, sid: str, message: Frames | Marker) -> bool:
        if message.seq == 2 and 2 not in answered:
            answered.append(2)
            server.refuse(sid, message, "busy", retry_ms=0)
            return True
        return False

    server.faults.append(refuse_and_answer_the_others_late)
    with client_of(server, outbox) as client:
        send_all(client, 10)
        client.close()

    # Seven more were on their way when 2 was refused; each was refused too, before 2 came again.
    first_again = server.arrivals.index(2, server.arrivals.index(2) + 1)
    sent_before = server.arrivals[:first_again]
    assert sent_before == list(range(len(sent_before)))
    assert server.arrivals[first_again:] == list(range(2, 10))
    assert_all_is_stored_once(server, outbox.state.recording, 10)


def test_an_answer_that_never_comes_is_asked_for_anew(server: TrackerServer, outbox: MemoryOutbox) -> None:
    def store_in_silence(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
        server.store(sid, message, is_silent=True)

    server.faults.append(once(N_BATCHES - 1, do=store_in_silence))
    with client_of(server, outbox, answer_timeout_s=0.3) as client:
        send_all(client)
        report = client.close()

    assert_all_is_stored_once(server, report.recording)
    assert report.n_connections == 2


def test_a_server_that_comes_back_after_a_crash_gets_the_rest(server: TrackerServer, outbox: MemoryOutbox) -> None:
    is_down = threading.Event()

    def crash(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
        threading.Thread(target=lambda: (server.stop(), is_down.set())).start()

    server.faults.append(once(11, do=crash))
    with client_of(server, outbox) as client:
        send_all(client)
        assert is_down.wait(10)
        server.start()
        report = client.close()

    assert_all_is_stored_once(server, report.recording)


def test_a_server_that_lost_what_is_still_in_the_outbox_gets_it_again(
    server: TrackerServer, outbox: MemoryOutbox
) -> None:
    def lose_what_was_not_reported(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
        held = server.held(message.recording)
        n_before = len(held.items)
        server.store(sid, message, is_silent=True)
        del held.items[n_before:]
        cut_connection(server, sid, message)

    server.faults.append(once(6, do=lose_what_was_not_reported))
    with client_of(server, outbox) as client:
        send_all(client)
        client.close()

    assert_all_is_stored_once(server, outbox.state.recording)


def test_a_server_that_lost_what_it_had_reported_is_a_clear_error(server: TrackerServer, outbox: MemoryOutbox) -> None:
    def lose_everything(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
        server.held(message.recording).items.clear()
        cut_connection(server, sid, message)

    server.faults.append(once(30, do=lose_everything))
    with client_of(server, outbox) as client, pytest.raises(SequenceGapError, match="goes on from batch 0, but had"):
        deliver(client, max_held=4)


def test_unusable_batches_are_counted_and_the_rest_is_stored(server: TrackerServer, outbox: MemoryOutbox) -> None:
    with client_of(server, outbox) as client:
        for number in (0, 1, 2):
            client.send(frames_of(10, start=10 * number))
        falling = bytearray(encode_batch(frames_of(2)))
        falling[28:32] = b"\0\0\0\0"  # the second frame's time is the first's
        client._append(item_of(bytes(falling), n=2), None)
        client.send(frames_of(10, start=30))
        report = client.close()

    assert server.held(report.recording).rejected == [3]
    assert (report.n_frames, report.n_frames_stored, report.n_frames_rejected, report.n_rejected) == (42, 40, 2, 1)


def item_of(payload: bytes, *, n: int) -> OutboxItem:
    return OutboxItem(0, "frames", "", n, 0, 0, checksum(payload), payload)


def test_a_batch_that_is_malformed_each_time_ends_the_delivery(server: TrackerServer, outbox: MemoryOutbox) -> None:
    with client_of(server, outbox) as client:
        client._append(item_of(b"no batch at all, but long enough", n=1), None)
        with pytest.raises(FrameFormatError, match="batch 0: frame_format"):
            client.close()

    assert server.arrivals == [0, 0, 0]
    assert len(outbox) == 1


def test_markers_keep_their_place_between_the_batches(server: TrackerServer, outbox: MemoryOutbox) -> None:
    server.faults.append(once(1, do=store_and_cut))
    with client_of(server, outbox) as client:
        client.send(frames_of(10))
        client.mark("stimulus", 9_500, {"picture": "rome"})
        client.send(frames_of(10, start=10))
        client.close()

    items = server.held(outbox.state.recording).items
    assert [type(item) for item in items] == [Frames, Marker, Frames]
    assert (items[1].kind, items[1].t_us, items[1].body) == ("stimulus", 9_500, {"picture": "rome"})  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure("unauthenticated", "the token has expired"), AuthenticationError),
        (Failure("protocol_version", "speak version 2"), ProtocolVersionError),
    ],
)
def test_a_connection_refused_for_good_ends_the_delivery(server, outbox, failure: Failure, error) -> None:
    server.connect_failures.append(failure)
    with client_of(server, outbox) as client, pytest.raises(error, match=failure.message):
        client.wait_until_open()


def test_a_wrong_token_ends_the_delivery(server: TrackerServer, outbox: MemoryOutbox) -> None:
    wrong = TrackerClient(server.url, "wrong", outbox, tracker=TRACKER)
    with wrong as client, pytest.raises(AuthenticationError, match="not known"):
        client.close()


def test_a_server_that_is_busy_at_first_is_asked_again(server: TrackerServer, outbox: MemoryOutbox) -> None:
    server.connect_failures.append(Failure("busy", "starting", 10))
    server.open_failures += [Failure("lease", "somebody else has it", 10), Failure("busy", "full", 10)]
    server.close_faults += ["busy", "busy"]
    with client_of(server, outbox) as client:
        send_all(client, 3)
        client.close()

    assert_all_is_stored_once(server, outbox.state.recording, 3)
    assert server.n_connects == 6


def test_a_tracker_that_the_server_does_not_take_ends_the_delivery(server: TrackerServer, outbox) -> None:
    server.open_failures.append(Failure("frame_value", "rate_hz 9000 lies outside of 0.5..5000"))
    with client_of(server, outbox) as client, pytest.raises(FrameValueError, match="rate_hz 9000"):
        client.wait_until_open()


def test_an_answer_to_close_that_is_lost_changes_nothing(server: TrackerServer, outbox: MemoryOutbox) -> None:
    server.close_faults.append("cut")
    with client_of(server, outbox) as client:
        send_all(client, 3)
        report = client.close()

    assert_all_is_stored_once(server, report.recording, 3)
    assert report.n_frames_stored == 30


def test_a_recording_that_was_closed_by_somebody_else_takes_no_more(server: TrackerServer, outbox) -> None:
    with client_of(server, outbox) as client:
        client.wait_until_open()
        server.held(outbox.state.recording).is_closed = True
        server.faults.append(once(0, do=refuse_with("closed")))
        with pytest.raises(ClosedRecordingError):
            deliver(client, 1)


def test_a_closed_client_takes_no_more(server: TrackerServer, outbox: MemoryOutbox) -> None:
    with client_of(server, outbox) as client:
        client.close()
        with pytest.raises(ClosedRecordingError, match="takes no more"):
            client.send(frames_of(1))


def evict(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
    server.sio.emit(Evicted.event, Evicted(message.recording).to_wire(), to=sid, namespace=NAMESPACE)


def test_an_evicted_client_stops(server: TrackerServer, outbox: MemoryOutbox) -> None:
    server.faults.append(once(4, do=evict))
    with client_of(server, outbox) as client, pytest.raises(LeaseError, match="another connection has taken"):
        deliver(client)


def test_an_evicted_client_that_takes_over_goes_on(server: TrackerServer, outbox: MemoryOutbox) -> None:
    server.faults.append(once(4, do=evict))
    with client_of(server, outbox, takeover=True) as client:
        send_all(client)
        client.close()

    assert_all_is_stored_once(server, outbox.state.recording)
    assert all(message.takeover for message in server.held(outbox.state.recording).opens)


def test_a_revoked_token_stops_the_client(server: TrackerServer, outbox: MemoryOutbox) -> None:
    def revoke(server: TrackerServer, sid: str, message: Frames | Marker) -> None:
        server.sio.emit(Notice.event, Notice("revoked").to_wire(), to=sid, namespace=NAMESPACE)

    server.faults.append(once(4, do=revoke))
    with client_of(server, outbox) as client, pytest.raises(AuthenticationError, match="revoked"):
        deliver(client)


def test_other_data_under_the_same_number_is_a_conflict(server: TrackerServer, outbox: MemoryOutbox) -> None:
    server.faults.append(once(4, do=refuse_with("seq_conflict")))
    with client_of(server, outbox) as client, pytest.raises(SequenceConflictError, match="batch 4"):
        deliver(client)


def test_a_new_outbox_does_not_go_on_with_a_recording_that_has_batches(server: TrackerServer, outbox) -> None:
    with client_of(server, outbox) as client:
        send_all(client, 3)
        client._wait(lambda: len(outbox) == 0)
    again = MemoryOutbox(outbox.state.recording)
    with client_of(server, again) as client, pytest.raises(SequenceConflictError, match="has 3 batches at the server"):
        client.wait_until_open()


def test_an_unreachable_server_is_given_up_in_time(outbox: MemoryOutbox) -> None:
    with TrackerServer() as server:
        url = server.url
    with (
        TrackerClient(url, TOKEN, outbox, tracker=TRACKER, give_up_after_s=0.5) as client,
        pytest.raises(DeliveryError, match=r"nothing was stored by http://127\.0\.0\.1:\d+ for \d+ s"),
    ):
        client.close()


def test_a_server_that_opens_and_never_stores_is_given_up_in_time(server: TrackerServer, outbox) -> None:
    server.faults.append(lambda server, sid, message: True)
    options = {"give_up_after_s": 1.0, "answer_timeout_s": 0.2}
    with client_of(server, outbox, **options) as client, pytest.raises(DeliveryError, match="nothing was stored"):
        deliver(client, 1)


def test_what_a_crash_left_in_a_disk_outbox_is_delivered_by_the_next_run(server: TrackerServer, tmp_path: Path) -> None:
    recording = str(uuid.uuid4())
    with DiskOutbox(tmp_path, recording) as first, client_of(server, first) as client:
        server.faults.append(lambda server, sid, message: message.seq >= 7)  # nothing more gets stored
        send_all(client, 20)
        client._wait(lambda: first.state.first_seq == 7)
    server.faults.clear()

    with DiskOutbox(tmp_path, recording) as second, client_of(server, second) as client:
        assert (second.state.first_seq, second.state.next_seq, second.state.last_t_us) == (7, 20, 199_000)
        for number in range(20, N_BATCHES):
            client.send(frames_of(10, start=10 * number))
        report = client.close()

    assert_all_is_stored_once(server, recording)
    assert (report.n_frames, report.n_frames_stored) == (400, 400)
    assert server.n_duplicates == 0


def test_a_second_run_after_everything_was_closed_finds_nothing_to_do(server: TrackerServer, tmp_path: Path) -> None:
    recording = str(uuid.uuid4())
    with DiskOutbox(tmp_path, recording) as first, client_of(server, first) as client:
        send_all(client, 3)
        client.close()

    with DiskOutbox(tmp_path, recording) as second, client_of(server, second) as client:
        client.wait_until_open()
        report = client.close()

    assert (report.n_frames, report.n_frames_stored) == (30, 30)
