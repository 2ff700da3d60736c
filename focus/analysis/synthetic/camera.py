"""What a tracker delivers of a person: exposure, noise, smoothing, loss, quantisation and times of frames."""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.synthetic.body import PIECE_MS, BodyPiece
from focus.analysis.synthetic.gaze import BLINK, LABELS, LOST
from focus.analysis.synthetic.noise import PowerLawNoise, lognormal_with_mean
from focus.analysis.synthetic.tracker import SimulatedTracker
from focus.analysis.types import BoolArray, FloatArray, IntArray, StateArray
from focus.protocol.batch import FrameBatch

_KEPT_MS: Final = 800
_REBOUND_MS: Final = 70  # how long gaze swings back after a blink, as in the films of GazeCom's viewers at 250 Hz
_MISTAKEN_CLOSURE: Final = 0.45
_VISIBLE_ARTEFACT_DEG: Final = 0.4
"""Past that is kept for exposure and smoothing."""
GAZE, CLOSURE, WIDTH, PUPIL, HEAD = slice(0, 2), 2, 3, 4, slice(5, 8)
"""Columns of the signals of a person, as they are kept here."""


class Camera:
    """Turns seconds of a person into frames; keeps what goes on from one second to the next."""

    def __init__(self, tracker: SimulatedTracker, *, rng: np.random.Generator) -> None:
        self.tracker = tracker
        self.rng = rng
        self._interval_ms = 1000 / tracker.rate_hz
        self._now_ms = 0
        self._next_frame = 0
        self._last_t_us = -1
        self._past: FloatArray | None = None
        self._past_labels: StateArray = np.empty(0, np.uint8)
        self._past_away: BoolArray = np.empty(0, bool)
        self._lost_until_ms = -1.0
        self._gap_until_ms = -1.0
        self._noise = PowerLawNoise(tracker.noise_exponent, channels=2, rng=rng, memory=400)
        self._lid_noise = PowerLawNoise(0.4, channels=3, rng=rng, memory=200)
        # A stream of its own, so that trackers without glasses are what they were before these were simulated.
        self._glare_rng = rng.spawn(1)[0]
        self._glare_until_ms = -1.0
        self._glare_factor = 1.0
        self._artefact: FloatArray = np.zeros(2)
        self._jump: FloatArray = np.zeros(2)
        self._jump_rng = rng.spawn(1)[0]  # its own, so that a tracker without jumps has the same noise as ever
        self._lid_was_down = False

    def take(self, piece: BodyPiece) -> tuple[FrameBatch | None, StateArray]:
        """Frames of the next second and their labels (codes of `gaze.LABELS`); None when no frame arrives in it.

        Frames lag behind by half a frame of exposure, so the first second holds fewer.
        """
        gaze_deg = piece.gaze_deg
        if self.tracker.vergence_ratio != 0:
            gaze_deg = gaze_deg + np.outer(piece.vergence_deg, [self.tracker.vergence_ratio, 0.0])
        streams = np.column_stack([gaze_deg, piece.closure, piece.width, piece.pupil_mm, piece.head_deg])
        if self._past is None:
            self._past = np.repeat(streams[:1], _KEPT_MS, axis=0)
            self._past_labels = np.repeat(piece.labels[:1], _KEPT_MS)
            self._past_away = np.repeat(piece.is_away[:1], _KEPT_MS)
        streams = np.concatenate([self._past, streams])
        labels = np.concatenate([self._past_labels, piece.labels])
        away = np.concatenate([self._past_away, piece.is_away])
        self._past, self._past_labels, self._past_away = streams[-_KEPT_MS:], labels[-_KEPT_MS:], away[-_KEPT_MS:]
        start_ms = self._now_ms - _KEPT_MS
        self._now_ms += PIECE_MS
        taken_ms = self._frame_times()
        if not taken_ms.size:
            return None, np.empty(0, np.uint8)
        at = np.clip(taken_ms - start_ms, 0, streams.shape[0] - 1)
        index = at.astype(np.int64)
        seen = self._see(streams, at)
        lag = np.clip(index - _REBOUND_MS, 0, None)
        errors_deg = self._artefacts(seen[:, CLOSURE], streams[lag, CLOSURE])
        seen[:, GAZE] += errors_deg
        codes = _majority(labels, at, self._interval_ms)
        if "openness" not in self.tracker.signals:
            # Where no lid is seen, a blink lasts for as long as one can see it in the gaze.
            codes[np.hypot(*errors_deg.T) > _VISIBLE_ARTEFACT_DEG + 2 * self.tracker.noise_deg] = BLINK
        frames, codes = self._report(taken_ms, seen, codes, away[index])
        return frames, codes

    def _frame_times(self) -> FloatArray:
        """Times of exposure, in milliseconds, of the frames whose exposure has ended in the seconds given so far."""
        ready_ms = self._now_ms - self._interval_ms * 0.5
        last = int(ready_ms / self._interval_ms)
        times: FloatArray = np.arange(self._next_frame, last + 1).astype(np.float64) * self._interval_ms
        times = times[times < ready_ms]
        self._next_frame += times.size
        return times

    def _see(self, streams: FloatArray, at: FloatArray) -> FloatArray:
        """Signals averaged over the exposure and, for gaze, over the maker's smoothing; shape (n, 8)."""
        tracker = self.tracker
        sums = np.concatenate([np.zeros((1, streams.shape[1])), np.cumsum(streams, axis=0)])
        exposure_ms = max(1.0, tracker.exposure_ratio * self._interval_ms)
        low, high = at - exposure_ms / 2, at + exposure_ms / 2
        seen = _box(sums, low, high)
        if tracker.smoothing_ms > 0:
            seen[:, GAZE] = _box(sums[:, GAZE], high - min(exposure_ms + tracker.smoothing_ms, _KEPT_MS / 2), high)
        return seen

    def _report(
        self, taken_ms: FloatArray, seen: FloatArray, codes: StateArray, is_away: BoolArray
    ) -> tuple[FrameBatch | None, StateArray]:
        """Noise, loss and times; frames that never arrive are taken out."""
        tracker, rng, n = self.tracker, self.rng, taken_ms.size
        closure = seen[:, CLOSURE]
        lost, self._lost_until_ms = self._spans(taken_ms, tracker.loss_rate_per_min, 500.0, self._lost_until_ms)
        lost |= is_away
        no_eye = lost | (rng.random(n) < tracker.dropout_ratio)
        no_gaze = no_eye | (closure > tracker.blink_loss_closure)
        if tracker.glare_rate_per_min > 0 or tracker.lens_pitch_ratio > 0:
            no_gaze |= self._look_through_glasses(taken_ms, seen)
        values = self._columns(seen, no_eye, no_gaze)
        sees_eye = np.zeros(n, bool)
        for name in ("gaze_x", "openness_left", "pupil_left"):
            if name in values:
                sees_eye |= ~np.isnan(values[name])
        codes = np.where(~sees_eye & (codes != BLINK) | lost, LOST, codes).astype(np.uint8)
        arrives = self._arrives(taken_ms)
        t_us = self._arrival_us(taken_ms)[arrives]
        if not t_us.size:
            return None, np.empty(0, np.uint8)
        columns = {name: array[arrives].astype(np.float32) for name, array in values.items()}
        return FrameBatch(t_us, columns), codes[arrives]

    def _look_through_glasses(self, taken_ms: FloatArray, seen: FloatArray) -> BoolArray:
        """Narrow the lids in place, as rim, lens and reflections do; which frames lose the pupil in a reflection."""
        tracker, rng = self.tracker, self._glare_rng
        down_deg = np.clip(-seen[:, HEAD.start + 1], 0, 30)
        factor = 1 - tracker.lens_pitch_ratio * down_deg
        in_glare = np.zeros(taken_ms.size, bool)
        begins = rng.random(taken_ms.size) < tracker.glare_rate_per_min * self._interval_ms / 60_000
        for place, now_ms in enumerate(taken_ms.tolist()):
            if begins[place] and now_ms >= self._glare_until_ms:
                self._glare_until_ms = now_ms + rng.uniform(50, 800)
                self._glare_factor = rng.uniform(0.6, 1.25)
            if now_ms < self._glare_until_ms:
                in_glare[place] = True
                factor[place] *= self._glare_factor
        seen[:, WIDTH] *= factor
        return in_glare

    def _columns(self, seen: FloatArray, no_eye: BoolArray, no_gaze: BoolArray) -> dict[str, FloatArray]:
        tracker, rng, n = self.tracker, self.rng, seen.shape[0]
        noise = tracker.noise_deg * self._noise.take(n)
        lid_noise = tracker.openness_noise * tracker.openness_open * self._lid_noise.take(n)
        if tracker.openness_outlier_ratio > 0:
            lid_noise[rng.random(n) < tracker.openness_outlier_ratio] *= 3.0
        gaze = self._hold_repeats(seen, noise)
        values: dict[str, FloatArray] = {}
        if "gaze" in tracker.signals:
            for name, axis in (("gaze_x", 0), ("gaze_y", 1)):
                values[name] = np.where(no_gaze, np.nan, self._in_space(gaze[:, axis], axis))
        if "pupil" in tracker.signals:
            values |= self._pupils(seen, no_gaze)
        if "openness" in tracker.signals:
            open_share = tracker.openness_floor + (1 - tracker.openness_floor) * (1 - seen[:, CLOSURE])
            pose = np.cos(np.deg2rad(np.clip(seen[:, 5], -60, 60))) ** -0.3 * (1 + 0.004 * seen[:, 6])
            both = tracker.openness_open * open_share * seen[:, WIDTH] * pose + lid_noise[:, 2]
            for channel, name in enumerate(("openness_left", "openness_right")):
                reported = both * (1 + 0.02 * channel) + 0.5 * lid_noise[:, channel]
                if tracker.openness_quantum > 0:
                    step = tracker.openness_quantum * tracker.openness_open
                    reported = np.round(reported / step) * step
                reported = np.clip(reported, 0, 60)
                values[name] = np.where(no_eye, np.nan, reported)
        if "confidence" in tracker.signals:
            trust = np.clip(0.97 - 0.5 * np.maximum(seen[:, CLOSURE] - 0.2, 0) + 0.02 * rng.standard_normal(n), 0.05, 1)
            values["confidence"] = np.where(no_eye, 0.0, np.where(no_gaze, 0.2, trust))
        if "head" in tracker.signals:
            for channel, name in enumerate(("head_yaw", "head_pitch", "head_roll")):
                values[name] = np.where(no_eye, np.nan, seen[:, 5 + channel] + 0.3 * rng.standard_normal(n))
        return values

    def _pupils(self, seen: FloatArray, no_gaze: BoolArray) -> dict[str, FloatArray]:
        """Diameters: cut off by the lid, foreshortened when the eye turns, blurred when it moves."""
        tracker, n = self.tracker, seen.shape[0]
        cut = 1 - 0.5 * np.clip((seen[:, CLOSURE] - 0.25) / 0.6, 0, 1)
        turned = np.cos(np.deg2rad(np.clip(np.hypot(*seen[:, GAZE].T), 0, 60))) ** 0.5
        speed_deg_s = np.hypot(*np.diff(seen[:, GAZE], axis=0, prepend=seen[:1, GAZE]).T) * tracker.rate_hz
        moved = 1 + tracker.pupil_motion_ratio * np.minimum(speed_deg_s, 500) / 500
        values = {}
        for name, scale in (("pupil_left", 1.0), ("pupil_right", 1.03)):
            diameter = seen[:, PUPIL] * scale * cut * turned * moved
            diameter += tracker.pupil_noise_mm * self.rng.standard_normal(n)
            if tracker.pupil_quantum_mm > 0:
                diameter = np.round(diameter / tracker.pupil_quantum_mm) * tracker.pupil_quantum_mm
            values[name] = np.where(no_gaze, np.nan, np.clip(diameter, 0.3, 12))
        return values

    def _hold_repeats(self, seen: FloatArray, noise: FloatArray) -> FloatArray:
        """Gaze with noise; repeated frames hold gaze and lids of the frame before (in place for the lids)."""
        gaze: FloatArray = seen[:, GAZE] + noise
        if self.tracker.quantum_deg > 0:
            gaze = np.round(gaze / self.tracker.quantum_deg) * self.tracker.quantum_deg
        if self.tracker.repeat_ratio > 0:
            source = np.where(self.rng.random(gaze.shape[0]) < self.tracker.repeat_ratio, -1, np.arange(gaze.shape[0]))
            source[0] = 0
            source = np.maximum.accumulate(source)
            gaze, seen[:, 2:] = gaze[source], seen[source, 2:]
        return gaze

    def _in_space(self, angle_deg: FloatArray, axis: int) -> FloatArray:
        if self.tracker.gaze_space == "deg" or self.tracker.screen is None:
            return angle_deg
        screen = self.tracker.screen
        side_mm = (screen.width_mm, screen.height_mm)[axis]
        return 0.5 + screen.distance_mm * np.tan(np.deg2rad(np.clip(angle_deg, -75, 75))) / side_mm

    def _spans(
        self, taken_ms: FloatArray, rate_per_min: float, mean_ms: float, until_ms: float
    ) -> tuple[BoolArray, float]:
        """Frames inside stretches that begin at random and last log-normally long; and when the last of them ends."""
        inside = taken_ms < until_ms
        chance = rate_per_min * self._interval_ms / 60_000
        for start in np.flatnonzero(self.rng.random(taken_ms.size) < chance).tolist():
            length_ms = min(lognormal_with_mean(self.rng, mean_ms, spread=1.5), 8 * mean_ms)
            until_ms = max(until_ms, float(taken_ms[start]) + length_ms)
            inside[start:] |= taken_ms[start:] < until_ms
        return inside, until_ms

    def _arrives(self, taken_ms: FloatArray) -> BoolArray:
        """Which frames are delivered at all."""
        tracker = self.tracker
        in_gap, self._gap_until_ms = self._spans(taken_ms, tracker.gap_rate_per_min, 900.0, self._gap_until_ms)
        return ~in_gap & (self.rng.random(taken_ms.size) >= tracker.missing_ratio)

    def _arrival_us(self, taken_ms: FloatArray) -> IntArray:
        """Times the tracker gives its frames: jittered, some late with the ones behind them in a burst, always
        rising."""
        tracker, rng = self.tracker, self.rng
        late_ms = tracker.jitter_ratio * self._interval_ms * rng.standard_normal(taken_ms.size)
        stalled = rng.random(taken_ms.size) < tracker.stall_rate_per_min * self._interval_ms / 60_000
        for start in np.flatnonzero(stalled).tolist():
            delay_ms = rng.uniform(1, 4) * self._interval_ms
            waited = delay_ms - 0.8 * self._interval_ms * np.arange(taken_ms.size - start)
            late_ms[start:] += np.maximum(waited, 0)
        t_us = np.round((taken_ms + np.maximum(late_ms, -0.45 * self._interval_ms)) * 1000).astype(np.int64)
        step_us = max(1, min(100, round(self._interval_ms * 100)))
        steps = np.arange(t_us.size) * step_us
        t_us = np.maximum.accumulate(np.maximum(t_us, self._last_t_us + step_us) - steps) + steps
        self._last_t_us = int(t_us[-1])
        return t_us

    def _artefacts(self, closure: FloatArray, earlier: FloatArray) -> FloatArray:
        """Gaze error, shape (n, 2), from the lid over the pupil: each blink has its own, most of them downwards.

        `earlier` is the closure some time before each frame: where the lid was down then and is up again, gaze swings
        to the other side.
        """
        tracker = self.tracker
        begins = np.diff(closure > 0.02, prepend=self._lid_was_down).astype(bool) & (closure > 0.02)
        self._lid_was_down = bool(closure[-1] > 0.02)
        number = np.cumsum(begins)
        n_blinks = int(number[-1])
        drawn = np.abs(self.rng.normal(1.0, 0.5, (n_blinks, 1))) * self.rng.normal(
            [0.0, 0.9], [0.3, 0.6], (n_blinks, 2)
        )
        jumps = self._jump_rng.normal(0, 25, (n_blinks, 2))
        jumps[self._jump_rng.random(n_blinks) >= tracker.blink_jump_ratio] = 0.0
        of_blink = np.concatenate([self._artefact[None, :], tracker.blink_artefact_deg * drawn])
        jump_of_blink = np.concatenate([self._jump[None, :], jumps])
        self._artefact, self._jump = of_blink[-1], jump_of_blink[-1]
        covered, was_covered = _covering(closure), _covering(earlier)
        swing = covered - tracker.blink_rebound_ratio * was_covered * (1 - covered)
        errors: FloatArray = of_blink[number] * swing[:, None]
        is_mistaken = (closure > _MISTAKEN_CLOSURE) & (earlier > 0.05)
        errors += jump_of_blink[number] * is_mistaken[:, None]
        return errors


def _covering(closure: FloatArray) -> FloatArray:
    """How far the lid has come over the pupil: 0 at a quarter of its way, 1 at three quarters."""
    share: FloatArray = np.clip((closure - 0.25) / 0.5, 0, 1)
    return share


def _box(sums: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Means between times in samples, from cumulative sums with a leading zero row."""
    last = sums.shape[0] - 1

    def upto(at: FloatArray) -> FloatArray:
        # Sample i covers i-0.5 .. i+0.5.
        place = np.clip(at + 0.5, 0, last)
        whole = np.minimum(place.astype(np.int64), last - 1)
        share = (place - whole)[:, None]
        value: FloatArray = sums[whole] * (1 - share) + sums[whole + 1] * share
        return value

    width = np.clip(high + 0.5, 0, last) - np.clip(low + 0.5, 0, last)
    mean: FloatArray = (upto(high) - upto(low)) / np.maximum(width, 1e-9)[:, None]
    return mean


def _majority(labels: StateArray, at: FloatArray, interval_ms: float) -> StateArray:
    """The label that holds for most of each frame's interval."""
    one_hot = labels[:, None] == np.arange(len(LABELS))
    sums = np.concatenate([np.zeros((1, len(LABELS))), np.cumsum(one_hot, axis=0)])
    half = max(interval_ms, 1.0) / 2
    codes: StateArray = np.argmax(_box(sums, at - half, at + half), axis=1).astype(np.uint8)
    return codes
