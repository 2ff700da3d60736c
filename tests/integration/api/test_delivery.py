"""Frames in by requests: numbers, leases, duplicates and conflicts as over a socket, and durable before the answer."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import select

from focus.protocol.batch import FrameBatch
from focus.protocol.codec import checksum, encode_batch
from focus.services.accounts import get_user, principal_of_user
from focus.services.consent import OWN_REPORTS, refuse
from focus.storage.database import db
from focus.storage.frames import iterate_pages
from focus.storage.recording_models import FrameBatchRow, Recording, RejectedBatch
from tests.integration.api.conftest import Deliver, by_login, by_token, opening
from tests.integration.ingest.harness import frames_between
from tests.integration.web.made import Person


def payload(first: int, stop: int) -> bytes:
    return encode_batch(frames_between(first, stop))


def as_json(frames: FrameBatch) -> dict[str, object]:
    columns = {
        name: [None if np.isnan(value) else value for value in values.tolist()]
        for name, values in frames.columns.items()
    }
    return {"t_us": frames.t_us.tolist(), "columns": columns}


def stored_seqs(app: Flask, recording_id: str) -> list[int]:
    with app.app_context():
        query = select(FrameBatchRow.seq).where(FrameBatchRow.recording_id == recording_id).order_by(FrameBatchRow.seq)
        return list(db.session.scalars(query))


def test_a_batch_is_committed_before_it_is_answered(running_app: Flask, deliver: Deliver) -> None:
    delivery = deliver()

    answer = delivery.put(0, payload(0, 10))

    assert (answer.status_code, answer.get_json()) == (200, {"next_seq": 1, "is_rejected": False})
    assert stored_seqs(running_app, delivery.recording_id) == [0]


def test_json_columns_store_the_same_bytes_as_the_payload(running_app: Flask, deliver: Deliver) -> None:
    frames = frames_between(0, 10)
    frames.columns["gaze_x"][3] = np.nan
    delivery = deliver()

    first = delivery.put_json(0, as_json(frames))
    again = delivery.put(0, encode_batch(frames))

    assert (first.get_json(), again.get_json()) == ({"next_seq": 1, "is_rejected": False},) * 2
    with running_app.app_context():
        pages = list(iterate_pages(db.session(), delivery.recording_id))
        assert [page.equals(frames) for _, page in pages] == [True]


def test_the_same_batch_again_is_answered_the_same_and_stored_once(running_app: Flask, deliver: Deliver) -> None:
    delivery = deliver()
    for seq in range(3):
        delivery.put(seq, payload(10 * seq, 10 * seq + 10))

    again = delivery.put(1, payload(10, 20))

    assert (again.status_code, again.get_json()["next_seq"]) == (200, 3)
    assert stored_seqs(running_app, delivery.recording_id) == [0, 1, 2]


@pytest.mark.parametrize(
    ("seq", "code", "next_seq"), [(0, "seq_conflict", 1), (2, "gap", 1)], ids=["other content", "a gap"]
)
def test_what_does_not_follow_is_refused_with_the_number_to_go_on_at(
    running_app: Flask, deliver: Deliver, seq: int, code: str, next_seq: int
) -> None:
    delivery = deliver()
    delivery.put(0, payload(0, 10))

    answer = delivery.put(seq, payload(10, 25))

    problem = answer.get_json()
    assert (answer.status_code, problem["code"], problem["next_seq"]) == (409, code, next_seq)
    assert stored_seqs(running_app, delivery.recording_id) == [0]


def test_unusable_frames_are_kept_aside_and_counted(running_app: Flask, deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put(0, payload(0, 10))

    answer = delivery.put(1, payload(5, 15))

    assert answer.get_json() == {"next_seq": 2, "is_rejected": True}
    with running_app.app_context():
        assert list(db.session.scalars(select(RejectedBatch.seq))) == [1]


def test_a_payload_with_another_checksum_is_refused(running_app: Flask, deliver: Deliver) -> None:
    delivery, content = deliver(), payload(0, 10)

    wrong = delivery.put(0, content, headers={"Focus-CRC32": str(checksum(content) ^ 1)})
    right = delivery.put(0, content, headers={"Focus-CRC32": str(checksum(content))})

    assert (wrong.status_code, wrong.get_json()["code"]) == (422, "frame_format")
    assert right.status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"t_us": [0, 10], "columns": {"gaze_x": [1.0]}}, "frame_format"),
        ({"t_us": [0, 0], "columns": {}}, "frame_value"),
        ({"t_us": [-1], "columns": {}}, "frame_value"),
        ({"t_us": [2**60], "columns": {}}, "frame_value"),
        ({"t_us": [True], "columns": {}}, "frame_value"),
        ({"t_us": [0], "columns": {"nose_x": [1.0]}}, "frame_value"),
        ({"t_us": [0], "columns": {"gaze_x": [1e30]}}, "frame_value"),
        ({"t_us": [0], "columns": {"gaze_x": ["1"]}}, "frame_value"),
        ({"t_us": [], "columns": {}}, "frame_format"),
        ([1, 2], "frame_format"),
    ],
)
def test_json_that_is_no_batch_is_refused_and_changes_nothing(
    running_app: Flask, deliver: Deliver, body: object, code: str
) -> None:
    delivery = deliver()

    answer = delivery.put_json(0, body)

    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert delivery.put(0, payload(0, 10)).get_json()["next_seq"] == 1


def test_a_batch_of_another_media_type_is_415(deliver: Deliver) -> None:
    answer = deliver().put(0, payload(0, 10), content_type="text/csv")

    assert (answer.status_code, answer.content_type) == (415, "application/problem+json")


def test_a_takeover_makes_the_lease_before_it_worthless(running_app: Flask, deliver: Deliver) -> None:
    first = deliver()
    first.put(0, payload(0, 10))
    second = deliver(first.recording_id, takeover=True)

    late = first.put(1, payload(10, 20))
    next_one = second.put(1, payload(10, 20))

    assert (late.status_code, late.get_json()["code"]) == (409, "lease")
    assert next_one.get_json()["next_seq"] == 2


def test_a_recording_that_is_held_is_not_opened_by_another_without_a_takeover(deliver: Deliver) -> None:
    first = deliver()

    answer = first.caller.put(f"/recordings/{first.recording_id}/lease", json=opening())

    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (409, "lease")
    assert 0 < problem["retry_ms"] <= 30_000
    assert int(answer.headers["Retry-After"]) <= 30


def test_after_a_silence_the_lease_opens_the_recording_again(running_app: Flask, deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put(0, payload(0, 10))
    trackers = running_app.extensions["focus.request_trackers"]
    trackers._now_s = lambda: 10_000_000.0

    assert trackers.give_back_silent() == 1
    assert delivery.put(1, payload(10, 20)).get_json()["code"] == "lease"
    again = deliver(delivery.recording_id, lease=delivery.lease)

    assert again.put(1, payload(10, 20)).get_json()["next_seq"] == 2


def test_a_closed_recording_says_what_is_stored_and_takes_no_more(running_app: Flask, deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put(0, payload(0, 10))
    marker = delivery.caller.put(
        f"/recordings/{delivery.recording_id}/markers/1",
        json={"t_us": 50_000, "kind": "page", "body": {"page": 2}},
        headers={"Focus-Lease": delivery.lease},
    )

    too_early = delivery.close(0)
    closed = delivery.close(1)

    assert marker.get_json() == {"next_seq": 2, "is_rejected": False}
    assert (too_early.status_code, too_early.get_json()["code"]) == (409, "gap")
    assert closed.get_json() == {"next_seq": 2, "n_frames": 10, "n_rejected": 0}
    assert delivery.put(2, payload(20, 30)).get_json()["code"] in ("lease", "closed")
    assert delivery.caller.get(f"/recordings/{delivery.recording_id}/markers").get_json()["items"] == [
        {"seq": 1, "t_us": 50_000, "kind": "page", "body": {"page": 2}}
    ]


def test_another_persons_token_does_not_learn_whether_a_lease_is_right(
    running_app: Flask, deliver: Deliver, bob: Person
) -> None:
    delivery, thief = deliver(), by_token(running_app, bob, "frames:write")
    path = f"/recordings/{delivery.recording_id}/batches/0"
    sent = {"data": payload(0, 10), "content_type": "application/octet-stream"}

    with_lease = thief.put(path, **sent, headers={"Focus-Lease": delivery.lease})
    without = thief.put(path, **sent, headers={"Focus-Lease": "x"})

    assert (with_lease.status_code, with_lease.get_json()) == (without.status_code, without.get_json())
    assert with_lease.status_code == 404
    assert stored_seqs(running_app, delivery.recording_id) == []


def test_a_browsers_log_in_may_send_frames_too(running_app: Flask, ada: Person) -> None:
    page, recording_id = by_login(running_app, ada), str(uuid.uuid4())

    opened = page.put(f"/recordings/{recording_id}/lease", json=opening())

    assert opened.status_code == 200
    assert opened.get_json()["limits"]["max_frames"] == 5000


def test_without_consent_nothing_is_taken(running_app: Flask, ada: Person) -> None:
    with running_app.app_context():
        refuse(db.session(), principal_of_user(get_user(db.session(), ada.user_id)), OWN_REPORTS)
        db.session.commit()

    answer = by_token(running_app, ada, "frames:write").put(f"/recordings/{uuid.uuid4()}/lease", json=opening())

    assert (answer.status_code, answer.get_json()["code"]) == (403, "consent")
    with running_app.app_context():
        assert db.session.scalars(select(Recording)).all() == []


def test_a_server_whose_engine_does_not_run_asks_to_try_again(app: Flask, ada: Person) -> None:
    answer = by_token(app, ada, "frames:write").put(f"/recordings/{uuid.uuid4()}/lease", json=opening())

    assert (answer.status_code, answer.get_json()["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"
