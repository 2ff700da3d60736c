"""The eye-strain index of weeks: sessions together, by kind of task, against what came before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from focus.analysis.metrics import measure, seal
from focus.services.baselines import comparable, compare
from focus.services.days import SessionOfDay, Span
from focus.services.strain_trend import _values, strains_of
from focus.storage.recording_models import Recording
from tests.unit.analysis.metric_blocks import block, event

MONDAY = date(2026, 3, 2)


def session_of(day: int, blinks_per_min: int, *, task: str = "reading", is_outdated: bool = False) -> SessionOfDay:
    """Two minutes on a day."""
    started_at = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(days=day)
    if is_outdated:
        return SessionOfDay(Recording(id=str(day), task=task, started_at=started_at), None, True)
    onsets_s = [0.1 + at * 60 / blinks_per_min for at in range(2 * blinks_per_min)]
    blinks = [event("blink", onset_s, onset_s + 0.2, peak_closure=0.95) for onset_s in onsets_s]
    sums = seal(measure(block(0, *blinks, length_s=120)))
    return SessionOfDay(Recording(id=str(day), task=task, started_at=started_at), sums)


def week(number: int, *sessions: SessionOfDay) -> Span:
    return Span(MONDAY + timedelta(weeks=number), 7, sessions)


def test_an_index_needs_three_earlier_sessions_of_the_kind() -> None:
    before = [session_of(-3, 12), session_of(-2, 12, task="video")]

    first, second, third = strains_of(
        [week(0, session_of(0, 12)), week(1, session_of(7, 12)), week(2, session_of(14, 12))], before
    )

    assert (first.index, first.reason) == (None, "learning your baseline: 1 of 3 earlier recordings of this kind")
    assert second.index is None
    assert third.index == pytest.approx(0.0)


def test_a_week_is_its_sessions_together_and_not_a_mean_of_theirs() -> None:
    before = [session_of(-day, rate) for day, rate in ((5, 10), (4, 12), (3, 14), (2, 12))]
    own = [session_of(1, 30), session_of(2, 2)]

    (strain,) = strains_of([week(0, *own)], before)

    earlier = [_values([each]) for each in reversed(before)]
    expected = compare(_values(own), comparable(_values(own), earlier))
    assert strain.index == pytest.approx(expected.index)
    assert _values(own)["blink_rate"].value == pytest.approx(16.0)


def test_kinds_of_task_are_compared_apart_and_count_by_their_time() -> None:
    before = [session_of(-day, 12, task=task) for day in (4, 3, 2) for task in ("reading", "video")]
    reading, video = session_of(1, 12), session_of(2, 12, task="video")

    alone = [strains_of([week(0, each)], before)[0].index for each in (reading, video)]
    (both,) = strains_of([week(0, reading, video)], before)

    assert None not in alone
    assert both.index == pytest.approx(sum(index for index in alone if index is not None) / 2)


def test_what_was_not_measured_has_no_index() -> None:
    assert [each.reason for each in strains_of([week(0), week(1, session_of(7, 12, is_outdated=True))], [])] == [
        "nothing was measured",
        "nothing was measured",
    ]
