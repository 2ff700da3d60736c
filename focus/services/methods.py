"""The methods paragraph of a report: what was recorded and how it was analysed, in sentences for a paper.

Made from what really ran: the tracker's declaration, the stored parameters, the release of the model, and the metrics
that have a value. Nothing in it is fixed but the words between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focus.analysis.geometry import is_geometry_assumed
from focus.analysis.metrics.base import all_metrics
from focus.protocol.batch import TrackerInfo
from focus.storage.recording_models import Recording


def methods_paragraphs(recording: Recording, summary: Mapping[str, Any]) -> list[str]:
    """Paragraphs on the recording, the analysis and the metrics; empty while there is no analysis.

    Parameters
    ----------
    recording : Recording
        The recording.
    summary : mapping
        As `focus.services.recordings.summary` gives it.
    """
    analysis = summary["analysis"]
    if analysis is None:
        return []
    tracker = TrackerInfo.from_dict(recording.tracker)
    paragraphs = [
        f"{_recorded(tracker, summary)} {_gaze(tracker)} {_calibration(recording)}",
        _analysed(analysis),
    ]
    return [*paragraphs, _measured(summary["metrics"])] if summary["metrics"] else paragraphs


def _recorded(tracker: TrackerInfo, summary: Mapping[str, Any]) -> str:
    name = f"{tracker.name}, {tracker.model}" if tracker.model else tracker.name
    span_s = summary["duration_us"] * 1e-6
    rate = f"at a mean rate of {(summary['frames'] - 1) / span_s:.1f} Hz" if span_s else "once"
    declared = f" (declared: {tracker.rate_hz:g} Hz)" if tracker.rate_hz else ""
    loss = next((each for each in summary["metrics"] if each["name"] == "data_loss"), None)
    lost = f", of which {loss['value']:.1f} % of the data were lost" if loss and loss["value"] is not None else ""
    return (
        f"Eye movements were recorded with {name} {rate}{declared} for {span_s / 60:.1f} min"
        f" ({summary['frames']} frames{lost})."
    )


def _gaze(tracker: TrackerInfo) -> str:
    if not {"gaze_x", "gaze_y"} <= set(tracker.columns):
        return "Gaze position was not recorded."
    if tracker.gaze_space == "deg":
        return "Gaze was recorded in degrees of visual angle."
    where = "on the screen" if tracker.gaze_space == "screen" else "in the picture of the scene camera"
    if is_geometry_assumed(tracker):
        return f"Gaze was recorded {where}; degrees of visual angle rest on an assumed geometry and are estimates."
    screen = tracker.screen
    assert screen is not None
    return (
        f"Gaze was recorded {where} ({screen.width_mm:g} x {screen.height_mm:g} mm, seen from"
        f" {screen.distance_mm:g} mm) and turned into degrees of visual angle."
    )


def _calibration(recording: Recording) -> str:
    calibration = getattr(recording, "calibration", None)
    if not calibration:
        return "Gaze was taken as the tracker sent it; FOCUS made no calibration."
    accuracy = calibration.get("accuracy_deg")
    found = f", with a validated accuracy of {accuracy:.2f} deg" if isinstance(accuracy, (int, float)) else ""
    return f"Gaze was calibrated in FOCUS{found}."


def _analysed(analysis: Mapping[str, Any]) -> str:
    parameters = analysis["parameters"]
    chosen = "; ".join(f"{name} = {value:g}" for name, value in parameters.items() if isinstance(value, (int, float)))
    return (
        f"FOCUS (analysis code version {analysis['code_version']}) gave each frame one of the states fixation, saccade,"
        f" pursuit, blink and lost, with the eye-state model {analysis['model_release']} (gradient-boosted trees), and"
        f" made events of runs of states. {analysis['n_frames']} frames were analysed. Parameters: {chosen}."
    )


def _measured(values: Sequence[Mapping[str, Any]]) -> str:
    by_name = {metric.name: metric for metric in all_metrics()}
    told = [by_name[each["name"]] for each in values if each["verdict"] != "withheld" and each["name"] in by_name]
    estimates = [each["label"] for each in values if each["verdict"] == "estimate"]
    withheld = [f"{each['label']} ({each['reason']})" for each in values if each["verdict"] == "withheld"]
    text = "Metrics: " + "; ".join(f"{metric.label}: {metric.formula} [{metric.source}]" for metric in told) + "."
    if estimates:
        text += f" Estimates, because of how the recording was measured: {', '.join(estimates)}."
    if withheld:
        text += f" Withheld: {'; '.join(withheld)}."
    return text
