"""What is usual for a person, and how far a recording departs from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from focus.analysis.metrics import measure
from focus.analysis.pipeline import CODE_VERSION
from focus.analysis.types import Event, MetricWindow
from focus.services import baselines
from focus.services.accounts import create_user
from focus.storage import recordings, results
from focus.storage.recording_models import CLOSED, Recording
from tests.unit.analysis.metric_blocks import TRACKER, block, event

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class People:
    """Recordings of somebody, one a day, each of two minutes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.owner_id = create_user(session, "reader@example.org").id
        self.n = 0

    def record(
        self,
        blinks_per_min: int,
        *,
        incomplete_per_min: int = 0,
        closures_per_min: int = 0,
        task: str = "reading",
        rate_hz: float = 50.0,
        is_complete: bool = True,
        owner_id: int | None = None,
    ) -> Recording:
        self.n += 1
        recording = recordings.add_recording(
            self.session,
            recording_id=f"00000000-0000-4000-8000-{self.n:012d}",
            owner_id=owner_id or self.owner_id,
            tracker=TRACKER.to_dict(),
            started_at=NOON + timedelta(days=self.n),
            task=task,
        )
        recording.state = CLOSED
        analysis = results.begin_analysis(
            self.session,
            recording.id,
            model_release="m",
            parameters={},
            code_version=str(CODE_VERSION),
            started_at=NOON,
        )
        analysis.is_complete = is_complete
        windows = []
        for minute in range(2):
            events = _events(60 * minute, blinks_per_min, incomplete_per_min, closures_per_min)
            sums = measure(block(60 * minute, *events, length_s=60, rate_hz=rate_hz))
            windows.append(MetricWindow(60_000_000 * minute, 60_000_000 * (minute + 1), sums))
        results.write_results(self.session, [results.ResultWrite(analysis.id, 0, 0, windows=windows)])
        self.session.flush()
        return recording


def _events(start_s: float, n_blinks: int, n_incomplete: int, n_closures: int) -> list[Event]:
    blinks = [
        event("blink", start_s + 2 * k, start_s + 2 * k + 0.2, closure_peak_ratio=0.5 if k < n_incomplete else 1.0)
        for k in range(n_blinks)
    ]
    return [*blinks, *(event("closure", start_s + 50 + k, start_s + 50.7 + k) for k in range(n_closures))]


@pytest.fixture
def people(make_session: Callable[[], Session]) -> People:
    return People(make_session())


def part(strain: baselines.EyeStrain, name: str) -> baselines.StrainPart:
    return next(each for each in strain.parts if each.name == name)


def test_a_baseline_is_being_learned_from_the_first_three_recordings(people: People) -> None:
    people.record(10)
    people.record(12)

    strain = baselines.eye_strain(people.session, people.record(8))

    assert (strain.index, strain.verdict) == (None, "withheld")
    assert strain.reason == "learning your baseline: 2 of 3 earlier recordings of this kind"
    blink_rate = part(strain, "blink_rate")
    assert (blink_rate.value, blink_rate.baseline) == (pytest.approx(8), None)
    assert blink_rate.reason == strain.reason


def test_each_part_is_compared_with_median_and_spread_of_the_persons_own_recordings(people: People) -> None:
    for blinks in (8, 10, 12, 16):
        people.record(blinks)

    blink_rate = part(baselines.eye_strain(people.session, people.record(4)), "blink_rate")

    # Median 11; deviations 3, 1, 1, 5 with the median 2.
    assert blink_rate.baseline is not None
    assert (blink_rate.baseline.n, blink_rate.baseline.median) == (4, pytest.approx(11))
    assert blink_rate.baseline.spread == pytest.approx(1.4826 * 2)
    assert blink_rate.departure == pytest.approx(-7)
    assert blink_rate.departure_percent == pytest.approx(-100 * 7 / 11)
    assert blink_rate.departure_z == pytest.approx(-7 / (1.4826 * 2))
    assert blink_rate.strain_z == pytest.approx(7 / (1.4826 * 2))


def test_the_index_is_the_mean_of_its_parts_and_rises_with_strain(people: People) -> None:
    for _ in range(3):
        people.record(10, incomplete_per_min=1)

    usual = baselines.eye_strain(people.session, people.record(10, incomplete_per_min=1))
    strained = baselines.eye_strain(people.session, people.record(8, incomplete_per_min=4, closures_per_min=2))

    assert usual.index == pytest.approx(0)
    # Blink rate 2 below with the least spread of 1; incomplete 50 % against 10 % and closures 2 against 0 count 3 each
    # at most; PERCLOS and time without a break are as usual.
    assert strained.index == pytest.approx((2 + 3 + 3 + 0 + 0) / 5)
    assert strained.verdict == "estimate"
    assert strained.reason == "the mean of 5 parts against your 4 earlier recordings of this kind"


def test_a_low_blink_rate_alone_is_no_strain(people: People) -> None:
    for _ in range(3):
        people.record(10)

    strain = baselines.eye_strain(people.session, people.record(5))

    assert strain.index == 0
    assert strain.reason.endswith(baselines.LOW_BLINK_RATE_ALONE)
    blink_rate = part(strain, "blink_rate")
    assert blink_rate.strain_z == pytest.approx(5)


def test_only_complete_recordings_of_the_same_person_task_and_rate_count(people: People) -> None:
    other_id = create_user(people.session, "other@example.org").id
    for _ in range(2):
        people.record(10)
    people.record(30, task="video")
    people.record(30, owner_id=other_id)
    people.record(30, rate_hz=25)
    people.record(30, is_complete=False)
    recording = people.record(10)
    people.record(30)  # later

    assert baselines.eye_strain(people.session, recording).n_earlier == 2


def test_a_recording_without_analysis_is_told_from_one_without_baseline(people: People) -> None:
    recording = recordings.add_recording(
        people.session,
        recording_id="00000000-0000-4000-8000-00000000ffff",
        owner_id=people.owner_id,
        tracker=TRACKER.to_dict(),
        started_at=NOON,
        task="reading",
    )

    strain = baselines.eye_strain(people.session, recording)

    assert strain.index is None
    assert {each.reason for each in strain.parts} == {"this recording has not been analysed yet"}
