"""What the values of a recording rest on beside its frames: marked baselines, pages of a text, the validation of its
calibration, and after how many minutes its person wants a break.

None of it goes through the pipeline, so live and later analysis are the same whatever comes when; all of it is brought
to the sums of a whole recording just before values are made of them. Told a database session; changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis.metrics import (
    BreakLimits,
    PageReading,
    PageVisit,
    marked_seconds,
    pages_of,
    with_limits,
    with_marked_baseline,
    with_pages,
    with_validation,
)
from focus.analysis.types import MetricWindow
from focus.protocol.messages import BASELINE_START, BASELINE_STOP, PAGE_START, PAGE_STOP, words_of_page
from focus.protocol.schema import MAX_T_US
from focus.storage import frames as frame_queries
from focus.storage import profiles as profile_queries
from focus.storage import results
from focus.storage.recording_models import Analysis, Recording

Sums = dict[str, Any]
Stretch = tuple[int, int]

_KINDS: Final = (BASELINE_START, BASELINE_STOP, PAGE_START, PAGE_STOP)


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker that means something to a metric."""

    t_us: int
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)


def stretches_of(marks: Iterable[Mark]) -> tuple[Stretch, ...]:
    """Marked baselines, as (start_us, stop_us), of marks in the order they were sent.

    Each stop ends what the last start before it began; one without the other marks nothing.
    """
    found: list[Stretch] = []
    start_us: int | None = None
    for mark in _by_time(marks, BASELINE_STOP):
        if mark.kind == BASELINE_START:
            start_us = mark.t_us
        elif mark.kind == BASELINE_STOP and start_us is not None:
            found.append((start_us, mark.t_us))
            start_us = None
    return tuple(found)


def visits_of(marks: Iterable[Mark]) -> tuple[PageVisit, ...]:
    """Visits to pages that are over, of marks in the order they were sent.

    A page is on the screen until the next one or a stop; the last one without either was not read to its end. A page
    without a name is another one each time, and one without usable words (an imported file may have it) is no page.
    """
    found: list[PageVisit] = []
    now: Mark | None = None
    for mark in _by_time(marks, PAGE_STOP):
        if mark.kind not in (PAGE_START, PAGE_STOP):
            continue
        words = None if now is None else words_of_page(now.body)
        if now is not None and words is not None and now.t_us < mark.t_us:
            page = now.body.get("page")
            found.append(PageVisit(now.t_us, mark.t_us, words, None if page is None else str(page)))
        now = mark if mark.kind == PAGE_START else None
    return tuple(found)


def _by_time(marks: Iterable[Mark], stop: str) -> list[Mark]:
    """In the order of time; of several at the same time the stop comes first, as it ends the stretch before."""
    return sorted(marks, key=lambda mark: (mark.t_us, mark.kind != stop))


def marks_of(session: Session, recording_ids: Sequence[str]) -> dict[str, list[Mark]]:
    """The marks of those of the recordings that have any, in the order they were sent."""
    found: dict[str, list[Mark]] = {}
    for recording_id, t_us, kind, body in frame_queries.markers_of_kinds(session, recording_ids, _KINDS):
        found.setdefault(recording_id, []).append(Mark(t_us, kind, body))
    return found


def limits_of(session: Session, user_id: int) -> BreakLimits:
    """After how many minutes this person wants a break; as usual unless they said so."""
    profile = profile_queries.find_profile(session, user_id)
    usual = BreakLimits()
    if profile is None:
        return usual
    short_min = profile.short_break_min or usual.short_min
    return BreakLimits(short_min, max(profile.long_break_min or usual.long_min, short_min))


def accuracy_of(recording: Recording) -> float | None:
    """The accuracy of the calibration that the recording's provenance names, in degrees."""
    accuracy_deg = (recording.calibration or {}).get("accuracy_deg")
    return float(accuracy_deg) if isinstance(accuracy_deg, (int, float)) else None


def complete(
    session: Session,
    recording: Recording,
    analysis: Analysis,
    sums: Mapping[str, Any],
    *,
    marks: Mapping[str, Sequence[Mark]] | None = None,
) -> Sums:
    """Sums of a whole recording with what was marked in it and its validation: ready to be sealed, or for `for_person`.

    Parameters
    ----------
    session : Session
        Database session.
    recording : Recording
        The recording.
    analysis : Analysis
        The one that gathered the sums.
    sums : mapping
        All its windows, combined.
    marks : mapping, optional
        As `marks_of` gives them, where those of many recordings were read at once.
    """
    whole = with_validation(sums, accuracy_of(recording))
    known = marks_of(session, [recording.id]) if marks is None else marks
    own = known.get(recording.id, ())
    if (stretches := stretches_of(own)) and "pupil_dilation" in whole:
        near: dict[int, Mapping[str, Any]] = {}
        for start_us, stop_us in stretches:
            for window in results.windows_of(session, analysis.id, start_us=start_us, stop_us=stop_us):
                near[window.start_us] = window.sums
        whole = with_marked_baseline(whole, marked_seconds(near.values(), stretches))
    if "words_per_minute" in whole:
        whole = with_pages(whole, _pages_of(session, analysis, own))
    return whole


def pages_of_recording(session: Session, recording: Recording, analysis: Analysis) -> list[PageReading]:
    """The pages that were on the screen in a recording, as far as it is analysed."""
    return _pages_of(session, analysis, marks_of(session, [recording.id]).get(recording.id, ()))


def _pages_of(session: Session, analysis: Analysis, marks: Iterable[Mark]) -> list[PageReading]:
    visits = visits_of(marks)
    if not visits:
        return []
    reading = Reading()
    for window in results.windows_of(session, analysis.id, start_us=visits[0].start_us, metric="words_per_minute"):
        reading.note(window)
    return reading.pages(visits, is_finished=analysis.finished_at is not None)


@dataclass(slots=True, eq=False)
class Reading:
    """Focus time by the second in which it was measured, of the windows in which a page was on the screen.

    A page is counted when the windows reach beyond it, since its time is not known before.
    """

    focused_us: dict[int, int] = field(default_factory=dict)
    reaches_us: int = 0

    def note(self, window: MetricWindow) -> None:
        """Keep the seconds of a window."""
        for start_us, focused_us in window.sums["words_per_minute"].get("seconds", {}).items():
            self.focused_us[int(start_us)] = focused_us
        self.reaches_us = max(self.reaches_us, window.stop_us)

    def pages(self, visits: Iterable[PageVisit], *, is_finished: bool) -> list[PageReading]:
        """What became of the pages; where the analysis is finished, nothing more will come of any."""
        return pages_of(self.focused_us, (each for each in visits if is_finished or each.stop_us <= self.reaches_us))


@dataclass(slots=True, eq=False)
class LiveFacts:
    """The same for a recording that is going on, kept in memory.

    `near` are the sums of the windows that touch a marked baseline, by their start. A marker that comes when its window
    is over already is known to the report alone.
    """

    limits: BreakLimits = field(default_factory=BreakLimits)
    accuracy_deg: float | None = None
    marks: list[Mark] = field(default_factory=list)
    near: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)

    def note_marker(self, t_us: int, kind: str, body: Mapping[str, Any]) -> None:
        """Take a marker that was stored."""
        if kind in _KINDS:
            self.marks.append(Mark(t_us, kind, body))

    def note_windows(self, windows: Iterable[MetricWindow]) -> None:
        """Keep of the windows that are over what a mark in them, or one that is still open, asks for."""
        if not self.marks:
            return
        stretches = stretches_of([*self.marks, Mark(MAX_T_US, BASELINE_STOP)])
        pages = visits_of([*self.marks, Mark(MAX_T_US, PAGE_STOP)])
        for window in windows:
            if any(start_us < window.stop_us and window.start_us < stop_us for start_us, stop_us in stretches):
                self.near[window.start_us] = window.sums
            if pages and pages[0].start_us < window.stop_us:
                self.reading.note(window)

    def complete(self, sums: Mapping[str, Any]) -> Sums:
        """Sums of the recording so far, for `metrics.evaluate` alone."""
        whole = with_validation(sums, self.accuracy_deg)
        if stretches := stretches_of(self.marks):
            whole = with_marked_baseline(whole, marked_seconds(self.near.values(), stretches))
        if visits := visits_of(self.marks):
            whole = with_pages(whole, self.reading.pages(visits, is_finished=False))
        return with_limits(whole, self.limits)


def live_facts(session: Session, recording: Recording, analysis_id: int | None) -> LiveFacts:
    """What is known of a recording beside its frames, as far as it is stored."""
    facts = LiveFacts(limits_of(session, recording.owner_id), accuracy_of(recording))
    facts.marks = marks_of(session, [recording.id]).get(recording.id, [])
    if facts.marks and analysis_id is not None:
        facts.note_windows(results.windows_of(session, analysis_id))
    return facts


def for_person(session: Session, user_id: int, sums: Mapping[str, Any]) -> Sums:
    """Sums with this person's own limits, for `metrics.evaluate` alone."""
    return with_limits(sums, limits_of(session, user_id))
