"""Blocks made by hand, for tests of single metrics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from focus.analysis.events.runs import DecidedFrames
from focus.analysis.metrics import METRICS, Block, BlockPupil, MetricValue, Quality
from focus.analysis.traits import RecordingTraits
from focus.analysis.types import Event, EyeState
from focus.protocol.batch import ScreenGeometry, TrackerInfo

COLUMNS = ("gaze_x", "gaze_y", "openness_left", "pupil_left", "head_yaw", "head_pitch")
SCREEN = ScreenGeometry(width_mm=600.0, height_mm=300.0, distance_mm=600.0)
TRACKER = TrackerInfo("by hand", COLUMNS, rate_hz=50.0, gaze_space="screen", screen=SCREEN)

GOOD = Quality(
    rate_hz=300.0,
    jitter_us=0.0,
    is_uneven=False,
    loss_ratio=0.0,
    recorded_s=60.0,
    has_gaze=True,
    has_openness=True,
    has_pupil=True,
    pupil_in_mm=True,
    is_geometry_assumed=False,
    has_screen=True,
)
"""Of a recording in which everything could be measured."""


def block(
    start_s: float,
    *events: Event,
    length_s: float = 1.0,
    rate_hz: float = 50.0,
    tracker: TrackerInfo = TRACKER,
    states: Sequence[int] | None = None,
    pupil_mm: Sequence[float] | None = None,
    **signals: Any,
) -> Block:
    """A block of frames that fixate with open eyes on the screen; `signals` are changed ones by their place."""
    n = round(length_s * rate_hz)
    interval_us = round(1e6 / rate_hz)
    matrix = np.zeros((n, 9))
    matrix[:, 2] = 0.3
    matrix[:, 4] = 3.0
    matrix[:, 7] = matrix[:, 8] = 1
    for place, values in signals.items():
        matrix[:, int(place.removeprefix("signal_"))] = values
    frames = DecidedFrames(
        t_us=round(start_s * 1e6) + np.arange(n) * interval_us,
        dt_us=np.full(n, interval_us),
        states=np.full(n, EyeState.FIXATION, dtype=np.uint8) if states is None else np.array(states, dtype=np.uint8),
        certainty=np.full(n, 1 << 20),
        signals=matrix,
        speed_deg_s=np.zeros(n),
        relative_openness=np.ones(n),
        closure=np.zeros(n),
        step_deg=np.zeros(n),
        lead_us=np.zeros(n, dtype=np.int64),
    )
    return Block(
        start_us=round(start_s * 1e6),
        stop_us=round((start_s + length_s) * 1e6),
        frames=frames,
        covered_us=np.full(n, interval_us),
        missing_us=0,
        events=tuple(sorted(events, key=lambda event: (event.offset_us, event.kind))),
        traits=RecordingTraits.of(tracker),
        away_yaw_deg=25.0,
        away_pitch_deg=30.0,
        pupil=BlockPupil(matrix[:, 4] if pupil_mm is None else np.array(pupil_mm, dtype=float), 0, 0),
    )


def sums_over(name: str, *blocks: Block) -> dict[str, Any]:
    """Sums of a metric over some blocks."""
    metric = METRICS[METRICS[name]().sums_of or name]()
    return reduce(metric.combine, (metric.measure(each) for each in blocks))


def value_over(name: str, *blocks: Block, quality: Quality = GOOD) -> MetricValue:
    """A metric over some blocks."""
    return METRICS[name]().value(sums_over(name, *blocks), quality)


def event(kind: str, onset_s: float, offset_s: float, **attributes: float) -> Event:
    return Event(kind, round(onset_s * 1e6), round(offset_s * 1e6), attributes)
