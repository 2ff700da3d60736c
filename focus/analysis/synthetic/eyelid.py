"""Eyelids of a simulated person at 1000 Hz: blinks of all kinds, long closures, flutter, squints, lids that follow
the gaze."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from focus.analysis.synthetic.noise import SlowWander, lognormal_with_mean
from focus.analysis.synthetic.person import Person
from focus.analysis.types import BoolArray, FloatArray

BLINK_LABEL_CLOSURE: Final = 0.2
"""A frame belongs to a blink while the closure is above this share of the blink's own peak: about where lid speed rises
above the noise of a good tracker, and where coders put the ends."""
TASK_BLINK_FACTOR: Final = {"reading": 0.45, "pursuit": 0.7, "points": 0.8}
"""Blinks are rarer in visual tasks; Bentivoglio et al. (1997): reading 4.5, rest 17, conversation 26 a minute."""


class Timeline:
    """Values that were decided ahead of time and are handed out piece by piece; what nobody set is `rest`."""

    def __init__(self, rest: float = 0.0) -> None:
        self._rest = rest
        self._ahead = np.empty(0)

    def view(self, start: int, n: int) -> FloatArray:
        """A writable view of `n` samples from `start` samples ahead of now."""
        missing = start + n - self._ahead.size
        if missing > 0:
            self._ahead = np.concatenate([self._ahead, np.full(missing, self._rest)])
        return self._ahead[start : start + n]

    def take(self, n: int) -> FloatArray:
        """The next `n` samples; now moves on."""
        taken = self.view(0, n).copy()
        self._ahead = self._ahead[n:]
        return taken


@dataclass(frozen=True, slots=True)
class LidPiece:
    """Lids of one piece.

    `closure` is 0 for the open eye and 1 for the closed one; `width` is what gaze, squints and posture leave of the
    open eye (1 is the person's usual); `is_blink` marks blinks and closures; `blinks` are (onset, offset, peak
    closure) with onset and offset in milliseconds of the recording, for each that begins in this piece.
    """

    closure: FloatArray
    width: FloatArray
    is_blink: BoolArray
    blinks: tuple[tuple[int, int, float], ...]


class LidGenerator:
    """Hands out the lids of a person, piece by piece."""

    def __init__(self, person: Person, task: str, *, rng: np.random.Generator) -> None:
        self.person = person
        self.rng = rng
        self._task_factor = TASK_BLINK_FACTOR.get(task, 1.0)
        self._now_ms = 0
        self._closure = Timeline()
        self._blink = Timeline()
        self._squint = Timeline()
        self._posture = SlowWander(0.008, 0.25, rng=rng)
        self._gaze_tail = np.empty(0)
        self._next_blink_ms = self._wait_ms(self._rate_per_min) * rng.random()
        self._next_closure_ms = rng.exponential(60_000 / max(person.long_closure_rate_per_min, 1e-6))
        self._next_squint_ms = rng.exponential(60_000 / max(person.squint_rate_per_min, 1e-6))
        # A stream of its own, so that people without flutter and tiredness are what they were before there was either.
        self._rare_rng = rng.spawn(1)[0]
        self._usual_closure_rate_per_min = person.long_closure_rate_per_min
        self._next_flutter_ms = self._rare_rng.exponential(60_000 / max(person.flutter_rate_per_min, 1e-6))
        self._droop_rng = rng.spawn(1)[0]
        self._next_droop_ms = self._droop_rng.exponential(60_000 / max(person.droop_rate_per_min, 1e-6))

    @property
    def _rate_per_min(self) -> float:
        return self.person.blink_rate_per_min * self._task_factor

    def take(self, gaze_down_deg: FloatArray) -> LidPiece:
        """The lids while the gaze is that far down, shape (n,)."""
        n = gaze_down_deg.size
        blinks: list[tuple[int, int, float]] = []
        while self._next_blink_ms < self._now_ms + n:
            blinks.append(self._add_blink(self._next_blink_ms))
        while self._next_closure_ms < self._now_ms + n:
            blinks.append(self._add_long_closure())
        while self._next_squint_ms < self._now_ms + n:
            self._add_squint()
        while self._next_flutter_ms < self._now_ms + n:
            blinks += self._add_flutter()
        blinks += self._add_closures_of_the_tired(n)
        while self._next_droop_ms < self._now_ms + n:
            self._add_droop()
        closure = self._closure.take(n)
        is_blink = self._blink.take(n) > 0
        width = self._width(gaze_down_deg, self._squint.take(n))
        self._now_ms += n
        return LidPiece(closure, width, is_blink, tuple(blinks))

    def _wait_ms(self, rate_per_min: float) -> float:
        """An inter-blink interval: log-normal, very uneven. Ponder & Kennedy (1927); Naase et al. (2005)."""
        return 300 + lognormal_with_mean(self.rng, max(60_000 / max(rate_per_min, 1e-3) - 300, 400), spread=0.9)

    def _add_blink(self, start_ms: float) -> tuple[int, int, float]:
        person, rng = self.person, self.rng
        incomplete = rng.random() < person.incomplete_blink_ratio
        peak = rng.uniform(0.45, 0.8) if incomplete else rng.uniform(0.9, 1.0)
        haste = lognormal_with_mean(rng, 1.0, spread=0.15)
        curve = blink_curve(
            closing_ms=person.blink_closing_ms * haste * (0.6 + 0.4 * peak),
            closed_ms=rng.exponential(person.blink_closed_ms),
            opening_ms=person.blink_opening_ms * haste * rng.uniform(0.8, 1.25) * (0.6 + 0.4 * peak),
            peak=peak,
        )
        blink = self._place(curve, start_ms)
        if rng.random() < person.double_blink_ratio:
            self._next_blink_ms = start_ms + curve.size * rng.uniform(0.75, 1.6)
        else:
            self._next_blink_ms = start_ms + curve.size + self._wait_ms(self._rate_per_min)
        return blink

    def _add_long_closure(self) -> tuple[int, int, float]:
        start_ms, curve = self._next_closure_ms, self._closure_curve(self.rng)
        closure = self._place(curve, start_ms)
        self._next_blink_ms = max(self._next_blink_ms, start_ms + curve.size + 400)
        self._next_closure_ms += curve.size + self.rng.exponential(60_000 / self._usual_closure_rate_per_min)
        return closure

    def _add_closures_of_the_tired(self, n: int) -> list[tuple[int, int, float]]:
        """What tiredness adds to the person's usual long closures, in the next `n` milliseconds."""
        more_per_min = self.person.long_closure_rate_per_min - self._usual_closure_rate_per_min
        if more_per_min <= 0:
            return []
        closures = []
        for _ in range(int(self._rare_rng.poisson(more_per_min * n / 60_000))):
            start_ms = self._now_ms + self._rare_rng.uniform(0, n)
            curve = self._closure_curve(self._rare_rng)
            closures.append(self._place(curve, start_ms))
            self._next_blink_ms = max(self._next_blink_ms, start_ms + curve.size + 400)
        return closures

    def _closure_curve(self, rng: np.random.Generator) -> FloatArray:
        return blink_curve(
            closed_ms=400 + rng.exponential(900),
            closing_ms=self.person.blink_closing_ms * rng.uniform(1, 2),
            opening_ms=self.person.blink_opening_ms * rng.uniform(1, 1.6),
            peak=rng.uniform(0.93, 1.0),
        )

    def _place(self, curve: FloatArray, start_ms: float) -> tuple[int, int, float]:
        start = max(0, round(start_ms) - self._now_ms)
        lids = self._closure.view(start, curve.size)
        np.maximum(lids, curve, out=lids)
        marked = np.flatnonzero(curve > BLINK_LABEL_CLOSURE * curve.max())
        first, last = int(marked[0]), int(marked[-1]) + 1
        self._blink.view(start + first, last - first)[:] = 1.0
        onset_ms = self._now_ms + start + first
        return onset_ms, onset_ms + last - first, float(curve.max())

    def _add_squint(self) -> None:
        """A smile, squint or word: slower to come and go than a blink, and the eye stays open."""
        rng = self.rng
        curve = blink_curve(
            closing_ms=rng.uniform(150, 500),
            closed_ms=rng.exponential(900),
            opening_ms=rng.uniform(200, 700),
            peak=rng.uniform(0.08, 0.4),
        )
        lids = self._squint.view(max(0, round(self._next_squint_ms) - self._now_ms), curve.size)
        np.maximum(lids, curve, out=lids)
        self._next_squint_ms += curve.size + rng.exponential(60_000 / self.person.squint_rate_per_min)

    def _add_flutter(self) -> list[tuple[int, int, float]]:
        """A burst of 3-8 shallow beats at 4-9 a second, between which the lid does not open wholly."""
        rng = self._rare_rng
        at_ms, period_ms = self._next_flutter_ms, 1000 / rng.uniform(4, 9)
        beats = []
        for _ in range(int(rng.integers(3, 9))):
            curve = blink_curve(
                closing_ms=0.4 * period_ms, closed_ms=0, opening_ms=0.75 * period_ms, peak=rng.uniform(0.25, 0.7)
            )
            beats.append(self._place(curve, at_ms))
            at_ms += period_ms * rng.uniform(0.85, 1.15)
        self._next_blink_ms = max(self._next_blink_ms, at_ms + 300)
        self._next_flutter_ms = at_ms + rng.exponential(60_000 / self.person.flutter_rate_per_min)
        return beats

    def _add_droop(self) -> None:
        """The lids some way down for seconds; they come and go as slowly as a gaze that sinks, or slower."""
        rng = self._droop_rng
        curve = blink_curve(
            closing_ms=rng.uniform(80, 1500),
            closed_ms=2000 + rng.exponential(4000),
            opening_ms=rng.uniform(80, 1500),
            peak=rng.uniform(0.15, 0.55),
        )
        lids = self._squint.view(max(0, round(self._next_droop_ms) - self._now_ms), curve.size)
        np.maximum(lids, curve, out=lids)
        self._next_droop_ms += curve.size + rng.exponential(60_000 / self.person.droop_rate_per_min)

    def _width(self, gaze_down_deg: FloatArray, squint: FloatArray) -> FloatArray:
        """What is left of the opening. The lid reaches a new gaze direction within about 40 ms after the eye."""
        delay_ms = 40
        if not self._gaze_tail.size:
            self._gaze_tail = np.full(delay_ms, gaze_down_deg[0])
        padded = np.concatenate([self._gaze_tail, gaze_down_deg])
        self._gaze_tail = padded[-delay_ms:]
        sums = np.cumsum(np.concatenate([[0.0], padded]))
        smooth = (sums[delay_ms + 1 :] - sums[1:-delay_ms]) / delay_ms
        follow = self.person.lid_follow_per_deg * np.where(smooth > 0, smooth, 0.5 * smooth)
        t_s = (self._now_ms + np.arange(gaze_down_deg.size)) / 1000
        posture = self.person.posture_openness_sd * self._posture.at(t_s)
        width: FloatArray = np.clip((1 - np.clip(follow, -0.2, 0.75)) * (1 - squint) * (1 + posture), 0.1, 1.6)
        if self.person.lid_droop_ratio > 0:
            width *= 1 - self.person.lid_droop_ratio
        return width


def blink_curve(*, closing_ms: float, closed_ms: float, opening_ms: float, peak: float) -> FloatArray:
    """Closure over a blink at 1000 Hz: a quick half-cosine down, a hold, and an opening that slows down towards its
    end."""
    down = np.sin(np.pi / 2 * (np.arange(max(4, round(closing_ms))) + 1) / max(4, round(closing_ms))) ** 2
    n_up = max(6, round(opening_ms))
    tau = (np.arange(n_up) + 1) / n_up
    up = 1 - (3 * tau**2 - 2 * tau**3) ** 0.75
    up = np.where(tau < 0.15, np.maximum(up, 1 - tau), up)
    return peak * np.concatenate([down, np.ones(max(0, round(closed_ms))), np.clip(up, 0, 1)])
