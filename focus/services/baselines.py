"""A person's own baselines for a kind of task, and how far a recording departs from them: the eye-strain index.

A person is compared with themselves, never with a norm: what is learned are medians and spreads over their earlier
recordings of the same task. Told a database session and a recording that the asker may see; knows no Flask, and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import islice
from statistics import fmean, median
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis import metrics
from focus.analysis.metrics import METRICS, MetricValue
from focus.analysis.metrics.base import Verdict
from focus.services.recordings import is_outdated
from focus.storage import baselines as queries
from focus.storage import results
from focus.storage.recording_models import Recording

MIN_EARLIER: Final = 3
MAX_EARLIER: Final = 30
"""Of more the oldest are left out, so that a baseline follows the person through the years."""

MIN_RECORDED_S: Final = 60.0
"""A shorter recording says little about a person and is not learned from."""

RATE_FACTOR: Final = 1.5
"""Recordings whose frame rates differ by more than this factor do not see the same blinks."""

LEAST_SPREAD_RATIO: Final = 0.1
"""Few recordings may agree by chance; a spread is taken to be at least this share of the median."""

LIMIT_Z: Final = 3.0
"""In the index, no part counts for more than this many spreads."""

MIN_PARTS: Final = 3
"""The index is not made of fewer parts."""

LEARNING: Final = "learning your baseline: {n} of {least} earlier recordings of this kind"
LOW_BLINK_RATE_ALONE: Final = "a low blink rate alone is no sign of strain (Chu 2014; Argiles 2015)"


@dataclass(frozen=True, slots=True)
class Part:
    """A metric that the index looks at: which direction is strain (1: more, -1: less), and the least spread between
    recordings that is taken seriously, in the metric's unit."""

    name: str
    direction: int
    least_spread: float


PARTS: Final = (
    Part("blink_rate", -1, 1.0),
    Part("incomplete_blinks", 1, 5.0),
    Part("long_closures", 1, 0.1),
    Part("perclos", 1, 1.0),
    Part("longest_without_break", 1, 2.0),
)

SUMS: Final = tuple(sorted({"rate", "data_loss", *(METRICS[part.name]().sums_of or part.name for part in PARTS)}))


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual for this person in this kind of task: over `n` earlier recordings, the median and the spread
    (1.4826 times the median absolute deviation, which is one standard deviation of a normal distribution)."""

    n: int
    median: float
    spread: float


@dataclass(frozen=True, slots=True)
class StrainPart:
    """One part of the index.

    `departure` is the value less the baseline's median: in the metric's unit, in percent of the median (None where that
    is 0), and as robust z in spreads. `strain_z` is the z with the sign that makes more of it more strain.
    """

    name: str
    label: str
    unit: str
    value: float | None
    verdict: Verdict
    reason: str
    n_earlier: int
    baseline: Baseline | None
    departure: float | None
    departure_percent: float | None
    departure_z: float | None
    strain_z: float | None


@dataclass(frozen=True, slots=True)
class EyeStrain:
    """The index with its parts: the mean strain_z of those that could be compared, each within 3 to either side. 0 is
    as usual, above is more strain than usual."""

    index: float | None
    verdict: Verdict
    reason: str
    n_earlier: int
    parts: tuple[StrainPart, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def eye_strain(session: Session, recording: Recording) -> EyeStrain:
    """How far a recording departs from what is usual for its person in its kind of task.

    Parameters
    ----------
    session : Session
        Database session.
    recording : Recording
        The recording; its shown analysis counts, as far as it has come.

    Returns
    -------
    EyeStrain
        Withheld while fewer than three earlier recordings can be compared with it.
    """
    own = _values_of(session, recording)
    found = (
        _values_of(session, earlier, only_complete=True)
        for earlier in queries.earlier_recordings(session, recording, limit=MAX_EARLIER)
    )
    return compare(own, comparable(own, found))


def compare(own: Mapping[str, MetricValue], earlier: Sequence[Mapping[str, MetricValue]]) -> EyeStrain:
    """The index of values, by metric, against those of earlier recordings that are comparable."""
    parts = tuple(_compare(part, own, earlier) for part in PARTS)
    return _judge(parts, len(earlier))


def _values_of(session: Session, recording: Recording, *, only_complete: bool = False) -> dict[str, MetricValue]:
    """The values of the parts over a recording, and its frame rate; empty without an analysis by today's code."""
    analysis = results.shown_analysis(session, recording.id)
    if analysis is None or is_outdated(analysis) or (only_complete and not analysis.is_complete):
        return {}
    windows = queries.window_sums(session, analysis.id, names=SUMS)
    if not windows:
        return {}
    return {value.name: value for value in metrics.evaluate(reduce(metrics.combine, windows))}


def comparable(
    own: Mapping[str, MetricValue], earlier: Iterable[Mapping[str, MetricValue]]
) -> list[Mapping[str, MetricValue]]:
    """Of earlier values, the newest first, those that were measured long enough and at about the same rate."""
    rate_hz = own["rate"].value if "rate" in own else None
    if rate_hz is None:
        return []
    found: list[Mapping[str, MetricValue]] = []
    for values in islice(earlier, MAX_EARLIER):
        rate = values.get("rate")
        if rate is None or rate.value is None or rate.weight_s < MIN_RECORDED_S:
            continue
        if 1 / RATE_FACTOR <= rate.value / rate_hz <= RATE_FACTOR:
            found.append(values)
    return found


def learn(part: Part, values: Sequence[float]) -> Baseline | None:
    """The baseline of a part from its values in earlier recordings; None from fewer than three."""
    if len(values) < MIN_EARLIER:
        return None
    middle = median(values)
    deviation = 1.4826 * median(abs(value - middle) for value in values)
    return Baseline(len(values), middle, max(deviation, LEAST_SPREAD_RATIO * abs(middle), part.least_spread))


def _compare(part: Part, own: Mapping[str, MetricValue], earlier: Sequence[Mapping[str, MetricValue]]) -> StrainPart:
    known = [each[part.name].value for each in earlier if part.name in each]
    numbers = [value for value in known if value is not None]
    baseline = learn(part, numbers)
    metric = METRICS[part.name]()
    now = own.get(part.name)
    value = now.value if now is not None else None
    verdict: Verdict = "withheld"
    departure = percent = z = None
    if now is None or value is None:
        reason = now.reason if now is not None else "this recording has not been analysed yet"
    elif baseline is None:
        reason = LEARNING.format(n=len(numbers), least=MIN_EARLIER)
    else:
        verdict, reason = "estimate", f"against your {baseline.n} earlier recordings of this kind"
        departure = value - baseline.median
        percent = 100 * departure / baseline.median if baseline.median else None
        z = departure / baseline.spread
    return StrainPart(
        name=part.name,
        label=metric.label,
        unit=metric.unit,
        value=value,
        verdict=verdict,
        reason=reason,
        n_earlier=len(numbers),
        baseline=baseline,
        departure=departure,
        departure_percent=percent,
        departure_z=z,
        strain_z=None if z is None else part.direction * z,
    )


def _judge(parts: tuple[StrainPart, ...], n_earlier: int) -> EyeStrain:
    strains = {part.name: part.strain_z for part in parts if part.strain_z is not None}
    if n_earlier < MIN_EARLIER:
        return EyeStrain(None, "withheld", LEARNING.format(n=n_earlier, least=MIN_EARLIER), n_earlier, parts)
    if len(strains) < MIN_PARTS:
        reason = f"needs {MIN_PARTS} of its parts; {len(strains)} could be compared"
        return EyeStrain(None, "withheld", reason, n_earlier, parts)
    reason = f"the mean of {len(strains)} parts against your {n_earlier} earlier recordings of this kind"
    if strains.get("blink_rate", 0.0) > 0 and all(
        strain <= 0 for name, strain in strains.items() if name != "blink_rate"
    ):
        strains["blink_rate"] = 0.0
        reason = f"{reason}; {LOW_BLINK_RATE_ALONE}"
    index = fmean(max(-LIMIT_Z, min(LIMIT_Z, strain)) for strain in strains.values())
    return EyeStrain(index, "estimate", reason, n_earlier, parts)
