"""Queries of overviews. All functions take a session inside a transaction that the caller ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, undefer

from focus.storage.overview_models import AnalysisOverview
from focus.storage.recording_models import CLOSED, LIVE, Analysis, Recording, RecordingCursor


def find_overview(
    session: Session, analysis_id: int, *, code_version: str, with_arrays: bool = False
) -> AnalysisOverview | None:
    """The overview of an analysis if this version of the code made it."""
    query = select(AnalysisOverview).where(
        AnalysisOverview.analysis_id == analysis_id, AnalysisOverview.code_version == code_version
    )
    if with_arrays:
        query = query.options(undefer(AnalysisOverview.signals), undefer(AnalysisOverview.activity))
        query = query.execution_options(populate_existing=True)
    return session.execute(query).scalar_one_or_none()


def next_without_overview(session: Session, *, code_version: str) -> tuple[Analysis, Recording] | None:
    """A complete analysis of a closed recording with frames that has no overview of this version yet."""
    query = (
        select(Analysis, Recording)
        .join(Recording, Recording.id == Analysis.recording_id)
        .join(RecordingCursor, RecordingCursor.recording_id == Recording.id)
        .outerjoin(AnalysisOverview, AnalysisOverview.analysis_id == Analysis.id)
        .where(
            Analysis.is_complete,
            Recording.state == CLOSED,
            RecordingCursor.t_first_us.is_not(None),
            AnalysisOverview.analysis_id.is_(None) | (AnalysisOverview.code_version != code_version),
        )
        .order_by(Analysis.id)
        .limit(1)
    )
    row = session.execute(query).first()
    return None if row is None else (row[0], row[1])


def put_overview(session: Session, overview: AnalysisOverview) -> bool:
    """Store an overview in the place of an older one; False if its analysis is gone or has begun anew."""
    analysis = session.get(Analysis, overview.analysis_id, populate_existing=True)
    if analysis is None or not analysis.is_complete:
        return False
    session.execute(delete(AnalysisOverview).where(AnalysisOverview.analysis_id == overview.analysis_id))
    session.add(overview)
    session.flush()
    return True


def sums_between(
    session: Session,
    owner_id: int,
    *,
    start_at: datetime,
    stop_at: datetime,
    code_version: str,
    names: Sequence[str] | None = None,
) -> list[tuple[Recording, Analysis | None, dict[str, Any] | None]]:
    """A person's recordings that began in start_at <= t < stop_at, by time, each with its shown analysis and its sums.

    Sums are None where no overview of this version of the code is ready; with `names` they are those of these metrics
    alone, which is all that is read.
    """
    is_wanted = (Recording.owner_id == owner_id) & (Recording.started_at >= start_at) & (Recording.started_at < stop_at)
    recordings = session.execute(select(Recording).where(is_wanted).order_by(Recording.started_at, Recording.id))
    sums_of = AnalysisOverview.facts["sums"]
    wanted = [sums_of] if names is None else [sums_of[name] for name in names]
    # The first analysis of each recording in this order is the one that `results.shown_analysis` gives.
    query = (
        select(Analysis, *wanted)
        .join(Recording, Recording.id == Analysis.recording_id)
        .outerjoin(
            AnalysisOverview,
            (AnalysisOverview.analysis_id == Analysis.id)
            & (AnalysisOverview.code_version == code_version)
            & Analysis.is_complete,
        )
        .where(is_wanted, or_(Analysis.origin == LIVE, Analysis.chosen_at.is_not(None)))
        .order_by(Analysis.chosen_at.is_(None), Analysis.chosen_at.desc(), Analysis.number.desc())
    )
    shown: dict[str, tuple[Analysis, dict[str, Any] | None]] = {}
    for analysis, *found in session.execute(query):
        sums = found[0] if names is None else {name: own for name, own in zip(names, found, strict=True) if own}
        shown.setdefault(analysis.recording_id, (analysis, sums or None))
    return [(recording, *shown.get(recording.id, (None, None))) for recording in recordings.scalars()]
