"""Frames in by requests for somebody else, who is in a group of the researcher who sends; and who may not."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask
from sqlalchemy import select

from focus.protocol.codec import encode_batch
from focus.services import accounts, consent, groups
from focus.services.accounts import Principal
from focus.storage.database import db
from focus.storage.recording_models import Recording
from tests.integration.api.conftest import Caller, Delivery, by_login, by_token, opening
from tests.integration.ingest.harness import frames_between
from tests.integration.web.made import Person, make_person


def principal(person: Person) -> Principal:
    return accounts.principal_of_user(accounts.get_user(db.session(), person.user_id))


@pytest.fixture
def leader(running_app: Flask, ada: Person) -> Person:
    """A researcher in whose group `ada` is, who agreed to her own reports."""
    person = make_person(running_app, "leader@example.org", role="researcher")
    with running_app.app_context():
        group = groups.create_group(db.session(), principal(person), "Readers")
        _, key = groups.invite(db.session(), principal(person), group.id, ada.email)
        groups.accept_invitation(db.session(), principal(ada), key)
        consent.give(db.session(), principal(ada), consent.OWN_REPORTS)
        db.session.commit()
    return person


def begin(caller: Caller, participant: Person, recording_id: str | None = None, **changed: object) -> Delivery:
    recording_id = recording_id or str(uuid.uuid4())
    answer = caller.put(f"/recordings/{recording_id}/lease", json=opening(participant=participant.user_id, **changed))
    assert answer.status_code == 200, answer.text
    return Delivery(caller, recording_id, answer.get_json()["lease"])


def put(delivery: Delivery, seq: int) -> tuple[int, str]:
    answer = delivery.put(seq, encode_batch(frames_between(10 * seq, 10 * seq + 10)))
    return answer.status_code, answer.get_json().get("code", "")


def test_a_researcher_sends_for_a_participant_whose_recording_it_is(
    running_app: Flask, leader: Person, ada: Person
) -> None:
    delivery = begin(by_token(running_app, leader, "frames:write"), ada)

    first = put(delivery, 0)
    trackers = running_app.extensions["focus.request_trackers"]
    trackers._now_s = lambda: 10_000_000.0
    trackers.give_back_silent()
    again = begin(delivery.caller, ada, delivery.recording_id, lease=delivery.lease)
    second = put(again, 1)
    closed = again.close(1)

    assert (first, second, closed.status_code) == ((200, ""), (200, ""), 200)
    with running_app.app_context():
        stored = db.session.scalars(select(Recording)).one()
        assert (stored.owner_id, stored.run_by_id, stored.n_frames) == (ada.user_id, leader.user_id, 20)
    assert by_token(running_app, ada, "recordings:read").get(f"/recordings/{stored.id}").status_code == 200


@pytest.mark.parametrize("way", ["leave", "withdraw"])
def test_leaving_or_withdrawing_ends_it_and_takes_no_further_batch(
    running_app: Flask, leader: Person, ada: Person, way: str
) -> None:
    delivery, page = begin(by_token(running_app, leader, "frames:write"), ada), by_login(running_app, ada)
    before = put(delivery, 0)

    if way == "leave":
        page.delete(f"/me/groups/{page.get('/me/groups').get_json()['items'][0]['group']}")
    else:
        page.put("/me/consent/own_reports", json={"decision": "refused"})

    assert (before, put(delivery, 1)) == ((200, ""), (409, "closed"))
    with running_app.app_context():
        assert db.session.scalars(select(Recording)).one().n_frames == 10


def test_nobody_else_sends_for_a_participant_or_to_their_recording(
    running_app: Flask, leader: Person, ada: Person, bob: Person
) -> None:
    foreign = make_person(running_app, "foreign@example.org", role="researcher")
    admin = make_person(running_app, "admin@example.org", role="admin")
    delivery = begin(by_token(running_app, leader, "frames:write"), ada)
    others = {who: by_token(running_app, who, "frames:write") for who in (foreign, bob, admin)}

    opened = [
        caller.put(f"/recordings/{uuid.uuid4()}/lease", json=opening(participant=ada.user_id)).status_code
        for caller in others.values()
    ]
    taken = [
        caller.put(f"/recordings/{delivery.recording_id}/lease", json=opening(takeover=True)).status_code
        for caller in others.values()
    ]
    sent = [put(Delivery(caller, delivery.recording_id, delivery.lease), 0)[0] for caller in others.values()]

    assert (opened, taken, sent) == ([404, 403, 404], [403] * 3, [404] * 3)


def test_a_token_that_is_revoked_sends_no_further_batch_though_its_lease_holds(running_app: Flask, ada: Person) -> None:
    with running_app.app_context():
        user = accounts.get_user(db.session(), ada.user_id)
        token, secret = accounts.create_token(db.session(), user, name="tracker", scopes=["frames:write"])
        db.session.commit()
        token_id = token.id
    caller = Caller(running_app.test_client(), {"Authorization": f"Bearer {secret}"})
    answer = caller.put(f"/recordings/{(recording_id := str(uuid.uuid4()))}/lease", json=opening())
    delivery = Delivery(caller, recording_id, answer.get_json()["lease"])
    before = put(delivery, 0)

    by_login(running_app, ada).delete(f"/me/tokens/{token_id}")

    assert (before, put(delivery, 1)) == ((200, ""), (401, "unauthenticated"))
    assert delivery.close(0).status_code == 401
