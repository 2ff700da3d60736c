"""Days, weeks and the time behind them: what the metrics say of all sessions of a person that began then.

A day is made of its sessions by combining their sums (`metrics.seal`, `metrics.combine`), never by averaging values,
and so is a week. A session belongs to the day on which it began, in the time zone of whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property, reduce
from statistics import quantiles
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis import metrics
from focus.analysis.pipeline import CODE_VERSION
from focus.services import beside_frames, recordings
from focus.services.accounts import Principal
from focus.services.baselines import SUMS
from focus.storage import overviews as queries
from focus.storage import results
from focus.storage.recording_models import Recording

LEAST_SESSIONS: Final = 3
"""So many earlier sessions make a usual range; before that it is being learned."""

USUAL_DAYS: Final = 90
"""How far back earlier sessions count."""

SHOWN_SUMS: Final = tuple(sorted({*SUMS, "focus_time", "on_screen", "face_present", "long_break_check"}))
"""Sums of the metrics that the pages of days, weeks and months show."""

Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class SessionOfDay:
    """A session with its sealed sums; without any while its analysis has no complete minute, or if another version of
    the analysis code made it (`is_outdated`), whose sums are not mixed with those of today."""

    recording: Recording
    sums: dict[str, Any] | None
    is_outdated: bool = False
    limits: metrics.BreakLimits = metrics.BreakLimits()  # noqa: RUF009 - it is frozen

    @cached_property
    def values(self) -> Values:
        """Metric values by name, as JSON values."""
        return _values([self.sums] if self.sums else [], self.limits)


@dataclass(frozen=True)
class Span:
    """Some whole days of a person: the first of them, how many, and the sessions that began in them."""

    first: date
    n_days: int
    sessions: tuple[SessionOfDay, ...]

    @cached_property
    def values(self) -> Values:
        """Metric values of all sessions together, by name."""
        counted = [each for each in self.sessions if each.sums]
        return _values([each.sums for each in counted if each.sums], counted[0].limits) if counted else {}

    @property
    def n_outdated(self) -> int:
        """How many sessions are left out of the values until they are analysed again."""
        return sum(each.is_outdated for each in self.sessions)

    def recorded_us(self) -> int:
        """From first to last frame, added up over the sessions."""
        spans = ((each.recording.t_last_us or 0) - (each.recording.t_first_us or 0) for each in self.sessions)
        return sum(spans)


@dataclass(frozen=True, slots=True)
class Usual:
    """A person's own usual range of a value: the quartiles over their earlier sessions."""

    low: float
    middle: float
    high: float
    n_sessions: int


def days_of(
    session: Session,
    principal: Principal,
    first: date,
    n_days: int,
    zone: tzinfo = UTC,
    *,
    names: Sequence[str] | None = None,
) -> list[Span]:
    """Each of `n_days` days from `first` on, with the asker's own sessions; of the named sums, or of all."""
    found = _sessions(session, principal, first, first + timedelta(days=n_days), zone, names)
    by_day: dict[date, list[SessionOfDay]] = {}
    for each in found:
        by_day.setdefault(each.recording.started_at.astimezone(zone).date(), []).append(each)
    days = (first + timedelta(days=at) for at in range(n_days))
    return [Span(day, 1, tuple(by_day.get(day, ()))) for day in days]


def joined(days: Sequence[Span]) -> Span:
    """Neighbouring days as one span."""
    return Span(days[0].first, len(days), tuple(each for day in days for each in day.sessions))


def sessions_before(session: Session, principal: Principal, before: date, zone: tzinfo = UTC) -> list[SessionOfDay]:
    """The asker's own sessions of the `USUAL_DAYS` days before a day, with the sums that comparisons need."""
    return _sessions(session, principal, before - timedelta(days=USUAL_DAYS), before, zone, SUMS)


def usual_of(found: Sequence[SessionOfDay], name: str) -> Usual | None:
    """The usual range of a metric over some sessions; None while it is learned."""
    needed = (name, "rate", "data_loss")
    values = []
    for each in found:
        own = [{key: each.sums[key] for key in needed if key in each.sums}] if each.sums else []
        value = _values(own, each.limits).get(name)
        if value is not None and value["value"] is not None:
            values.append(value["value"])
    if len(values) < LEAST_SESSIONS:
        return None
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Usual(low, middle, high, len(values))


def minutes_on_screen(sessions: Sequence[SessionOfDay]) -> float | None:
    """Minutes of some sessions with gaze on the screen or, in those whose tracker does not tell that, with the face
    before it; None where nothing is known of any."""
    known_us = [us for each in sessions if (us := _on_screen_us(each)) is not None]
    return sum(known_us) / 60e6 if known_us else None


def tells_screen(session: SessionOfDay) -> bool:
    """Whether the session's tracker says if gaze is on the screen."""
    return bool(session.sums and session.sums["on_screen"]["known_us"])


def _on_screen_us(session: SessionOfDay) -> int | None:
    if not session.sums:
        return None
    sums = session.sums["on_screen" if tells_screen(session) else "face_present"]
    return int(sums["so_us"] + sums.get("blink_us", 0)) if sums["known_us"] else None


def sessions_between(
    session: Session, owner_id: int, start_at: datetime, stop_at: datetime, *, names: Sequence[str] | None = None
) -> list[SessionOfDay]:
    """A person's sessions that began in start_at <= t < stop_at, by time; with sums of the named metrics, or of all."""
    rows = queries.sums_between(
        session, owner_id, start_at=start_at, stop_at=stop_at, code_version=str(CODE_VERSION), names=names
    )
    limits = beside_frames.limits_of(session, owner_id)
    marks = beside_frames.marks_of(session, [recording.id for recording, _, _ in rows])
    found = []
    for recording, analysis, sums in rows:
        if analysis is None or recordings.is_outdated(analysis):
            found.append(SessionOfDay(recording, None, analysis is not None, limits))
            continue
        if sums is None:
            for window in results.windows_of(session, analysis.id):
                kept = {name: own for name, own in window.sums.items() if names is None or name in names}
                sums = metrics.combine(sums or {}, kept)
        if sums:
            sums = metrics.seal(beside_frames.complete(session, recording, analysis, sums, marks=marks))
        found.append(SessionOfDay(recording, sums or None, False, limits))
    return found


def _sessions(
    session: Session,
    principal: Principal,
    first: date,
    stop: date,
    zone: tzinfo,
    names: Sequence[str] | None = None,
) -> list[SessionOfDay]:
    start_at, stop_at = (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in (first, stop))
    return sessions_between(session, principal.user_id, start_at, stop_at, names=names)


def _values(sums: Sequence[dict[str, Any]], limits: metrics.BreakLimits) -> Values:
    if not sums:
        return {}
    whole = metrics.with_limits(reduce(metrics.combine, sums), limits)
    return {value.name: value.to_dict() for value in metrics.evaluate(whole)}
