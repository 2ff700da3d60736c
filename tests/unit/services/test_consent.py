"""Consent: what was decided, what it allows, and what withdrawing ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from focus.errors import AuthenticationError, ConsentError, ParameterError
from focus.protocol.batch import TrackerInfo
from focus.services import accounts, consent, recordings
from focus.services.accounts import Principal
from focus.services.consent import GROUP_STATISTICS, OWN_REPORTS, RESEARCH_EXPORT
from focus.storage.account_models import Consent

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
WEBCAM = TrackerInfo("Webcam", ("openness_left", "openness_right"), rate_hz=30)


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


@pytest.fixture
def ada(session: Session) -> Principal:
    return accounts.principal_of_user(accounts.create_user(session, "ada@example.org"))


def test_who_has_not_decided_may_record_and_is_in_no_research_or_average(session: Session, ada: Principal) -> None:
    allowed = {
        name: consent.allows(session, ada.user_id, name) for name in (OWN_REPORTS, RESEARCH_EXPORT, GROUP_STATISTICS)
    }

    assert allowed == {OWN_REPORTS: True, RESEARCH_EXPORT: False, GROUP_STATISTICS: False}
    consent.require_recording(session, ada.user_id)


@pytest.mark.parametrize("purpose", [RESEARCH_EXPORT, GROUP_STATISTICS])
def test_a_purpose_holds_from_giving_to_withdrawing(session: Session, ada: Principal, purpose: str) -> None:
    consent.give(session, ada, purpose, now=NOW)
    given = consent.allows(session, ada.user_id, purpose)
    consent.refuse(session, ada, purpose, now=NOW + timedelta(days=1))

    assert (given, consent.allows(session, ada.user_id, purpose)) == (True, False)
    with pytest.raises(ConsentError, match=f"has withdrawn consent to {purpose}"):
        consent.require(session, ada.user_id, purpose)
    assert [(row.decision, row.decided_at) for row in consent.history(session, ada.user_id)] == [
        ("withdrawn", NOW + timedelta(days=1)),
        ("given", NOW),
    ]


def test_consent_to_an_older_text_counts_for_nobodys_research(session: Session, ada: Principal) -> None:
    for purpose in (OWN_REPORTS, RESEARCH_EXPORT):
        session.add(
            Consent(user_id=ada.user_id, purpose=purpose, text_version="2020-01", decision="given", decided_at=NOW)
        )
    session.flush()

    assert not consent.allows(session, ada.user_id, RESEARCH_EXPORT)
    assert consent.allows(session, ada.user_id, OWN_REPORTS)


def test_after_a_refusal_no_recording_begins(session: Session, ada: Principal) -> None:
    consent.refuse(session, ada, OWN_REPORTS, now=NOW)

    with pytest.raises(ConsentError, match="has refused consent to own_reports"):
        recordings.create_recording(session, ada, tracker=WEBCAM)
    with pytest.raises(ConsentError):
        consent.give_by_starting(session, ada)


def test_withdrawing_closes_what_is_open_and_nobody_elses(session: Session, ada: Principal) -> None:
    bob = accounts.principal_of_user(accounts.create_user(session, "bob@example.org"))
    own = recordings.create_recording(session, ada, tracker=WEBCAM)
    others = recordings.create_recording(session, bob, tracker=WEBCAM)
    consent.give(session, ada, OWN_REPORTS, now=NOW)

    closed = consent.refuse(session, ada, OWN_REPORTS, now=NOW)

    session.expire_all()
    assert closed == [own.id]
    assert (own.is_open, others.is_open) == (False, True)


def test_starting_from_a_page_gives_consent_once(session: Session, ada: Principal) -> None:
    consent.give_by_starting(session, ada, now=NOW)
    consent.give_by_starting(session, ada, now=NOW)

    assert [(row.purpose, row.decision) for row in consent.history(session, ada.user_id)] == [(OWN_REPORTS, "given")]


def test_only_those_who_gave_it_are_counted(session: Session, ada: Principal) -> None:
    bob = accounts.principal_of_user(accounts.create_user(session, "bob@example.org"))
    eve = accounts.principal_of_user(accounts.create_user(session, "eve@example.org"))
    consent.give(session, ada, GROUP_STATISTICS)
    consent.give(session, bob, GROUP_STATISTICS)
    consent.refuse(session, bob, GROUP_STATISTICS)

    found = consent.consenting(session, [ada.user_id, bob.user_id, eve.user_id], GROUP_STATISTICS)

    assert found == {ada.user_id}


def test_a_disabled_account_records_nothing(session: Session, ada: Principal) -> None:
    accounts.get_user(session, ada.user_id).is_active = False
    session.flush()

    with pytest.raises(AuthenticationError, match="disabled"):
        consent.require_recording(session, ada.user_id)


def test_an_unknown_purpose_is_refused_with_the_known_ones(session: Session, ada: Principal) -> None:
    with pytest.raises(ParameterError, match=r"'sale'.*own_reports, research_export, group_statistics"):
        consent.give(session, ada, "sale")


def test_an_export_is_for_the_owner_or_for_research_they_agreed_to(session: Session, ada: Principal) -> None:
    root = accounts.principal_of_user(accounts.create_user(session, "root@example.org", role="admin"))
    consent.require_export(session, ada, ada.user_id)
    with pytest.raises(ConsentError, match="has not given consent to research_export"):
        consent.require_export(session, root, ada.user_id)

    consent.give(session, ada, RESEARCH_EXPORT)

    consent.require_export(session, root, ada.user_id)
