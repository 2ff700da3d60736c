"""The namespace `/live`: who may watch, what comes, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from focus.services import accounts, consent, groups
from focus.storage.database import db
from focus.storage.operation_models import AuditEntry
from tests.integration.ingest.harness import FIRST, frames_between
from tests.integration.ingest.test_delivery import make_group
from tests.integration.realtime.wire import PATIENCE_S, Refusal, TrackerWire, WireClient, token_of

Connect = Callable[..., TrackerWire]
Watch = Callable[..., WireClient]


@pytest.fixture
def watch(served_app: Flask, server_url: str, clients: list[WireClient]) -> Watch:
    """A viewer of a user: `watch()`, `watch("other@example.org")`."""

    def make(email: str = "owner@example.org") -> WireClient:
        token = token_of(served_app, email, "recordings:read")
        client = WireClient(server_url, {"token": token}, namespace="/live")
        clients.append(client)
        return client

    return make


def stored(tracker: TrackerWire, lease: str, first: int, stop: int) -> None:
    """Send batches first..stop-1 and wait until the last is stored."""
    for seq in range(first, stop):
        tracker.send(lease, seq, frames_between(10 * seq, 10 * seq + 10))
    while tracker.wait_for("stored")["next_seq"] < stop:
        pass


def pictures_until(viewer: WireClient, t_us: int) -> list[dict[str, Any]]:
    """Pictures up to the one that shows the frame at `t_us`."""
    pictures = [viewer.wait_for("picture")]
    while pictures[-1]["t_us"] < t_us:
        pictures.append(viewer.wait_for("picture"))
    return pictures


def test_a_viewer_gets_a_snapshot_then_the_frames_since_then_the_end(connect: Connect, watch: Watch) -> None:
    tracker, viewer = connect(), watch()
    lease = tracker.open()["lease"]
    stored(tracker, lease, 0, 40)

    answer = viewer.call("watch", {"recording": FIRST})
    before = pictures_until(viewer, 3_990_000)
    stored(tracker, lease, 40, 50)
    after = pictures_until(viewer, 4_990_000)
    tracker.call("close", {"recording": FIRST, "lease": lease, "last_seq": 49})

    assert answer == {"ok": True}
    assert before[0]["snapshot"]
    assert not any(picture["snapshot"] for picture in (*before[1:], *after))
    shown = sorted({t_us for picture in (*before, *after) for t_us in picture["frames"]["t_us"]})
    assert len(shown) == pytest.approx(300, abs=25)  # 5 s at 60 a second of the 100
    assert set(shown) <= {10_000 * at for at in range(500)}
    newest = after[-1]["frames"]
    assert {len(newest[name]) for name in ("t_us", "state", "gaze_x", "gaze_y", "openness", "pupil")} == {
        len(newest["t_us"])
    }
    assert set(newest["pupil"]) == {None}  # this tracker has none; JSON has no NaN
    assert after[-1]["quality"]["rate_hz"] == pytest.approx(100.0)
    assert after[-1]["quality"]["n_frames"] == 500
    assert 0 <= after[-1]["delay_ms"] < 20_000
    while (last := viewer.events.get(timeout=20))[0] != "ended":
        assert last[0] == "picture"
    assert last[1] == {"recording": FIRST}


def test_only_the_owner_may_watch_and_others_do_not_learn_that_there_is_something(
    connect: Connect, watch: Watch
) -> None:
    connect().open()

    refused = watch("other@example.org").call("watch", {"recording": FIRST})
    unknown = watch("other@example.org").call("watch", {"recording": "00000000-0000-4000-8000-00000000ffff"})
    nonsense = watch().call("watch", {"recording": 7})

    assert (refused["ok"], refused["code"]) == (False, "not_found")
    assert unknown["code"] == "not_found"
    assert nonsense["code"] == "frame_format"


def test_nobody_watches_without_a_log_in_or_with_a_token_for_frames(served_app: Flask, server_url: str) -> None:
    codes = []
    for auth in (None, {"token": token_of(served_app, "owner@example.org", "frames:write")}):
        with pytest.raises(Refusal) as caught:
            WireClient(server_url, auth, namespace="/live")
        codes.append(caught.value.failure["code"])

    assert codes == ["unauthenticated", "forbidden"]


def test_who_has_left_gets_nothing_more(connect: Connect, watch: Watch, served_app: Flask) -> None:
    tracker, viewer = connect(), watch()
    lease = tracker.open()["lease"]
    viewer.call("watch", {"recording": FIRST})
    viewer.call("unwatch", {"recording": FIRST})

    stored(tracker, lease, 0, 5)
    tracker.call("close", {"recording": FIRST, "lease": lease, "last_seq": 4})

    assert served_app.extensions["focus.engine"].live.watched_here == []
    assert viewer.events.empty()


def test_a_viewer_whose_right_ends_sees_nothing_more(connect: Connect, watch: Watch, served_app: Flask) -> None:
    tracker, viewer = connect(), watch("rita@example.org")
    lease = tracker.open()["lease"]
    refused = viewer.call("watch", {"recording": FIRST})
    with served_app.app_context():
        session = db.session()
        owner = accounts.get_user_by_email(session, "owner@example.org")
        rita = accounts.get_user_by_email(session, "rita@example.org")
        rita_id, group_id = rita.id, make_group(session, rita.id, owner.id)
        member = accounts.principal_of_user(owner)
        consent.give(session, member, consent.RESEARCH_EXPORT)
        session.commit()
    # The role is another one now, so the connection of before has no right any more.
    viewer = watch("rita@example.org")
    allowed = viewer.call("watch", {"recording": FIRST})
    with served_app.app_context():
        groups.leave(db.session(), member, group_id)
        db.session.commit()

    ended = viewer.wait_for("ended")
    stored(tracker, lease, 0, 3)

    assert (refused["code"], allowed, ended) == ("not_found", {"ok": True}, {"recording": FIRST})
    assert viewer.events.empty()
    with served_app.app_context():
        looks = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "look.live")).all()
        assert [(look.actor_id, look.object_id) for look in looks] == [(rita_id, FIRST)]


def test_a_recording_that_has_ended_says_so_at_once(connect: Connect, watch: Watch) -> None:
    tracker, viewer = connect(), watch()
    lease = tracker.open()["lease"]
    stored(tracker, lease, 0, 3)
    tracker.call("close", {"recording": FIRST, "lease": lease, "last_seq": 2})

    answer = viewer.call("watch", {"recording": FIRST})

    assert answer == {"ok": True}
    event, body = viewer.events.get(timeout=PATIENCE_S)
    if event == "picture":  # the last one, while its analysis is on its way to the end
        event, body = viewer.events.get(timeout=PATIENCE_S)
    assert (event, body) == ("ended", {"recording": FIRST})
