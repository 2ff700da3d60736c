"""The audit log: rows are added here and changed nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.storage.operation_models import AuditEntry


def add_entry(
    session: Session,
    action: str,
    *,
    at: datetime,
    actor_id: int | None,
    object_kind: str = "",
    object_id: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Note that somebody did something; `actor_id` is None for the command line and the server itself."""
    session.add(
        AuditEntry(
            action=action,
            at=at,
            actor_id=actor_id,
            object_kind=object_kind,
            object_id=object_id,
            details=details or {},
        )
    )


def list_entries(session: Session, *, limit: int = 100, before_id: int | None = None) -> Sequence[AuditEntry]:
    """The newest entries first; `before_id` goes on from an earlier page."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return session.scalars(query).all()
