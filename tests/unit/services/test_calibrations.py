"""Calibrations and profiles: what is kept, what is refused, and what a recording names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from focus.errors import InputError, NotFoundError, ParameterError
from focus.protocol.batch import TrackerInfo
from focus.services import accounts, calibrations, profile, recordings
from focus.services.accounts import Principal
from focus.services.calibrations import CalibrationData
from focus.services.profile import ProfileAnswers

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
GOOD = CalibrationData(
    tracker="Webcam",
    screen={"width_mm": 520, "height_mm": 290, "distance_mm": 650},
    points=[{"x": 0.1, "y": 0.1, "iris_x": 0.4}, {"x": 0.9, "y": 0.9, "iris_x": 0.6}],
    coefficients={"gaze_x": [0.1, 2.0], "bias": 0.5},
    accuracy_deg=1.2,
    precision_deg=0.4,
)


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


@pytest.fixture
def ada(session: Session) -> Principal:
    return accounts.principal_of_user(accounts.create_user(session, "ada@example.org", display_name="Ada"))


def test_the_newest_valid_calibration_of_the_tracker_is_named_by_a_recording(session: Session, ada: Principal) -> None:
    bob = accounts.principal_of_user(accounts.create_user(session, "bob@example.org"))
    calibrations.save_calibration(session, ada, GOOD, now=NOW)
    newest = calibrations.save_calibration(session, ada, replace(GOOD, accuracy_deg=0.8), now=NOW + timedelta(days=1))
    for others in (replace(GOOD, accuracy_deg=30.0), replace(GOOD, accuracy_deg=None), replace(GOOD, tracker="Other")):
        calibrations.save_calibration(session, ada, others, now=NOW + timedelta(days=2))
    calibrations.save_calibration(session, bob, GOOD, now=NOW + timedelta(days=3))

    with_gaze = TrackerInfo("Webcam", ("gaze_x", "gaze_y"), rate_hz=30)
    recording = recordings.create_recording(session, ada, tracker=with_gaze)

    named = recordings.summary(session, recording)["calibration"]
    assert (named["id"], named["accuracy_deg"], named["screen"]) == (newest.id, 0.8, GOOD.screen)
    calibrations.delete_calibration(session, ada, newest.id)
    assert recordings.summary(session, recording)["calibration"]["id"] == newest.id


def test_a_recording_without_gaze_names_no_calibration(session: Session, ada: Principal) -> None:
    calibrations.save_calibration(session, ada, GOOD, now=NOW)

    recording = recordings.create_recording(session, ada, tracker=TrackerInfo("Webcam", ("openness_left",), rate_hz=30))

    assert recordings.summary(session, recording)["calibration"] is None


def test_somebody_elses_calibration_is_not_deleted(session: Session, ada: Principal) -> None:
    bob = accounts.principal_of_user(accounts.create_user(session, "bob@example.org"))
    row = calibrations.save_calibration(session, ada, GOOD)

    with pytest.raises(NotFoundError):
        calibrations.delete_calibration(session, bob, row.id)

    assert [found.id for found in calibrations.list_calibrations(session, ada)] == [row.id]


@pytest.mark.parametrize(
    "changed",
    [
        {"tracker": " "},
        {"screen": {}},
        {"screen": {"width_mm": 1, "height_mm": 290, "distance_mm": 650}},
        {"points": []},
        {"points": [{"x": 0.1}]},
        {"points": [{"x": 0.1, "y": float("nan")}]},
        {"points": [{"x": 0.1, "y": "0.2"}]},
        {"coefficients": {}},
        {"coefficients": {"a": [1.0, float("inf")]}},
        {"coefficients": {"a": [0.0] * 2001}},
        {"accuracy_deg": -1.0},
        {"precision_deg": float("nan")},
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        replace(GOOD, **changed)


def test_answers_are_kept_and_an_answer_that_is_left_out_is_forgotten(session: Session, ada: Principal) -> None:
    full = ProfileAnswers("Ada L", 1990, 7.5, 6.0, "often", "glasses")
    profile.save_profile(session, ada, full)
    kept = profile.get_profile(session, ada)
    profile.save_profile(session, ada, ProfileAnswers("Ada L", correction="both"))

    assert kept == full
    assert profile.get_profile(session, ada) == ProfileAnswers("Ada L", correction="both")


@pytest.mark.parametrize(
    "answers",
    [
        {"birth_year": 1800},
        {"birth_year": 2100},
        {"screen_h_per_day": 25.0},
        {"sleep_h_per_night": float("nan")},
        {"eye_strain": "always"},
        {"correction": "monocle"},
        {"display_name": "x" * 121},
    ],
)
def test_an_answer_outside_of_what_can_be_is_refused(answers: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        ProfileAnswers(**answers)


def test_every_question_says_why_it_is_asked() -> None:
    assert [question.name for question in profile.QUESTIONS] == list(ProfileAnswers().to_dict())
    assert all(len(question.reason) > 30 for question in profile.QUESTIONS)
