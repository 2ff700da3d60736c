"""Admin pages: users, groups, sessions with health, jobs, the audit log, the health of the installation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from focus.services import accounts, groups, looks
from focus.storage import my_data
from focus.storage.account_models import LogIn, User
from focus.storage.database import db
from focus.storage.operation_models import AuditEntry, Job
from focus.storage.recording_models import Analysis, RecordingCursor
from tests.integration.web.conftest import People
from tests.integration.web.made import Person, browser_of, csrf_in, make_person, make_session


@pytest.fixture
def app(app: Flask) -> Iterator[Flask]:
    runner = app.extensions["focus.my_data"]
    # In the caller's task, so that a test knows when it is done.
    runner.start = runner.run
    yield app
    app.extensions["focus.desk"].finish()
    app.extensions["focus.engine"].dispose()


def send(client: FlaskClient, path: str, **fields: str) -> Any:
    return client.post(path, data={**fields, "csrf_token": csrf_in(client)})


def rows_of(page: str) -> list[str]:
    """The words of each row of a page's first table."""
    body = page.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def add_job(app: Flask, owner: Person, state: str, message: str = "") -> int:
    with app.app_context():
        now = datetime.now(UTC)
        job = Job(owner_id=owner.user_id, kind="my_data", state=state, message=message, arguments={}, created_at=now)
        db.session.add(job)
        db.session.commit()
        return job.id


def state_of(app: Flask, job_id: int) -> str:
    with app.app_context():
        return db.session.get_one(Job, job_id).state


# -- users ------------------------------------------------------------------------------------------------------------


def test_users_are_searched_by_address_and_name_and_shown_in_pages(app: Flask, people: People) -> None:
    with app.app_context():
        db.session.add_all(
            User(email=f"p{number:02}@example.org", role="member", is_active=True, created_at=datetime.now(UTC))
            for number in range(60)
        )
        db.session.commit()
    admin = people.browsers["admin"]

    first, second = admin.get("/admin/users").text, admin.get("/admin/users?page=2").text
    found = rows_of(admin.get("/admin/users?q=BOB").text)

    assert (len(rows_of(first)), len(rows_of(second))) == (50, 13)
    assert 'rel="next"' in first
    assert len(found) == 1
    assert found[0].startswith("bob@example.org bob member")
    assert "Nobody is called so." in admin.get("/admin/users?q=%25").text


@pytest.mark.parametrize(("path", "fields"), [("role", {"role": "researcher"}), ("disable", {}), ("reset", {})])
def test_what_changes_an_account_ends_its_log_ins_and_is_in_the_audit_log(
    app: Flask, people: People, path: str, fields: dict[str, str]
) -> None:
    ada, admin = people.browsers["ada"], people.browsers["admin"]
    before = ada.get("/account").status_code

    answer = send(admin, f"/admin/users/{people.ada.user_id}/{path}", **fields)

    assert (before, answer.status_code, ada.get("/account").status_code) == (200, 303, 302)
    with app.app_context():
        assert db.session.scalars(select(LogIn).where(LogIn.user_id == people.ada.user_id)).all() == []
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.actor_id, entry.object_id) == (people.carol.user_id, str(people.ada.user_id))
        assert entry.action in ("user.role_changed", "user.disabled", "user.reset_forced")


def test_a_disabled_account_is_enabled_again(app: Flask, people: People) -> None:
    admin = people.browsers["admin"]
    send(admin, f"/admin/users/{people.ada.user_id}/disable")

    page = admin.get(f"/admin/users/{people.ada.user_id}").text
    send(admin, f"/admin/users/{people.ada.user_id}/enable")

    assert "Enable the account" in page
    assert browser_of(app, people.ada).get("/account").status_code == 200


def test_a_forced_reset_mails_a_link_and_makes_the_old_password_worthless(app: Flask, people: People) -> None:
    eve = make_person(app, "eve@example.org", password="a sentence of hers")

    send(people.browsers["admin"], f"/admin/users/{eve.user_id}/reset")

    app.extensions["focus.desk"].finish()
    letters = list((app.extensions["focus.settings"].INSTANCE / "outbox").glob(f"*-user{eve.user_id}-reset-*.eml"))
    assert len(letters) == 1
    refused = send(people.browsers["nobody"], "/login", email=eve.email, password="a sentence of hers")
    assert refused.status_code == 422


@pytest.mark.parametrize(("path", "fields"), [("role", {"role": "member"}), ("disable", {})])
def test_the_last_administrator_stays_one(people: People, path: str, fields: dict[str, str]) -> None:
    admin = people.browsers["admin"]

    answer = send(admin, f"/admin/users/{people.carol.user_id}/{path}", **fields)

    assert "The last active administrator cannot" in admin.get(answer.headers["Location"]).text


def test_a_role_that_is_none_is_refused_with_the_roles(people: People) -> None:
    admin = people.browsers["admin"]

    answer = send(admin, f"/admin/users/{people.ada.user_id}/role", role="king")

    assert (
        "There is no role &#39;king&#39;; there are: member, researcher, admin."
        in admin.get(answer.headers["Location"]).text
    )


# -- groups, sessions -------------------------------------------------------------------------------------------------


def test_groups_are_listed_with_their_researcher_and_number_of_members(app: Flask, people: People) -> None:
    with app.app_context():
        session = db.session()
        carol, ada = (
            accounts.principal_of_user(accounts.get_user(session, each.user_id)) for each in (people.carol, people.ada)
        )
        for name in ("Reading lab", "Night shift"):
            group = groups.create_group(session, carol, name)
        _, key = groups.invite(session, carol, group.id, people.ada.email)
        groups.accept_invitation(session, ada, key)
        session.commit()
    admin = people.browsers["admin"]

    everything = rows_of(admin.get("/admin/groups").text)
    found = rows_of(admin.get("/admin/groups?q=reading").text)

    assert [re.sub(r" \d+ \w{3} \d{4}, .*", "", row) for row in everything] == [
        "Night shift carol@example.org 1",
        "Reading lab carol@example.org 0",
    ]
    assert len(found) == 1


def health_of(app: Flask, people: People, recording_id: str) -> str:
    row = rows_of(people.browsers["admin"].get(f"/admin/sessions?q={recording_id}").text)[0]
    return row.rsplit(" ", 1)[1]


def test_a_session_has_the_health_that_its_rows_tell(app: Flask, people: People) -> None:
    closed, silent = make_session(app, people.ada), make_session(app, people.ada, state="open")
    waiting = make_session(app, people.ada, state="open", has_frames=False)
    receiving, rejecting = (make_session(app, people.ada, state="open") for _ in range(2))
    unanalysed = make_session(app, people.ada)
    with app.app_context():
        later = datetime.now(UTC) + timedelta(minutes=1)
        for recording_id, n_rejected in ((receiving, 0), (rejecting, 3)):
            db.session.execute(
                update(RecordingCursor)
                .where(RecordingCursor.recording_id == recording_id)
                .values(lease="x", lease_until=later, n_rejected=n_rejected)
            )
        complete = update(Analysis).where(Analysis.recording_id == closed).values(is_complete=True)
        db.session.execute(complete)
        db.session.commit()

    found = {
        name: health_of(app, people, recording_id)
        for name, recording_id in (
            ("closed", closed),
            ("silent", silent),
            ("waiting", waiting),
            ("receiving", receiving),
            ("rejecting", rejecting),
            ("unanalysed", unanalysed),
        )
    }

    assert found == {
        "closed": "good",
        "silent": "silent",
        "waiting": "waiting",
        "receiving": "receiving",
        "rejecting": "rejecting",
        "unanalysed": "behind",
    }


def test_sessions_are_found_by_their_owners_address_and_state(app: Flask, people: People) -> None:
    make_session(app, people.ada, title="Hers")
    make_session(app, people.bob, title="His")
    make_session(app, people.bob, title="His too", state="open")
    admin = people.browsers["admin"]

    of_bob = rows_of(admin.get("/admin/sessions?q=bob@").text)
    open_ones = rows_of(admin.get("/admin/sessions?state=open").text)

    assert sorted(row.split(" Test")[0] for row in of_bob) == ["His", "His too"]
    assert [row.split(" Test")[0] for row in open_ones] == ["His too"]


# -- jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_that_failed_is_tried_again_for_its_owner(app: Flask, people: People) -> None:
    job_id = add_job(app, people.ada, "failed", "OSError")
    admin = people.browsers["admin"]
    page = admin.get("/admin/jobs").text

    send(admin, f"/admin/jobs/{job_id}/retry")

    assert "OSError" in page
    with app.app_context():
        again = db.session.scalars(select(Job).where(Job.id != job_id)).one()
        assert (again.owner_id, again.state) == (people.ada.user_id, "done")
    # What it made is its owner's.
    path = f"/account/data/exports/{again.id}/file"
    statuses = []
    for browser in (admin, people.browsers["ada"]):
        answer = browser.get(path)
        statuses.append(answer.status_code)
        answer.close()
    assert statuses == [404, 200]


def test_a_job_that_waits_is_cancelled_and_its_worker_leaves_no_file(app: Flask, people: People) -> None:
    job_id = add_job(app, people.ada, "waiting")

    send(people.browsers["admin"], f"/admin/jobs/{job_id}/cancel")
    app.extensions["focus.my_data"].run(job_id, people.ada.user_id)

    assert state_of(app, job_id) == "cancelled"
    assert list((app.extensions["focus.settings"].INSTANCE / "exports").glob("*")) == []


@pytest.mark.parametrize(("action", "state"), [("cancel", "done"), ("retry", "done"), ("retry", "running")])
def test_what_cannot_be_done_with_a_job_is_said_and_not_offered(
    app: Flask, people: People, action: str, state: str
) -> None:
    job_id = add_job(app, people.ada, state)
    admin = people.browsers["admin"]
    offered = f"/admin/jobs/{job_id}/{action}" in admin.get("/admin/jobs").text

    answer = send(admin, f"/admin/jobs/{job_id}/{action}")

    assert not offered
    assert f"Job {job_id} is {state}" in admin.get(answer.headers["Location"]).text
    assert state_of(app, job_id) == state


def test_a_job_that_is_not_there_is_not_found(people: People) -> None:
    admin = people.browsers["admin"]

    assert [send(admin, f"/admin/jobs/99/{action}").status_code for action in ("cancel", "retry")] == [404, 404]


def test_jobs_are_chosen_by_state_and_address(app: Flask, people: People) -> None:
    for owner, state in ((people.ada, "failed"), (people.bob, "failed"), (people.bob, "done")):
        add_job(app, owner, state)
    admin = people.browsers["admin"]

    assert len(rows_of(admin.get("/admin/jobs?state=failed").text)) == 2
    assert len(rows_of(admin.get("/admin/jobs?state=failed&q=bob@").text)) == 1


# -- the audit log ----------------------------------------------------------------------------------------------------


def test_the_audit_log_is_chosen_by_person_and_action(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    admin = people.browsers["admin"]
    admin.get(f"/sessions/{recording_id}")
    send(admin, f"/admin/users/{people.bob.user_id}/disable")

    of_ada = rows_of(admin.get(f"/admin/audit?person={people.ada.email}&action=look.").text)
    of_bob = rows_of(admin.get(f"/admin/audit?person={people.bob.user_id}&action=user.disabled").text)
    nobody = admin.get("/admin/audit?person=nobody@example.org").text

    assert [row.split(" UTC ")[1] for row in of_ada] == [f"carol@example.org look.session recording {recording_id} –"]
    assert [row.split(" UTC ")[1] for row in of_bob] == ["carol@example.org user.disabled user bob@example.org –"]
    assert "There is no account for" in nobody


def test_no_route_and_no_function_changes_or_removes_an_audit_row(app: Flask) -> None:
    from focus.storage import audit

    writing = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/admin/audit") and (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
    }
    names = {name for name in vars(audit) if name.startswith(("delete", "remove", "update", "change", "edit", "set"))}

    assert writing == set()
    assert names == set()


# -- looks ------------------------------------------------------------------------------------------------------------


def looks_of(app: Flask, person: Person) -> list[tuple[str, str, str]]:
    with app.app_context():
        query = select(AuditEntry).where(AuditEntry.actor_id == person.user_id, AuditEntry.action.startswith("look."))
        return [
            (row.action, row.object_kind, row.object_id) for row in db.session.scalars(query.order_by(AuditEntry.id))
        ]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("/sessions/{id}", "look.session"),
        ("/sessions/{id}/report.html", "look.session"),
        ("/sessions/{id}/live", "look.live"),
        ("/sessions/{id}/delete", "look.session"),
        ("/api/v1/recordings/{id}", "look.session"),
        ("/api/v1/recordings/{id}/timeline", "look.session"),
        ("/api/v1/recordings/{id}/gaze-map", "look.session"),
        ("/api/v1/recordings/{id}/eye-strain", "look.session"),
        ("/reports/compare?a={id}", "look.session"),
    ],
)
def test_every_way_to_look_at_somebody_elses_session_is_a_row_and_ones_own_is_none(
    app: Flask, people: People, path: str, action: str
) -> None:
    recording_id = make_session(app, people.ada)

    for name in ("ada", "admin", "admin", "bob"):
        people.browsers[name].get(path.format(id=recording_id))

    assert looks_of(app, people.carol) == [(action, "recording", recording_id)]
    assert looks_of(app, people.ada) == looks_of(app, people.bob) == []


def test_what_an_administrator_does_with_somebody_elses_session_is_a_row_and_ones_own_deeds_are_none(
    app: Flask, people: People
) -> None:
    for name in ("admin", "ada"):
        recording_id = make_session(app, people.ada, state="open")
        for action in ("stop", "delete"):
            send(people.browsers[name], f"/sessions/{recording_id}/{action}")

    with app.app_context():
        query = select(AuditEntry).where(AuditEntry.action.startswith("recording.")).order_by(AuditEntry.id)
        found = [(row.actor_id, row.action, row.details) for row in db.session.scalars(query)]
        hers = [row["action"] for row in my_data.audit_of_person(db.session(), people.ada.user_id)]
    owner = {"owner": people.ada.user_id}
    assert found == [
        (people.carol.user_id, "recording.stopped", owner),
        (people.carol.user_id, "recording.deleted", owner),
    ]
    assert {"recording.stopped", "recording.deleted"} <= set(hers)


def test_lists_and_accounts_of_others_are_looks(app: Flask, people: People) -> None:
    admin = people.browsers["admin"]
    for path in ("users", f"users/{people.ada.user_id}", f"users/{people.carol.user_id}", "groups", "sessions", "jobs"):
        admin.get(f"/admin/{path}")

    assert looks_of(app, people.carol) == [
        ("look.list", "user", ""),
        ("look.account", "user", str(people.ada.user_id)),
        ("look.list", "group", ""),
        ("look.list", "recording", ""),
        ("look.list", "job", ""),
    ]


def test_a_look_stays_when_the_page_fails_after_it(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    # No consent to research: the export is refused after access was decided.
    answer = people.browsers["admin"].get(f"/sessions/{recording_id}/export/csv")

    assert answer.status_code == 403
    assert looks_of(app, people.carol) == [("look.export", "recording", recording_id)]


def test_the_same_look_is_another_row_after_ten_minutes_and_not_before(app: Flask, people: People) -> None:
    begun = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    with app.app_context():
        for minutes in (0, 5, 9.9, 10.1, 15, 24 * 60):
            looks.note_look(
                db.session(),
                people.carol.user_id,
                looks.SESSION,
                kind="recording",
                key="r",
                now=begun + timedelta(minutes=minutes),
            )
        db.session.rollback()
        rows = db.session.scalars(select(AuditEntry).where(AuditEntry.object_id == "r").order_by(AuditEntry.id)).all()

        assert [(row.at - begun) / timedelta(minutes=1) for row in rows] == [0, pytest.approx(10.1), 24 * 60]


def test_somebody_finds_the_looks_at_them_in_the_copy_of_their_data(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    people.browsers["admin"].get(f"/sessions/{recording_id}")
    with app.app_context():
        hers = my_data.audit_of_person(db.session(), people.ada.user_id)
        his = my_data.audit_of_person(db.session(), people.bob.user_id)

    assert [(row["actor_id"], row["object_id"]) for row in hers if row["action"] == "look.session"] == [
        (people.carol.user_id, recording_id)
    ]
    assert not [row for row in his if row["action"].startswith("look.")]


def test_the_page_of_ones_own_data_says_who_looked_at_what(app: Flask, people: People) -> None:
    ada = people.browsers["ada"]
    recording_id = make_session(app, people.ada)
    before = ada.get("/account/data").text
    people.browsers["admin"].get(f"/sessions/{recording_id}")
    people.browsers["admin"].get(f"/admin/users/{people.ada.user_id}")

    after = [row.split(" UTC ", 1)[1] for row in rows_of(ada.get("/account/data").text)]

    assert "Nobody but you." in before
    assert after[0] == "carol (administrator) your account"
    assert re.fullmatch(r"carol \(administrator\) your session of [\d: -]+ UTC, its results", after[1])
    assert "Nobody but you." in people.browsers["bob"].get("/account/data").text


# -- health -----------------------------------------------------------------------------------------------------------


def test_health_says_how_each_part_stands_and_that_the_engine_is_not_running_here(app: Flask, people: People) -> None:
    parts = dict(row.split(" ", 1) for row in rows_of(people.browsers["admin"].get("/admin/health").text))

    assert parts["Database"].startswith("SQLite 3.")
    assert parts["Migrations"].endswith("in order")
    assert parts["Redis"] == "not used in order"
    assert parts["Ingest"] == "engine the ingest engine is not running in this process failed"
    assert parts["Eye-state"].endswith("is active in order")


def test_health_says_when_redis_does_not_answer(make_app: Any, sqlite_url: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, REDIS_URL="redis://127.0.0.1:1/0")
    admin = browser_of(app, make_person(app, "root@example.org", role="admin"))

    parts = dict(row.split(" ", 1) for row in rows_of(admin.get("/admin/health").text))

    assert parts["Redis"].startswith("Redis does not answer")
    assert parts["Redis"].endswith("failed")
    app.extensions["focus.engine"].dispose()
