"""What the values of a recording rest on beside its frames: marked baselines, the validation of its calibration, and
after how many minutes its person wants a break.

None of it goes through the pipeline, so live and later analysis are the same whatever comes when; all of it is brought
to the sums of a whole recording just before values are made of them. Told a database session; changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis.metrics import BreakLimits, marked_seconds, with_limits, with_marked_baseline, with_validation
from focus.analysis.types import MetricWindow
from focus.protocol.schema import MAX_T_US
from focus.storage import frames as frame_queries
from focus.storage import profiles as profile_queries
from focus.storage import results
from focus.storage.recording_models import Recording

BASELINE_START: Final = "baseline_start"
BASELINE_STOP: Final = "baseline_stop"

Sums = dict[str, Any]
Stretch = tuple[int, int]


def stretches_of(marks: Iterable[tuple[int, str]]) -> tuple[Stretch, ...]:
    """Marked baselines, as (start_us, stop_us), of markers (t_us, kind) in any order.

    Each stop ends what the last start before it began; one without the other marks nothing.
    """
    found: list[Stretch] = []
    start_us: int | None = None
    # Of two at the same time the stop comes first: it ends the stretch before.
    for t_us, kind in sorted(marks, key=lambda mark: (mark[0], mark[1] != BASELINE_STOP)):
        if kind == BASELINE_START:
            start_us = t_us
        elif kind == BASELINE_STOP and start_us is not None:
            found.append((start_us, t_us))
            start_us = None
    return tuple(found)


def baselines_of(session: Session, recording_ids: Sequence[str]) -> dict[str, tuple[Stretch, ...]]:
    """The marked baselines of those of the recordings that have any."""
    marks: dict[str, list[tuple[int, str]]] = {}
    kinds = (BASELINE_START, BASELINE_STOP)
    for recording_id, t_us, kind in frame_queries.markers_of_kinds(session, recording_ids, kinds):
        marks.setdefault(recording_id, []).append((t_us, kind))
    return {recording_id: found for recording_id, own in marks.items() if (found := stretches_of(own))}


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
    analysis_id: int,
    sums: Mapping[str, Any],
    *,
    baselines: Mapping[str, tuple[Stretch, ...]] | None = None,
) -> Sums:
    """Sums of a whole recording with its marked baseline and its validation: ready to be sealed, or for `for_person`.

    Parameters
    ----------
    session : Session
        Database session.
    recording : Recording
        The recording.
    analysis_id : int
        Of the analysis that gathered the sums.
    sums : mapping
        All its windows, combined.
    baselines : mapping, optional
        As `baselines_of` gives them, where those of many recordings were read at once.
    """
    whole = with_validation(sums, accuracy_of(recording))
    known = baselines_of(session, [recording.id]) if baselines is None else baselines
    stretches = known.get(recording.id, ())
    if not stretches:
        return whole
    near: dict[int, Mapping[str, Any]] = {}
    for start_us, stop_us in stretches:
        for window in results.windows_of(session, analysis_id, start_us=start_us, stop_us=stop_us):
            near[window.start_us] = window.sums
    return with_marked_baseline(whole, marked_seconds(near.values(), stretches))


@dataclass(slots=True, eq=False)
class LiveFacts:
    """The same for a recording that is going on, kept in memory.

    `near` are the sums of the windows that touch a marked baseline, by their start. A marker that comes when its window
    is over already is known to the report alone.
    """

    limits: BreakLimits = field(default_factory=BreakLimits)
    accuracy_deg: float | None = None
    marks: list[tuple[int, str]] = field(default_factory=list)
    near: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def note_marker(self, t_us: int, kind: str) -> None:
        """Take a marker that was stored."""
        if kind in (BASELINE_START, BASELINE_STOP):
            self.marks.append((t_us, kind))

    def note_windows(self, windows: Iterable[MetricWindow]) -> None:
        """Keep the windows that are over if a baseline is marked in them, or is being marked."""
        if not self.marks:
            return
        stretches = stretches_of([*self.marks, (MAX_T_US, BASELINE_STOP)])
        for window in windows:
            if any(start_us < window.stop_us and window.start_us < stop_us for start_us, stop_us in stretches):
                self.near[window.start_us] = window.sums

    def complete(self, sums: Mapping[str, Any]) -> Sums:
        """Sums of the recording so far, for `metrics.evaluate` alone."""
        whole = with_validation(sums, self.accuracy_deg)
        if stretches := stretches_of(self.marks):
            whole = with_marked_baseline(whole, marked_seconds(self.near.values(), stretches))
        return with_limits(whole, self.limits)


def live_facts(session: Session, recording: Recording, analysis_id: int | None) -> LiveFacts:
    """What is known of a recording beside its frames, as far as it is stored."""
    kinds = (BASELINE_START, BASELINE_STOP)
    facts = LiveFacts(limits_of(session, recording.owner_id), accuracy_of(recording))
    for _, t_us, kind in frame_queries.markers_of_kinds(session, [recording.id], kinds):
        facts.note_marker(t_us, kind)
    if facts.marks and analysis_id is not None:
        facts.note_windows(results.windows_of(session, analysis_id))
    return facts


def for_person(session: Session, user_id: int, sums: Mapping[str, Any]) -> Sums:
    """Sums with this person's own limits, for `metrics.evaluate` alone."""
    return with_limits(sums, limits_of(session, user_id))
