"""One saccade as a video tracker sees it: skewed speed on the main sequence, and the wobble of pupil and lens after
it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from focus.analysis.synthetic.person import Person
from focus.analysis.types import FloatArray, StateArray

PEAK_OVER_MEAN_SPEED: Final = 1.6
"""Ratio that ties duration to amplitude and peak speed, for a small saccade; Becker (1989), The Neurobiology of
Saccades."""
WOBBLE_SEEN_DEG: Final = 0.12
"""A wobble smaller than this is not labelled: human coders do not see it in the noise of a good tracker."""
WOBBLE_SETTLED_DEG: Final = 0.08
WOBBLE_SETTLED_RATIO: Final = 0.2
"""The oscillation ends for a coder when it has sunk to this or to this share of its largest swing."""
SEEN_SPEED_DEG_S: Final = 28.0
"""Below this speed a movement is not labelled as part of the saccade: coders see 10-16 ms of a saccade of 0.5 deg."""
TAIL_MS: Final = 60


@dataclass(frozen=True, slots=True)
class SaccadePath:
    """Displacement from the start of a saccade at 1000 Hz, shape (n, 2) in degrees, ending at rest.

    The saccade begins at sample `onset` and lasts `n_saccade` samples, the next `n_pso` are its post-saccadic
    oscillation, the rest is fixation.
    """

    displacement_deg: FloatArray
    onset: int
    n_saccade: int
    n_pso: int


def peak_speed_deg_s(person: Person, amplitude_deg: float) -> float:
    """Peak speed of the main sequence for an amplitude."""
    return person.saccade_peak_deg_s * float(1 - np.exp(-amplitude_deg / person.saccade_scale_deg))


def saccade_path(person: Person, vector_deg: FloatArray, *, rng: np.random.Generator) -> SaccadePath:
    """The path of a saccade that moves the eye by `vector_deg`, shape (2,).

    The speed is a beta curve whose peak comes earlier in large saccades (Van Opstal & Van Gisbergen 1987,
    doi:10.1016/0042-6989(87)90030-4), with a slightly curved path and 8 % of variation in speed.
    """
    amplitude_deg = max(float(np.hypot(*vector_deg)), 0.02)
    speed = peak_speed_deg_s(person, amplitude_deg) * float(np.exp(rng.normal(0, 0.08)))
    ratio = PEAK_OVER_MEAN_SPEED + 0.012 * min(amplitude_deg, 25.0)
    n_ms = max(8, round(1000 * ratio * amplitude_deg / speed))
    peak_at = float(np.clip(0.49 - 0.006 * amplitude_deg + rng.normal(0, 0.03), 0.28, 0.55))
    sharpness = 2.7
    tau = (np.arange(n_ms) + 0.5) / n_ms
    profile = tau ** (sharpness * peak_at) * (1 - tau) ** (sharpness * (1 - peak_at))
    globe = np.concatenate([np.cumsum(profile) / profile.sum(), np.ones(TAIL_MS)]) * amplitude_deg
    seen = globe + person.pso_gain * _wobble(globe, person)
    onset, n_saccade, n_pso = _phases(seen, n_ms, amplitude_deg)
    # A slow return of 0-4 % of the amplitude: pulse and step of the command never match exactly.
    mismatch = amplitude_deg * rng.normal(0, 0.015)
    along = seen + mismatch * (globe / amplitude_deg) * np.exp(-np.maximum(np.arange(globe.size) - n_ms, 0) / 40.0)
    along -= (along[-1] - amplitude_deg) * np.linspace(0, 1, globe.size)
    bow = rng.normal(0, 0.02) * amplitude_deg * np.sin(np.pi * np.clip(globe / amplitude_deg, 0, 1))
    unit = vector_deg / max(float(np.hypot(*vector_deg)), 1e-9)
    normal = np.array([-unit[1], unit[0]])
    return SaccadePath(along[:, None] * unit + bow[:, None] * normal, onset, n_saccade, n_pso)


def _wobble(globe_deg: FloatArray, person: Person) -> FloatArray:
    """Position of the lens relative to the globe: a damped oscillator that the globe's acceleration drives."""
    padded = np.concatenate([[0.0, 0.0], globe_deg])
    acceleration = np.diff(padded, 2)  # deg/ms^2
    omega = 2 * np.pi * person.pso_frequency_hz / 1000
    damping = 2 * person.pso_damping * omega
    stiffness = omega * omega
    place, speed = 0.0, 0.0
    places = []
    for driven in acceleration.tolist():
        speed += -damping * speed - stiffness * place - driven
        place += speed
        places.append(place)
    return np.asarray(places)


def _phases(seen_deg: FloatArray, n_globe_ms: int, amplitude_deg: float) -> tuple[int, int, int]:
    """Onset and lengths of saccade and oscillation: the saccade ends where the seen eye first stops or turns."""
    speed = np.diff(seen_deg, prepend=0.0) * 1000
    peak = int(np.argmax(speed[:n_globe_ms]))
    threshold = min(SEEN_SPEED_DEG_S, 0.3 * float(speed[peak]))
    onset = int(np.argmax(speed > threshold))
    stops = np.flatnonzero(speed[peak:] <= threshold)
    stop = min(peak + int(stops[0]) if stops.size else n_globe_ms, n_globe_ms + 12)
    off = np.abs(seen_deg[stop:] - amplitude_deg)
    if off.size == 0 or off.max() < WOBBLE_SEEN_DEG:
        return onset, stop - onset, 0
    unsettled = np.flatnonzero(off > max(WOBBLE_SETTLED_DEG, WOBBLE_SETTLED_RATIO * off.max()))
    return onset, stop - onset, min(int(unsettled[-1]) + 2, off.size)


def mark_phases(labels: StateArray, path: SaccadePath, *, saccade: int, pso: int) -> None:
    """Write the codes of a saccade and its oscillation into labels that begin where the path begins."""
    stop = path.onset + path.n_saccade
    labels[path.onset : stop] = saccade
    labels[stop : stop + path.n_pso] = pso
