"""Queries of what earlier recordings of a person have measured.

All functions take a session inside a transaction that the caller ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.storage.recording_models import CLOSED, MetricWindowRow, Recording


def earlier_recordings(session: Session, recording: Recording, *, limit: int) -> list[Recording]:
    """Closed recordings of the same person and kind of task that began before this one, newest first."""
    query = (
        select(Recording)
        .where(
            Recording.owner_id == recording.owner_id,
            Recording.task == recording.task,
            Recording.state == CLOSED,
            Recording.started_at < recording.started_at,
            Recording.id != recording.id,
        )
        .order_by(Recording.started_at.desc(), Recording.id)
        .limit(limit)
    )
    return list(session.execute(query).scalars())


def window_sums(session: Session, analysis_id: int, *, names: Sequence[str]) -> list[dict[str, Any]]:
    """Sums of the named metrics alone in each window, in order; a metric that a window does not have is absent."""
    columns = [MetricWindowRow.sums[name] for name in names]
    query = select(*columns).where(MetricWindowRow.analysis_id == analysis_id).order_by(MetricWindowRow.start_us)
    return [
        {name: sums for name, sums in zip(names, row, strict=True) if sums is not None}
        for row in session.execute(query)
    ]
