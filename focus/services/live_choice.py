"""Which recordings somebody may watch now: their own, and for a researcher those of group members who agreed.

The one place where the live page of several recordings gets its choice from. Whether a viewer may enter a recording's
room is asked again when they do (`realtime.live`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from focus.services import group_access, looks
from focus.services.accounts import Principal
from focus.services.groups import name_of
from focus.storage import recordings as queries
from focus.storage.recording_models import Recording

MAX_CHOICES: Final = 48
"""Fewer than one connection may watch."""


@dataclass(frozen=True, slots=True)
class LiveChoice:
    """An open recording that the asker may watch.

    `owner` is what its person is called, never their address; empty for one's own.
    """

    recording: Recording
    owner: str


def list_live(session: Session, principal: Principal) -> list[LiveChoice]:
    """Open recordings that the asker may watch, newest first; somebody else's among them make it a look at a list."""
    owner_ids = [principal.user_id, *group_access.viewable_ids(session, principal)]
    found = queries.list_open_with_owner(session, owner_ids=owner_ids, limit=MAX_CHOICES)
    choices = [LiveChoice(row, "" if owner.id == principal.user_id else name_of(owner)) for row, owner in found]
    if any(choice.owner for choice in choices):
        looks.note_look(session, principal.actor_id, looks.LIST, kind="recording", key="")
    return choices


def count_live(session: Session, principal: Principal) -> int:
    """How many `list_live` would list."""
    owner_ids = [principal.user_id, *group_access.viewable_ids(session, principal)]
    return len(queries.list_open_with_owner(session, owner_ids=owner_ids, limit=MAX_CHOICES))
