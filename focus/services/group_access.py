"""What a researcher may do with people of their groups: run recordings for them, and see sessions of those who agreed.

Asked where a recording is opened (`ingest.transactions`) and where one is looked at (`recordings.view_recording`); the
groups themselves are in `groups`. Every answer is made of the tables as they are now, so leaving a group, withdrawing
consent and losing the role count at once. Nothing here commits: the caller ends the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from focus.errors import ConsentError, NotFoundError, PermissionDeniedError
from focus.services import consent
from focus.services.accounts import Principal, get_user
from focus.storage import groups as queries
from focus.storage import recordings as recording_queries
from focus.storage.recording_models import Recording

LEADER_ROLES: Final = ("researcher", "admin")
"""Who may have groups."""


def require_leader(principal: Principal) -> None:
    """Go on only for those who may have groups; PermissionDeniedError otherwise."""
    if principal.role not in LEADER_ROLES:
        raise PermissionDeniedError("only researchers and administrators may have groups")


def may_view(session: Session, principal: Principal, owner_id: int) -> bool:
    """Whether this researcher may see sessions of a person: in a group of theirs, with consent to research."""
    return (
        principal.role in LEADER_ROLES
        and queries.is_member_of_owner(session, owner_id=principal.user_id, user_id=owner_id)
        and consent.allows(session, owner_id, consent.RESEARCH_EXPORT)
    )


def viewable_ids(session: Session, principal: Principal) -> list[int]:
    """The people whose sessions `may_view` lets this researcher see, themselves left out."""
    if principal.role not in LEADER_ROLES:
        return []
    member_ids = queries.member_ids_of_owner(session, owner_id=principal.user_id)
    return [
        user_id
        for user_id in member_ids
        if user_id != principal.user_id and consent.allows(session, user_id, consent.RESEARCH_EXPORT)
    ]


def require_run(session: Session, researcher_id: int, participant_id: int) -> None:
    """Go on only if this researcher may run a recording for this person now, and keep that so in this transaction.

    Starting a session oneself gives consent to one's own reports; when somebody else starts it, it has to be given
    before.

    Raises
    ------
    PermissionDeniedError
        If the account is no researcher's.
    NotFoundError
        If the person is in no group of the researcher, which is not told apart from there being no such person.
    ConsentError
        If the person has not given consent to their own reports.
    AuthenticationError
        If their account is disabled.
    """
    researcher = get_user(session, researcher_id)
    if not researcher.is_active or researcher.role not in LEADER_ROLES:
        raise PermissionDeniedError("only researchers and administrators may run sessions for others")
    _require_member(session, researcher_id, participant_id)
    # Whoever leaves or withdraws locks in the same order, and closes what this transaction opens.
    consent.require_recording(session, participant_id)
    _require_member(session, researcher_id, participant_id)
    decision = consent.decisions_of(session, participant_id)[consent.OWN_REPORTS]
    if decision.decision != consent.GIVEN:
        raise ConsentError(f"participant {participant_id} has not given consent to own_reports on their consent page")


def list_runs(session: Session, principal: Principal) -> list[Recording]:
    """The open recordings that the asker runs for others, the oldest first."""
    return queries.open_runs(session, run_by_id=principal.user_id)


def stop_run(session: Session, principal: Principal, recording_id: str, *, now: datetime) -> Recording:
    """End a recording that the asker runs for somebody else.

    Raises
    ------
    NotFoundError
        If the asker runs no such recording now.
    """
    for recording in list_runs(session, principal):
        if recording.id == recording_id and recording_queries.close_recording(session, recording.id, ended_at=now):
            return recording
    raise NotFoundError(f"you run no recording {recording_id[:36]!r}")


def _require_member(session: Session, researcher_id: int, participant_id: int) -> None:
    if not queries.is_member_of_owner(session, owner_id=researcher_id, user_id=participant_id):
        raise NotFoundError(f"there is no participant {participant_id} in your groups")


def close_runs(
    session: Session, researcher_id: int, *, owner_ids: Sequence[int] | None = None, now: datetime
) -> list[str]:
    """Close the open recordings that a researcher runs for others and may run no more; returns their ids.

    Parameters
    ----------
    owner_ids : sequence of int, optional
        Look at recordings of these people alone.
    """
    closed = []
    for recording in queries.open_runs(session, run_by_id=researcher_id, owner_ids=owner_ids):
        leader = get_user(session, researcher_id)
        is_allowed = (
            leader.is_active
            and leader.role in LEADER_ROLES
            and queries.is_member_of_owner(session, owner_id=researcher_id, user_id=recording.owner_id)
        )
        if not is_allowed and recording_queries.close_recording(session, recording.id, ended_at=now):
            closed.append(recording.id)
    return closed
