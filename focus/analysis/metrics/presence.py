"""Whether the person was there and looked at the screen: shares of recorded time, measured well from 5 Hz."""

from __future__ import annotations

import numpy as np

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block
from focus.analysis.types import BoolArray


class _TimeShare(Metric):
    """Share of time in which something was so, over the time in which it could be told."""

    unit = "%"
    valid_from_hz = 5.0
    estimate_from_hz = 1.0
    suffers_from_loss = False

    def measure(self, block: Block) -> Sums:
        so, known = self.pick(block)
        return {"so_us": block.time_us(so), "known_us": block.time_us(known)}

    def pick(self, block: Block) -> tuple[BoolArray, BoolArray]:
        """Frames in which it was so, and frames in which it could be told."""
        raise NotImplementedError

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        known_us = sums["known_us"]
        value = 100 * sums["so_us"] / known_us if known_us else None
        return self.result(quality, value, weight_us=known_us, missing="this recording does not tell")


@METRICS.register("on_screen")
class OnScreen(_TimeShare):
    """Only trackers that measure gaze on a screen can tell. `blink_us`, in which they could not, is for the time on
    screen of a day: who blinks at a screen is still there."""

    name = "on_screen"
    label = "Gaze on screen"
    formula = "time with gaze inside the screen / time with gaze"
    source = "Hooge 2022"
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        on_screen = block.frames.signals[:, 7]
        return super().measure(block) | {"blink_us": block.time_us(block.is_blink & (on_screen != 1))}

    def pick(self, block: Block) -> tuple[BoolArray, BoolArray]:
        on_screen = block.frames.signals[:, 7]
        return on_screen == 1, ~np.isnan(on_screen)


@METRICS.register("face_present")
class FacePresent(_TimeShare):
    """A blink in which the tracker lost the eyes does not make the face disappear."""

    name = "face_present"
    label = "Face present"
    formula = "time in which face or eyes were seen, blinks included / time with frames"
    source = "Hooge 2022"

    def pick(self, block: Block) -> tuple[BoolArray, BoolArray]:
        return block.is_present, np.ones(len(block.frames), dtype=bool)


@METRICS.register("head_away")
class HeadAway(_TimeShare):
    """Turned further than the limits of the parameters."""

    name = "head_away"
    label = "Head turned away"
    formula = "time with yaw beyond 25 deg or pitch beyond 30 deg / time with head pose"
    source = "Hooge 2022"

    def pick(self, block: Block) -> tuple[BoolArray, BoolArray]:
        return block.head
