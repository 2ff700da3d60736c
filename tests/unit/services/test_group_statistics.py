"""Aggregates over a group: of five or more people who agreed, made of sums, and never of one person."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from focus.analysis import metrics
from focus.analysis.metrics import MetricValue
from focus.analysis.offline import analyse
from focus.errors import ParameterError
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.services import accounts, consent, groups, recordings
from focus.services.group_statistics import GroupValue, group_values, overview
from tests.unit.analysis.fakes import ThresholdClassifier

RATE_HZ = 60
WEBCAM = TrackerInfo("Webcam", ("openness_left", "openness_right"), rate_hz=RATE_HZ)
INFRARED = TrackerInfo(
    "Infra-red",
    ("pupil_left", "pupil_right", "openness_left", "openness_right"),
    rate_hz=RATE_HZ,
    units={"pupil_left": "mm", "pupil_right": "mm"},
)


def sums_of(length_s: int, n_blinks: int, tracker: TrackerInfo = WEBCAM) -> dict[str, Any]:
    """Sums of somebody whose lids close n_blinks times, 200 ms each, three seconds apart."""
    t_us = np.arange(length_s * RATE_HZ, dtype=np.int64) * 1_000_000 // RATE_HZ
    t_s = t_us * 1e-6
    closed = np.zeros(len(t_s))
    for at in range(n_blinks):
        closed += (t_s >= 2 + 3 * at) & (t_s < 2.2 + 3 * at)
    values = {"openness_left": 0.3 * (1 - 0.95 * closed), "openness_right": 0.3 * (1 - 0.95 * closed)}
    values |= {"pupil_left": 3.4 + 0.1 * np.sin(t_s), "pupil_right": 3.5 + 0.1 * np.sin(t_s)}
    frames = FrameBatch(t_us, {name: values[name].astype(np.float32) for name in tracker.columns})
    windows = analyse(frames, tracker, ThresholdClassifier()).windows
    return metrics.seal(reduce(metrics.combine, (window.sums for window in windows)))


def value_of(values: tuple[GroupValue, ...], name: str) -> GroupValue:
    return next(found for found in values if found.value.name == name)


@pytest.fixture(scope="module")
def people() -> list[dict[str, Any]]:
    """Four who blinked three times in 20 s, and one who blinked once in 60 s."""
    return [*(sums_of(20, 3) for _ in range(4)), sums_of(60, 1)]


def test_a_researcher_sees_states_and_counts_of_members_and_counts_those_who_agreed(
    database_session: Session,
) -> None:
    session = database_session
    rita = accounts.principal_of_user(accounts.create_user(session, "rita@example.org", role="researcher"))
    group_id = groups.create_group(session, rita, "Lab").id
    for name, n_recordings in (("ada", 2), ("bob", 0)):
        member = accounts.principal_of_user(accounts.create_user(session, f"{name}@example.org", display_name=name))
        _, key = groups.invite(session, rita, group_id, f"{name}@example.org")
        groups.accept_invitation(session, member, key)
        for _ in range(n_recordings):
            recordings.create_recording(session, member, tracker=WEBCAM)
        if name == "ada":
            consent.give(session, member, consent.GROUP_STATISTICS)
    session.commit()

    found = overview(session, rita, group_id)

    assert [(each.name, each.counts.n_recordings, each.counts.n_open, each.n_sessions) for each in found.members] == [
        ("ada", 2, 2, 2),
        ("bob", 0, 0, 0),
    ]
    assert (found.n_consenting, found.n_counted, found.values) == (1, 0, ())
    with pytest.raises(ParameterError, match="a span of 5 days is none of 7, 28, 84"):
        overview(session, rita, group_id, n_days=5)


def test_fewer_than_five_people_have_no_value_at_all(people: list[dict[str, Any]]) -> None:
    assert group_values(people[:4]) == ()


def test_a_value_is_that_of_all_valid_time_together_and_no_average_of_averages(people: list[dict[str, Any]]) -> None:
    found = value_of(group_values(people), "blink_rate")

    assert "this recording" not in " ".join(each.value.reason for each in group_values(people))
    # 13 blinks in 140 s less what is unknown at the borders; the average of the five rates would be 7.4 a minute.
    assert found.n_people == 5
    assert found.value.value == pytest.approx(13 * 60 / found.value.weight_s)
    assert 130 <= found.value.weight_s <= 140


def test_a_metric_that_fewer_than_five_have_is_withheld_and_shows_nothing_of_them(
    people: list[dict[str, Any]],
) -> None:
    with_pupils = sums_of(20, 3, INFRARED)
    pupil = next(value for value in metrics.evaluate(with_pupils) if value.name == "pupil_diameter")
    assert pupil.value == pytest.approx(3.45, abs=0.1)

    found = value_of(group_values([*people, with_pupils]), "pupil_diameter")

    assert found == GroupValue(
        MetricValue(
            "pupil_diameter",
            pupil.label,
            pupil.unit,
            None,
            None,
            None,
            0.0,
            "withheld",
            "fewer than 5 of those who agreed have a value",
        ),
        0,
    )


def test_what_is_of_one_moment_of_one_person_is_not_shown_of_a_group(people: list[dict[str, Any]]) -> None:
    shown = {found.value.name for found in group_values(people)}

    # The longest stretch without a break is the 60 s of the fifth of them.
    assert not {"longest_without_break", "break_check"} & shown
    assert "breaks" in shown


def test_who_has_no_value_of_a_metric_is_not_in_its_quality_either(people: list[dict[str, Any]]) -> None:
    infrared = [sums_of(20, 3, INFRARED) for _ in range(5)]

    alone = value_of(group_values(infrared), "pupil_diameter")
    among_others = value_of(group_values([*people, *infrared]), "pupil_diameter")

    assert among_others == alone
    assert alone.n_people == 5
