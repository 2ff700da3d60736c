"""Pupil and head: a pupil that shrinks within tens of milliseconds is being covered by the lid, and a head that turns
moves gaze and openness along with it."""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.features.base import FEATURES
from focus.analysis.stack import Stack
from focus.analysis.types import FloatArray

_PUPIL_MS: Final = (20, 60, 150)
_AHEAD_MS: Final = (40, 130)


@FEATURES.register("pupil")
class Pupil:
    """Relative pupil size and its relative change."""

    names = (
        "pupil_to_mean_2s",
        "pupil_stale_us",
        *(f"pupil_change_{ms}ms" for ms in _PUPIL_MS),
        *(f"pupil_ahead_change_{ms}ms" for ms in _AHEAD_MS),
    )

    def compute(self, stack: Stack) -> list[FloatArray]:
        pupil = stack.pupil
        if not pupil.n:
            return [np.full(stack.n_rows, np.nan) for _ in self.names]
        size = pupil.values[0]
        now = np.where(pupil.is_known, size[pupil.now], np.nan)
        columns = [now / stack.context_value("pupil_mean"), pupil.stale_us()]
        for ms in _PUPIL_MS:
            back, there = pupil.back_at_least(ms * 1000)
            columns.append(np.where(there, now / size[back] - 1, np.nan))
        for ms in _AHEAD_MS:
            stop, there = pupil.ahead_within(ms * 1000)
            columns.append(np.where(there & stack.reaches(ms * 1000), size[stop] / now - 1, np.nan))
        return columns


@FEATURES.register("head")
class Head:
    """How far and how fast the head is turned from where it usually is."""

    names = ("head_pitch_from_mean_deg", "head_yaw_from_mean_deg", "head_speed_100ms_deg_s")

    def compute(self, stack: Stack) -> list[FloatArray]:
        head = stack.head
        if not head.n:
            return [np.full(stack.n_rows, np.nan) for _ in self.names]
        yaw, pitch = head.values
        back, there = head.back_at_least(100_000)
        dt_s = (head.now_t_us - head.t_us[back]) * 1e-6
        turned = np.sqrt((yaw[head.now] - yaw[back]) ** 2 + (pitch[head.now] - pitch[back]) ** 2)
        return [
            np.where(head.is_known, pitch[head.now] - stack.context_value("head_pitch_mean_deg"), np.nan),
            np.where(head.is_known, np.abs(yaw[head.now] - stack.context_value("head_yaw_mean_deg")), np.nan),
            np.where(there, turned / dt_s, np.nan),
        ]
