"""What is missing: a blink shows in many trackers as nothing but the loss of gaze and pupil."""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.features.base import FEATURES
from focus.analysis.stack import MAX_STALE_US, Stack
from focus.analysis.types import FloatArray

_WINDOW_MS: Final = (50, 150, 400)
_AHEAD_MS: Final = (40, 80, 130)


@FEATURES.register("validity")
class Validity:
    """Age and length of losses of gaze, and the share of frames with gaze in windows before and after."""

    names = (
        "gaze_stale_us",
        "gaze_since_loss_us",
        *(f"gaze_valid_ratio_{ms}ms" for ms in _WINDOW_MS),
        *(f"gaze_ahead_valid_ratio_{ms}ms" for ms in _AHEAD_MS),
        "gaze_ahead_returns_us",
        "frame_dt_us",
    )

    def compute(self, stack: Stack) -> list[FloatArray]:
        t_us, rows, first = stack.t_us, stack.rows, stack.first
        row_t_us = t_us[rows]
        is_valid = ~np.isnan(stack.values[:, 0])
        n_valid = np.concatenate([[0], np.cumsum(is_valid)])
        columns: list[FloatArray] = [stack.gaze.stale_us()]

        lost = np.flatnonzero(~is_valid)
        newest_lost = np.searchsorted(lost, rows, side="right") - 1
        there = newest_lost >= 0
        lost_at = lost[np.maximum(newest_lost, 0)] if len(lost) else np.zeros(len(rows), dtype=np.int64)
        since = (row_t_us - t_us[lost_at]).astype(np.float64)
        columns.append(np.where(there & (lost_at >= first) & (since <= MAX_STALE_US), since, np.nan))

        for ms in _WINDOW_MS:
            start = np.maximum(np.searchsorted(t_us, row_t_us - ms * 1000, side="left"), first)
            columns.append((n_valid[rows + 1] - n_valid[start]) / (rows + 1 - start))
        for ms in _AHEAD_MS:
            stop = np.searchsorted(t_us, row_t_us + ms * 1000, side="right") - 1
            ratio = (n_valid[stop + 1] - n_valid[rows + 1]) / (stop - rows)
            columns.append(np.where(stack.reaches(ms * 1000) & (stop > rows), ratio, np.nan))

        gaze_t_us = stack.gaze.t_us
        next_valid = np.searchsorted(gaze_t_us, row_t_us, side="left")
        within = next_valid < len(gaze_t_us)
        returns_us = np.full(len(rows), np.nan)
        returns_us[within] = gaze_t_us[next_valid[within]] - row_t_us[within]
        columns.append(np.where(returns_us <= stack.ahead_us, returns_us, np.nan))

        dt_us = (row_t_us - t_us[np.maximum(rows - 1, 0)]).astype(np.float64)
        columns.append(np.where((rows > first) & (dt_us <= MAX_STALE_US), dt_us, np.nan))
        return columns
