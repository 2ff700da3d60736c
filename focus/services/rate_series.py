"""Blink rate over a recording: its minute windows folded into at most about sixty equal groups, each with its interval.

Groups are sums, not values, so the rate of a group is that of all its minutes together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from focus.analysis import metrics
from focus.analysis.types import MetricWindow

_NEEDED: Final = ("blink_rate", "rate", "data_loss")
"""The metric itself, and what its verdict rests on."""

_WIDTHS_MIN: Final = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440)
MAX_GROUPS: Final = 60


def group_width_us(span_us: int) -> int:
    """The shortest round width that cuts a recording of this length into at most `MAX_GROUPS` groups."""
    fitting = (width * 60_000_000 for width in _WIDTHS_MIN if width * 60_000_000 * MAX_GROUPS >= span_us)
    return next(fitting, _WIDTHS_MIN[-1] * 60_000_000)


def fold_groups(
    windows: Iterable[MetricWindow], width_us: int, groups: dict[int, MetricWindow] | None = None
) -> dict[int, MetricWindow]:
    """Windows joined by the group they begin in, added to groups that are there already; by group, in order."""
    folded = dict(groups or {})
    for window in windows:
        at = window.start_us // width_us
        sums = {name: window.sums[name] for name in _NEEDED if name in window.sums}
        before = folded.get(at)
        if before is None:
            folded[at] = MetricWindow(window.start_us, window.stop_us, sums)
        else:
            folded[at] = MetricWindow(before.start_us, window.stop_us, metrics.combine(before.sums, sums))
    return folded


def rates_of(groups: Sequence[tuple[int, int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Blink rate of each group (start_us, stop_us, sums), as JSON values beside `start_us` and `stop_us`."""
    return [
        {"start_us": start_us, "stop_us": stop_us, **value.to_dict()}
        for start_us, stop_us, sums in groups
        for value in metrics.evaluate(sums)
        if value.name == "blink_rate"
    ]
