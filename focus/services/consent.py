"""Consent: what a person has agreed to, for which purpose, and since when. The one place where that is decided.

Enforced where frames come in (`ingest.transactions`), where data is exported and where groups are counted; the pages
only show it. Nothing here commits: the caller ends the transaction.

A purpose is decided by its newest row. `own_reports` is asked for once and also given by starting a session with the
text beside the button, so an account that has not decided yet may record; after a refusal or a withdrawal nothing is
taken. The other purposes hold only while they are given to the text as it stands now: a new version asks anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from focus.errors import AuthenticationError, ConsentError, ParameterError
from focus.services.accounts import Principal
from focus.storage import audit
from focus.storage import consent as queries
from focus.storage import recordings as recording_queries
from focus.storage.account_models import Consent

TEXT_VERSION: Final = "2026-11"

OWN_REPORTS: Final = "own_reports"
RESEARCH_EXPORT: Final = "research_export"
GROUP_STATISTICS: Final = "group_statistics"

GIVEN: Final = "given"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
UNDECIDED: Final = "undecided"


@dataclass(frozen=True, slots=True)
class Purpose:
    """One thing that data may be used for, in the words a person agrees to."""

    name: str
    title: str
    text: str


PURPOSES: Final = (
    Purpose(
        OWN_REPORTS,
        "Your own reports",
        "FOCUS stores the frames of your sessions (gaze, pupils, eyelids, head, never a picture), analyses them, and "
        "shows you the results. Without this no session can be recorded. Withdrawing it ends a session that is going "
        "on; what is stored already stays yours until you delete it.",
    ),
    Purpose(
        RESEARCH_EXPORT,
        "Research",
        "Researchers whose group you are in may see and export your sessions and their results, without your e-mail "
        "address. Withdrawing it ends that at once; files that were exported before are outside of FOCUS.",
    ),
    Purpose(
        GROUP_STATISTICS,
        "Group statistics",
        "Your results count in averages over groups of five or more people. No average says anything about you alone. "
        "Withdrawing it takes you out of all averages from then on.",
    ),
)
_NAMES: Final = tuple(purpose.name for purpose in PURPOSES)


@dataclass(frozen=True, slots=True)
class Decision:
    """How one purpose stands for one person; an undecided one has no version and no time."""

    purpose: str
    decision: str
    text_version: str | None
    decided_at: datetime | None

    @property
    def is_current(self) -> bool:
        """Whether it was decided on the text as it stands now."""
        return self.text_version == TEXT_VERSION

    @property
    def allows(self) -> bool:
        """Whether data may be used for the purpose."""
        if self.purpose == OWN_REPORTS:
            return self.decision in (GIVEN, UNDECIDED)
        return self.decision == GIVEN and self.is_current


def decisions_of(session: Session, user_id: int) -> dict[str, Decision]:
    """How every purpose stands for this person, by name, in the order of the text."""
    return decisions_of_many(session, [user_id])[user_id]


def decisions_of_many(session: Session, user_ids: Iterable[int]) -> dict[int, dict[str, Decision]]:
    """As `decisions_of`, for each of these people."""
    wanted = list(user_ids)
    found = {user_id: {name: Decision(name, UNDECIDED, None, None) for name in _NAMES} for user_id in wanted}
    for row in queries.newest_consents(session, wanted):
        if row.purpose in found[row.user_id]:
            found[row.user_id][row.purpose] = Decision(row.purpose, row.decision, row.text_version, row.decided_at)
    return found


def history(session: Session, user_id: int) -> list[Consent]:
    """Every decision this person ever made, the newest first."""
    return queries.list_consents(session, user_id)


def allows(session: Session, user_id: int, purpose: str) -> bool:
    """Whether this person's data may be used for the purpose."""
    return decisions_of(session, user_id)[_known(purpose)].allows


def require(session: Session, user_id: int, purpose: str) -> None:
    """Go on only if this person's data may be used for the purpose; ConsentError otherwise."""
    decision = decisions_of(session, user_id)[_known(purpose)]
    if not decision.allows:
        how = {REFUSED: "has refused", WITHDRAWN: "has withdrawn"}.get(decision.decision, "has not given")
        raise ConsentError(f"the person {how} consent to {purpose}")


def consenting(session: Session, user_ids: Iterable[int], purpose: str) -> set[int]:
    """Those of these people whose data may be used for the purpose."""
    _known(purpose)
    return {user_id for user_id, by_name in decisions_of_many(session, user_ids).items() if by_name[purpose].allows}


def require_export(session: Session, principal: Principal, owner_id: int) -> None:
    """Go on only if this person may take a recording of that owner along: their own, or with consent to research.

    Raises
    ------
    ConsentError
        If somebody else asks and the owner has not given consent to research, whatever role the asker has.
    """
    if principal.user_id != owner_id:
        require(session, owner_id, RESEARCH_EXPORT)


def require_recording(session: Session, user_id: int) -> None:
    """Go on only if frames of this person may come in, and keep that so until the transaction ends.

    Raises
    ------
    ConsentError
        If they refused or withdrew consent to their own reports.
    AuthenticationError
        If the account is gone or disabled.
    """
    if not queries.share_active_user(session, user_id):
        raise AuthenticationError("the account is disabled or was deleted")
    require(session, user_id, OWN_REPORTS)


def give(session: Session, principal: Principal, purpose: str, *, now: datetime | None = None) -> None:
    """Agree to a purpose, in the words of the current text."""
    _decide(session, principal.user_id, _known(purpose), GIVEN, now or datetime.now(UTC))


def refuse(session: Session, principal: Principal, purpose: str, *, now: datetime | None = None) -> list[str]:
    """Refuse a purpose, or withdraw what was given; returns the recordings that this closed.

    After it no frame of this person is taken where `own_reports` is refused: open recordings are closed in the same
    transaction, and a tracker is told so at its next batch.
    """
    now = now or datetime.now(UTC)
    user_id = principal.user_id
    queries.lock_user(session, user_id)
    before = decisions_of(session, user_id)[_known(purpose)].decision
    _decide(session, user_id, purpose, WITHDRAWN if before in (GIVEN, WITHDRAWN) else REFUSED, now)
    if purpose != OWN_REPORTS:
        return []
    open_ids = recording_queries.open_recording_ids(session, owner_id=user_id)
    return [found for found in open_ids if recording_queries.close_recording(session, found, ended_at=now)]


def give_by_starting(session: Session, principal: Principal, *, now: datetime | None = None) -> None:
    """A session was started from a page with the text beside the button: who has not decided yet agrees by that.

    Raises
    ------
    ConsentError
        If they refused or withdrew it; then only the consent page changes that.
    """
    decision = decisions_of(session, principal.user_id)[OWN_REPORTS]
    if not decision.allows:
        require(session, principal.user_id, OWN_REPORTS)
    if decision.decision == UNDECIDED or not decision.is_current:
        give(session, principal, OWN_REPORTS, now=now)


def _decide(session: Session, user_id: int, purpose: str, decision: str, now: datetime) -> None:
    queries.add_consent(
        session,
        Consent(user_id=user_id, purpose=purpose, text_version=TEXT_VERSION, decision=decision, decided_at=now),
    )
    audit.add_entry(
        session,
        f"consent.{decision}",
        at=now,
        actor_id=user_id,
        object_kind="user",
        object_id=str(user_id),
        details={"purpose": purpose, "text_version": TEXT_VERSION},
    )


def _known(purpose: str) -> str:
    if purpose not in _NAMES:
        raise ParameterError(f"there is no purpose {purpose[:40]!r}; there are: {', '.join(_NAMES)}")
    return purpose
