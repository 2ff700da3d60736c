"""How the gaze moves: speeds and shapes of the path over windows before and after a frame.

Speeds over 8 to 128 ms tell a saccade; path efficiency, spread and distance from the window's mean over 40 to 400 ms
tell pursuit from fixation (Salvucci & Goldberg 2000, doi:10.1145/355017.355028; Larsson et al. 2015,
doi:10.1016/j.bspc.2014.12.008). Positions enter only as differences.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.features.base import FEATURES
from focus.analysis.slow import QUANTUM
from focus.analysis.stack import Series, Stack
from focus.analysis.types import BoolArray, FloatArray, IntArray

_SPEED_MS: Final = (8, 16, 32, 64, 128)
_WINDOW_MS: Final = (40, 100, 200, 400)
_AHEAD_MS: Final = (15, 25, 40, 80, 130)
_OFF_MS: Final = (110, 250)
_RECENT_MS: Final = 40
_SHIFT_MS: Final = ((60, 25), (110, 40), (160, 80), (160, 130))
_NOISE_FLOOR_DEG: Final = 0.02  # less than any tracker's noise; keeps a still, simulated gaze from giving infinities


def _distance(series: Series, start: IntArray, stop: IntArray) -> FloatArray:
    x, y = series.values
    dx, dy = x[stop] - x[start], y[stop] - y[start]
    return np.sqrt(dx * dx + dy * dy)


@FEATURES.register("gaze_speed")
class GazeSpeed:
    """Displacement over time since the newest sample at least so long ago, its ratio to the noise, and its change."""

    names = (
        *(f"gaze_speed_{ms}ms_deg_s" for ms in _SPEED_MS),
        "gaze_speed_8ms_to_noise",
        "gaze_speed_32ms_to_noise",
        "gaze_speed_change_16ms_deg_s",
        "gaze_turn_16ms_cos",
    )

    def compute(self, stack: Stack) -> list[FloatArray]:
        gaze = stack.gaze
        if not gaze.n:
            return [np.full(stack.n_rows, np.nan) for _ in self.names]
        speeds = {}
        for ms in _SPEED_MS:
            back, there = gaze.back_at_least(ms * 1000)
            dt_s = (gaze.now_t_us - gaze.t_us[back]) * 1e-6
            speeds[ms] = np.where(there, _distance(gaze, back, gaze.now) / dt_s, np.nan)
        noise = stack.context_value("gaze_speed_noise_deg_s") + 1.0
        back, there = gaze.back_at_least(16_000)
        before, earlier_there = gaze.back_at_least(32_000)
        there = there & earlier_there & (before < back)
        x, y = gaze.values
        ax, ay = x[gaze.now] - x[back], y[gaze.now] - y[back]
        bx, by = x[back] - x[before], y[back] - y[before]
        late, early = np.sqrt(ax * ax + ay * ay), np.sqrt(bx * bx + by * by)
        earlier_speed = early / ((gaze.t_us[back] - gaze.t_us[before]) * 1e-6)
        change = np.where(there, speeds[16] - earlier_speed, np.nan)
        turn = np.where(there, (ax * bx + ay * by) / (late * early), np.nan)
        return [*speeds.values(), speeds[8] / noise, speeds[32] / noise, change, turn]


def _shape(
    stack: Stack, start: IntArray, stop: IntArray, there: BoolArray, tables: _Tables
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Net displacement, path efficiency, spread, mean x, mean y and highest speed over samples start..stop."""
    n = stop - start + 1
    net = _distance(stack.gaze, start, stop)
    path = (tables.path[stop + 1] - tables.path[start + 1]) * QUANTUM
    mean_x = (tables.x[stop + 1] - tables.x[start]) * QUANTUM / n
    mean_y = (tables.y[stop + 1] - tables.y[start]) * QUANTUM / n
    square = (tables.square[stop + 1] - tables.square[start]) * (QUANTUM * QUANTUM) / n
    spread = np.sqrt(np.maximum(square - mean_x * mean_x - mean_y * mean_y, 0.0))
    peak = tables.peak(np.minimum(start + 1, stop), stop)
    nan = ~there
    for column in (net, path, mean_x, mean_y, spread, peak):
        column[nan] = np.nan
    efficiency = np.where(path > 0, net / path, np.nan)
    return net, efficiency, spread, mean_x, mean_y, peak


class _Tables:
    """Running totals over the valid gaze samples of a stack."""

    def __init__(self, stack: Stack) -> None:
        gaze = stack.gaze
        x, y = gaze.values
        self.x = gaze.running_sum(x)
        self.y = gaze.running_sum(y)
        self.path = gaze.running_sum(stack.gaze_step_deg)
        whole_x = np.rint(x * (1 / QUANTUM)).astype(np.int64)
        whole_y = np.rint(y * (1 / QUANTUM)).astype(np.int64)
        self.square: IntArray = np.zeros(gaze.n + 1, dtype=np.int64)
        np.cumsum(whole_x * whole_x + whole_y * whole_y, out=self.square[1:])
        self.peak = gaze.running_maximum(stack.gaze_speed_deg_s)


@FEATURES.register("gaze_window")
class GazeWindow:
    """Shape of the path in windows before the frame, and, where the row may look ahead, after it."""

    names = (
        *(
            f"gaze_{what}_{ms}ms"
            for ms in _WINDOW_MS
            for what in ("net_deg", "efficiency", "spread_deg", "from_mean_deg", "peak_speed_deg_s")
        ),
        *(
            f"gaze_ahead_{what}_{ms}ms"
            for ms in _AHEAD_MS
            for what in ("net_deg", "efficiency", "spread_deg", "from_mean_deg", "peak_speed_deg_s", "step_deg")
        ),
    )

    def compute(self, stack: Stack) -> list[FloatArray]:
        gaze = stack.gaze
        if not gaze.n:
            return [np.full(stack.n_rows, np.nan) for _ in self.names]
        tables = _Tables(stack)
        x, y = gaze.values
        now_x, now_y = x[gaze.now], y[gaze.now]
        columns: list[FloatArray] = []
        before_x = before_y = np.full(stack.n_rows, np.nan)
        for ms in _WINDOW_MS:
            start, there = gaze.back_within(ms * 1000)
            net, efficiency, spread, mean_x, mean_y, peak = _shape(stack, start, gaze.now, there, tables)
            from_mean = np.sqrt((now_x - mean_x) ** 2 + (now_y - mean_y) ** 2)
            columns += [net, efficiency, spread, from_mean, peak]
            if ms == 100:
                before_x, before_y = mean_x, mean_y
        for ms in _AHEAD_MS:
            stop, there = gaze.ahead_within(ms * 1000)
            there = there & stack.reaches(ms * 1000)
            stop = np.where(there, stop, gaze.now)
            net, efficiency, spread, mean_x, mean_y, peak = _shape(stack, gaze.now, stop, there, tables)
            from_mean = np.sqrt((now_x - mean_x) ** 2 + (now_y - mean_y) ** 2)
            # From the mean of the past 100 ms to the end of the window: a step stays, noise does not.
            step = np.where(there, np.sqrt((x[stop] - before_x) ** 2 + (y[stop] - before_y) ** 2), np.nan)
            columns += [net, efficiency, spread, from_mean, peak, step]
        return columns


@FEATURES.register("gaze_shift")
class GazeShift:
    """Whether the gaze has moved on, told against the noise: means over the windows before and after a frame.

    At low rates a saccade is one frame or none, and noise is as large as a small saccade. Means over several frames see
    the shift that stays; the frame's own place on the way (0 where it began, 1 where it ended) tells whether it is
    before, in or after it.
    """

    names = (
        *(f"gaze_off_to_noise_{ms}ms" for ms in _OFF_MS),
        *(f"gaze_recent_to_noise_{ms}ms" for ms in _OFF_MS),
        *(
            f"gaze_ahead_shift_{what}_{back_ms}_{ahead_ms}ms"
            for back_ms, ahead_ms in _SHIFT_MS
            for what in ("deg", "to_noise", "place")
        ),
    )

    def compute(self, stack: Stack) -> list[FloatArray]:
        gaze = stack.gaze
        if not gaze.n:
            return [np.full(stack.n_rows, np.nan) for _ in self.names]
        x, y = gaze.values
        total_x, total_y = gaze.running_sum(x), gaze.running_sum(y)
        noise_deg = stack.context_value("gaze_step_noise_deg") + _NOISE_FLOOR_DEG
        now = gaze.now
        now_x, now_y = x[now], y[now]

        def mean(start: IntArray, stop: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
            """Over the samples from start up to, but not including, stop."""
            n = np.maximum(stop - start, 1)
            return (
                (total_x[stop] - total_x[start]) * QUANTUM / n,
                (total_y[stop] - total_y[start]) * QUANTUM / n,
                n,
            )

        recent_start, _ = gaze.back_within(_RECENT_MS * 1000)
        recent_x, recent_y, n_recent = mean(recent_start, now + 1)
        off, recent = [], []
        for ms in _OFF_MS:
            start, there = gaze.back_within(ms * 1000)
            x0, y0, n = mean(start, now)
            distance = np.sqrt((now_x - x0) ** 2 + (now_y - y0) ** 2)
            off.append(np.where(there, distance / (noise_deg * np.sqrt(1 + 1 / n)), np.nan))
            there = there & (start < recent_start)
            x0, y0, n = mean(start, np.maximum(recent_start, start))
            distance = np.sqrt((recent_x - x0) ** 2 + (recent_y - y0) ** 2)
            recent.append(np.where(there, distance / (noise_deg * np.sqrt(1 / n_recent + 1 / n)), np.nan))
        columns = [*off, *recent]
        for back_ms, ahead_ms in _SHIFT_MS:
            start, there = gaze.back_within(back_ms * 1000)
            stop, there_ahead = gaze.ahead_within(ahead_ms * 1000)
            there = there & there_ahead & stack.reaches(ahead_ms * 1000)
            x0, y0, n0 = mean(start, now)
            x1, y1, n1 = mean(now + 1, np.maximum(stop, now) + 1)
            dx, dy = x1 - x0, y1 - y0
            square = dx * dx + dy * dy
            shift = np.sqrt(square)
            place = np.clip(((now_x - x0) * dx + (now_y - y0) * dy) / square, -1.0, 2.0)
            found = (shift, shift / (noise_deg * np.sqrt(1 / n0 + 1 / n1)), place)
            columns += [np.where(there, column, np.nan) for column in found]
        return columns


@FEATURES.register("gaze_noise")
class GazeNoise:
    """How noisy this tracker is on this person, how often it measures, and where the gaze is against its recent
    mean."""

    names = (
        "gaze_step_noise_deg",
        "gaze_speed_noise_deg_s",
        "frame_interval_us",
        "gaze_x_from_mean_2s_deg",
        "gaze_y_from_mean_2s_deg",
    )

    def compute(self, stack: Stack) -> list[FloatArray]:
        gaze = stack.gaze
        nothing = np.full(stack.n_rows, np.nan)
        x = np.where(gaze.is_known, gaze.values[0][gaze.now], np.nan) if gaze.n else nothing
        y = np.where(gaze.is_known, gaze.values[1][gaze.now], np.nan) if gaze.n else nothing
        return [
            stack.context_value("gaze_step_noise_deg"),
            stack.context_value("gaze_speed_noise_deg_s"),
            stack.context_value("interval_us"),
            np.abs(x - stack.context_value("gaze_x_mean_deg")),
            y - stack.context_value("gaze_y_mean_deg"),
        ]
