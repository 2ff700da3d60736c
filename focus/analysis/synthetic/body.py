"""A whole simulated person at 1000 Hz: gaze, lids, pupils and head together, and what they do to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from focus.analysis.synthetic.eyelid import LidGenerator, Timeline
from focus.analysis.synthetic.gaze import BLINK, FIXATION, PSO, SACCADE, GazeGenerator
from focus.analysis.synthetic.noise import SlowWander
from focus.analysis.synthetic.person import Person, tired
from focus.analysis.synthetic.saccade import mark_phases, saccade_path
from focus.analysis.types import BoolArray, FloatArray, StateArray

PIECE_MS: Final = 1000
NEAR_PUPIL_MM_DEG: Final = 0.07
"""What the pupil narrows by for a degree of vergence: 0.25 mm a dioptre, which is 3.5 deg for eyes 62 mm apart. The
near response is some tenths of a millimetre a dioptre, Kasthurirangan & Glasser (2005), Ophthalmic and Physiological
Optics 25, 328-339; the figure is our choice."""


@dataclass(frozen=True, slots=True)
class BodyPiece:
    """One second of a person, a sample a millisecond.

    `gaze_deg` (n, 2) is where the eyes point; `vergence_deg` how much more they turn in than for the screen; `labels`
    are codes of `gaze.LABELS`; `closure` and `width` are the lids' (see `eyelid.LidPiece`); `pupil_mm` the diameter;
    `head_deg` (n, 3) yaw, pitch and roll; `is_away` whether the head is turned from the tracker; `blinks` are
    (onset_ms, offset_ms, peak closure) of those that begin here.
    """

    gaze_deg: FloatArray
    vergence_deg: FloatArray
    labels: StateArray
    closure: FloatArray
    width: FloatArray
    pupil_mm: FloatArray
    head_deg: FloatArray
    is_away: BoolArray
    blinks: tuple[tuple[int, int, float], ...]


class Body:
    """Hands out a person doing a task, second by second, endlessly."""

    def __init__(self, person: Person, task: str, *, rng: np.random.Generator) -> None:
        self.person = person
        self.rng = rng
        self.now_ms = 0
        self._gaze = GazeGenerator(person, task, rng=rng)
        self._lids = LidGenerator(person, task, rng=rng)
        self._pupil = PupilGenerator(person, rng=rng)
        self._vergence = VergenceGenerator(person, rng=rng.spawn(1)[0])
        self._sway = [SlowWander(0.01, 0.4, rng=rng) for _ in range(3)]
        self._down = Timeline()
        self._down_label = Timeline(rest=-1.0)
        self._turn = Timeline()
        self._next_down_ms = rng.exponential(60_000 / max(person.look_down_rate_per_min, 1e-6))
        self._next_away_ms = rng.exponential(60_000 / max(person.look_away_rate_per_min, 1e-6))

    def take(self) -> BodyPiece:
        """The next second."""
        n = PIECE_MS
        self._grow_tired()
        segment = self._gaze.take(n)
        gaze, labels = segment.gaze_deg, segment.labels
        while self._next_down_ms < self.now_ms + n:
            self._add_look_down()
        while self._next_away_ms < self.now_ms + n:
            self._add_look_away()
        down, down_label, turn = self._down.take(n), self._down_label.take(n), self._turn.take(n)
        gaze[:, 1] += down
        labels = np.where(down_label >= 0, down_label, labels).astype(np.uint8)
        lids = self._lids.take(gaze[:, 1])
        # The eye turns down and towards the nose while the lid is down: Collewijn et al. (1985),
        # doi:10.1152/jn.1985.54.1.11.
        gaze[:, 1] += 1.5 * lids.closure
        gaze[:, 0] += 0.4 * lids.closure
        labels = np.where(lids.is_blink, BLINK, labels).astype(np.uint8)
        t_s = (self.now_ms + np.arange(n)) / 1000
        head = self.person.head_sway_deg * np.column_stack([sway.at(t_s) for sway in self._sway])
        head *= np.array([1.0, 0.6, 0.4])
        head[:, 0] += turn
        head[:, 1] -= 0.4 * down
        vergence = self._vergence.take(n)
        pupil = self._pupil.take(t_s, lids.blinks) - NEAR_PUPIL_MM_DEG * vergence
        self.now_ms += n
        return BodyPiece(gaze, vergence, labels, lids.closure, lids.width, pupil, head, np.abs(turn) > 28, lids.blinks)

    def _grow_tired(self) -> None:
        person = self.person
        tiredness = min(1.0, person.tiredness + person.tiredness_per_hour * self.now_ms / 3_600_000)
        if tiredness > 0:
            self._gaze.person = self._lids.person = tired(person, tiredness)

    def _add_look_down(self) -> None:
        """A glance at keyboard, phone or paper: saccades down and up again, a third of the way made by the head."""
        rng = self.rng
        depth_deg = rng.uniform(10, 32)
        there = saccade_path(self.person, np.array([0.0, depth_deg]), rng=rng)
        stay_ms = round(300 + rng.exponential(1500))
        steps = rng.normal(0, 0.5, stay_ms // 300 + 1).repeat(300)[:stay_ms] if stay_ms else np.empty(0)
        path = np.concatenate(
            [there.displacement_deg[:, 1], depth_deg + steps, depth_deg - there.displacement_deg[:, 1]]
        )
        labels = np.full(path.size, FIXATION, np.uint8)
        for start in (0, path.size - there.displacement_deg.shape[0]):
            mark_phases(labels[start:], there, saccade=SACCADE, pso=PSO)
        start = max(0, round(self._next_down_ms) - self.now_ms)
        self._down.view(start, path.size)[:] = path
        self._down_label.view(start, path.size)[:] = labels
        self._next_down_ms += path.size + 200 + rng.exponential(60_000 / self.person.look_down_rate_per_min)

    def _add_look_away(self) -> None:
        """The head turns by 35-70 deg within half a second, stays, and comes back."""
        rng = self.rng
        turn_deg = rng.uniform(35, 70) * rng.choice([-1, 1])
        move = turn_deg * np.sin(np.pi / 2 * np.linspace(0, 1, round(rng.uniform(300, 700)))) ** 2
        path = np.concatenate([move, np.full(round(800 + rng.exponential(2500)), turn_deg), move[::-1]])
        start = max(0, round(self._next_away_ms) - self.now_ms)
        self._turn.view(start, path.size)[:] = path
        self._next_away_ms += path.size + 500 + rng.exponential(60_000 / self.person.look_away_rate_per_min)


class VergenceGenerator:
    """How much further the eyes are turned in than for the screen: looks at nearer things and back, in degrees.

    Slow and smooth: its peak speed is about 5 times the amplitude a second turning in and 4 turning out, for 1-6 deg;
    Hung et al. (1994), Investigative Ophthalmology & Visual Science 35, 3486-3492.
    """

    def __init__(self, person: Person, *, rng: np.random.Generator) -> None:
        self.person = person
        self.rng = rng
        self._ahead = Timeline()
        self._now_ms = 0
        self._next_ms = rng.exponential(60_000 / max(person.vergence_rate_per_min, 1e-6))

    def take(self, n: int) -> FloatArray:
        """The next `n` milliseconds, shape (n,)."""
        while self._next_ms < self._now_ms + n:
            nearer_deg = self.rng.uniform(1, 6)
            stay = np.full(round(self.rng.uniform(500, 4000)), 1.0)
            path = nearer_deg * np.concatenate([_smooth_step(5.0), stay, _smooth_step(4.0)[::-1]])
            self._ahead.view(max(0, round(self._next_ms) - self._now_ms), path.size)[:] = path
            self._next_ms += path.size + 200 + self.rng.exponential(60_000 / self.person.vergence_rate_per_min)
        self._now_ms += n
        return self._ahead.take(n)


def _smooth_step(peak_per_s: float) -> FloatArray:
    """From 0 to 1 with least jerk, whose peak speed is 1.875 over its duration."""
    n = round(1000 * 1.875 / peak_per_s)
    tau = (np.arange(n) + 0.5) / n
    step: FloatArray = tau**3 * (10 - 15 * tau + 6 * tau**2)
    return step


class PupilGenerator:
    """Pupil diameter: hippus, light reflex to changes of what is seen, dilation with effort, constriction after blinks.

    Light reflex: latency 0.25 s, constriction within 0.6 s, slow redilation; Ellis (1981), doi:10.1136/bjo.65.11.754.
    Effort: up to 0.3 mm within 1-2 s; Beatty (1982), doi:10.1037/0033-2909.91.2.276. After a blink: 0.1 mm for 1.5 s;
    Knapen et al. (2016), doi:10.1371/journal.pone.0155574.
    """

    def __init__(self, person: Person, *, rng: np.random.Generator) -> None:
        self.person = person
        self.rng = rng
        self._hippus = SlowWander(0.04, 1.2, rng=rng)
        self._effort = SlowWander(0.01, 0.2, rng=rng)
        self._reflex = Timeline()
        self._next_light_s = rng.exponential(6.0)

    def take(self, t_s: FloatArray, blinks: tuple[tuple[int, int, float], ...]) -> FloatArray:
        """Diameter in mm at these times, shape (n,)."""
        n, now_ms = t_s.size, round(float(t_s[0]) * 1000)
        while self._next_light_s < t_s[-1]:
            start = max(0, round(self._next_light_s * 1000) - now_ms)
            self._add_response(start, depth_mm=self.rng.normal(0, 0.35), delay_ms=250, redilate_ms=2500)
            self._next_light_s += self.rng.exponential(6.0)
        for onset_ms, _, peak in blinks:
            self._add_response(max(0, onset_ms - now_ms), depth_mm=0.12 * peak, delay_ms=300, redilate_ms=700)
        change = self.person.hippus_mm * self._hippus.at(t_s) + 0.15 * self._effort.at(t_s) - self._reflex.take(n)
        diameter: FloatArray = np.clip(self.person.pupil_mm + change, 1.2, 9.0)
        return diameter

    def _add_response(self, start: int, *, depth_mm: float, delay_ms: int, redilate_ms: int) -> None:
        t_ms = np.arange(delay_ms + 4 * redilate_ms)
        since = np.maximum(t_ms - delay_ms, 0)
        shape = (1 - np.exp(-since / 220.0)) * np.exp(-since / redilate_ms)
        self._reflex.view(start, t_ms.size)[:] += depth_mm * shape
