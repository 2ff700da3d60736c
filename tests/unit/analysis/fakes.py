"""A classifier of a few thresholds, so that the analysis can be tested without a trained model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focus.analysis.features import feature_names
from focus.analysis.types import CLASSES, Float32Array


@dataclass(frozen=True)
class SensitiveClassifier:
    """The thresholds, with probabilities that change when any bit of a row does: what differs in a feature shows."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        return feature_names()

    def predict(self, rows: Float32Array) -> Float32Array:
        probabilities = ThresholdClassifier().predict(rows)
        bits = np.where(np.isnan(rows), np.float32(-1), rows).view(np.uint32).astype(np.uint64)
        weights = np.random.default_rng(1).integers(1, 2**63, rows.shape[1], dtype=np.uint64) | np.uint64(1)
        noise = ((bits * weights).sum(axis=1) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
        return probabilities + noise[:, None] * np.float32(0.1)


@dataclass(frozen=True)
class ThresholdClassifier:
    """Blink where the lids are half closed or gaze has just gone, saccade above a speed, else fixation."""

    speed_deg_s: float = 60.0

    @property
    def feature_names(self) -> tuple[str, ...]:
        return feature_names()

    def predict(self, rows: Float32Array) -> Float32Array:
        names = feature_names()
        speed = rows[:, names.index("gaze_speed_16ms_deg_s")]
        openness = rows[:, names.index("openness")]
        stale_us = rows[:, names.index("gaze_stale_us")]
        blink = (openness < 0.55) | (np.isnan(openness) & (stale_us > 0))
        saccade = ~blink & (speed > self.speed_deg_s)
        probabilities = np.full((len(rows), len(CLASSES)), 0.05, dtype=np.float32)
        probabilities[:, CLASSES.index("fixation")] += np.where(blink | saccade, 0, 0.75)
        probabilities[:, CLASSES.index("saccade")] += np.where(saccade, 0.75, 0)
        probabilities[:, CLASSES.index("blink")] += np.where(blink, 0.75, 0)
        return probabilities
