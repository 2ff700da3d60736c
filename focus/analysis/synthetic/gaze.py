"""Gaze of a simulated person at 1000 Hz: an endless chain of fixations, saccades and pursuits, by task.

Degrees of visual angle from the middle of the screen, x to the right, y down. Fixational drift is part of it; the
noise of a tracker is not. Each task is a generator of segments; `GazeGenerator` joins them and hands out pieces.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from focus.analysis.synthetic.noise import PowerLawNoise, lognormal_with_mean
from focus.analysis.synthetic.person import Person
from focus.analysis.synthetic.saccade import mark_phases, saccade_path
from focus.analysis.types import FloatArray, StateArray
from focus.errors import ParameterError

LABELS: Final = ("fixation", "saccade", "pso", "pursuit", "blink", "lost")
FIXATION, SACCADE, PSO, PURSUIT, BLINK, LOST = range(6)
SMALL_SACCADE_DEG: Final = 0.3
"""Microsaccades below this are part of the fixation; coders of gaze recordings mark about the larger half."""
HALF_WIDTH_DEG: Final = 20.0
HALF_HEIGHT_DEG: Final = 11.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of gaze, shape (n, 2) in degrees, and a label for each sample."""

    gaze_deg: FloatArray
    labels: StateArray


class GazeGenerator:
    """Hands out the gaze of a person doing a task, one piece after the other.

    Parameters
    ----------
    person : Person
        Whose eyes.
    task : str
        One of `TASKS`, or of `TOURS` for changing among them every 8-30 s.
    rng : Generator
        Source of randomness.

    Raises
    ------
    ParameterError
        If there is no such task.
    """

    def __init__(self, person: Person, task: str, *, rng: np.random.Generator) -> None:
        if task not in TASKS and task not in TOURS:
            raise ParameterError(f"task {task!r} is none of {', '.join((*TASKS, *TOURS))}")
        self.person = person
        self.rng = rng
        self.place_deg = rng.uniform(-4, 4, 2)
        self.produced_ms = 0
        self._segments = self._tour(task)
        self._drift = PowerLawNoise(1.6, channels=2, rng=rng)
        self._waiting = Segment(np.empty((0, 2)), np.empty(0, np.uint8))

    def take(self, n_ms: int) -> Segment:
        """The next `n_ms` samples."""
        gaze, labels = [self._waiting.gaze_deg], [self._waiting.labels]
        n = self._waiting.labels.size
        while n < n_ms:
            segment = next(self._segments)
            gaze.append(segment.gaze_deg)
            labels.append(segment.labels)
            n += segment.labels.size
            self.produced_ms += segment.labels.size
        all_gaze, all_labels = np.concatenate(gaze), np.concatenate(labels)
        self._waiting = Segment(all_gaze[n_ms:], all_labels[n_ms:])
        drift = self._drift.take(n_ms) * self.person.drift_deg
        return Segment(all_gaze[:n_ms] + drift, all_labels[:n_ms])

    # -- building blocks of the tasks ---------------------------------------------------------------------------------

    def fixate(self, n_ms: float) -> Iterator[Segment]:
        """Stay, with microsaccades."""
        left_ms = max(20, round(n_ms))
        while left_ms > 0:
            wait_ms = min(
                left_ms, max(30, round(self.rng.exponential(1000 / max(self.person.microsaccade_rate_hz, 1e-3))))
            )
            yield Segment(np.tile(self.place_deg, (wait_ms, 1)), np.full(wait_ms, FIXATION, np.uint8))
            left_ms -= wait_ms
            if left_ms > 120:
                amplitude_deg = min(lognormal_with_mean(self.rng, 0.3, spread=0.6), 0.9)
                yield from self.jump(self.place_deg + amplitude_deg * _direction(self.rng))

    def jump(self, target_deg: FloatArray) -> Iterator[Segment]:
        """A saccade to a place."""
        vector = np.asarray(target_deg, dtype=float) - self.place_deg
        path = saccade_path(self.person, vector, rng=self.rng)
        labels = np.full(path.displacement_deg.shape[0], FIXATION, np.uint8)
        if np.hypot(*vector) >= SMALL_SACCADE_DEG:
            mark_phases(labels, path, saccade=SACCADE, pso=PSO)
        yield Segment(self.place_deg + path.displacement_deg, labels)
        self.place_deg = self.place_deg + path.displacement_deg[-1]

    def aim(self, target_deg: FloatArray) -> Iterator[Segment]:
        """Look at a place: the first saccade falls short by about 7 %, and a second one corrects what is worth it."""
        vector = np.asarray(target_deg, dtype=float) - self.place_deg
        distance_deg = float(np.hypot(*vector))
        reached = vector * (1 - self.rng.normal(0.07, 0.05)) + self.rng.normal(0, 0.03 * distance_deg + 0.05, 2)
        yield from self.jump(self.place_deg + reached)
        rest_deg = float(np.hypot(*(target_deg - self.place_deg)))
        if rest_deg > 0.6 and self.rng.random() < 0.7:
            yield from self.fixate(self.rng.normal(160, 40))
            yield from self.jump(np.asarray(target_deg) + self.rng.normal(0, 0.15, 2))

    def follow(self, velocity_deg_s: FloatArray) -> Iterator[Segment]:
        """Smooth pursuit of a target with these velocities, shape (n, 2) a millisecond each, with catch-up saccades."""
        n = velocity_deg_s.shape[0]
        latency_ms = int(np.clip(self.rng.normal(130, 25), 70, 220))
        ramp = np.clip((np.arange(n) - latency_ms) / self.rng.uniform(60, 140), 0, 1)
        gain = self.person.pursuit_gain * (1 + 0.1 * np.sin(np.arange(n) * 2 * np.pi / 1000 * self.rng.uniform(0.5, 2)))
        target = self.place_deg + np.cumsum(velocity_deg_s, axis=0) / 1000
        eye = self.place_deg + np.cumsum(velocity_deg_s * (gain * ramp)[:, None], axis=0) / 1000
        speed = np.hypot(*velocity_deg_s.T)
        labels = np.where((ramp > 0.2) & (speed > 0.8), PURSUIT, FIXATION).astype(np.uint8)
        at = latency_ms + round(self.rng.normal(90, 30))
        while 0 <= at < n - 90:
            error = target[min(at + 60, n - 1)] - eye[at]
            if np.hypot(*error) > self.rng.uniform(0.3, 1.2):
                path = saccade_path(self.person, error * self.rng.normal(0.93, 0.08), rng=self.rng)
                stop = min(n, at + path.displacement_deg.shape[0])
                eye[at:stop] += path.displacement_deg[: stop - at]
                eye[stop:] += path.displacement_deg[-1]
                mark_phases(labels[at:], path, saccade=SACCADE, pso=PSO)
                at += path.displacement_deg.shape[0]
            at += max(60, round(lognormal_with_mean(self.rng, 280, spread=0.7)))
        yield Segment(eye, labels)
        self.place_deg = eye[-1].copy()

    def fixation_ms(self, factor: float = 1.0, *, spread: float = 0.5) -> float:
        """One fixation duration: log-normal, never under 60 ms."""
        return max(60.0, lognormal_with_mean(self.rng, self.person.fixation_ms * factor, spread=spread))

    def somewhere(self, amplitude_deg: float) -> FloatArray:
        """A place that far from here and on the screen, more often sideways than up or down."""
        for _ in range(20):
            step = amplitude_deg * _direction(self.rng) * np.array([1.0, 0.8])
            place: FloatArray = self.place_deg + step
            if abs(place[0]) < HALF_WIDTH_DEG and abs(place[1]) < HALF_HEIGHT_DEG:
                return place
        middle: FloatArray = self.rng.normal(0, 2, 2)
        return middle

    def _tour(self, task: str) -> Iterator[Segment]:
        """The task alone, or those of a tour in turn, each for 8-30 s."""
        if task in TASKS:
            yield from TASKS[task](self)
        for name in itertools.cycle(TOURS[task]):
            stop_ms = self.produced_ms + self.rng.uniform(8_000, 30_000)
            for segment in TASKS[name](self):
                yield segment
                if self.produced_ms > stop_ms:
                    break


def _direction(rng: np.random.Generator) -> FloatArray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


# -- tasks -------------------------------------------------------------------------------------------------------------


def _free_viewing(eye: GazeGenerator) -> Iterator[Segment]:
    """Saccade amplitudes with mean 4-5 deg and a long tail; Tatler & Vincent (2008), doi:10.16910/jemr.2.2.5."""
    while True:
        yield from eye.fixate(eye.fixation_ms())
        amplitude_deg = 0.3 + eye.rng.gamma(1.3, 3.3)
        yield from eye.aim(eye.somewhere(amplitude_deg))


def _reading(eye: GazeGenerator) -> Iterator[Segment]:
    """Lines of text: steps of 2 deg (7-9 letters), 12 % back, return sweeps; Rayner (1998)."""
    left_deg, right_deg = -eye.rng.uniform(8, 16), eye.rng.uniform(8, 16)
    while True:
        line_deg = eye.rng.uniform(-9, -6)
        spacing_deg = eye.rng.uniform(0.7, 1.4)
        yield from eye.aim(np.array([left_deg, line_deg]))
        while line_deg < 9:
            yield from eye.fixate(eye.fixation_ms(0.75, spread=0.35))
            forward = eye.rng.random() > 0.12
            step_deg = float(np.clip(eye.rng.normal(2.0, 0.7), 0.4, 5)) if forward else -eye.rng.uniform(0.4, 3)
            if eye.place_deg[0] + step_deg > right_deg:
                line_deg += spacing_deg
                yield from eye.aim(np.array([left_deg + eye.rng.normal(0.6, 0.5), line_deg]))
            else:
                y_deg = line_deg + eye.rng.normal(0, 0.15)
                yield from eye.jump(np.array([max(eye.place_deg[0] + step_deg, left_deg - 1), y_deg]))


def _points(eye: GazeGenerator) -> Iterator[Segment]:
    """Looking at points that jump about the screen."""
    while True:
        yield from eye.fixate(eye.rng.uniform(600, 1600))
        yield from eye.aim(eye.rng.uniform(-1, 1, 2) * np.array([HALF_WIDTH_DEG, HALF_HEIGHT_DEG]) * 0.85)


def _pursuit(eye: GazeGenerator) -> Iterator[Segment]:
    """Following a dot that moves in straight lines, circles or swings at 2-25 deg/s."""
    while True:
        speed_deg_s = float(np.exp(eye.rng.uniform(np.log(2), np.log(25))))
        n = round(eye.rng.uniform(700, 3500))
        heading = np.arctan2(*(-eye.place_deg)[::-1]) + eye.rng.normal(0, 0.7)
        shape = eye.rng.random()
        t_s = np.arange(n) / 1000
        if shape < 0.45:
            n = min(n, round(1000 * 26 / speed_deg_s))
            turn, swing = np.zeros(n), np.ones(n)
        elif shape < 0.75:
            turn, swing = t_s * speed_deg_s / eye.rng.uniform(3, 8) * eye.rng.choice([-1, 1]), np.ones(n)
        else:
            turn, swing = np.zeros(n), np.cos(2 * np.pi * t_s * eye.rng.uniform(0.2, 0.6))
        angle = heading + turn
        yield from eye.follow(speed_deg_s * swing[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))
        yield from eye.fixate(eye.rng.uniform(80, 500))
        if np.abs(eye.place_deg).max() > 9 or eye.rng.random() < 0.5:
            yield from eye.aim(eye.rng.uniform(-9, 9, 2))


def _video(eye: GazeGenerator) -> Iterator[Segment]:
    """Free viewing in which some of what is looked at moves, at 1-15 deg/s for 0.2-2 s."""
    while True:
        yield from eye.fixate(eye.fixation_ms(1.0, spread=0.7))
        yield from eye.aim(eye.somewhere(0.3 + eye.rng.gamma(1.3, 2.8)))
        if eye.rng.random() < 0.55:
            speed_deg_s = float(np.exp(eye.rng.uniform(np.log(1), np.log(15))))
            n = round(np.clip(lognormal_with_mean(eye.rng, 700, spread=0.8), 250, 3000))
            n = min(n, round(1000 * 16 / speed_deg_s))
            heading = eye.rng.uniform(0, 2 * np.pi)
            angle = heading + np.arange(n) / 1000 * eye.rng.normal(0, 1.0)
            wave = 1 + 0.3 * np.sin(np.arange(n) / 1000 * 2 * np.pi * eye.rng.uniform(0.3, 1.5))
            yield from eye.follow(speed_deg_s * wave[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))
            if np.abs(eye.place_deg[0]) > HALF_WIDTH_DEG or np.abs(eye.place_deg[1]) > HALF_HEIGHT_DEG:
                yield from eye.aim(eye.rng.normal(0, 4, 2))


def _staring(eye: GazeGenerator) -> Iterator[Segment]:
    """Looking at nearly the same place for long, as in a task at the middle of the screen or with the mind
    elsewhere."""
    while True:
        yield from eye.fixate(eye.rng.uniform(800, 6000))
        yield from eye.jump(eye.place_deg * 0.5 + eye.rng.normal(0, 0.8, 2))


TASKS: Final[dict[str, Callable[[GazeGenerator], Iterator[Segment]]]] = {
    "free_viewing": _free_viewing,
    "points": _points,
    "pursuit": _pursuit,
    "reading": _reading,
    "staring": _staring,
    "video": _video,
}

TOURS: Final[dict[str, tuple[str, ...]]] = {
    "mixed": ("free_viewing", "reading", "video", "points", "staring", "pursuit"),
    "desk": ("reading", "free_viewing", "reading", "video"),
}
