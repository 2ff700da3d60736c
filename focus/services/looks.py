"""Looks of administrators and researchers at what belongs to somebody else: each is a row of the audit log.

Noted where a service decides that somebody may look (`recordings.get_recording`, `groups.get_group`,
`accounts.view_user`), so no route can forget it, and in a transaction of its own, so the row stays whatever becomes of
the request. The command line is no look: whoever has a shell on the machine can read the database itself.

A page that is open asks again and again. Looks of one person at one thing in the same way are one row for
`SAME_LOOK`; after that the next one is a row again. So a look that goes on is a row every ten minutes, and two looks an
hour or a day apart are two rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from focus.storage import audit
from focus.storage import groups as group_queries
from focus.storage import operations as people_queries
from focus.storage import recordings as recording_queries
from focus.storage.account_models import User
from focus.storage.operation_models import AuditEntry

SAME_LOOK: Final = timedelta(minutes=10)

SESSION: Final = "session"
"""Results of a session: its report, timeline, summary, comparison, in a page or through the API."""

LIVE: Final = "live"
EXPORT: Final = "export"
ACCOUNT: Final = "account"
LIST: Final = "list"


def note_look(
    session: Session,
    actor_id: int | None,
    what: str,
    *,
    kind: str,
    key: str,
    after: datetime | None = None,
    now: datetime | None = None,
) -> None:
    """Write down that somebody looks, unless the same look was written down in the last ten minutes.

    Parameters
    ----------
    session : Session
        Of the caller. What it has not committed stays so.
    actor_id : int or None
        Who looks; None for the command line, of which nothing is noted.
    what : str
        In which way: one of the names above.
    kind, key : str
        What is looked at: "recording", "user" or "group" with its id, or a list of them all, which has no id.
    after : datetime, optional
        A look before then was at something else: a group before its newest member joined.
    """
    if actor_id is None:
        return
    now = now or datetime.now(UTC)
    since = now - SAME_LOOK if after is None else max(now - SAME_LOOK, after)
    audit.add_entry_apart(
        session, f"look.{what}", at=now, unless_since=since, actor_id=actor_id, object_kind=kind, object_id=key
    )


@dataclass(frozen=True, slots=True)
class Look:
    """A look at somebody, in words for them: who it was, and at what."""

    at: datetime
    who: str
    what: str


def looks_at(session: Session, user_id: int, *, limit: int = 20) -> list[Look]:
    """The newest looks of others at this person: their account, their sessions, and the groups they are in."""
    entries = audit.looks_at(session, user_id, limit=limit)
    people = people_queries.users_by_id(session, sorted({entry.actor_id for entry in entries if entry.actor_id}))
    return [Look(entry.at, _who(people.get(entry.actor_id or 0)), _what(session, entry)) for entry in entries]


def _who(actor: User | None) -> str:
    if actor is None:
        return "somebody whose account is gone"
    role = {"admin": "administrator", "researcher": "researcher"}.get(actor.role, "formerly more than a member")
    return f"{actor.display_name or f'number {actor.id}'} ({role})"


def _what(session: Session, entry: AuditEntry) -> str:
    way = entry.action.removeprefix("look.")
    if entry.object_kind == "group":
        group = group_queries.find_group(session, int(entry.object_id))
        return f"the group {group.name}, with you in it" if group is not None else "a group"
    if entry.object_kind == "recording":
        recording = recording_queries.find_recording(session, entry.object_id)
        begun = f" of {recording.started_at:%Y-%m-%d %H:%M} UTC" if recording is not None else ""
        words = {LIVE: "live", EXPORT: "as a download"}.get(way, "its results")
        return f"your session{begun}, {words}"
    return "the list of your sessions" if way == LIST else "your account"
