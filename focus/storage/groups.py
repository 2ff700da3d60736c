"""Queries over groups, their members and the invitations to them. Who may ask what is decided in `services.groups`.

All functions take a session inside a transaction that the caller ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, aliased

from focus.storage.account_models import Group, GroupInvitation, Membership, User
from focus.storage.recording_models import OPEN, Recording, RecordingCursor


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group, whose it is, and how many are in it."""

    group: Group
    owner: User
    n_members: int


@dataclass(frozen=True, slots=True)
class RecordingCounts:
    """How many recordings a person has, their frames, and when the newest began."""

    n_recordings: int
    n_open: int
    n_frames: int
    newest_at: datetime | None


# -- groups -----------------------------------------------------------------------------------------------------------


def add_group(session: Session, group: Group) -> None:
    session.add(group)
    session.flush()


def find_group(session: Session, group_id: int) -> Group | None:
    return session.get(Group, group_id)


def list_groups(
    session: Session,
    *,
    owner_id: int | None = None,
    search: str = "",
    limit: int = 200,
    offset: int = 0,
    after_id: int | None = None,
) -> list[GroupRow]:
    """Groups by name, behind the one `after_id`; of everybody when `owner_id` is None.

    `search` is part of a name or of the owner's address.
    """
    n_members = select(func.count()).where(Membership.group_id == Group.id).scalar_subquery()
    query = select(Group, User, n_members).join(User, User.id == Group.owner_id)
    if owner_id is not None:
        query = query.where(Group.owner_id == owner_id)
    if search:
        in_name = func.lower(Group.name).contains(search.lower(), autoescape=True)
        query = query.where(in_name | User.email.contains(search.lower(), autoescape=True))
    name = func.lower(Group.name)
    if after_id is not None:
        last = aliased(Group)
        last_name = select(func.lower(last.name)).where(last.id == after_id).scalar_subquery()
        query = query.where((name > last_name) | ((name == last_name) & (Group.id > after_id)))
    query = query.order_by(name, Group.id).limit(limit).offset(offset)
    return [GroupRow(group, owner, n) for group, owner, n in session.execute(query)]


def count_groups(session: Session, *, owner_id: int) -> int:
    return session.scalar(select(func.count()).select_from(Group).where(Group.owner_id == owner_id)) or 0


def delete_group(session: Session, group_id: int) -> None:
    """Remove a group; the database takes its memberships and invitations along."""
    session.flush()
    session.execute(delete(Group).where(Group.id == group_id))
    session.expire_all()


# -- members ----------------------------------------------------------------------------------------------------------


def add_membership(session: Session, membership: Membership) -> None:
    session.add(membership)
    session.flush()


def list_members(session: Session, group_id: int) -> list[tuple[Membership, User]]:
    """Who is in a group, in the order in which they joined."""
    query = (
        select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.group_id == group_id)
        .order_by(Membership.joined_at, User.id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def newest_joined_at(session: Session, group_id: int) -> datetime | None:
    """When somebody joined a group last, of those who are in it."""
    return session.scalar(select(func.max(Membership.joined_at)).where(Membership.group_id == group_id))


def list_memberships(session: Session, user_id: int) -> list[tuple[Membership, Group, User]]:
    """The groups that a person is in, each with its owner, in the order in which they joined."""
    query = (
        select(Membership, Group, User)
        .join(Group, Group.id == Membership.group_id)
        .join(User, User.id == Group.owner_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.joined_at, Group.id)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def is_member(session: Session, *, group_id: int, user_id: int) -> bool:
    query = select(Membership.user_id).where(Membership.group_id == group_id, Membership.user_id == user_id)
    return session.scalar(query) is not None


def is_member_of_owner(session: Session, *, owner_id: int, user_id: int) -> bool:
    """Whether a person is in any group of this owner."""
    query = (
        select(Membership.user_id)
        .join(Group, Group.id == Membership.group_id)
        .where(Group.owner_id == owner_id, Membership.user_id == user_id)
        .limit(1)
    )
    return session.scalar(query) is not None


def member_ids_of_owner(session: Session, *, owner_id: int) -> list[int]:
    """Everybody who is in any group of this owner."""
    query = (
        select(Membership.user_id)
        .join(Group, Group.id == Membership.group_id)
        .where(Group.owner_id == owner_id)
        .distinct()
        .order_by(Membership.user_id)
    )
    return list(session.scalars(query))


def delete_membership(session: Session, *, group_id: int, user_id: int) -> bool:
    """Take somebody out of a group; False if they were not in it."""
    query = delete(Membership).where(Membership.group_id == group_id, Membership.user_id == user_id)
    return bool(session.execute(query).rowcount)  # type: ignore[attr-defined]


# -- invitations ------------------------------------------------------------------------------------------------------


def put_invitation(session: Session, invitation: GroupInvitation) -> None:
    """Add an invitation, in the place of an earlier one of the same group to the same address."""
    # Two at the same moment come one after the other, so that the second finds the first.
    session.execute(select(Group.id).where(Group.id == invitation.group_id).with_for_update())
    session.execute(
        delete(GroupInvitation).where(
            GroupInvitation.group_id == invitation.group_id, GroupInvitation.email == invitation.email
        )
    )
    session.add(invitation)
    session.flush()


def list_invitations(session: Session, group_id: int, *, now: datetime) -> Sequence[GroupInvitation]:
    """Invitations that wait for an answer, the newest first."""
    query = select(GroupInvitation).where(GroupInvitation.group_id == group_id, GroupInvitation.expires_at > now)
    return session.scalars(query.order_by(GroupInvitation.id.desc())).all()


def find_invitation(session: Session, key_hash: str, *, email: str, now: datetime) -> GroupInvitation | None:
    """The invitation of this key to this address, if it still waits."""
    return session.scalar(
        select(GroupInvitation).where(
            GroupInvitation.key_hash == key_hash, GroupInvitation.email == email, GroupInvitation.expires_at > now
        )
    )


def delete_invitation(session: Session, *, group_id: int, invitation_id: int) -> bool:
    """Remove an invitation; False if it is gone already, so of two answers to it one alone counts."""
    query = delete(GroupInvitation).where(GroupInvitation.group_id == group_id, GroupInvitation.id == invitation_id)
    return bool(session.execute(query).rowcount)  # type: ignore[attr-defined]


def delete_invitations_to(session: Session, email: str) -> None:
    session.execute(delete(GroupInvitation).where(GroupInvitation.email == email))


# -- recordings of members --------------------------------------------------------------------------------------------


def recording_counts(session: Session, user_ids: Sequence[int]) -> dict[int, RecordingCounts]:
    """Counts of the recordings of each of these people who has any."""
    query = (
        select(
            Recording.owner_id,
            func.count(),
            func.count().filter(Recording.state == OPEN),
            func.sum(RecordingCursor.n_frames),
            func.max(Recording.started_at),
        )
        .join(RecordingCursor, RecordingCursor.recording_id == Recording.id)
        .where(Recording.owner_id.in_(user_ids))
        .group_by(Recording.owner_id)
    )
    return {row[0]: RecordingCounts(row[1], row[2], int(row[3]), row[4]) for row in session.execute(query)}


def open_runs(
    session: Session, *, run_by_id: int | None = None, owner_ids: Sequence[int] | None = None
) -> list[Recording]:
    """Open recordings that are run for others: by this person, and for these people, where they are named."""
    query = select(Recording).where(Recording.run_by_id.is_not(None), Recording.state == OPEN)
    if run_by_id is not None:
        query = query.where(Recording.run_by_id == run_by_id)
    if owner_ids is not None:
        query = query.where(Recording.owner_id.in_(owner_ids))
    return list(session.scalars(query.order_by(Recording.started_at, Recording.id)))
