"""Researchers' and administrators' routes: what they do, beyond who may ask (which `tests/integration/access` says)."""

from __future__ import annotations

import pytest
from flask import Flask

from focus.services import accounts, consent, groups
from focus.storage.database import db
from tests.integration.api.conftest import Caller, by_login, by_token
from tests.integration.web.made import Person, make_person, make_session


@pytest.fixture
def admin(app: Flask) -> Caller:
    return by_login(app, make_person(app, "zoe@example.org", role="admin"))


def test_accounts_are_listed_once_each_by_address(app: Flask, admin: Caller) -> None:
    for name in ("dan", "ada", "cleo", "bob"):
        make_person(app, f"{name}@example.org")
    found, cursor = [], ""
    while True:
        page = admin.get(f"/admin/users?limit=2{cursor}").get_json()
        found += [user["email"].partition("@")[0] for user in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert found == ["ada", "bob", "cleo", "dan", "zoe"]
    assert [user["email"] for user in admin.get("/admin/users?search=CLEO").get_json()["items"]] == ["cleo@example.org"]


def test_disabling_somebody_ends_their_token_and_log_in(app: Flask, admin: Caller, ada: Person) -> None:
    token, page = by_token(app, ada, "recordings:read"), by_login(app, ada)

    changed = admin.call("PATCH", f"/admin/users/{ada.user_id}", json={"is_active": False})

    assert (changed.status_code, changed.get_json()["is_active"]) == (200, False)
    assert (token.get("/me").status_code, page.get("/me").status_code) == (401, 401)
    again = admin.call("PATCH", f"/admin/users/{ada.user_id}", json={"is_active": True, "role": "researcher"})
    assert (again.get_json()["role"], token.get("/me").get_json()["role"]) == ("researcher", "researcher")


def test_the_last_administrator_keeps_the_role(admin: Caller) -> None:
    own_id = admin.get("/me").get_json()["id"]

    answer = admin.call("PATCH", f"/admin/users/{own_id}", json={"role": "member"})

    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")


def test_a_forced_reset_makes_the_password_worthless_and_mails_a_link(app: Flask, admin: Caller) -> None:
    person = make_person(app, "eve@example.org", password="correct horse battery")
    script = by_token(app, person, "recordings:read")

    answer = admin.post(f"/admin/users/{person.user_id}/reset")
    app.extensions["focus.desk"].finish()

    assert (answer.status_code, script.get("/me").status_code) == (202, 401)
    assert admin.get(f"/admin/users/{person.user_id}").get_json()["has_password"] is False
    outbox = app.extensions["focus.settings"].INSTANCE / "outbox"
    assert len(list(outbox.glob(f"*-user{person.user_id}-reset-*.eml"))) == 1


def test_an_administrators_look_stands_in_the_log_that_the_api_shows(app: Flask, admin: Caller, ada: Person) -> None:
    recording_id = make_session(app, ada)
    listed = admin.get("/admin/recordings").get_json()["items"]

    admin.get(f"/recordings/{recording_id}")
    looks = admin.get("/admin/audit?action=look.&limit=50").get_json()["items"]

    assert [(row["id"], row["owner"]) for row in listed] == [(recording_id, ada.user_id)]
    assert ("look.session", "recording", recording_id) in {
        (entry["action"], entry["object_kind"], entry["object_id"]) for entry in looks
    }


def test_the_audit_log_goes_on_at_its_cursor_whatever_is_added(admin: Caller) -> None:
    first = admin.get("/admin/audit?limit=1").get_json()
    admin.post("/groups", json={"name": "Readers"})

    second = admin.get(f"/admin/audit?limit=100&cursor={first['next']}").get_json()

    ids = [entry["id"] for entry in second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert max(ids) < first["items"][0]["id"]


def test_a_job_is_listed_and_cancelled_once(
    app: Flask, admin: Caller, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["focus.my_data"], "start", lambda *_arguments: None)
    job_id = by_login(app, ada).post("/me/exports").get_json()["id"]

    cancelled = [admin.post(f"/admin/jobs/{job_id}/cancel").status_code for _ in range(2)]

    assert cancelled == [204, 409]
    assert [(job["id"], job["state"]) for job in admin.get("/admin/jobs").get_json()["items"]] == [
        (job_id, "cancelled")
    ]


def test_a_job_that_was_cancelled_is_done_again_for_its_owner(
    app: Flask, admin: Caller, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[int, int]] = []
    monkeypatch.setattr(app.extensions["focus.my_data"], "start", lambda *asked: started.append(asked))
    page = by_login(app, ada)
    job_id = page.post("/me/exports").get_json()["id"]

    early = admin.post(f"/admin/jobs/{job_id}/retry")
    admin.post(f"/admin/jobs/{job_id}/cancel")
    again = admin.post(f"/admin/jobs/{job_id}/retry")

    assert (early.status_code, again.status_code) == (409, 202)
    new_id = again.get_json()["id"]
    assert started == [(job_id, ada.user_id), (new_id, ada.user_id)]
    assert [job["id"] for job in page.get("/me/exports").get_json()["items"]] == [new_id, job_id]
    assert admin.get(f"/me/exports/{new_id}").status_code == 404


def test_groups_are_listed_by_name_in_pages_without_their_members(app: Flask, admin: Caller) -> None:
    leader = by_login(app, make_person(app, "leader@example.org", role="researcher"))
    names = ["b", "A", "b", "Änne", "c"]
    for name in names:
        leader.post("/groups", json={"name": name})

    found, cursor = [], ""
    while True:
        page = admin.get(f"/admin/groups?limit=2{cursor}").get_json()
        found += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert sorted(row["name"] for row in found) == sorted(names)
    assert [row["name"] for row in found if row["name"].isascii()] == ["A", "b", "b", "c"]
    assert {(row["members"], "email" in row) for row in found} == {(0, False)}
    assert [row["name"] for row in admin.get("/admin/groups?search=nne").get_json()["items"]] == ["Änne"]


def test_health_says_which_part_is_not_in_order(admin: Caller) -> None:
    found = admin.get("/admin/health").get_json()

    parts = {part["name"]: part["is_good"] for part in found["parts"]}
    assert (parts["Database"], parts["Migrations"], parts["Ingest engine"]) == (True, True, False)
    assert (found["is_good"], found["engine"]["is_running"]) == (False, False)


def test_everybodys_recordings_have_their_health_and_go_on_at_the_cursor(
    app: Flask, admin: Caller, ada: Person
) -> None:
    ids = {make_session(app, ada), make_session(app, ada), make_session(app, ada)}

    first = admin.get("/admin/recordings?limit=2").get_json()
    second = admin.get(f"/admin/recordings?limit=2&cursor={first['next']}").get_json()
    found = admin.get("/admin/recordings?search=ada%40").get_json()["items"]

    assert {row["id"] for row in first["items"] + second["items"]} == ids
    assert second["next"] is None
    assert {row["id"] for row in found} == ids
    assert {row["health"] for row in found} <= {"good", "behind"}


def test_a_release_that_is_not_installed_is_404(admin: Caller) -> None:
    names = [release["name"] for release in admin.get("/admin/releases").get_json()["items"]]

    answer = admin.post("/admin/releases/eyestate-of-nobody/promote")

    assert names
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_release")


def test_a_researcher_invites_and_sees_sessions_of_who_agreed_alone(app: Flask, ada: Person, bob: Person) -> None:
    leader = by_login(app, make_person(app, "leader@example.org", role="researcher"))
    group_id = leader.post("/groups", json={"name": "Readers"}).get_json()["id"]
    recording_id = make_session(app, ada)
    make_session(app, bob)
    with app.app_context():
        session = db.session()
        owner = accounts.principal_of_user(accounts.get_user_by_email(session, "leader@example.org"))
        keys = [groups.invite(session, owner, group_id, person.email)[1] for person in (ada, bob)]
        agrees = accounts.principal_of_user(accounts.get_user(session, ada.user_id))
        consent.give(session, agrees, consent.RESEARCH_EXPORT)
        session.commit()
    joined = [
        by_login(app, person).post("/me/invitations", json={"key": key, "answer": "join"}).status_code
        for person, key in zip((ada, bob), keys, strict=True)
    ]

    seen = leader.get(f"/groups/members/{ada.user_id}/recordings").get_json()["items"]
    refused = leader.get(f"/groups/members/{bob.user_id}/recordings")
    overview = leader.get(f"/groups/{group_id}").get_json()

    assert joined == [200, 200]
    assert [row["id"] for row in seen] == [recording_id]
    assert (refused.status_code, refused.get_json()["code"]) == (403, "consent")
    assert {member["id"]: member["may_be_viewed"] for member in overview["members"]} == {
        ada.user_id: True,
        bob.user_id: False,
    }
    assert overview["metrics"] == []
    assert "example.org" not in leader.get(f"/groups/{group_id}").text
