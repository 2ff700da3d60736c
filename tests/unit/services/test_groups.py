"""Groups: who makes one, who is invited, who joins and leaves, and what that ends at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.errors import (
    AuthenticationError,
    ConflictError,
    ConsentError,
    NotFoundError,
    ParameterError,
    PermissionDeniedError,
)
from focus.protocol.batch import TrackerInfo
from focus.services import accounts, consent, group_access, groups, recordings
from focus.services.accounts import Principal
from focus.storage import recordings as recording_queries
from focus.storage.account_models import GroupInvitation, User
from focus.storage.operation_models import AuditEntry
from focus.storage.recording_models import Recording

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
URL = "https://focus.example.org"
WEBCAM = TrackerInfo("Webcam", ("openness_left", "openness_right"), rate_hz=30)


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


def person(session: Session, name: str, role: str = "member") -> Principal:
    user = accounts.create_user(session, f"{name}@example.org", role=role, display_name=name.title())
    return accounts.principal_of_user(user)


@pytest.fixture
def rita(session: Session) -> Principal:
    return person(session, "rita", "researcher")


@pytest.fixture
def ada(session: Session) -> Principal:
    return person(session, "ada")


@pytest.fixture
def group_id(session: Session, rita: Principal) -> int:
    return groups.create_group(session, rita, "Reading lab", now=NOW).id


def join(session: Session, researcher: Principal, group_id: int, member: Principal) -> None:
    email = accounts.get_user(session, member.user_id).email
    _, key = groups.invite(session, researcher, group_id, email, now=NOW)
    groups.accept_invitation(session, member, key, now=NOW)


def run_for(session: Session, researcher: Principal, member: Principal, name: str = "a") -> Recording:
    """An open recording of the member that the researcher runs, as `open` makes it."""
    group_access.require_run(session, researcher.user_id, member.user_id)
    return recording_queries.add_recording(
        session,
        recording_id=f"00000000-0000-4000-8000-00000000000{name}",
        owner_id=member.user_id,
        run_by_id=researcher.user_id,
        tracker=WEBCAM.to_dict(),
        started_at=NOW,
    )


# -- the group --------------------------------------------------------------------------------------------------------


def test_a_member_may_not_make_a_group(session: Session, ada: Principal) -> None:
    with pytest.raises(PermissionDeniedError, match="only researchers"):
        groups.create_group(session, ada, "Mine")


@pytest.mark.parametrize(("name", "n_characters"), [("", 0), (" \0 ", 0), ("x" * 121, 121)])
def test_a_name_that_is_no_name_is_refused_with_its_length(
    session: Session, rita: Principal, name: str, n_characters: int
) -> None:
    with pytest.raises(ParameterError, match=f"this one has {n_characters}$"):
        groups.create_group(session, rita, name)


def test_somebody_elses_group_is_not_there(session: Session, group_id: int) -> None:
    other = person(session, "otto", "researcher")
    admin = person(session, "root", "admin")

    for asker in (other, admin):
        with pytest.raises(NotFoundError, match=f"you have no group {group_id}"):
            groups.get_group(session, asker, group_id)


# -- invitations ------------------------------------------------------------------------------------------------------


def test_an_invitation_lets_the_owner_of_the_address_in_once(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    _, key = groups.invite(session, rita, group_id, " Ada@Example.org ", now=NOW)

    place = groups.read_invitation(session, ada, key, now=NOW)
    groups.accept_invitation(session, ada, key, now=NOW)

    assert (place.name, place.researcher) == ("Reading lab", "Rita")
    assert [found.name for found in groups.list_places(session, ada)] == ["Reading lab"]
    with pytest.raises(AuthenticationError, match="has been answered"):
        groups.accept_invitation(session, ada, key, now=NOW)


def test_an_invitation_is_worthless_in_the_same_words_for_everybody_it_is_not_for(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    invitation_id, key = groups.invite(session, rita, group_id, "ada@example.org", now=NOW)
    unconfirmed = accounts.get_user(session, person(session, "uma").user_id)
    unconfirmed.email_verified_at = None
    _, for_uma = groups.invite(session, rita, group_id, "uma@example.org", now=NOW)
    bob = person(session, "bob")
    said = set()

    for asker, link, when in (
        (bob, key, NOW),
        (ada, key, NOW + timedelta(days=7)),
        (ada, "no such key", NOW),
        (ada, "\ud800" * 500, NOW),
        (accounts.principal_of_user(unconfirmed), for_uma, NOW),
    ):
        with pytest.raises(AuthenticationError) as refused:
            groups.read_invitation(session, asker, link, now=when)
        said.add(refused.value.message)
    groups.withdraw_invitation(session, rita, group_id, invitation_id)
    with pytest.raises(AuthenticationError) as refused:
        groups.accept_invitation(session, ada, key, now=NOW)

    assert said == {refused.value.message}


def test_a_second_invitation_ends_the_first(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    _, first = groups.invite(session, rita, group_id, "ada@example.org", now=NOW)
    _, second = groups.invite(session, rita, group_id, "ada@example.org", now=NOW)

    with pytest.raises(AuthenticationError):
        groups.read_invitation(session, ada, first, now=NOW)
    assert groups.read_invitation(session, ada, second, now=NOW).group_id == group_id


def test_declining_ends_the_invitation_and_joins_nothing(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    _, key = groups.invite(session, rita, group_id, "ada@example.org", now=NOW)

    groups.decline_invitation(session, ada, key, now=NOW)

    assert groups.list_places(session, ada) == []
    assert session.scalars(select(GroupInvitation)).all() == []


@pytest.mark.parametrize("email", ["ada@example.org", "stranger@example.org"])
def test_the_letter_says_the_same_to_who_has_an_account_and_who_has_none(
    session: Session, rita: Principal, ada: Principal, group_id: int, email: str
) -> None:
    letter = groups.invitation_letter(session, URL, group_id=group_id, email=email, key="KEY")

    assert letter is not None
    assert letter.to == email
    assert re.sub(r"\s+", " ", letter.text).startswith(
        "Rita invites you to the group 'Reading lab' in FOCUS. Open this"
    )
    assert f"{URL}/groups/invitation/KEY" in letter.text


def test_the_researcher_is_not_counted_in_their_own_group(session: Session, rita: Principal, group_id: int) -> None:
    _, key = groups.invite(session, rita, group_id, "rita@example.org", now=NOW)

    with pytest.raises(ConflictError, match="cannot be counted in it"):
        groups.accept_invitation(session, rita, key, now=NOW)


# -- running recordings for others ------------------------------------------------------------------------------------


def test_a_recording_is_run_for_a_member_who_gave_consent(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    join(session, rita, group_id, ada)
    with pytest.raises(ConsentError, match="has not given consent to own_reports"):
        group_access.require_run(session, rita.user_id, ada.user_id)

    consent.give(session, ada, consent.OWN_REPORTS, now=NOW)

    assert run_for(session, rita, ada).owner_id == ada.user_id


def test_nobody_runs_a_recording_for_a_stranger_or_without_the_role(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    consent.give(session, ada, consent.OWN_REPORTS, now=NOW)
    for participant_id in (ada.user_id, 999):
        with pytest.raises(NotFoundError, match=f"no participant {participant_id} in your groups"):
            group_access.require_run(session, rita.user_id, participant_id)
    join(session, rita, group_id, ada)
    accounts.get_user(session, rita.user_id).role = "member"

    with pytest.raises(PermissionDeniedError):
        group_access.require_run(session, rita.user_id, ada.user_id)


def leave(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    groups.leave(session, ada, group_id, now=NOW)


def remove(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    groups.remove_member(session, rita, group_id, ada.user_id, now=NOW)


def dissolve(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    groups.delete_group(session, rita, group_id, now=NOW)


def withdraw(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    consent.refuse(session, ada, consent.OWN_REPORTS, now=NOW)


def take_the_role(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    accounts.set_role(session, person(session, "root", "admin"), rita.user_id, "member")


def disable_the_researcher(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    accounts.set_active(session, person(session, "root", "admin"), rita.user_id, is_active=False)


def disable_the_member(session: Session, rita: Principal, ada: Principal, group_id: int) -> None:
    accounts.set_active(session, person(session, "root", "admin"), ada.user_id, is_active=False)


@pytest.mark.parametrize(
    "end", [leave, remove, dissolve, withdraw, take_the_role, disable_the_researcher, disable_the_member]
)
def test_what_ends_the_right_to_record_ends_the_recording_at_once(
    session: Session, rita: Principal, ada: Principal, group_id: int, end: Callable[..., None]
) -> None:
    join(session, rita, group_id, ada)
    consent.give(session, ada, consent.OWN_REPORTS, now=NOW)
    running = run_for(session, rita, ada)
    own = recordings.create_recording(session, ada, tracker=WEBCAM) if end is not withdraw else None

    end(session, rita, ada, group_id)

    session.expire_all()
    assert not running.is_open
    assert own is None or own.is_open
    with pytest.raises((NotFoundError, ConsentError, PermissionDeniedError, AuthenticationError)):
        group_access.require_run(session, rita.user_id, ada.user_id)


def test_leaving_one_of_two_groups_of_a_researcher_goes_on_with_the_recording(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    other = groups.create_group(session, rita, "Second lab", now=NOW).id
    for joined in (group_id, other):
        join(session, rita, joined, ada)
    consent.give(session, ada, consent.OWN_REPORTS, now=NOW)
    running = run_for(session, rita, ada)

    assert groups.leave(session, ada, group_id, now=NOW) == []
    assert groups.leave(session, ada, other, now=NOW) == [running.id]


# -- looking at sessions of members -----------------------------------------------------------------------------------


def test_a_researcher_sees_sessions_of_a_member_with_consent_to_research_and_changes_none(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    recording = recordings.create_recording(session, ada, tracker=WEBCAM)
    join(session, rita, group_id, ada)
    with pytest.raises(NotFoundError):
        recordings.view_recording(session, rita, recording.id)

    consent.give(session, ada, consent.RESEARCH_EXPORT)

    assert recordings.view_recording(session, rita, recording.id) is recording
    with pytest.raises(NotFoundError):
        recordings.get_recording(session, rita, recording.id)


@pytest.mark.parametrize("end", [leave, remove, dissolve, take_the_role])
def test_what_ends_a_membership_ends_the_looking(
    session: Session, rita: Principal, ada: Principal, group_id: int, end: Callable[..., None]
) -> None:
    recording = recordings.create_recording(session, ada, tracker=WEBCAM)
    join(session, rita, group_id, ada)
    consent.give(session, ada, consent.RESEARCH_EXPORT)

    end(session, rita, ada, group_id)

    rita_now = accounts.principal_of_user(session.get_one(User, rita.user_id))
    with pytest.raises(NotFoundError):
        recordings.view_recording(session, rita_now, recording.id)


def test_withdrawing_consent_to_research_ends_the_looking(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    recording = recordings.create_recording(session, ada, tracker=WEBCAM)
    join(session, rita, group_id, ada)
    consent.give(session, ada, consent.RESEARCH_EXPORT)
    consent.refuse(session, ada, consent.RESEARCH_EXPORT)

    with pytest.raises(NotFoundError):
        recordings.view_recording(session, rita, recording.id)


def test_what_is_done_with_a_group_is_in_the_audit_log_without_an_address(
    session: Session, rita: Principal, ada: Principal, group_id: int
) -> None:
    join(session, rita, group_id, ada)
    groups.leave(session, ada, group_id, now=NOW)

    rows = session.scalars(select(AuditEntry).where(AuditEntry.object_kind == "group").order_by(AuditEntry.id)).all()
    assert [(row.actor_id, row.action) for row in rows] == [
        (rita.user_id, "group.created"),
        (rita.user_id, "look.list"),
        (rita.user_id, "group.invited"),
        (ada.user_id, "group.joined"),
        (ada.user_id, "group.left"),
    ]
    assert "@" not in str([row.details for row in rows])
