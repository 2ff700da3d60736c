"""Pages of groups: a researcher invites, a person answers, and each sees what concerns them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from focus.services import accounts, consent, groups
from focus.services.consent import GROUP_STATISTICS, OWN_REPORTS, RESEARCH_EXPORT
from focus.storage.account_models import GroupInvitation, Membership
from focus.storage.database import db
from focus.storage.operation_models import AuditEntry
from focus.storage.recording_models import Recording
from tests.integration.web.conftest import People
from tests.integration.web.made import Person, browser_of, csrf_in, make_person, make_session


@pytest.fixture
def app(app: Flask) -> Iterator[Flask]:
    yield app
    app.extensions["focus.desk"].finish()
    app.extensions["focus.engine"].dispose()


@dataclass(frozen=True)
class Lab:
    """A researcher with a group, and the browser in which they are logged in."""

    rita: Person
    browser: FlaskClient
    group_id: int

    @property
    def path(self) -> str:
        return f"/groups/{self.group_id}"


@pytest.fixture
def lab(app: Flask) -> Lab:
    rita = make_person(app, "rita@example.org", role="researcher")
    browser = browser_of(app, rita)
    answer = send(browser, "/groups", name="Reading lab")
    return Lab(rita, browser, int(answer.headers["Location"].rsplit("/", 1)[1]))


def send(client: FlaskClient, path: str, **fields: str) -> Any:
    return client.post(path, data={**fields, "csrf_token": csrf_in(client)})


def letters(app: Flask) -> list[Path]:
    app.extensions["focus.desk"].finish()
    return sorted((app.extensions["focus.settings"].INSTANCE / "outbox").glob("*-invitation-*.eml"))


def invited(app: Flask, lab: Lab, email: str) -> str:
    """The path of the link that was mailed to this address."""
    send(lab.browser, f"{lab.path}/invitations", email=email)
    found = re.search(r"/groups/invitation/\S+", letters(app)[-1].read_text())
    assert found is not None
    return found[0]


def join(app: Flask, lab: Lab, person: Person, *purposes: str) -> None:
    """As if they had answered an invitation, and agreed to these purposes."""
    with app.app_context():
        session = db.session()
        principal = accounts.principal_of_user(accounts.get_user(session, person.user_id))
        researcher = accounts.principal_of_user(accounts.get_user(session, lab.rita.user_id))
        _, key = groups.invite(session, researcher, lab.group_id, person.email)
        groups.accept_invitation(session, principal, key)
        for purpose in purposes:
            consent.give(session, principal, purpose)
        session.commit()


def looks(app: Flask, actor: Person) -> list[tuple[str, str, str]]:
    with app.app_context():
        query = select(AuditEntry).where(AuditEntry.actor_id == actor.user_id, AuditEntry.action.startswith("look."))
        return [
            (row.action, row.object_kind, row.object_id) for row in db.session.scalars(query.order_by(AuditEntry.id))
        ]


# -- invitations ------------------------------------------------------------------------------------------------------


def test_an_invitation_is_answered_on_a_page_that_says_what_will_be_seen(app: Flask, people: People, lab: Lab) -> None:
    path, ada = invited(app, lab, people.ada.email), people.browsers["ada"]

    page = ada.get(path).text
    opened_again = ada.get(path).status_code
    answer = send(ada, path, answer="join")

    assert "Join the group Reading lab?" in page
    assert "never your e-mail address" in page
    assert (opened_again, answer.status_code, answer.headers["Location"]) == (200, 303, "/groups")
    assert "Reading lab" in ada.get("/groups").text
    assert "You are in the group" not in ada.get(path).text
    assert ada.get(path).status_code == 410


def test_pages_say_the_same_whether_or_not_an_address_has_an_account(app: Flask, people: People, lab: Lab) -> None:
    said = []
    for email in (people.ada.email, "stranger@example.org"):
        answer = send(lab.browser, f"{lab.path}/invitations", email=email)
        page = lab.browser.get(answer.headers["Location"]).text
        said.append(
            (
                answer.status_code,
                re.sub(r'csrf_token" value="[^"]+|invitations/\d+|datetime="[^"]+|\d\d:\d\d', "", page),
            )
        )

    (first_status, first), (second_status, second) = said
    assert first_status == second_status == 303
    waiting = re.compile(r"\s*<li>.*?</li>", re.DOTALL)
    assert waiting.sub("", first) == waiting.sub("", second)
    assert "stranger@example.org" in second
    assert [re.search(r"-user(\d+)-", path.name)[1] for path in letters(app)] == [str(people.ada.user_id), "0"]  # type: ignore[index]


def test_somebody_elses_invitation_does_not_work_and_stays_for_its_owner(app: Flask, people: People, lab: Lab) -> None:
    path = invited(app, lab, people.ada.email)

    refused = [
        send(people.browsers["bob"], path, answer="join").status_code,
        people.browsers["bob"].get(path).status_code,
    ]
    nobody = people.browsers["nobody"].get(path)

    assert refused == [410, 410]
    assert nobody.headers["Location"].startswith("/login?next=")
    assert people.browsers["ada"].get(path).status_code == 200


def test_a_strange_answer_is_refused_and_answers_nothing(app: Flask, people: People, lab: Lab) -> None:
    path = invited(app, lab, people.ada.email)

    assert send(people.browsers["ada"], path, answer="perhaps").status_code == 422
    assert people.browsers["ada"].get(path).status_code == 200


def test_deleting_an_account_leaves_no_membership_no_invitation_and_no_letter(
    app: Flask, people: People, lab: Lab
) -> None:
    invited(app, lab, "eve@example.org")
    eve = make_person(app, "eve@example.org")
    join(app, lab, eve)
    invited(app, lab, "eve@example.org")
    assert len(letters(app)) == 2

    send(browser_of(app, eve), "/account/delete", word="DELETE")

    with app.app_context():
        assert db.session.scalars(select(Membership)).all() == []
        assert db.session.scalars(select(GroupInvitation)).all() == []
    assert letters(app) == []


def test_deleting_a_researchers_account_takes_their_groups_and_not_the_recordings_of_others(
    app: Flask, people: People, lab: Lab
) -> None:
    join(app, lab, people.ada, OWN_REPORTS)
    recording_id = make_session(app, people.ada, state="open")
    with app.app_context():
        db.session.get(Recording, recording_id).run_by_id = lab.rita.user_id  # type: ignore[union-attr]
        db.session.commit()

    send(lab.browser, "/account/delete", word="DELETE")

    assert "You are in no group" in people.browsers["ada"].get("/groups").text
    with app.app_context():
        recording = db.session.get_one(Recording, recording_id)
        assert (recording.run_by_id, recording.state, recording.owner_id) == (None, "closed", people.ada.user_id)


def test_the_export_says_which_groups_somebody_is_in(app: Flask, people: People, lab: Lab) -> None:
    from focus.storage import my_data

    join(app, lab, people.ada)
    with app.app_context():
        (row,) = my_data.memberships_of(db.session(), people.ada.user_id)

    assert (row["name"], row["researcher"]) == ("Reading lab", "rita")


# -- what a researcher sees -------------------------------------------------------------------------------------------


def test_the_group_page_shows_consent_quality_and_counts_and_no_address_of_a_member(
    app: Flask, people: People, lab: Lab
) -> None:
    join(app, lab, people.ada, RESEARCH_EXPORT)
    make_session(app, people.ada)

    page = lab.browser.get(lab.path).text

    assert people.ada.email not in page
    # One while the invitation was written, one after she had joined: that showed more.
    assert looks(app, lab.rita) == [("look.list", "group", str(lab.group_id))] * 2
    row = page[page.index(">ada</a>") :].split("</tr>", 1)[0]
    assert re.findall(r'chip \w+">([\w ]+)<', row) == ["not decided", "given", "not decided"]
    assert "1 of 1" in row
    assert re.search(r">60(\.0)? Hz<", row)
    assert "Aggregates need 5 people" in page
    assert "tile-value" not in page


def test_aggregates_appear_with_the_fifth_person_and_go_with_their_consent(
    app: Flask, people: People, lab: Lab
) -> None:
    crowd = [people.ada, *(make_person(app, f"member{number}@example.org") for number in range(4))]
    for person in crowd[:4]:
        join(app, lab, person, GROUP_STATISTICS)
        make_session(app, person)
    without = lab.browser.get(lab.path).text
    join(app, lab, crowd[4], GROUP_STATISTICS)
    make_session(app, crowd[4])
    with_five = lab.browser.get(lab.path).text
    send(people.browsers["ada"], "/account/consent", purpose=GROUP_STATISTICS, answer="refuse")
    after = lab.browser.get(lab.path).text

    assert 'data-metric="blink_rate"' not in without + after
    tile = with_five[with_five.index('data-metric="blink_rate"') :].split("</article>", 1)[0]
    # 15 blinks in 100 s of five people.
    assert re.search(r"<span data-value>9(\.0\d?)?</span>", tile), tile


@pytest.mark.parametrize("purposes", [(), (OWN_REPORTS, GROUP_STATISTICS)])
def test_without_consent_to_research_no_session_of_a_member_is_open(
    app: Flask, people: People, lab: Lab, purposes: tuple[str, ...]
) -> None:
    join(app, lab, people.ada, *purposes)
    recording_id = make_session(app, people.ada, title="Secret title")

    page = lab.browser.get(f"{lab.path}/members/{people.ada.user_id}").text
    found = [
        lab.browser.get(path).status_code
        for path in (
            f"/sessions/{recording_id}",
            f"/sessions/{recording_id}/live",
            f"/sessions/{recording_id}/export/csv",
            f"/api/v1/recordings/{recording_id}/timeline",
        )
    ]

    assert "has not agreed to research" in page
    assert "Secret title" not in page
    assert found == [404] * 4


def test_with_consent_to_research_a_session_is_looked_at_and_nothing_of_it_changed(
    app: Flask, people: People, lab: Lab
) -> None:
    join(app, lab, people.ada, RESEARCH_EXPORT)
    recording_id = make_session(app, people.ada, state="open")
    member_page = lab.browser.get(f"{lab.path}/members/{people.ada.user_id}").text

    report = lab.browser.get(f"/sessions/{recording_id}")
    export = lab.browser.get(f"/sessions/{recording_id}/export/csv")
    changes = [send(lab.browser, f"/sessions/{recording_id}/{action}").status_code for action in ("stop", "delete")]
    changes.append(lab.browser.get(f"/sessions/{recording_id}/delete").status_code)
    statuses = (report.status_code, export.status_code)
    export.close()

    assert f"/sessions/{recording_id}/live" in member_page
    assert statuses == (200, 200)
    assert "Delete" not in report.text
    assert changes == [404] * 3
    assert looks(app, lab.rita)[-2:] == [
        ("look.session", "recording", recording_id),
        ("look.export", "recording", recording_id),
    ]


def test_leaving_ends_everything_at_once(app: Flask, people: People, lab: Lab) -> None:
    join(app, lab, people.ada, OWN_REPORTS, RESEARCH_EXPORT)
    recording_id = make_session(app, people.ada)
    seen_before = lab.browser.get(f"/sessions/{recording_id}").status_code
    tracker_before = lab.browser.get(f"/track?participant={people.ada.user_id}").status_code

    send(people.browsers["ada"], f"{lab.path}/leave")

    assert (seen_before, tracker_before) == (200, 200)
    assert lab.browser.get(f"/sessions/{recording_id}").status_code == 404
    assert lab.browser.get(f"/track?participant={people.ada.user_id}").status_code == 404
    assert lab.browser.get(f"{lab.path}/members/{people.ada.user_id}").status_code == 404
    assert ">ada</a>" not in lab.browser.get(lab.path).text


def test_a_session_that_is_run_for_somebody_is_seen_as_going_on_and_stopped(
    app: Flask, people: People, lab: Lab
) -> None:
    join(app, lab, people.ada, OWN_REPORTS)
    recording_id = make_session(app, people.ada, state="open")
    other = make_session(app, people.bob, state="open")
    with app.app_context():
        db.session.get_one(Recording, recording_id).run_by_id = lab.rita.user_id
        db.session.commit()

    page = lab.browser.get(lab.path).text
    not_run = send(lab.browser, f"/groups/runs/{other}/stop").status_code
    stopped = send(lab.browser, f"/groups/runs/{recording_id}/stop").status_code

    assert "Going on now" in page
    assert (not_run, stopped) == (404, 303)
    with app.app_context():
        assert db.session.get_one(Recording, recording_id).state == "closed"
        assert db.session.get_one(Recording, other).state == "open"


def test_the_tracker_page_for_a_participant_says_whose_session_it_is(app: Flask, people: People, lab: Lab) -> None:
    join(app, lab, people.ada, OWN_REPORTS)
    number = people.ada.user_id

    page = lab.browser.get(f"/track?participant={number}").text

    assert "This session belongs to ada." in page
    assert f'data-participant="{number}"' in page
    assert f'data-user="{lab.rita.user_id}/{number}"' in page
    for strange, status in ((people.bob.user_id, 404), ("x", 422), ("9" * 30, 422)):
        assert lab.browser.get(f"/track?participant={strange}").status_code == status


@pytest.mark.parametrize("name", ["bob", "admin"])
def test_somebody_elses_group_is_closed_to_members_and_administrators(
    app: Flask, people: People, lab: Lab, name: str
) -> None:
    browser = people.browsers[name]
    join(app, lab, people.ada)
    refused = 403 if name == "bob" else 404

    found = [
        browser.get(lab.path).status_code,
        browser.get(f"{lab.path}/members/{people.ada.user_id}").status_code,
        browser.get(f"{lab.path}/delete").status_code,
        send(browser, f"{lab.path}/rename", name="Mine").status_code,
        send(browser, f"{lab.path}/invitations", email="x@example.org").status_code,
        send(browser, f"{lab.path}/members/{people.ada.user_id}/remove").status_code,
        send(browser, f"{lab.path}/delete").status_code,
    ]

    assert found == [refused] * 7
    assert send(browser, f"{lab.path}/leave").status_code == 404


def test_a_group_is_renamed_and_deleted_by_its_researcher(app: Flask, people: People, lab: Lab) -> None:
    renamed = send(lab.browser, f"{lab.path}/rename", name="Second name").status_code
    page = lab.browser.get(f"{lab.path}/delete").text
    empty = send(lab.browser, f"{lab.path}/rename", name=" ").status_code
    deleted = send(lab.browser, f"{lab.path}/delete").status_code

    assert (renamed, empty, deleted) == (303, 422, 303)
    assert "Delete the group Second name?" in page
    assert lab.browser.get(lab.path).status_code == 404
