"""The methods paragraphs of a report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from focus import __version__
from focus.analysis.parameters import AnalysisParameters
from focus.protocol.batch import TrackerInfo
from focus.services.methods import methods_paragraphs

TRACKER = TrackerInfo("Eye box", ("gaze_x", "gaze_y"), rate_hz=60.0, gaze_space="deg", model="B2")


def metric(name: str, verdict: str, reason: str = "", value: float | None = 1.0) -> dict[str, Any]:
    label = name.replace("_", " ").capitalize()
    return {"name": name, "label": label, "verdict": verdict, "reason": reason, "value": value}


def paragraphs(*metrics: dict[str, Any], calibration: Any = None, is_outdated: bool = False) -> list[str]:
    analysis = {
        "parameters": AnalysisParameters(lookahead_us=123_457).to_dict(),
        "code_version": "7",
        "model_release": "eyestate-9",
        "n_frames": 600,
        "is_outdated": is_outdated,
    }
    summary = {"analysis": analysis, "metrics": list(metrics), "duration_us": 90_000_000, "frames": 600}
    recording: Any = SimpleNamespace(tracker=TRACKER.to_dict(), calibration=calibration)
    return methods_paragraphs(recording, summary)


def test_parameters_are_told_to_the_last_digit() -> None:
    assert "lookahead_us = 123457; window_us = 60000000;" in paragraphs()[1]


def test_the_recording_is_told_with_its_tracker_rate_length_loss_and_calibration() -> None:
    told = paragraphs(
        metric("rate", "valid", value=59.97),
        metric("data_loss", "valid", value=1.25),
        calibration={"accuracy_deg": 0.8},
    )

    assert told[0] == (
        "Eye movements were recorded with Eye box (B2) at 60.0 Hz, by the median frame interval (declared: 60 Hz) for"
        " 1.5 min (600 frames; 1.2 % of the time was lost). Gaze was recorded in degrees of visual angle."
        " Gaze was calibrated in FOCUS, with a validated accuracy of 0.80 deg."
    )


def test_the_version_of_today_is_said_of_its_own_analyses_alone() -> None:
    assert paragraphs()[1].startswith(f"FOCUS {__version__} (analysis code version 7) gave")
    assert paragraphs(is_outdated=True)[1].startswith("FOCUS (analysis code version 7) gave")


def test_a_source_and_a_reason_are_said_once() -> None:
    slow = "needs 250 Hz or more; this recording has 60 Hz"
    told = paragraphs(
        metric("fixation_rate", "valid"),
        metric("fixation_duration", "estimate", "9 % of the data is lost"),
        metric("saccade_peak_velocity", "withheld", slow, None),
        metric("main_sequence", "withheld", slow, None),
    )[2]

    assert told.count("doi:10.1145/355017.355028") == 1
    assert "Estimates: Fixation duration (9 % of the data is lost)." in told
    assert told.endswith(f"Withheld: Saccade peak velocity, Main sequence ({slow}).")
