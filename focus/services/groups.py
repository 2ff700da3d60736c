"""Groups: a researcher makes one and invites by e-mail, people join and leave, and each sees what concerns them.

What a researcher may do with somebody of a group is decided in `group_access`, what is counted over a group in
`group_statistics`. Nothing here commits: the caller ends the transaction.

An invitation goes to an address, and nothing tells whether there is an account with it: the researcher's page says the
same for every address, and the link works for a log-in whose confirmed address it is, and for nobody else.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.errors import AuthenticationError, ConflictError, NotFoundError, ParameterError
from focus.services import accounts, consent, group_access, looks
from focus.services.accounts import Principal
from focus.services.mail import NOBODY, Letter
from focus.storage import accounts as account_queries
from focus.storage import audit
from focus.storage import consent as consent_queries
from focus.storage import groups as queries
from focus.storage.account_models import Group, GroupInvitation, Membership, User
from focus.storage.groups import GroupRow

MAX_NAME_LENGTH: Final = 120
MAX_GROUPS: Final = 100
MAX_MEMBERS: Final = 500
INVITATION_HOLDS: Final = timedelta(days=7)
MAX_KEY_LENGTH: Final = 200


# -- of the researcher ------------------------------------------------------------------------------------------------


def create_group(session: Session, principal: Principal, name: str, *, now: datetime | None = None) -> Group:
    """A new group without members, of which the asker is the researcher.

    Raises
    ------
    PermissionDeniedError
        If the asker is neither researcher nor administrator.
    ParameterError
        If the name is empty or too long.
    ConflictError
        If they have as many groups as one may have.
    """
    group_access.require_leader(principal)
    if queries.count_groups(session, owner_id=principal.user_id) >= MAX_GROUPS:
        raise ConflictError(f"you have {MAX_GROUPS} groups already; delete one first")
    group = Group(owner_id=principal.user_id, name=_name(name), created_at=now or datetime.now(UTC))
    queries.add_group(session, group)
    _note(session, "group.created", principal.actor_id, group.id, now)
    return group


def rename_group(session: Session, principal: Principal, group_id: int, name: str) -> Group:
    """Give one of one's own groups another name; raises as `create_group` and `get_group`."""
    group = get_group(session, principal, group_id)
    group.name = _name(name)
    session.flush()
    _note(session, "group.renamed", principal.actor_id, group.id, None)
    return group


def delete_group(session: Session, principal: Principal, group_id: int, *, now: datetime | None = None) -> list[str]:
    """Remove one of one's own groups; the people stay. Returns the recordings that this closed, as `leave`."""
    now = now or datetime.now(UTC)
    group = get_group(session, principal, group_id)
    owner_id, member_ids = group.owner_id, sorted(user.id for _, user in queries.list_members(session, group.id))
    for user_id in member_ids:
        consent_queries.lock_user(session, user_id)
    _note(session, "group.deleted", principal.actor_id, group.id, now)
    queries.delete_group(session, group.id)
    return group_access.close_runs(session, owner_id, owner_ids=member_ids, now=now)


def list_own_groups(session: Session, principal: Principal) -> list[GroupRow]:
    """The groups of which the asker is the researcher, by name; none for members."""
    if principal.role not in group_access.LEADER_ROLES:
        return []
    return queries.list_groups(session, owner_id=principal.user_id, limit=MAX_GROUPS)


def get_group(session: Session, principal: Principal, group_id: int) -> Group:
    """One of one's own groups; NotFoundError if there is none or it is somebody else's, PermissionDeniedError as above.

    Asking for it is a look at its members (`looks.note_look`).
    """
    group_access.require_leader(principal)
    group = queries.find_group(session, group_id)
    if group is None or group.owner_id != principal.user_id:
        raise NotFoundError(f"you have no group {group_id}")
    after = queries.newest_joined_at(session, group.id)
    looks.note_look(session, principal.actor_id, looks.LIST, kind="group", key=str(group.id), after=after)
    return group


def list_all_groups(
    session: Session,
    principal: Principal,
    *,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
    after_id: int | None = None,
) -> list[GroupRow]:
    """Everybody's groups by name, for an administrator, behind the group `after_id`, if given.

    `search` is part of a name or of the researcher's address.
    """
    principal.require_admin()
    looks.note_look(session, principal.actor_id, looks.LIST, kind="group", key="")
    return queries.list_groups(session, search=search, limit=limit, offset=offset, after_id=after_id)


def remove_member(
    session: Session, principal: Principal, group_id: int, user_id: int, *, now: datetime | None = None
) -> list[str]:
    """Take somebody out of one of one's own groups; returns the recordings that this closed, as `leave`.

    Raises
    ------
    NotFoundError
        If there is no such group, or they are not in it.
    """
    group = get_group(session, principal, group_id)
    return _take_out(session, group, user_id, "group.member_removed", principal.actor_id, now or datetime.now(UTC))


# -- invitations ------------------------------------------------------------------------------------------------------


def invite(
    session: Session, principal: Principal, group_id: int, email: str, *, now: datetime | None = None
) -> tuple[int, str]:
    """Invite an address to one of one's own groups; an earlier invitation of it stops working.

    Returns
    -------
    int, str
        The invitation's number, and the key for its link, which `invitation_letter` mails.

    Raises
    ------
    ParameterError
        If it is no e-mail address.
    ConflictError
        If the group is full, invitations that wait included.
    NotFoundError
        As `get_group`.
    """
    now = now or datetime.now(UTC)
    group = get_group(session, principal, group_id)
    address = accounts.normalise_email(email)
    waiting = queries.list_invitations(session, group.id, now=now)
    if len(queries.list_members(session, group.id)) + len(waiting) >= MAX_MEMBERS:
        raise ConflictError(f"a group has at most {MAX_MEMBERS} members, invitations included")
    key = secrets.token_urlsafe(32)
    invitation = GroupInvitation(
        group_id=group.id, email=address, key_hash=_digest(key), invited_at=now, expires_at=now + INVITATION_HOLDS
    )
    queries.put_invitation(session, invitation)
    _note(session, "group.invited", principal.actor_id, group.id, now)
    return invitation.id, key


def invitation_letter(session: Session, url: str, *, group_id: int, email: str, key: str) -> Letter | None:
    """The letter with an invitation's link; None if the group is gone. Written in the background, as all letters are.

    Whether the address has an account decides only whose letter it counts as when an account is deleted.
    """
    address = accounts.normalise_email(email)
    group = queries.find_group(session, group_id)
    if group is None:
        return None
    known = account_queries.find_user_by_email(session, address)
    text = (
        f"{name_of(accounts.get_user(session, group.owner_id))} invites you to the group {group.name!r} in FOCUS.\n\n"
        "Open this link to read what the group's researcher would see of you, and to join or decline:\n\n"
        f"{url}/groups/invitation/{key}\n\n"
        f"It works once, for {INVITATION_HOLDS.days} days, for an account with this e-mail address. If you have none, "
        f"make one first: {url}/register\n\nIf you do nothing, you join nothing.\n"
    )
    return Letter(known.id if known else NOBODY, "invitation", address, "You are invited to a group in FOCUS", text)


def list_invitations(
    session: Session, principal: Principal, group_id: int, *, now: datetime | None = None
) -> Sequence[GroupInvitation]:
    """Invitations to one of one's own groups that wait for an answer, the newest first."""
    group = get_group(session, principal, group_id)
    return queries.list_invitations(session, group.id, now=now or datetime.now(UTC))


def withdraw_invitation(session: Session, principal: Principal, group_id: int, invitation_id: int) -> None:
    """Make an invitation of one's own group worthless; NotFoundError if it does not wait any more."""
    group = get_group(session, principal, group_id)
    if not queries.delete_invitation(session, group_id=group.id, invitation_id=invitation_id):
        raise NotFoundError(f"there is no invitation {invitation_id} that waits")
    _note(session, "group.invitation_withdrawn", principal.actor_id, group.id, None)


# -- of the member ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A group that somebody is in or invited to, with what its researcher is called."""

    group_id: int
    name: str
    researcher: str
    since: datetime


def read_invitation(session: Session, principal: Principal, key: str, *, now: datetime | None = None) -> Place:
    """What an invitation says, to the person it was mailed to.

    Raises
    ------
    AuthenticationError
        If it is unknown, answered, withdrawn or too old, or for another address; these are not told apart.
    """
    invitation, group = _invitation(session, principal, key, now or datetime.now(UTC))
    return Place(group.id, group.name, name_of(accounts.get_user(session, group.owner_id)), invitation.invited_at)


def accept_invitation(session: Session, principal: Principal, key: str, *, now: datetime | None = None) -> Group:
    """Join the group; the link does not work any more. Being in it already changes nothing.

    Raises
    ------
    AuthenticationError
        As `read_invitation`.
    ConflictError
        If it is one's own group: five people besides its researcher make an average.
    """
    now = now or datetime.now(UTC)
    invitation, group = _invitation(session, principal, key, now)
    if group.owner_id == principal.user_id:
        raise ConflictError("you are the researcher of this group, and cannot be counted in it")
    _use(session, invitation)
    if not queries.is_member(session, group_id=group.id, user_id=principal.user_id):
        queries.add_membership(session, Membership(group_id=group.id, user_id=principal.user_id, joined_at=now))
        _note(session, "group.joined", principal.actor_id, group.id, now)
    return group


def decline_invitation(session: Session, principal: Principal, key: str, *, now: datetime | None = None) -> None:
    """Answer with no: the link does not work any more; the researcher is told nothing. Raises as `read_invitation`."""
    invitation, _group = _invitation(session, principal, key, now or datetime.now(UTC))
    _use(session, invitation)


def list_places(session: Session, principal: Principal) -> list[Place]:
    """The groups that the asker is in, in the order in which they joined."""
    found = queries.list_memberships(session, principal.user_id)
    return [Place(group.id, group.name, name_of(owner), row.joined_at) for row, group, owner in found]


def leave(session: Session, principal: Principal, group_id: int, *, now: datetime | None = None) -> list[str]:
    """Leave a group, at once and without asking anybody.

    Returns
    -------
    list of str
        Recordings that the researcher was running for the asker, which this closed.

    Raises
    ------
    NotFoundError
        If the asker is not in it.
    """
    group = queries.find_group(session, group_id)
    if group is None:
        raise NotFoundError(f"you are in no group {group_id}")
    return _take_out(session, group, principal.user_id, "group.left", principal.actor_id, now or datetime.now(UTC))


def what_researchers_see(session: Session, principal: Principal) -> list[tuple[str, bool, str]]:
    """Who can see what of the asker: what it is, whether a researcher of their groups sees it now, and what decides."""
    decisions = consent.decisions_of(session, principal.user_id)
    own, research, statistics = (
        decisions[name] for name in (consent.OWN_REPORTS, consent.RESEARCH_EXPORT, consent.GROUP_STATISTICS)
    )
    return [
        ("Your name to show, never your e-mail address", True, "being in the group"),
        ("What you agreed to, and how many sessions you have", True, "being in the group"),
        ("How good your data is: rate, loss, length", True, "being in the group"),
        ("Averages over five or more people with you among them", statistics.allows, "consent to group statistics"),
        ("Your sessions, with every number in them", research.allows, "consent to research"),
        ("Recording a session for you", own.decision == consent.GIVEN, "consent to your own reports"),
    ]


# -- what several need ------------------------------------------------------------------------------------------------


def name_of(user: User) -> str:
    """What others in a group call somebody; an address is never shown."""
    role = "Researcher" if user.role in group_access.LEADER_ROLES else "Participant"
    return user.display_name or f"{role} {user.id}"


def _take_out(
    session: Session, group: Group, user_id: int, action: str, actor_id: int | None, now: datetime
) -> list[str]:
    # Whoever opens a recording for this person locks in the same order: it is closed here, or not opened.
    consent_queries.lock_user(session, user_id)
    if not queries.delete_membership(session, group_id=group.id, user_id=user_id):
        raise NotFoundError(f"there is no member {user_id} in group {group.id}")
    details = {} if actor_id == user_id else {"member": user_id}
    _note(session, action, actor_id, group.id, now, details)
    return group_access.close_runs(session, group.owner_id, owner_ids=[user_id], now=now)


def _invitation(session: Session, principal: Principal, key: str, now: datetime) -> tuple[GroupInvitation, Group]:
    user = accounts.get_user(session, principal.user_id)
    if user.email_verified_at is not None and len(key) <= MAX_KEY_LENGTH:
        invitation = queries.find_invitation(session, _digest(key), email=user.email, now=now)
        group = queries.find_group(session, invitation.group_id) if invitation is not None else None
        if invitation is not None and group is not None:
            return invitation, group
    raise _worthless()


def _use(session: Session, invitation: GroupInvitation) -> None:
    if not queries.delete_invitation(session, group_id=invitation.group_id, invitation_id=invitation.id):
        raise _worthless()


def _worthless() -> AuthenticationError:
    return AuthenticationError(
        "this invitation has been answered or withdrawn, is too old, or was mailed to another address than yours"
    )


def _name(name: str) -> str:
    text = accounts.clean_text(name)
    if not 1 <= len(text) <= MAX_NAME_LENGTH:
        raise ParameterError(f"a group's name has 1 to {MAX_NAME_LENGTH} characters; this one has {len(text)}")
    return text


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _note(
    session: Session,
    action: str,
    actor_id: int | None,
    group_id: int,
    now: datetime | None,
    details: dict[str, Any] | None = None,
) -> None:
    audit.add_entry(
        session,
        action,
        at=now or datetime.now(UTC),
        actor_id=actor_id,
        object_kind="group",
        object_id=str(group_id),
        details=details,
    )
