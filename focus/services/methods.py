"""The methods paragraph of a report: what was recorded and how it was analysed, in sentences for a paper.

Made from what really ran: the tracker's declaration, the stored parameters, the release of the model, and the metrics
that have a value. Nothing in it is fixed but the words between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focus import __version__
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
    name = f"{tracker.name} ({tracker.model})" if tracker.model else tracker.name
    values = {each["name"]: each for each in summary["metrics"]}
    declared = f" (declared: {tracker.rate_hz:g} Hz)" if tracker.rate_hz else ""
    rate, loss = values.get("rate"), values.get("data_loss")
    measured = f" at {rate['value']:.1f} Hz, by the median frame interval" if rate and rate["value"] else ""
    lost = f"; {loss['value']:.1f} % of the time was lost" if loss and loss["value"] is not None else ""
    return (
        f"Eye movements were recorded with {name}{measured}{declared} for {summary['duration_us'] / 60e6:.1f} min"
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
    chosen = "; ".join(f"{name} = {value}" for name, value in analysis["parameters"].items())
    version = f"analysis code version {analysis['code_version']}"
    # The version of today's FOCUS is said of what its own analysis made alone.
    software = f"FOCUS ({version})" if analysis["is_outdated"] else f"FOCUS {__version__} ({version})"
    return (
        f"{software} gave each frame one of the states fixation, saccade,"
        f" pursuit, blink and lost, with the eye-state model {analysis['model_release']} (gradient-boosted trees), and"
        f" made events of runs of states. {analysis['n_frames']} frames were analysed. Parameters: {chosen}."
    )


def _measured(values: Sequence[Mapping[str, Any]]) -> str:
    by_name = {metric.name: metric for metric in all_metrics()}
    told = [by_name[each["name"]] for each in values if each["verdict"] != "withheld" and each["name"] in by_name]
    by_source: dict[str, list[str]] = {}
    for metric in told:
        by_source.setdefault(metric.source, []).append(f"{metric.label}: {metric.formula}")
    text = "Metrics: " + "; ".join(f"{'; '.join(said)} [{source}]" for source, said in by_source.items()) + "."
    for verdict, words in (("estimate", "Estimates"), ("withheld", "Withheld")):
        if found := _by_reason([each for each in values if each["verdict"] == verdict]):
            text += f" {words}: {found}."
    return text


def _by_reason(values: Sequence[Mapping[str, Any]]) -> str:
    """Labels of values, those with the same reason together, so that it is said once."""
    labels: dict[str, list[str]] = {}
    for each in values:
        labels.setdefault(each["reason"], []).append(each["label"])
    return "; ".join(f"{', '.join(named)} ({reason})" for reason, named in labels.items())
