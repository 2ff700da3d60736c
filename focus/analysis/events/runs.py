"""Runs of frames in one state, with the few exact sums that detectors need of them.

Frames of all recordings are cut into pieces in one go; a recording then joins its pieces to runs, whatever the batches
they came in. Positions are summed as whole quanta, so a run's mean is the same however it was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from focus.analysis.signals import SIGNAL_INDEX
from focus.analysis.slow import QUANTUM
from focus.analysis.states.decide import PROBABILITY_SCALE
from focus.analysis.types import EyeState, FloatArray, IntArray, StateArray, StateRun

STEP_LIMIT_US: Final = 250_000
"""Frames further apart than this have no step between them."""


@dataclass(slots=True)
class Run:
    """A run of frames in one state that may still grow.

    `stop_us` is the time of the first frame after it, or -1 while that is not known; `lead_us` and `stop_lead_us` are
    how long before `start_us` and `stop_us` the states changed, between frames. Sums of positions are in quanta
    (`focus.analysis.slow.QUANTUM`), certainty in units of 1 / PROBABILITY_SCALE. `first_*` and `last_*` are the gaze of
    the run's first and last frame with gaze; None if it has none. `n_openness` counts the frames in which a lid was
    seen, `least_openness` is relative to the open eye.
    """

    state: int
    start_us: int
    last_us: int
    stop_us: int
    n_frames: int = 0
    certainty: int = 0
    n_gaze: int = 0
    sum_x: int = 0
    sum_y: int = 0
    sum_square: int = 0
    first_x: float | None = None
    first_y: float | None = None
    last_x: float | None = None
    last_y: float | None = None
    peak_speed_deg_s: float = -1.0
    n_openness: int = 0
    least_openness: float = float("inf")
    most_closed: float = float("-inf")
    n_steps: int = 0
    sum_step_square: int = 0
    first_step_square: int = -1
    lead_us: int = 0
    stop_lead_us: int = 0

    def absorb(self, later: Run, *, is_adjacent: bool = True) -> None:
        """Take in a run that follows; the state stays this one's. The step into one that is not adjacent is no step."""
        self.last_us, self.stop_us, self.stop_lead_us = later.last_us, later.stop_us, later.stop_lead_us
        self.n_frames += later.n_frames
        self.certainty += later.certainty
        if later.n_gaze:
            if not self.n_gaze:
                self.first_x, self.first_y = later.first_x, later.first_y
            self.last_x, self.last_y = later.last_x, later.last_y
        self.n_gaze += later.n_gaze
        self.sum_x += later.sum_x
        self.sum_y += later.sum_y
        self.sum_square += later.sum_square
        self.peak_speed_deg_s = max(self.peak_speed_deg_s, later.peak_speed_deg_s)
        self.n_openness += later.n_openness
        self.least_openness = min(self.least_openness, later.least_openness)
        self.most_closed = max(self.most_closed, later.most_closed)
        self.n_steps += later.n_steps
        self.sum_step_square += later.sum_step_square
        if is_adjacent and later.first_step_square >= 0:
            self.n_steps += 1
            self.sum_step_square += later.first_step_square

    @property
    def duration_us(self) -> int:
        """From the first frame to the first one after, or to the last one so far."""
        return (self.stop_us if self.stop_us >= 0 else self.last_us) - self.start_us

    @property
    def between_frames(self) -> dict[str, float]:
        """Attributes of an event: when the state began and ended, as far as can be told between frames."""
        return {
            "onset_between_us": float(self.start_us - self.lead_us),
            "offset_between_us": float(self.stop_us - self.stop_lead_us),
        }

    @property
    def mean_x_deg(self) -> float:
        return self.sum_x * QUANTUM / self.n_gaze

    @property
    def mean_y_deg(self) -> float:
        return self.sum_y * QUANTUM / self.n_gaze

    @property
    def spread_deg(self) -> float:
        """Standard deviation of the gaze, sqrt(var x + var y)."""
        n = self.n_gaze
        square = n * self.sum_square - self.sum_x * self.sum_x - self.sum_y * self.sum_y  # exact: Python integers
        return float((max(square, 0) / (n * n)) ** 0.5 * QUANTUM)

    @property
    def rms_step_deg(self) -> float:
        """Root mean square of the steps between consecutive frames."""
        return float((self.sum_step_square / self.n_steps) ** 0.5 * QUANTUM)

    def to_state_run(self) -> StateRun:
        """What is stored of it."""
        mean = self.certainty / self.n_frames / PROBABILITY_SCALE if self.n_frames else 1.0
        return StateRun(EyeState(self.state), self.start_us, self.stop_us, self.n_frames, mean)

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint; extremes that are infinite stand as None."""
        values = asdict(self)
        values["peak_speed_deg_s"] = None if self.peak_speed_deg_s < 0 else self.peak_speed_deg_s
        values["least_openness"] = None if self.least_openness == np.inf else self.least_openness
        values["most_closed"] = None if self.most_closed == -np.inf else self.most_closed
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Run:
        """What `to_dict` gave."""
        run = cls(**values)
        run.peak_speed_deg_s = -1.0 if values["peak_speed_deg_s"] is None else values["peak_speed_deg_s"]
        run.least_openness = float("inf") if values["least_openness"] is None else values["least_openness"]
        run.most_closed = float("-inf") if values["most_closed"] is None else values["most_closed"]
        return run


@dataclass(frozen=True, slots=True)
class DecidedFrames:
    """Frames with their final state, of one recording or of several, one after the other.

    `dt_us` is the time since the frame before (the usual interval for the first), `relative_openness` the openness over
    that of the open eye, `closure` 0 for the person's open eye and 1 for the closed one, `signals` the columns of
    `focus.analysis.signals.SIGNALS`, `step_deg` how far the gaze is from that of the frame before, NaN where one of the
    two is missing or the frame before is more than `STEP_LIMIT_US` older; `lead_us` how long before the frame its state
    began (see `focus.analysis.states.decide.boundary_leads`).
    """

    t_us: IntArray
    dt_us: IntArray
    states: StateArray
    certainty: IntArray
    signals: FloatArray
    speed_deg_s: FloatArray
    relative_openness: FloatArray
    closure: FloatArray
    step_deg: FloatArray
    lead_us: IntArray

    def __len__(self) -> int:
        return len(self.t_us)

    def part(self, start: int, stop: int) -> DecidedFrames:
        """Frames start..stop - 1."""
        here = slice(start, stop)
        return DecidedFrames(
            self.t_us[here],
            self.dt_us[here],
            self.states[here],
            self.certainty[here],
            self.signals[here],
            self.speed_deg_s[here],
            self.relative_openness[here],
            self.closure[here],
            self.step_deg[here],
            self.lead_us[here],
        )


def join_frames(parts: Sequence[DecidedFrames]) -> DecidedFrames:
    """The frames of several parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return DecidedFrames(*(np.concatenate([getattr(part, name) for part in parts]) for name in DecidedFrames.__slots__))


def cut_into_pieces(frames: DecidedFrames, counts: IntArray, gap_limits_us: IntArray) -> list[list[Run]]:
    """Pieces of equal state without a gap inside, for each recording.

    Parameters
    ----------
    frames : DecidedFrames
        Frames of all recordings.
    counts : ndarray of int64, shape (recordings,)
        How many frames each has.
    gap_limits_us : ndarray of int64, shape (recordings,)
        A frame that comes later than this after the one before begins a piece.

    Returns
    -------
    list of list of Run
        A list a recording. A piece's `stop_us` is -1.
    """
    n = len(frames)
    if not n:
        return [[] for _ in counts]
    begins = np.empty(n, dtype=bool)
    begins[0] = True
    np.not_equal(frames.states[1:], frames.states[:-1], out=begins[1:])
    begins |= frames.dt_us > np.repeat(gap_limits_us, counts)
    firsts = np.cumsum(counts) - counts
    begins[firsts[counts > 0]] = True
    starts = np.flatnonzero(begins)
    lasts = np.append(starts[1:], n) - 1

    x, y = frames.signals[:, 0], frames.signals[:, 1]
    has_gaze = ~np.isnan(x)
    whole_x = np.rint(np.where(has_gaze, x, 0.0) * (1 / QUANTUM)).astype(np.int64)
    whole_y = np.rint(np.where(has_gaze, y, 0.0) * (1 / QUANTUM)).astype(np.int64)
    index = np.arange(n)
    first_gaze = np.minimum.reduceat(np.where(has_gaze, index, n), starts)
    last_gaze = np.maximum.reduceat(np.where(has_gaze, index, -1), starts)
    first_gaze, last_gaze = np.minimum(first_gaze, n - 1), np.maximum(last_gaze, 0)
    sees_lid = ~np.isnan(frames.signals[:, SIGNAL_INDEX["openness"]])
    # In the first half second a lid is seen and the person's open eye is not known yet.
    has_openness = ~np.isnan(frames.relative_openness)
    has_step = ~np.isnan(frames.step_deg)
    whole_step = np.rint(np.where(has_step, frames.step_deg, 0.0) * (1 / QUANTUM)).astype(np.int64)
    step_square = whole_step * whole_step
    first_step_square = np.where(has_step[starts], step_square[starts], -1)
    step_square[starts] = 0
    has_step[starts] = False
    columns = [
        frames.states[starts],
        frames.t_us[starts],
        frames.t_us[lasts],
        np.full(len(starts), -1),
        lasts - starts + 1,
        np.add.reduceat(frames.certainty, starts),
        np.add.reduceat(has_gaze.astype(np.int64), starts),
        np.add.reduceat(whole_x, starts),
        np.add.reduceat(whole_y, starts),
        np.add.reduceat(whole_x * whole_x + whole_y * whole_y, starts),
        x[first_gaze],
        y[first_gaze],
        x[last_gaze],
        y[last_gaze],
        np.maximum.reduceat(np.where(np.isnan(frames.speed_deg_s), -1.0, frames.speed_deg_s), starts),
        np.add.reduceat(sees_lid.astype(np.int64), starts),
        np.minimum.reduceat(np.where(has_openness, frames.relative_openness, np.inf), starts),
        np.maximum.reduceat(np.where(has_openness, frames.closure, -np.inf), starts),
        np.add.reduceat(has_step.astype(np.int64), starts),
        np.add.reduceat(step_square, starts),
        first_step_square,
        frames.lead_us[starts],
    ]
    pieces = [Run(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    for piece in pieces:
        if not piece.n_gaze:
            piece.first_x = piece.first_y = piece.last_x = piece.last_y = None
    owners = np.searchsorted(np.cumsum(counts), starts, side="right").tolist()
    result: list[list[Run]] = [[] for _ in counts]
    for owner, piece in zip(owners, pieces, strict=True):
        result[owner].append(piece)
    return result


class RunBuilder:
    """Joins the pieces of one recording to runs, and fills gaps between frames with lost runs.

    Parameters
    ----------
    gap_limit_us : int
        Frames further apart than this have a gap between them.
    interval_us : int
        The usual time between two frames: how long the last frame before a gap is taken to last.
    """

    def __init__(self, *, gap_limit_us: int, interval_us: int) -> None:
        self._gap_limit_us = gap_limit_us
        self._interval_us = interval_us
        self.open: Run | None = None

    def push(self, piece: Run) -> list[Run]:
        """Take the next piece; returns the runs that it closes."""
        run = self.open
        if run is None:
            self.open = piece
            return []
        if piece.start_us - run.last_us > self._gap_limit_us:
            run.stop_us = min(run.last_us + self._interval_us, piece.start_us)
            closed = [run]
            if run.stop_us < piece.start_us:
                # In the gap no frame came, so nothing is known of it.
                closed.append(Run(EyeState.LOST, run.stop_us, piece.start_us, piece.start_us))
            self.open = piece
            return closed
        if piece.state == run.state:
            run.absorb(piece)
            return []
        run.stop_us, run.stop_lead_us = piece.start_us, piece.lead_us
        self.open = piece
        return [run]

    def finish(self) -> list[Run]:
        """Close the run that is open."""
        run, self.open = self.open, None
        if run is None:
            return []
        run.stop_us = run.last_us + self._interval_us
        return [run]


REOPENING_US: Final = 50_000
"""Between two blinks the eye is open for at least so long: lids alone take longer to go up and down again (VanderWerf
et al. 2003, doi:10.1152/jn.00557.2002). What is shorter is one blink, of which a frame was taken for something else."""


class Consolidator:
    """Lets no run stand that is too short for its state, and no opening of the eye between two blinks that is none.

    A run that lasts its state's minimum is established. Short runs between two established ones of the same state join
    them into one; between different ones they belong to the earlier, up to the first that has the state of the later.
    What comes out depends on the sequence of runs alone: an open run that has lasted long enough is established early
    only in so far as that cannot change what comes out.
    """

    def __init__(self, minimum_us: dict[int, int]) -> None:
        self._minimum_us = minimum_us
        self._settled: Run | None = None
        self._short: list[Run] = []

    def push(self, run: Run) -> list[tuple[Run, int | None]]:
        """Take the next closed run; returns the runs that are final, each with the state of the run after it."""
        if run is self._settled:
            return []  # It was established while it was open.
        if run.duration_us < self._minimum_now_us(run):
            self._short.append(run)
            return []
        return self._establish(run)

    def peek(self, open_run: Run | None) -> list[tuple[Run, int | None]]:
        """Look at the run that is open; returns the runs that are final because of it."""
        if open_run is None or open_run is self._settled or open_run.duration_us < self._minimum_now_us(open_run):
            return []
        if self._settled is not None and self._settled.state == open_run.state:
            return []  # The two will be one, and that one is not over.
        if self._settled is None or any(short.state == open_run.state for short in self._short):
            return []  # The open run would begin earlier than it does; it is established when it is closed.
        return self._establish(open_run)

    def _minimum_now_us(self, run: Run) -> int:
        follows_blink = self._settled is not None and self._settled.state == EyeState.BLINK and not self._short
        if follows_blink and run.state in (EyeState.FIXATION, EyeState.PURSUIT):
            return max(self._minimum_us[run.state], REOPENING_US)
        return self._minimum_us[run.state]

    def _is_opening_held(self) -> bool:
        """Whether an opening long enough for its state waits for a blink that would swallow it."""
        if self._settled is None or self._settled.state != EyeState.BLINK or not self._short:
            return False
        return self._short[0].duration_us >= self._minimum_us[self._short[0].state]

    def _let_stand(self) -> list[tuple[Run, int | None]]:
        """No blink came: the opening stands by itself, and the blink before it is final."""
        assert self._settled is not None
        blink, opening = self._settled, self._short[0]
        blink.stop_us, blink.stop_lead_us = opening.start_us, opening.lead_us
        self._settled, self._short = opening, self._short[1:]
        return [(blink, opening.state)]

    def _establish(self, run: Run) -> list[tuple[Run, int | None]]:
        if run.state != EyeState.BLINK and self._is_opening_held():
            return [*self._let_stand(), *self._establish(run)]
        before, short = self._settled, self._short
        self._short = []
        if before is None:
            self._settled = _join([*short, run], run.state)
            return []
        if before.state == run.state:
            self._settled = _join([before, *short, run], run.state)
            return []
        cut = next((at for at, each in enumerate(short) if each.state == run.state), len(short))
        final = _join([before, *short[:cut]], before.state)
        after = short[cut] if cut < len(short) else run
        final.stop_us, final.stop_lead_us = after.start_us, after.lead_us
        self._settled = _join([*short[cut:], run], run.state)
        return [(final, run.state)]

    def finish(self) -> list[tuple[Run, int | None]]:
        """No more runs come: what is left is final."""
        final: list[tuple[Run, int | None]] = []
        if self._is_opening_held():
            final = self._let_stand()
        left = [*([self._settled] if self._settled else []), *self._short]
        self._settled, self._short = None, []
        return [*final, (_join(left, left[0].state), None)] if left else []

    def ongoing(self, open_run: Run | None) -> tuple[int | None, int, int] | None:
        """State, start and last time of the run that will be final next; None if no frame is waiting in any run."""
        if self._settled is not None:
            return self._settled.state, self._settled.start_us, self._settled.last_us
        first = self._short[0] if self._short else open_run
        return (None, first.start_us, first.start_us) if first else None

    def state(self, open_run: Run | None) -> dict[str, Any]:
        """What a checkpoint keeps; the open run is kept by its builder."""
        return {
            "settled_is_open": self._settled is not None and self._settled is open_run,
            "settled": self._settled.to_dict() if self._settled else None,
            "short": [run.to_dict() for run in self._short],
        }

    def load(self, state: dict[str, Any], open_run: Run | None) -> None:
        """Take over what `state` gave."""
        self._short = [Run.from_dict(values) for values in state["short"]]
        if state["settled_is_open"]:
            self._settled = open_run
        else:
            self._settled = Run.from_dict(state["settled"]) if state["settled"] else None


def _join(runs: list[Run], state: int) -> Run:
    """One run of several that follow one another; the first one takes the others in."""
    first = runs[0]
    for later in runs[1:]:
        first.absorb(later)
    first.state = state
    return first
