"""Two analyses side by side: of two recordings, or of one recording analysed twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from focus.analysis.metrics import METRICS
from focus.errors import NotFoundError, ParameterError
from focus.services import recordings
from focus.services.accounts import Principal
from focus.services.overviews import facts_of
from focus.storage import results
from focus.storage.recording_models import Analysis, Recording


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: a recording with one of its analyses, its metric values by name, and its events by kind."""

    recording: Recording
    analysis: Analysis
    values: Mapping[str, Mapping[str, Any]]
    events: Mapping[str, int]

    @property
    def key(self) -> str:
        """What names it in an address."""
        return f"{self.recording.id}:{self.analysis.number}"


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric of both sides.

    `difference` is b - a and `percent` that in parts of a hundred of a; None where a side has no value, or a is 0.
    `is_apart` says that the 95 % intervals of both are known and do not overlap; of a metric whose range is a spread
    between values, quartiles say, it says nothing.
    """

    name: str
    label: str
    unit: str
    a: Mapping[str, Any] | None
    b: Mapping[str, Any] | None
    difference: float | None
    percent: float | None
    is_apart: bool


def side_of(session: Session, principal: Principal, text: str) -> Side:
    """The side that an address names: a recording's id, perhaps with `:` and the number of one of its analyses.

    Raises
    ------
    ParameterError
        If the text names nothing in this way.
    NotFoundError
        If there is no such recording that the asker may see, or no such analysis of it.
    """
    recording_id, _, number = text.partition(":")
    try:
        recording_id = str(UUID(recording_id))
    except ValueError:
        raise ParameterError(f"{text[:60]!r} does not name a session") from None
    if number and not (number.isascii() and number.isdigit() and len(number) < 9):
        raise ParameterError(f"{number[:20]!r} is no number of an analysis")
    recording = recordings.view_recording(session, principal, recording_id)
    analysis = _analysis_of(session, recording, int(number) if number else None)
    facts = facts_of(session, analysis)
    values = recordings.metrics_of(session, recording, analysis, sums=facts["sums"] if facts else None)
    events = facts["events"] if facts else results.event_counts(session, analysis.id)
    return Side(recording, analysis, {value["name"]: value for value in values}, events)


def _analysis_of(session: Session, recording: Recording, number: int | None) -> Analysis:
    if number is None:
        shown = results.shown_analysis(session, recording.id)
        if shown is None:
            raise NotFoundError(f"recording {recording.id} has no analysis yet")
        return shown
    for analysis in results.analyses_of(session, recording.id):
        if analysis.number == number:
            return analysis
    raise NotFoundError(f"recording {recording.id} has no analysis {number}")


def metric_pairs(a: Side, b: Side) -> list[MetricPair]:
    """Every metric that one of both has, in the order of a's, then those of b alone."""
    names = [*a.values, *(name for name in b.values if name not in a.values)]
    return [_pair(name, a.values.get(name), b.values.get(name)) for name in names]


def parameter_differences(a: Side, b: Side) -> list[tuple[str, Any, Any]]:
    """What was set differently: model release, code version, and each parameter, with both values."""
    of_a = {"model release": a.analysis.model_release, "code version": a.analysis.code_version, **a.analysis.parameters}
    of_b = {"model release": b.analysis.model_release, "code version": b.analysis.code_version, **b.analysis.parameters}
    names = [*of_a, *(name for name in of_b if name not in of_a)]
    return [(name, of_a.get(name), of_b.get(name)) for name in names if of_a.get(name) != of_b.get(name)]


def _pair(name: str, a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> MetricPair:
    known = a or b
    assert known is not None
    value_a, value_b = (side["value"] if side else None for side in (a, b))
    difference = value_b - value_a if value_a is not None and value_b is not None else None
    percent = 100 * difference / abs(value_a) if difference is not None and value_a else None
    is_apart = METRICS[name]().has_confidence_interval and _is_apart(a, b)
    return MetricPair(name, known["label"], known["unit"], a, b, difference, percent, is_apart)


def _is_apart(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool:
    if not a or not b or any(side[end] is None for side in (a, b) for end in ("low", "high")):
        return False
    return bool(a["low"] > b["high"] or b["low"] > a["high"])
