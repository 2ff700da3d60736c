"""What a report of a recording can show, decided from what its tracker declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from focus.protocol.schema import COLUMN_BY_NAME
from focus.web.formats import number

UNIT_OF_GAZE_SPACE: Final = {"screen": "part of the screen", "deg": "deg", "scene": "part of the scene picture"}


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the timeline: `missing` says why it cannot be drawn, and is empty where it can."""

    name: str
    title: str
    unit: str
    missing: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A column that the tracker sends."""

    name: str
    unit: str
    meaning: str


def charts_of(tracker: Mapping[str, Any]) -> tuple[Chart, ...]:
    """The charts of a recording with this tracker, in the order in which they are shown."""
    columns = set(tracker.get("columns", ()))

    def chart(name: str, title: str, missing: str, *sources: str) -> Chart:
        there = [source for source in sources if source in columns]
        return Chart(name, title, _unit(tracker, there[0]) if there else "", "" if there else missing)

    return (
        chart("gaze", "Gaze", "This recording has no gaze position.", "gaze_x", "gaze_left_x", "gaze_right_x"),
        chart(
            "openness",
            "Eyelid openness",
            "This recording has no eyelid openness; blinks were found from its other signals.",
            "openness_left",
            "openness_right",
        ),
        chart("pupil", "Pupil size", "This recording has no pupil data.", "pupil_left", "pupil_right"),
    )


def has_gaze(tracker: Mapping[str, Any]) -> bool:
    """Whether the tracker says where the eyes look; without, an eye that is seen is open, and no more can be told."""
    return charts_of(tracker)[0].missing == ""


def table_heads(tracker: Mapping[str, Any]) -> dict[str, str]:
    """The columns of the timeline's table: name of the series, and words with the unit."""
    gaze, openness, pupil = charts_of(tracker)
    words = {"gaze_x": (gaze, "Gaze x"), "gaze_y": (gaze, "Gaze y")}
    words |= {"openness": (openness, openness.title), "pupil": (pupil, pupil.title)}
    return {
        name: f"{said}, {chart.unit}" if chart.unit else said
        for name, (chart, said) in words.items()
        if not chart.missing
    }


def signals_of(tracker: Mapping[str, Any]) -> tuple[Signal, ...]:
    """What the tracker sends, column by column."""
    known = (COLUMN_BY_NAME[name] for name in tracker.get("columns", ()) if name in COLUMN_BY_NAME)
    return tuple(Signal(column.name, _unit(tracker, column.name), column.meaning) for column in known)


def quality_facts(metrics: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What the metrics say of how well the recording was measured: words for it, and the numbers."""
    known = {metric["name"]: metric for metric in metrics if metric["value"] is not None}
    facts: list[tuple[str, str]] = []
    if rate := known.get("rate"):
        facts.append(("Median rate", f"{number(rate['value'])} Hz{', ' + rate['reason'] if rate['reason'] else ''}"))
        middle_ms, apart = 1e3 / rate["value"], ""
        if rate["low"] and rate["high"]:
            apart = f", quartiles {number(1e3 / rate['high'], middle_ms)} to {number(1e3 / rate['low'], middle_ms)} ms"
        facts.append(("Frame interval", f"median {number(middle_ms)} ms{apart}"))
    if loss := known.get("data_loss"):
        facts.append(("Data loss", f"{number(loss['value'])} % of the recorded time"))
    for name, words in (
        ("accuracy", "Accuracy"),
        ("precision_std", "Precision, STD"),
        ("precision_rms_s2s", "Precision, RMS-S2S"),
    ):
        if metric := known.get(name):
            facts.append((words, f"{number(metric['value'])} deg"))
    return facts


def pupil_baseline_mm(metrics: Sequence[Mapping[str, Any]]) -> float | None:
    """What dilation was measured from: the mean diameter less the mean dilation; None where one is not known."""
    value = {metric["name"]: metric["value"] for metric in metrics}
    diameter, dilation = value.get("pupil_diameter"), value.get("pupil_dilation")
    return None if diameter is None or dilation is None else round(float(diameter - dilation), 4)


def _unit(tracker: Mapping[str, Any], name: str) -> str:
    """The unit the tracker declared, else the one the column's table knows."""
    declared = str(tracker.get("units", {}).get(name, ""))
    column = COLUMN_BY_NAME[name]
    if declared:
        return declared
    if column.unit == "gaze space":
        return UNIT_OF_GAZE_SPACE.get(str(tracker.get("gaze_space")), "")
    return column.unit
