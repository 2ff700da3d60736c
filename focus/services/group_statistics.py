"""What a researcher sees of a group: each member's consent, data quality and counts, and aggregates over five or more.

An aggregate is made of people's sums (`metrics.seal`, `metrics.combine`), never of their values, so it is the value of
all their valid time together. Counted are those alone who gave consent to group statistics and for whom the metric has
a value; where that are fewer than `LEAST_PEOPLE`, nothing is computed. Nobody's own value is ever returned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis import metrics
from focus.analysis.metrics import MetricValue, Quality
from focus.analysis.metrics.base import all_metrics
from focus.errors import ParameterError
from focus.services import consent, groups
from focus.services.accounts import Principal
from focus.services.consent import Decision
from focus.services.days import sessions_between
from focus.storage import groups as queries
from focus.storage.groups import RecordingCounts

LEAST_PEOPLE: Final = 5
"""An average over fewer says too much about each of them."""

SPANS_DAYS: Final = (7, 28, 84)

Sums = dict[str, Any]

_NO_RECORDINGS: Final = RecordingCounts(0, 0, 0, None)


@dataclass(frozen=True, slots=True)
class MemberState:
    """What a researcher sees of every member. `quality` is that of the span's sessions; None without any."""

    user_id: int
    name: str
    joined_at: datetime
    decisions: dict[str, Decision]
    counts: RecordingCounts
    n_sessions: int
    quality: Quality | None

    @property
    def may_be_viewed(self) -> bool:
        """Whether their sessions are open to the researcher."""
        return self.decisions[consent.RESEARCH_EXPORT].allows

    @property
    def may_be_recorded(self) -> bool:
        """Whether the researcher may run a recording for them."""
        return self.decisions[consent.OWN_REPORTS].decision == consent.GIVEN


@dataclass(frozen=True, slots=True)
class GroupValue:
    """A metric over a group: its value and over how many people, or why there is none."""

    value: MetricValue
    n_people: int


@dataclass(frozen=True, slots=True)
class GroupOverview:
    """A group over the last `n_days` days."""

    n_days: int
    members: tuple[MemberState, ...]
    n_consenting: int
    """Members who gave consent to group statistics."""
    n_counted: int
    """Those of them who have data in the span."""
    values: tuple[GroupValue, ...]
    """Every metric that enough people have; those that too few have are withheld. Empty where too few are counted."""


def overview(
    session: Session, principal: Principal, group_id: int, *, n_days: int = 28, now: datetime | None = None
) -> GroupOverview:
    """What the researcher of a group sees of it.

    Parameters
    ----------
    n_days : int
        Sessions that began in the last so many days count: one of `SPANS_DAYS`.

    Raises
    ------
    NotFoundError, PermissionDeniedError
        As `groups.get_group`.
    ParameterError
        If the span is none of those.
    """
    if n_days not in SPANS_DAYS:
        raise ParameterError(f"a span of {n_days} days is none of {', '.join(map(str, SPANS_DAYS))}")
    now = now or datetime.now(UTC)
    group = groups.get_group(session, principal, group_id)
    found = queries.list_members(session, group.id)
    user_ids = [user.id for _, user in found]
    decisions = consent.decisions_of_many(session, user_ids)
    counts = queries.recording_counts(session, user_ids)
    states: list[MemberState] = []
    sums_of_consenting: dict[int, Sums] = {}
    n_consenting = 0
    for membership, user in found:
        n_sessions, sums = _sums_of(session, user.id, now - timedelta(days=n_days), now)
        state = MemberState(
            user.id,
            groups.name_of(user),
            membership.joined_at,
            decisions[user.id],
            counts.get(user.id, _NO_RECORDINGS),
            n_sessions,
            metrics.quality_of(sums) if sums else None,
        )
        states.append(state)
        if state.decisions[consent.GROUP_STATISTICS].allows:
            n_consenting += 1
            if sums:
                sums_of_consenting[user.id] = sums
    return GroupOverview(
        n_days, tuple(states), n_consenting, len(sums_of_consenting), group_values(list(sums_of_consenting.values()))
    )


def group_values(sums_of_people: Sequence[Sums]) -> tuple[GroupValue, ...]:
    """Every metric over people, each of whom is given as the sealed sums of all that counts of them; empty for too few.

    Metrics of one moment (`Metric.is_of_one_moment`) are left out, because the moment is one person's.
    """
    if len(sums_of_people) < LEAST_PEOPLE:
        return ()
    who_has: dict[str, list[int]] = {}
    examples: dict[str, MetricValue] = {}
    of_one = {metric.name for metric in all_metrics() if metric.is_of_one_moment}
    for at, sums in enumerate(sums_of_people):
        for value in metrics.evaluate(sums):
            if value.name in of_one:
                continue
            examples.setdefault(value.name, value)
            if value.value is not None:
                who_has.setdefault(value.name, []).append(at)
    made: dict[tuple[int, ...], dict[str, MetricValue]] = {}
    found = []
    for name in sorted(examples):
        people = tuple(who_has.get(name, ()))
        if len(people) < LEAST_PEOPLE:
            found.append(GroupValue(_withheld(examples[name]), 0))
            continue
        if people not in made:
            total = reduce(metrics.combine, (sums_of_people[at] for at in people))
            made[people] = {value.name: value for value in metrics.evaluate(total)}
        found.append(GroupValue(_of_many(made[people][name]), len(people)))
    return tuple(found)


def _of_many(value: MetricValue) -> MetricValue:
    """The value with a reason that speaks of sessions, where a metric speaks of the one that it usually sees."""
    reason = value.reason.replace("this recording has", "these sessions have").replace("this recording", "them")
    return replace(value, reason=reason)


def _withheld(example: MetricValue) -> MetricValue:
    """The metric with nothing in it of the person it was taken from."""
    reason = f"fewer than {LEAST_PEOPLE} of those who agreed have a value"
    return replace(example, value=None, low=None, high=None, weight_s=0.0, verdict="withheld", reason=reason)


def _sums_of(session: Session, user_id: int, start_at: datetime, stop_at: datetime) -> tuple[int, Sums]:
    """How many sessions of a person there are in a span, and the sums of all of them together."""
    found = sessions_between(session, user_id, start_at, stop_at)
    sums: Collection[Sums] = [each.sums for each in found if each.sums]
    return len(found), reduce(metrics.combine, sums) if sums else {}
