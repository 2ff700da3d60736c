"""Open connections end when the right to be there ends; and frames come in only with consent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from focus.services import accounts, consent, logins
from focus.services.consent import OWN_REPORTS
from focus.storage.account_models import ApiToken, User
from focus.storage.database import Session, db
from focus.storage.recording_models import Recording, RecordingCursor
from tests.integration.ingest.harness import FIRST, SECOND, frames_between
from tests.integration.realtime.wire import PATIENCE_S, TrackerWire, WireClient, token_of
from tests.servers import wait_until

Connect = Callable[..., TrackerWire]
OWNER = "owner@example.org"


def change(app: Flask, work: Callable[[Session, User], object]) -> None:
    """Change something in the database as another process would: this one is not told."""
    with app.app_context():
        session = db.session()
        work(session, accounts.get_user_by_email(session, OWNER))
        session.commit()
        db.session.remove()


def revoke(session: Session, user: User) -> None:
    token = session.scalars(select(ApiToken)).one()
    accounts.revoke_token(session, accounts.principal_of_user(user), token.id)


def expire(session: Session, _user: User) -> None:
    session.scalars(select(ApiToken)).one().expires_at = datetime.now(UTC) - timedelta(seconds=1)


def disable(session: Session, user: User) -> None:
    accounts.set_active(session, accounts.operator_principal(), user.id, is_active=False)


def force_reset(session: Session, user: User) -> None:
    accounts.force_password_reset(session, accounts.operator_principal(), user.id)


@pytest.mark.parametrize("end", [revoke, expire, disable, force_reset])
def test_an_open_tracker_is_told_and_closed_within_seconds(
    served_app: Flask, connect: Connect, end: Callable[[Session, User], None]
) -> None:
    tracker = connect()
    opened = tracker.open()
    tracker.send(opened["lease"], 0, frames_between(0, 10))
    tracker.wait_for("stored")

    change(served_app, end)

    assert tracker.wait_for("notice")["code"] == "revoked"
    wait_until(lambda: not tracker._client.connected, what="the end of the connection", limit_s=PATIENCE_S)
    with served_app.app_context():
        stored = db.session.scalars(select(RecordingCursor.next_seq).where(RecordingCursor.recording_id == FIRST)).one()
        assert stored == 1


@pytest.fixture
def patient_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that looks only when it is told to; asked for before the server starts."""
    monkeypatch.setattr("focus.realtime.guard.CHECK_S", 3600.0)


def test_a_revoked_token_ends_its_connections_at_once_and_no_others(
    patient_guard: None, served_app: Flask, connect: Connect
) -> None:
    tracker, other = connect(), connect("other@example.org")
    other_lease = other.open(SECOND)["lease"]
    change(served_app, revoke_of(OWNER))

    # What the page does after its commit: any request that changes something has the guard look.
    served_app.test_client().post("/logout")

    assert tracker.wait_for("notice")["code"] == "revoked"
    other.send(other_lease, 0, frames_between(0, 10), recording=SECOND)
    assert other.wait_for("stored")["next_seq"] == 1


def revoke_of(email: str) -> Callable[[Session, User], None]:
    def work(session: Session, _user: User) -> None:
        user = accounts.get_user_by_email(session, email)
        token = session.scalars(select(ApiToken).where(ApiToken.user_id == user.id)).one()
        accounts.revoke_token(session, accounts.principal_of_user(user), token.id)

    return work


def test_logging_out_everywhere_closes_the_pages_sockets(
    served_app: Flask, server_url: str, clients: list[WireClient]
) -> None:
    token_of(served_app, OWNER)
    keys: list[str] = []

    def log_in(session: Session, user: User) -> None:
        logins.begin_login(session, user, holds=timedelta(hours=1))
        keys.append(user.get_id())

    change(served_app, log_in)
    viewer = WireClient(server_url, None, namespace="/live", headers={"Cookie": cookie_of(served_app, keys[0])})
    clients.append(viewer)
    assert viewer.call("watch", {"recording": FIRST})["code"] == "not_found"

    change(served_app, lambda session, user: logins.end_all_logins(session, accounts.principal_of_user(user)))

    wait_until(lambda: not viewer._client.connected, what="the end of the connection", limit_s=PATIENCE_S)


def cookie_of(app: Flask, key: str) -> str:
    """The cookie of a browser in which this log-in key is kept."""
    signed = app.session_interface.get_signing_serializer(app).dumps({"_user_id": key, "_fresh": True})  # type: ignore[attr-defined]
    return f"{app.config['SESSION_COOKIE_NAME']}={signed}"


# -- consent ----------------------------------------------------------------------------------------------------------


def test_without_consent_a_recording_is_refused_with_the_code_consent(served_app: Flask, connect: Connect) -> None:
    tracker = connect()
    change(served_app, lambda session, user: consent.refuse(session, accounts.principal_of_user(user), OWN_REPORTS))

    refused = tracker.open()

    assert refused["code"] == "consent"
    with served_app.app_context():
        assert db.session.scalars(select(Recording)).all() == []


def test_withdrawing_ends_an_open_recording_and_takes_no_further_frame(served_app: Flask, connect: Connect) -> None:
    tracker = connect()
    opened = tracker.open()
    tracker.send(opened["lease"], 0, frames_between(0, 10))
    tracker.wait_for("stored")

    change(served_app, lambda session, user: consent.refuse(session, accounts.principal_of_user(user), OWN_REPORTS))
    tracker.send(opened["lease"], 1, frames_between(10, 20))

    assert tracker.wait_for("refused")["code"] == "closed"
    with served_app.app_context():
        recording = db.session.scalars(select(Recording)).one()
        assert (recording.state, recording.n_frames) == ("closed", 10)
    assert tracker.open()["code"] == "consent"
