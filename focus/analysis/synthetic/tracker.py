"""The parameters of a simulated tracker, well-known kinds of trackers, and trackers drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from focus.errors import ParameterError
from focus.protocol.batch import ScreenGeometry, TrackerInfo
from focus.protocol.schema import GazeSpace

SIGNALS: Final = ("gaze", "pupil", "openness", "confidence", "head")
_COLUMNS: Final = {
    "gaze": ("gaze_x", "gaze_y"),
    "pupil": ("pupil_left", "pupil_right"),
    "openness": ("openness_left", "openness_right"),
    "confidence": ("confidence",),
    "head": ("head_yaw", "head_pitch", "head_roll"),
}
DESK_SCREEN: Final = ScreenGeometry(width_mm=527.0, height_mm=296.0, distance_mm=620.0, width_px=1920, height_px=1080)

_LIMITS: Final = {
    "rate_hz": (2, 1000),
    "jitter_ratio": (0, 0.6),
    "stall_rate_per_min": (0, 60),
    "missing_ratio": (0, 0.6),
    "gap_rate_per_min": (0, 30),
    "dropout_ratio": (0, 0.5),
    "loss_rate_per_min": (0, 60),
    "repeat_ratio": (0, 0.6),
    "noise_deg": (0, 5),
    "noise_exponent": (0, 2),
    "smoothing_ms": (0, 400),
    "exposure_ratio": (0, 1),
    "quantum_deg": (0, 2),
    "blink_loss_closure": (0.2, 2),
    "blink_artefact_deg": (0, 40),
    "blink_rebound_ratio": (0, 1),
    "blink_jump_ratio": (0, 1),
    "openness_open": (0.05, 20),
    "openness_floor": (0, 0.85),
    "openness_noise": (0, 0.5),
    "openness_outlier_ratio": (0, 0.3),
    "openness_quantum": (0, 0.2),
    "pupil_noise_mm": (0, 1),
    "pupil_quantum_mm": (0, 1),
    "pupil_motion_ratio": (-0.2, 0.2),
    "vergence_ratio": (-0.5, 0.5),
    "glare_rate_per_min": (0, 60),
    "lens_pitch_ratio": (0, 0.05),
}


@dataclass(frozen=True, slots=True)
class SimulatedTracker:
    """What a tracker makes of a person. A value out of its limits is a ParameterError.

    Parameters
    ----------
    signals : tuple of str
        Any of `SIGNALS`.
    rate_hz, jitter_ratio : float
        Nominal rate, and the standard deviation of frame times as a share of the frame interval.
    stall_rate_per_min : float
        Deliveries that come 2-4 frames late and are followed by frames in a burst, as from a webcam.
    missing_ratio, gap_rate_per_min : float
        Share of frames that never arrive, and gaps of 0.2-3 s in which none does.
    dropout_ratio, loss_rate_per_min : float
        Share of frames without eyes, one by one, and losses of 20 ms - 2 s in a row.
    repeat_ratio : float
        Share of frames that repeat the values of the one before.
    noise_deg, noise_exponent : float
        Standard deviation of gaze noise, and its colour: 0 white, 1 pink. Niehorster et al. (2020),
        doi:10.3758/s13428-020-01400-9: laboratory trackers 0.01-0.1 deg, desktop 0.1-0.5, webcams 0.5-2.
    smoothing_ms : float
        Moving average over the past, as many makers apply.
    exposure_ratio : float
        Share of the frame interval that the camera averages over.
    quantum_deg : float
        Step of the reported gaze; 0 for none.
    blink_loss_closure : float
        Closure at which pupil and gaze are lost; above 1 they never are, as in a webcam's landmark model.
    blink_artefact_deg : float
        How far gaze seems to move while the lid covers the pupil.
    blink_rebound_ratio, blink_jump_ratio : float
        Share of that movement by which gaze swings to the other side for some 70 ms after the lid has gone up, and
        share of blinks in which the tracker takes lashes or a reflection for the pupil and reports a place far away.
        Both are what video trackers show that go on measuring through most of a blink.
    openness_open, openness_floor, openness_noise : float
        Openness of this person's open eye (a ratio near 0.3 for webcams, mm for others), the share of it that a closed
        eye still shows, and noise as a share of the open value.
    openness_outlier_ratio, openness_quantum : float
        Share of frames whose noise is three times as large, as when a landmark slips, and the step of the reported
        openness as a share of the open value, as from landmarks on whole pixels.
    pupil_noise_mm, pupil_quantum_mm : float
        Noise of the diameter, and the step it is reported in: some trackers give whole pixels, 3-5 % of the diameter.
    pupil_motion_ratio : float
        How much the diameter seems to change at a gaze speed of 500 deg/s. Nystrom et al. (2016),
        doi:10.1016/j.visres.2016.09.005, report changes of a few percent around saccades.
    vergence_ratio : float
        Share of the eyes' vergence that shows in the reported gaze: half of it for one eye alone (-0.5 left, 0.5
        right), nothing where both eyes are averaged.
    glare_rate_per_min, lens_pitch_ratio : float
        Glasses: reflections of 50-800 ms that move the landmarks of the lids and hide the pupil, and how much more of
        the opening is lost for each degree the head pitches down, as rim and lens cover the lid. Our estimate; Hansen &
        Ji (2010), doi:10.1109/TPAMI.2009.30, name the faults.
    gaze_space : str
        "screen" (0..1 of `screen`) or "deg".
    """

    name: str = "simulated tracker"
    rate_hz: float = 60.0
    signals: tuple[str, ...] = SIGNALS
    jitter_ratio: float = 0.02
    stall_rate_per_min: float = 0.0
    missing_ratio: float = 0.0
    gap_rate_per_min: float = 0.0
    dropout_ratio: float = 0.002
    loss_rate_per_min: float = 0.3
    repeat_ratio: float = 0.0
    noise_deg: float = 0.2
    noise_exponent: float = 0.5
    smoothing_ms: float = 0.0
    exposure_ratio: float = 0.3
    quantum_deg: float = 0.0
    blink_loss_closure: float = 0.6
    blink_artefact_deg: float = 4.0
    blink_rebound_ratio: float = 0.0
    blink_jump_ratio: float = 0.0
    openness_open: float = 10.0
    openness_floor: float = 0.05
    openness_noise: float = 0.02
    openness_outlier_ratio: float = 0.0
    openness_quantum: float = 0.0
    pupil_noise_mm: float = 0.02
    pupil_quantum_mm: float = 0.0
    pupil_motion_ratio: float = 0.02
    vergence_ratio: float = 0.0
    glare_rate_per_min: float = 0.0
    lens_pitch_ratio: float = 0.0
    gaze_space: GazeSpace = "screen"
    screen: ScreenGeometry | None = field(default=DESK_SCREEN)

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ParameterError(f"tracker {name} {value} lies outside of {low:g}..{high:g}")
        unknown = [signal for signal in self.signals if signal not in SIGNALS]
        if unknown or not self.signals:
            raise ParameterError(f"tracker signals {self.signals} are not some of {', '.join(SIGNALS)}")
        if self.gaze_space == "scene":
            raise ParameterError("tracker gaze_space 'scene' is not simulated; there are: screen, deg")
        if self.gaze_space == "screen" and self.screen is None:
            raise ParameterError("a tracker with gaze_space 'screen' needs a screen")

    def info(self) -> TrackerInfo:
        """What the tracker declares when a recording is opened."""
        units: dict[str, str] = {}
        if "openness" in self.signals:
            unit = "ratio" if self.openness_open < 1.5 else "mm"
            units |= {"openness_left": unit, "openness_right": unit}
        if "pupil" in self.signals:
            units |= {"pupil_left": "mm", "pupil_right": "mm"}
        columns = tuple(column for signal in SIGNALS if signal in self.signals for column in _COLUMNS[signal])
        return TrackerInfo(
            name=self.name,
            columns=columns,
            rate_hz=self.rate_hz,
            gaze_space=self.gaze_space,
            model="focus.analysis.synthetic",
            units=units,
            screen=self.screen,
        )


DESKTOP: Final = SimulatedTracker(name="simulated desktop tracker")
WEBCAM: Final = SimulatedTracker(
    name="simulated webcam",
    rate_hz=30.0,
    jitter_ratio=0.15,
    stall_rate_per_min=6.0,
    missing_ratio=0.01,
    noise_deg=1.0,
    noise_exponent=0.8,
    smoothing_ms=60.0,
    exposure_ratio=0.6,
    blink_loss_closure=2.0,
    blink_artefact_deg=8.0,
    openness_open=0.3,
    openness_floor=0.35,
    openness_noise=0.04,
    openness_outlier_ratio=0.01,
    pupil_noise_mm=0.3,
    signals=("gaze", "openness", "confidence", "head"),
)
LABORATORY: Final = SimulatedTracker(
    name="simulated laboratory tracker",
    rate_hz=500.0,
    jitter_ratio=0.0,
    noise_deg=0.02,
    exposure_ratio=0.5,
    dropout_ratio=0.0,
    gaze_space="deg",
    signals=("gaze", "pupil", "confidence"),
)
TRACKERS: Final = MappingProxyType({"desktop": DESKTOP, "webcam": WEBCAM, "laboratory": LABORATORY})


def random_tracker(kind: str, *, rng: np.random.Generator) -> SimulatedTracker:
    """A tracker of a kind ("desktop", "webcam" or "laboratory") with everything that differs drawn at random.

    Raises
    ------
    ParameterError
        If there is no such kind.
    """
    if kind == "webcam":
        return _random_webcam(rng)
    if kind == "desktop":
        drawn = replace(
            DESKTOP,
            rate_hz=float(rng.choice([30, 40, 60, 60, 90, 120, 150, 200, 250, 300])),
            jitter_ratio=float(rng.choice([0.0, 0.02, 0.1])),
            noise_deg=_between(rng, 0.03, 0.7),
            noise_exponent=float(rng.uniform(0, 1.2)),
            smoothing_ms=float(rng.choice([0, 0, rng.uniform(5, 60)])),
            missing_ratio=float(rng.choice([0, rng.uniform(0, 0.05)])),
            dropout_ratio=float(rng.choice([0, rng.uniform(0, 0.03)])),
            loss_rate_per_min=_between(rng, 0.05, 6),
            gap_rate_per_min=float(rng.choice([0, rng.uniform(0, 1)])),
            quantum_deg=float(rng.choice([0, 0, 0.02, 0.05])),
            exposure_ratio=float(rng.uniform(0.05, 1)),
            openness_open=float(rng.uniform(7, 13)),
            openness_floor=float(rng.uniform(0, 0.25)),
            openness_noise=_between(rng, 0.008, 0.06),
            pupil_noise_mm=_between(rng, 0.01, 0.15),
            pupil_quantum_mm=float(rng.choice([0, 0, 0.05, 0.15])),
            pupil_motion_ratio=float(rng.normal(0, 0.03)),
        )
        return _with_blink_artefacts(drawn, rng)
    if kind == "laboratory":
        drawn = replace(
            LABORATORY,
            rate_hz=float(rng.choice([250, 500, 500, 1000])),
            noise_deg=_between(rng, 0.005, 0.12),
            noise_exponent=float(rng.uniform(0, 1.0)),
            smoothing_ms=float(rng.choice([0, 0, 4, 8])),
            dropout_ratio=float(rng.choice([0, 0.001])),
            loss_rate_per_min=_between(rng, 0.02, 3),
            quantum_deg=float(rng.choice([0, 0.001, 0.01, 0.03])),
            exposure_ratio=float(rng.uniform(0.1, 1)),
            pupil_noise_mm=_between(rng, 0.005, 0.1),
            pupil_quantum_mm=float(rng.choice([0, 0.05, 0.1, 0.2])),
            pupil_motion_ratio=float(rng.normal(0, 0.04)),
        )
        return _with_blink_artefacts(drawn, rng)
    raise ParameterError(f"tracker kind {kind!r} is none of {', '.join(TRACKERS)}")


def add_glasses(tracker: SimulatedTracker, *, rng: np.random.Generator) -> SimulatedTracker:
    """The tracker before somebody with glasses: reflections, lids behind rim and lens, more noise and loss.

    Apart from `random_tracker`, so that trackers drawn before there were glasses stay the same.
    """
    return replace(
        tracker,
        glare_rate_per_min=float(rng.uniform(1, 20)),
        lens_pitch_ratio=float(rng.uniform(0.002, 0.02)),
        noise_deg=min(tracker.noise_deg * float(rng.uniform(1.0, 1.6)), 5.0),
        openness_noise=min(tracker.openness_noise * float(rng.uniform(1.0, 1.5)), 0.5),
        openness_floor=min(tracker.openness_floor + float(rng.uniform(0, 0.15)), 0.85),
        loss_rate_per_min=min(tracker.loss_rate_per_min * float(rng.uniform(1, 4)), 60.0),
    )


def _with_blink_artefacts(tracker: SimulatedTracker, rng: np.random.Generator) -> SimulatedTracker:
    """Between one that loses the pupil when the lid has come half-way and one that hardly ever does."""
    loss_closures = rng.uniform(0.35, 0.8), rng.uniform(0.8, 0.99), 2.0
    return replace(
        tracker,
        blink_loss_closure=float(rng.choice(loss_closures, p=[0.5, 0.43, 0.07])),
        blink_artefact_deg=_between(rng, 1, 30),
        blink_rebound_ratio=float(rng.uniform(0, 0.4)),
        blink_jump_ratio=float(rng.choice([0, rng.uniform(0, 0.3)])),
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """A draw from low to high, even in the logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _random_webcam(rng: np.random.Generator) -> SimulatedTracker:
    return replace(
        WEBCAM,
        rate_hz=_between(rng, 5, 32),
        signals=("openness",) if rng.random() < 0.75 else ("gaze", "openness", "confidence", "head"),
        jitter_ratio=float(rng.uniform(0.02, 0.35)),
        stall_rate_per_min=float(rng.choice([0, rng.uniform(1, 30)])),
        missing_ratio=float(rng.choice([0, rng.uniform(0, 0.15)])),
        dropout_ratio=float(rng.choice([0, rng.uniform(0, 0.08)])),
        loss_rate_per_min=_between(rng, 0.05, 3),
        gap_rate_per_min=float(rng.choice([0, rng.uniform(0, 1)])),
        repeat_ratio=float(rng.choice([0, 0, rng.uniform(0, 0.2)])),
        noise_deg=_between(rng, 0.4, 2.5),
        noise_exponent=float(rng.uniform(0.2, 1.3)),
        smoothing_ms=float(rng.choice([0, rng.uniform(0, 150)])),
        exposure_ratio=float(rng.uniform(0.1, 1)),
        openness_open=float(rng.uniform(0.18, 0.42)),
        openness_floor=float(rng.uniform(0.08, 0.68)),
        openness_noise=_between(rng, 0.015, 0.08),
        openness_outlier_ratio=float(rng.choice([0, rng.uniform(0, 0.08)])),
        openness_quantum=float(rng.choice([0, 0, 0.03, 0.06])),
    )
