"""Queries of analyses and what they found. Results are written by natural key, so writing one again changes nothing.

All functions take a session inside a transaction that the caller ends. NumPy numbers become Python's own here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, func, or_, select, text, tuple_, update
from sqlalchemy.orm import Session, undefer

from focus.analysis.types import Event, EyeState, MetricWindow, StateRun
from focus.storage.bulk import put_rows
from focus.storage.recording_models import LIVE, Analysis, EventRow, EyeStateRun, MetricWindowRow

_PAGE_EVENTS = 2000


@dataclass(frozen=True, slots=True)
class ResultWrite:
    """What one analysis has found since the last time it was written, and how far that reaches.

    `checkpoint` is None when only results are written; `checkpoint_seq` then means nothing.
    """

    analysis_id: int
    analysed_seq: int
    n_frames: int
    runs: Sequence[StateRun] = ()
    events: Sequence[Event] = ()
    windows: Sequence[MetricWindow] = ()
    checkpoint: bytes | None = None
    checkpoint_seq: int = 0
    finished_at: datetime | None = None


def newest_analysis(session: Session, recording_id: str, *, with_checkpoint: bool = False) -> Analysis | None:
    """The analysis that the engine goes on with: the live one with the highest number. For people: `shown_analysis`."""
    query = select(Analysis).where(Analysis.recording_id == recording_id, Analysis.origin == LIVE)
    query = query.order_by(Analysis.number.desc()).limit(1)
    if with_checkpoint:
        query = query.options(undefer(Analysis.checkpoint)).execution_options(populate_existing=True)
    return session.execute(query).scalar_one_or_none()


def shown_analysis(session: Session, recording_id: str) -> Analysis | None:
    """The analysis that pages, summaries and exports show: the one chosen last, else the newest live one."""
    query = (
        select(Analysis)
        .where(Analysis.recording_id == recording_id, or_(Analysis.origin == LIVE, Analysis.chosen_at.is_not(None)))
        .order_by(Analysis.chosen_at.is_(None), Analysis.chosen_at.desc(), Analysis.number.desc())
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def analyses_of(session: Session, recording_id: str) -> list[Analysis]:
    """All analyses of a recording, by number."""
    query = select(Analysis).where(Analysis.recording_id == recording_id).order_by(Analysis.number)
    return list(session.execute(query).scalars())


def begin_analysis(
    session: Session,
    recording_id: str,
    *,
    model_release: str,
    parameters: dict[str, Any],
    code_version: str,
    started_at: datetime,
    origin: str = LIVE,
) -> Analysis:
    """A new analysis of all frames; a live one takes the place of the live ones before it."""
    query = select(func.coalesce(func.max(Analysis.number), -1)).where(Analysis.recording_id == recording_id)
    analysis = Analysis(
        recording_id=recording_id,
        number=session.execute(query).scalar_one() + 1,
        model_release=model_release,
        parameters=parameters,
        code_version=code_version,
        started_at=started_at,
        origin=origin,
    )
    session.add(analysis)
    session.flush()
    return analysis


def reset_analysis(session: Session, analysis_id: int) -> None:
    """Forget all that an analysis has found; it begins again at the first frame."""
    for model in (EyeStateRun, EventRow, MetricWindowRow):
        session.execute(delete(model).where(model.analysis_id == analysis_id))
    session.execute(
        update(Analysis)
        .where(Analysis.id == analysis_id)
        .values(analysed_seq=0, n_frames=0, checkpoint=None, checkpoint_seq=0, is_complete=False, finished_at=None)
    )


def delete_analysis(session: Session, analysis_id: int) -> None:
    """Remove an analysis with all that it found."""
    session.execute(delete(Analysis).where(Analysis.id == analysis_id))


def write_results(session: Session, writes: Sequence[ResultWrite]) -> None:
    """Add or replace runs, events and windows of several analyses, and say how far they reach.

    What belongs to an analysis that was removed with its recording is left out.
    """
    alive = _note_progress(session, writes)
    put_rows(session, _table(EyeStateRun), _RUN_NAMES, _by_key(_run_rows(alive), n_keys=2))
    put_rows(session, _table(EventRow), _EVENT_NAMES, _by_key(_event_rows(alive), n_keys=3))
    put_rows(session, _table(MetricWindowRow), _WINDOW_NAMES, _by_key(_window_rows(alive), n_keys=2))


_PROGRESS_OF_DIALECT = {
    "postgresql": "json_to_recordset(CAST(:rows AS json)) AS v(id bigint, analysed_seq bigint, n_frames bigint)",
    "sqlite": "(SELECT value ->> 'id' AS id, value ->> 'analysed_seq' AS analysed_seq, value ->> 'n_frames' AS n_frames"
    " FROM json_each(:rows)) AS v",
}
_NOTE_PROGRESS = {
    dialect: text(
        f"UPDATE analysis SET analysed_seq = v.analysed_seq, n_frames = v.n_frames FROM {rows}"
        " WHERE analysis.id = v.id RETURNING analysis.id"
    )
    for dialect, rows in _PROGRESS_OF_DIALECT.items()
}


def _note_progress(session: Session, writes: Sequence[ResultWrite]) -> list[ResultWrite]:
    """Say how far the results reach; what is returned has not gone with its recording, so results may be added."""
    if not writes:
        return []
    rows = [
        {"id": int(write.analysis_id), "analysed_seq": int(write.analysed_seq), "n_frames": int(write.n_frames)}
        for write in sorted(writes, key=lambda write: write.analysis_id)
    ]
    statement = _NOTE_PROGRESS[session.get_bind().dialect.name]
    alive_ids = set(session.execute(statement, {"rows": json.dumps(rows)}).scalars())
    alive = [write for write in writes if write.analysis_id in alive_ids]
    for write in alive:
        values: dict[str, Any] = {}
        if write.checkpoint is not None:
            values |= {"checkpoint": write.checkpoint, "checkpoint_seq": int(write.checkpoint_seq)}
        if write.finished_at is not None:
            values |= {"finished_at": write.finished_at, "is_complete": True}
        if values:
            session.execute(
                update(Analysis)
                .where(Analysis.id == write.analysis_id)
                .values(values)
                .execution_options(synchronize_session=False)
            )
    return alive


# Values of a row in the order of these names, the key first; converted for the driver, which knows no NumPy numbers.
_RUN_NAMES = ("analysis_id", "start_us", "stop_us", "state", "n_frames", "mean_probability")
_EVENT_NAMES = ("analysis_id", "onset_us", "kind", "offset_us", "attributes")
_WINDOW_NAMES = ("analysis_id", "start_us", "stop_us", "sums")


def _run_rows(writes: Iterable[ResultWrite]) -> list[tuple[Any, ...]]:
    return [
        (
            write.analysis_id,
            int(run.start_us),
            int(run.stop_us),
            int(run.state),
            int(run.n_frames),
            float(run.mean_probability),
        )
        for write in writes
        for run in write.runs
    ]


def _event_rows(writes: Iterable[ResultWrite]) -> list[tuple[Any, ...]]:
    return [
        (write.analysis_id, int(event.onset_us), event.kind, int(event.offset_us), _attributes(event))
        for write in writes
        for event in write.events
    ]


def _attributes(event: Event) -> str:
    # JSON has no NaN, and an attribute that could not be measured is absent.
    return json.dumps({name: float(value) for name, value in event.attributes.items() if math.isfinite(value)})


def _window_rows(writes: Iterable[ResultWrite]) -> list[tuple[Any, ...]]:
    return [
        (write.analysis_id, int(window.start_us), int(window.stop_us), json.dumps(dict(window.sums)))
        for write in writes
        for window in write.windows
    ]


def _by_key(rows: Iterable[tuple[Any, ...]], *, n_keys: int) -> list[tuple[Any, ...]]:
    """The rows, and of those with the same key the last: one statement may not touch a row twice."""
    return list({row[:n_keys]: row for row in rows}.values())


def _table(model: type[Any]) -> Table:
    table: Table = model.__table__
    return table


# -- reading ----------------------------------------------------------------------------------------------------------


def state_frame_counts(session: Session, analysis_id: int) -> dict[str, int]:
    """Frames in each eye state, by its label; states that do not occur have 0."""
    query = select(EyeStateRun.state, func.sum(EyeStateRun.n_frames)).where(EyeStateRun.analysis_id == analysis_id)
    counted = {state: int(n) for state, n in session.execute(query.group_by(EyeStateRun.state))}
    return {state.label: counted.get(int(state), 0) for state in EyeState}


def event_counts(session: Session, analysis_id: int) -> dict[str, int]:
    """Events of each kind that occurs."""
    query = select(EventRow.kind, func.count()).where(EventRow.analysis_id == analysis_id).group_by(EventRow.kind)
    return {kind: int(n) for kind, n in session.execute(query.order_by(EventRow.kind))}


def events_between(
    session: Session,
    analysis_id: int,
    *,
    start_us: int | None = None,
    stop_us: int | None = None,
    kinds: Iterable[str] | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Event]:
    """Events that touch start_us <= t < stop_us, by onset."""
    query = select(EventRow.kind, EventRow.onset_us, EventRow.offset_us, EventRow.attributes).where(
        EventRow.analysis_id == analysis_id
    )
    if start_us is not None:
        query = query.where(EventRow.offset_us >= start_us)
    if stop_us is not None:
        query = query.where(EventRow.onset_us < stop_us)
    if kinds is not None:
        query = query.where(EventRow.kind.in_(list(kinds)))
    query = query.order_by(EventRow.onset_us, EventRow.kind).limit(limit).offset(offset)
    return [Event(*row) for row in session.execute(query)]


def iterate_events(session: Session, analysis_id: int, *, kinds: Iterable[str] | None = None) -> Iterator[Event]:
    """All events by onset, read a page at a time, so that any number of them fits into memory."""
    chosen = None if kinds is None else list(kinds)
    after: tuple[int, str] | None = None
    while True:
        events = events_after(session, analysis_id, after, kinds=chosen, limit=_PAGE_EVENTS)
        yield from events
        if len(events) < _PAGE_EVENTS:
            return
        after = (events[-1].onset_us, events[-1].kind)


def events_after(
    session: Session,
    analysis_id: int,
    after: tuple[int, str] | None,
    *,
    kinds: Iterable[str] | None = None,
    limit: int,
) -> list[Event]:
    """The next events by onset behind the one with this onset and kind; from the first when it is None."""
    query = select(EventRow.kind, EventRow.onset_us, EventRow.offset_us, EventRow.attributes)
    query = query.where(EventRow.analysis_id == analysis_id)
    if kinds is not None:
        query = query.where(EventRow.kind.in_(list(kinds)))
    if after is not None:
        query = query.where(tuple_(EventRow.onset_us, EventRow.kind) > after)
    rows = session.execute(query.order_by(EventRow.onset_us, EventRow.kind).limit(limit))
    return [Event(*row) for row in rows]


def runs_between(
    session: Session, analysis_id: int, *, start_us: int | None = None, stop_us: int | None = None
) -> list[StateRun]:
    """State runs that touch start_us <= t < stop_us, in order."""
    run = EyeStateRun
    query = select(run.state, run.start_us, run.stop_us, run.n_frames, run.mean_probability)
    query = query.where(run.analysis_id == analysis_id)
    if start_us is not None:
        query = query.where(EyeStateRun.stop_us > start_us)
    if stop_us is not None:
        query = query.where(EyeStateRun.start_us < stop_us)
    rows = session.execute(query.order_by(EyeStateRun.start_us))
    return [StateRun(EyeState(row[0]), *row[1:]) for row in rows]


def windows_of(
    session: Session,
    analysis_id: int,
    *,
    start_us: int | None = None,
    stop_us: int | None = None,
    metric: str | None = None,
) -> list[MetricWindow]:
    """Metric windows that touch start_us <= t < stop_us, in order; with the sums of all metrics, or of one."""
    sums = MetricWindowRow.sums if metric is None else MetricWindowRow.sums[metric]
    query = select(MetricWindowRow.start_us, MetricWindowRow.stop_us, sums)
    query = query.where(MetricWindowRow.analysis_id == analysis_id)
    if start_us is not None:
        query = query.where(MetricWindowRow.stop_us > start_us)
    if stop_us is not None:
        query = query.where(MetricWindowRow.start_us < stop_us)
    rows = session.execute(query.order_by(MetricWindowRow.start_us))
    return [MetricWindow(start, stop, own if metric is None else {metric: own}) for start, stop, own in rows]
