"""The eye-strain index of days and weeks: their sessions together, against a person's own earlier ones.

A span's sessions are combined by kind of task, and each kind is compared with the sessions of that kind before the
span, as `baselines` compares a session; the index of the span is the mean over its kinds, weighted by their time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from focus.analysis import metrics
from focus.analysis.metrics import MetricValue
from focus.services.baselines import SUMS, comparable, compare
from focus.services.days import SessionOfDay, Span

NOTHING = "nothing was measured"


@dataclass(frozen=True, slots=True)
class SpanStrain:
    """The index of a span, or None and the reason; 0 is as usual, above is more strain than usual."""

    index: float | None
    reason: str


def strains_of(spans: Sequence[Span], before: Sequence[SessionOfDay]) -> list[SpanStrain]:
    """The index of each of some spans that follow each other.

    Parameters
    ----------
    spans : sequence of Span
        In the order of time.
    before : sequence of SessionOfDay
        Sessions before the first span, in the order of time.
    """
    earlier: dict[str, list[Mapping[str, MetricValue]]] = {}
    _remember(before, earlier)
    found = []
    for span in spans:
        found.append(_strain_of(span, earlier))
        _remember(span.sessions, earlier)
    return found


def _strain_of(span: Span, earlier: Mapping[str, Sequence[Mapping[str, MetricValue]]]) -> SpanStrain:
    by_task: dict[str, list[SessionOfDay]] = {}
    for each in span.sessions:
        if each.sums:
            by_task.setdefault(each.recording.task, []).append(each)
    known: list[tuple[float, float]] = []
    reason = NOTHING
    for task, sessions in by_task.items():
        own = _values(sessions)
        strain = compare(own, comparable(own, list(reversed(earlier.get(task, ())))))
        reason = strain.reason
        if strain.index is not None:
            known.append((strain.index, own["rate"].weight_s))
    if not known:
        return SpanStrain(None, reason)
    total_s = sum(weight_s for _, weight_s in known)
    return SpanStrain(sum(index * weight_s for index, weight_s in known) / total_s, "")


def _remember(sessions: Sequence[SessionOfDay], earlier: dict[str, list[Mapping[str, MetricValue]]]) -> None:
    for each in sessions:
        if each.sums:
            earlier.setdefault(each.recording.task, []).append(_values([each]))


def _values(sessions: Sequence[SessionOfDay]) -> dict[str, MetricValue]:
    sums = [{name: each.sums[name] for name in SUMS if name in each.sums} for each in sessions if each.sums]
    return {value.name: value for value in metrics.evaluate(reduce(metrics.combine, sums))}
