"""The page docs/metrics.md, made of what the metric files state."""

from __future__ import annotations

import inspect

from focus.analysis.metrics import METRICS, Metric
from focus.analysis.metrics.base import JITTER_LIMIT, LOSS_LIMIT, RATE_TOLERANCE, UNEVEN_LIMIT

_WORDS_OF_SIGNAL = {"gaze": "gaze", "openness": "eye openness", "pupil": "pupil", "screen": "gaze on a screen"}


def metrics_page() -> str:
    """All metrics with their formulas, limits and sources, in the order of their names."""
    metrics = [make() for _, make in METRICS]
    lines = [
        "# Metrics",
        "",
        "Written by `flask doctor --metrics-table` from focus/analysis/metrics/; edit those files, not this page.",
        "",
        "Every value comes with an interval, quartiles or a spread where they can be told (else times and shares of",
        "time are resolved to a frame, counts to an event), the seconds of valid data behind it, and a verdict with",
        "its reason in words. The verdict follows from what was measured, never from the name of the tracker:",
        "",
        "- *withheld*, and then no number, where a signal is missing, the measured rate is below the lowest one in the",
        "  table, or what the metric counts has not been seen often enough;",
        "- *estimate* below the rate that it is valid from, where the metric says so itself, and",
        f"  - where more than {LOSS_LIMIT:.0%} of the data is lost, unless loss is what it measures,",
        f"  - where half of the time lies in frame intervals beyond {UNEVEN_LIMIT:g} medians, as where frames come",
        "    in bursts; the rate is then that of the interval which half of the time lies beyond,",
        f"  - for times and speeds, where the quartiles of the frame intervals are more than {JITTER_LIMIT:.0%} of the",
        "    median apart;",
        "- *valid* otherwise.",
        "",
        f"A rate counts as reached from {RATE_TOLERANCE:.0%} of it. Rates divide by valid time. Windows, recordings,",
        "days and groups are combined from sums, never from values, so the value of two windows together is the value",
        "of the whole.",
        "",
        "| metric | unit | formula | valid from | estimate from | needs | source |",
        "|---|---|---|---|---|---|---|",
        *map(_row, metrics),
        "",
        "## Notes",
        "",
    ]
    for metric in metrics:
        lines += [f"**{metric.label}** (`{metric.name}`). {_note(metric)}", ""]
    return "\n".join(lines[:-1]) + "\n"


def _row(metric: Metric) -> str:
    needs = ", ".join(_WORDS_OF_SIGNAL[signal] for signal in metric.needs)
    cells = (
        f"{metric.label} `{metric.name}`",
        metric.unit,
        metric.formula,
        _rate(metric.valid_from_hz),
        _rate(metric.estimate_from_hz),
        needs,
        metric.source,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _rate(rate_hz: float) -> str:
    return f"{rate_hz:g} Hz" if rate_hz else "any"


def _note(metric: Metric) -> str:
    """Parameters, and what the file says beside the formula."""
    own = type(metric).__dict__.get("__doc__")
    said = " ".join(inspect.cleandoc(own).split()) if own else ""
    parameters = f"{metric.parameters[:1].upper()}{metric.parameters[1:]}." if metric.parameters else ""
    return " ".join(part for part in (said, parameters) if part) or "As in the table."
