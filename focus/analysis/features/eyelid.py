"""How far the eyes are open, against how far this person opens and closes them, before and after a frame.

Openness is divided by the 85th percentile of the past 20 s, so an eye aspect ratio, a distance in mm and any face shape
give the same numbers; the deepest closures of the past 90 s say how far a blink of this person goes down.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.features.base import FEATURES
from focus.analysis.slow import QUANTUM
from focus.analysis.stack import Stack
from focus.analysis.types import FloatArray

_SLOPE_MS: Final = (25, 60, 120)
_WINDOW_MS: Final = (60, 120, 250, 400)
_AHEAD_MS: Final = (25, 40, 80, 130)


@FEATURES.register("eyelid")
class Eyelid:
    """Relative openness now, its slopes and extremes in windows before and, where the row may look ahead, after."""

    names = (
        "openness",
        "openness_to_median",
        "openness_depth",
        "openness_closed",
        "openness_noise",
        "openness_difference",
        "openness_stale_us",
        *(f"openness_slope_{ms}ms" for ms in _SLOPE_MS),
        *(f"openness_{what}_{ms}ms" for ms in _WINDOW_MS for what in ("min", "max", "mean")),
        *(f"openness_ahead_{what}_{ms}ms" for ms in _AHEAD_MS for what in ("min", "max", "end")),
    )

    def compute(self, stack: Stack) -> list[FloatArray]:
        lid = stack.openness
        if not lid.n:
            return [np.full(stack.n_rows, np.nan) for _ in self.names]
        raw = lid.values[0]
        wide = stack.context_value("openness_open")
        closed = stack.context_value("openness_closed")
        now = np.where(lid.is_known, raw[lid.now], np.nan)
        difference = stack.signal("openness_difference")[stack.rows]
        columns = [
            now / wide,
            now / stack.context_value("openness_median"),
            (wide - now) / (wide - closed),
            closed / wide,
            stack.context_value("openness_noise") / wide,
            np.abs(difference) / wide,
            lid.stale_us(),
        ]
        for ms in _SLOPE_MS:
            back, there = lid.back_at_least(ms * 1000)
            dt_s = (lid.now_t_us - lid.t_us[back]) * 1e-6
            columns.append(np.where(there, (now - raw[back]) / wide / dt_s, np.nan))
        total = lid.running_sum(raw)
        highest, lowest = lid.running_maximum(raw), lid.running_maximum(-raw)
        for ms in _WINDOW_MS:
            start, _ = lid.back_within(ms * 1000)
            mean = (total[lid.now + 1] - total[start]) * QUANTUM / (lid.now - start + 1)
            found = (-lowest(start, lid.now), highest(start, lid.now), mean)
            columns += [np.where(lid.is_known, column / wide, np.nan) for column in found]
        for ms in _AHEAD_MS:
            stop, there = lid.ahead_within(ms * 1000)
            there = there & stack.reaches(ms * 1000)
            stop = np.where(there, stop, lid.now)
            found = (-lowest(lid.now, stop), highest(lid.now, stop), raw[stop])
            columns += [np.where(there, column / wide, np.nan) for column in found]
        return columns
