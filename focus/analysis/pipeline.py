"""The pipeline of a recording: frames in, states, events and metric windows out. The only place where stages are wired.

It is cut in two. The front takes frames into a ring and knows which of them wait for a feature row; the back takes
probabilities and makes states, runs, events and windows of them. Between the two stands `advance`, which makes the rows
of all recordings that it is given in one pass and has them predicted in one call. A live engine calls it once a tick
with all its recordings, an offline analysis with one, and both get the same results to the last bit: nothing that comes
out depends on how the frames were cut into batches, on when `advance` was called, or on what else was in the stack.


Whatever is done to every frame is done to the frames of all recordings at once, in `advance` and the functions below
it; what is done for a recording alone is done for its runs, its events and its seconds, which are few.

This file is longer than others because it holds all the wiring and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from focus.analysis.blocks import BlockKeeper
from focus.analysis.checkpoint import pack_state, unpack_state
from focus.analysis.events.base import DETECTORS, DetectorSetup, Ongoing
from focus.analysis.events.runs import STEP_LIMIT_US, Consolidator, DecidedFrames, Run, RunBuilder, cut_into_pieces
from focus.analysis.features import feature_names, feature_rows
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.ring import Ring
from focus.analysis.signals import SIGNALS, to_signals
from focus.analysis.slow import CellFrames, SlowContext, measure_cells
from focus.analysis.stack import REACH_BACK_US, Stack, ranges
from focus.analysis.states.decide import N_STATES, boundary_leads, decide_states, state_scores, weigh_scores
from focus.analysis.states.smoothing import ScoreTail, smooth_scores, split_lookahead
from focus.analysis.traits import RecordingTraits
from focus.analysis.types import (
    Event,
    EyeState,
    Float32Array,
    FloatArray,
    IntArray,
    MetricWindow,
    StateArray,
    StateClassifier,
    StateRun,
)
from focus.errors import CheckpointError, FrameValueError, ModelError
from focus.protocol.batch import FrameBatch, TrackerInfo

CODE_VERSION: Final = 9
"""Rises with every change of this package that changes results; stored with each analysis and checkpoint."""

_UNSEEN_CLOSED_RATIO: Final = 0.3
_SEEN_CLOSED_BELOW: Final = 0.6

# What is carried along from the feature rows.
_FACTS: Final = (
    "gaze_stale_us",
    "openness_stale_us",
    "gaze_speed_8ms_deg_s",
    "openness",
    "openness_closed",
    "pupil_stale_us",
)

_NO_TIMES: Final[IntArray] = np.empty(0, dtype=np.int64)
_NO_STATES: Final[StateArray] = np.empty(0, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class PipelineOutput:
    """What one `advance` made of one recording.

    `provisional_*` are the frames pushed since the last call with the state that no look-ahead gives; `t_us` and
    `states` are frames with their final state, in order, each frame exactly once over all calls.
    """

    provisional_t_us: IntArray = field(default_factory=lambda: _NO_TIMES)
    provisional_states: StateArray = field(default_factory=lambda: _NO_STATES)
    t_us: IntArray = field(default_factory=lambda: _NO_TIMES)
    states: StateArray = field(default_factory=lambda: _NO_STATES)
    runs: tuple[StateRun, ...] = ()
    events: tuple[Event, ...] = ()
    windows: tuple[MetricWindow, ...] = ()


class RecordingPipeline:
    """All that is remembered of one recording while it is analysed.

    Parameters
    ----------
    tracker : TrackerInfo
        As declared when the recording was opened; its nominal rate says what a gap is.
    parameters : AnalysisParameters, optional
        What decides the outcome besides frames and model.
    """

    def __init__(self, tracker: TrackerInfo, parameters: AnalysisParameters | None = None) -> None:
        self.tracker = tracker
        self.parameters = p = parameters or AnalysisParameters()
        self._traits = RecordingTraits.of(tracker)
        # Recordings with the same key have their signals made together.
        self._signal_key = (tracker.gaze_space, tracker.screen, p.min_confidence)
        self._ahead_us, self._smoothing_us = split_lookahead(p.lookahead_us)
        self._pending: list[FrameBatch] = []
        self._newest_us = -1
        self._n_frames = 0
        self._finished = False
        self._is_closed = False  # the end of the recording went through all stages
        self._ring = Ring(len(SIGNALS))
        self._slow = SlowContext()
        # Numbers of frames since the recording began: the next one to get each of these.
        self._next_provisional = 0
        self._next_row = 0
        self._next_decided = 0
        self._last_decided_us = -1
        self._last_state = int(EyeState.LOST)
        self._last_scores: IntArray = np.zeros(N_STATES, dtype=np.int64)
        self._tail = ScoreTail(len(_FACTS))
        self._builder = RunBuilder(gap_limit_us=self._traits.gap_limit_us, interval_us=self._traits.interval_us)
        self._consolidator = Consolidator(
            {
                EyeState.FIXATION: p.min_fixation_run_us,
                EyeState.SACCADE: p.min_saccade_us,
                EyeState.PURSUIT: p.min_pursuit_us,
                EyeState.BLINK: p.min_blink_us,
                EyeState.LOST: p.min_lost_us,
            }
        )
        setup = DetectorSetup(p, self._traits.has_gaze, self._traits.has_openness)
        self._detectors = [(name, make(setup)) for name, make in DETECTORS]
        self._blocks = BlockKeeper(self._traits, p)

    @property
    def newest_us(self) -> int:
        """Time of the newest frame; -1 before the first."""
        return self._newest_us

    @property
    def n_frames(self) -> int:
        """How many frames were pushed."""
        return self._n_frames

    def push(self, frames: FrameBatch) -> None:
        """Take frames; they wait for the next `advance`.

        Raises
        ------
        FrameValueError
            If the first is not later than the newest one before, or the recording was finished.
        """
        first_us = int(frames.t_us[0])
        if self._finished:
            raise FrameValueError(f"frame at t_us {first_us} comes after the recording was finished")
        if first_us <= self._newest_us:
            raise FrameValueError(f"frame 0: t_us {first_us} is not after {self._newest_us}")
        self._pending.append(frames)
        self._newest_us = int(frames.t_us[-1])
        self._n_frames += len(frames)

    def finish(self) -> None:
        """No more frames come; the next `advance` makes everything final."""
        self._finished = True

    def live_sums(self) -> dict[str, Any]:
        """Metric sums of the recording so far, up to the last full second whose events are all known."""
        return self._blocks.sums_so_far()

    # -- between the two halves: which rows are wanted, as positions in the ring ---------------------------------------

    def _has_work(self, prompt: bool) -> bool:
        if self._finished:
            return self._n_frames > 0 and not self._is_closed
        return bool(self._pending) or (prompt and self._next_provisional < self._n_frames)

    def _wanted(self, prompt: bool) -> tuple[tuple[int, int], tuple[int, int]]:
        """Frames to look at first, and frames to decide on, each as first and one after the last."""
        base, t_us = self._ring.n_dropped, self._ring.t_us
        stop = len(t_us)
        if not self._finished:
            stop = int(t_us.searchsorted(self._newest_us - self._ahead_us, side="right"))
        final = self._next_row - base, max(stop, self._next_row - base)
        # Without look-ahead the final rows are the provisional ones.
        first = self._next_provisional - base if prompt and self._ahead_us else len(t_us)
        return (first, len(t_us)), final

    # -- the back half -------------------------------------------------------------------------------------------------

    def _take(self, pieces: list[Run]) -> tuple[list[StateRun], list[Event]]:
        """Runs and events that are final because of these pieces."""
        runs: list[StateRun] = []
        events: list[Event] = []
        for piece in pieces:
            for run in self._builder.push(piece):
                runs.append(run.to_state_run())
                self._detect(self._consolidator.push(run), events)
        if self._finished:
            self._is_closed = True
            for run in self._builder.finish():
                runs.append(run.to_state_run())
                self._detect(self._consolidator.push(run), events)
            self._detect(self._consolidator.finish(), events)
            for _, detector in self._detectors:
                events += detector.finish()
        else:
            self._detect(self._consolidator.peek(self._builder.open), events)
            waiting = self._consolidator.ongoing(self._builder.open)
            if waiting:
                ongoing = Ongoing(*waiting)
                for _, detector in self._detectors:
                    if detector.held_us() is not None:
                        events += detector.settle(ongoing)
        if events:
            self._blocks.add_events(events)
        return runs, events

    def _detect(self, final: list[tuple[Run, int | None]], events: list[Event]) -> None:
        for run, next_state in final:
            for _, detector in self._detectors:
                events += detector.push(run, next_state)

    def _close_blocks(self, prompt: bool) -> list[MetricWindow]:
        if self._finished:
            return self._blocks.close(0, is_last=True)
        if not self._blocks.is_due(prompt):
            return []
        # Every event that ends before all of these times is known.
        waiting = self._consolidator.ongoing(self._builder.open)
        times = [waiting[2]] if waiting else []
        times += [held for _, detector in self._detectors if (held := detector.held_us()) is not None]
        return self._blocks.close(min(times, default=0), is_last=False)

    def _forget(self) -> None:
        """Drop the frames that no row to come can reach."""
        base, t_us = self._ring.n_dropped, self._ring.t_us
        oldest_us = int(t_us[min(self._next_row, self._next_decided, self._n_frames - 1) - base])
        self._ring.drop_before(oldest_us - REACH_BACK_US)
        self._slow.forget_before(oldest_us)

    # -- checkpoint ----------------------------------------------------------------------------------------------------

    def checkpoint(self) -> bytes:
        """Everything that `restore` needs to go on as if nothing had happened.

        Raises
        ------
        CheckpointError
            If frames were pushed after the last `advance`.
        """
        if self._pending:
            raise CheckpointError(f"{len(self._pending)} batches are waiting for the next advance")
        open_run = self._builder.open
        return pack_state(
            {
                **self._provenance(),
                "numbers": [self._newest_us, self._n_frames, self._next_provisional, self._next_row],
                "decided": [self._next_decided, self._last_decided_us, self._last_state],
                "last_scores": self._last_scores,
                "finished": [self._finished, self._is_closed],
                "ring": self._ring.state(),
                "slow": self._slow.state(),
                "tail": self._tail.state(),
                "open": open_run.to_dict() if open_run else None,
                "consolidator": self._consolidator.state(open_run),
                "detectors": {name: detector.state() for name, detector in self._detectors},
                "blocks": self._blocks.state(),
            }
        )

    def _provenance(self) -> dict[str, Any]:
        return {
            "code_version": CODE_VERSION,
            "tracker": self.tracker.to_dict(),
            "parameters": self.parameters.to_dict(),
            "features": list(feature_names()),
        }

    @classmethod
    def restore(
        cls, blob: bytes, tracker: TrackerInfo, parameters: AnalysisParameters | None = None
    ) -> RecordingPipeline:
        """The pipeline as it was when the checkpoint was made.

        Raises
        ------
        CheckpointError
            If the bytes are damaged, or were made by another version, for another tracker or with other parameters.
        """
        self = cls(tracker, parameters)
        state = unpack_state(blob)
        for name, value in self._provenance().items():
            if state.get(name) != value:
                raise CheckpointError(f"the checkpoint's {name} is {state.get(name)!r}, not {value!r}")
        self._newest_us, self._n_frames, self._next_provisional, self._next_row = state["numbers"]
        self._next_decided, self._last_decided_us, self._last_state = state["decided"]
        self._last_scores = state["last_scores"]
        self._finished, self._is_closed = state["finished"]
        self._ring.load(state["ring"])
        self._slow.load(state["slow"])
        self._tail.load(state["tail"])
        self._builder.open = Run.from_dict(state["open"]) if state["open"] else None
        self._consolidator.load(state["consolidator"], self._builder.open)
        for name, detector in self._detectors:
            detector.load(state["detectors"][name])
        self._blocks.load(state["blocks"])
        return self


def advance(
    pipelines: Sequence[RecordingPipeline], classifier: StateClassifier, *, prompt: bool | Sequence[bool] = True
) -> list[PipelineOutput]:
    """Take all frames that wait in these recordings through one feature pass, one prediction, and on to results.

    Parameters
    ----------
    pipelines : sequence of RecordingPipeline
        Each at most once.
    classifier : StateClassifier
        The model.
    prompt : bool or sequence of bool
        Whether somebody waits for each recording: then its frames get provisional states, and its sums reach up to the
        last full second. What becomes final is the same without, and costs a third less.

    Returns
    -------
    list of PipelineOutput
        One for each pipeline, in their order.

    Raises
    ------
    ModelError
        If the classifier was made for other features.
    """
    if classifier.feature_names != feature_names():
        raise ModelError("the model was trained on other features than this code computes")
    prompts = [prompt] * len(pipelines) if isinstance(prompt, bool) else prompt
    busy = [index for index, each in enumerate(zip(pipelines, prompts, strict=True)) if each[0]._has_work(each[1])]
    outputs = [PipelineOutput()] * len(pipelines)
    if busy:
        made = _advance([pipelines[index] for index in busy], classifier, [prompts[index] for index in busy])
        for index, output in zip(busy, made, strict=True):
            outputs[index] = output
    return outputs


def _advance(
    pipelines: list[RecordingPipeline], classifier: StateClassifier, prompts: list[bool]
) -> list[PipelineOutput]:
    _absorb(pipelines)
    wanted = [pipeline._wanted(prompt) for pipeline, prompt in zip(pipelines, prompts, strict=True)]
    stack = _stack(pipelines, wanted)
    scores, facts = _predict(stack, classifier)
    hold_us = np.array([pipeline.parameters.loss_hold_us for pipeline in pipelines])
    blink_us = np.array([pipeline.parameters.blink_max_us for pipeline in pipelines])

    row_counts = np.array([sum(stop - start for start, stop in each) for each in wanted])
    first_states, _ = decide_states(
        scores,
        weigh_scores(scores, facts[:, 1], facts[:, 5], facts[:, 3]),
        facts[:, 0],
        facts[:, 1],
        loss_hold_us=np.repeat(hold_us, row_counts),
        blink_max_us=np.repeat(blink_us, row_counts),
    )
    row_t_us = stack.own_t_us[stack.rows]
    looks = _keep_rows(pipelines, wanted, row_t_us, scores, facts, first_states)

    t_us, mean, facts, counts = smooth_scores(
        [pipeline._tail for pipeline in pipelines],
        [pipeline._smoothing_us for pipeline in pipelines],
        [pipeline._finished for pipeline in pipelines],
    )
    weighed = weigh_scores(mean, facts[:, 1], facts[:, 5], facts[:, 3])
    states, certainty = decide_states(
        mean,
        weighed,
        facts[:, 0],
        facts[:, 1],
        loss_hold_us=np.repeat(hold_us, counts),
        blink_max_us=np.repeat(blink_us, counts),
    )
    gap_limits_us = np.array([pipeline._traits.gap_limit_us for pipeline in pipelines])
    frames = _decided_frames(pipelines, stack, t_us, states, certainty, facts, counts)
    frames = replace(frames, lead_us=_leads(pipelines, frames, weighed, counts, gap_limits_us))
    pieces = cut_into_pieces(frames, counts, gap_limits_us)

    outputs = []
    stop = 0
    for pipeline, prompt, count, own, look in zip(pipelines, prompts, counts.tolist(), pieces, looks, strict=True):
        start, stop = stop, stop + count
        if count:
            pipeline._next_decided += count
            pipeline._last_decided_us = int(t_us[stop - 1])
            pipeline._last_state, pipeline._last_scores = int(states[stop - 1]), weighed[stop - 1].copy()
            pipeline._blocks.add_frames(frames, start, stop, pipeline._last_decided_us)
        runs, events = pipeline._take(own)
        windows = pipeline._close_blocks(prompt)
        pipeline._forget()
        outputs.append(
            PipelineOutput(*look, t_us[start:stop], states[start:stop], tuple(runs), tuple(events), tuple(windows))
        )
    return outputs


def _absorb(pipelines: list[RecordingPipeline]) -> None:
    """Make signals of the frames that wait, and put them into rings and slow contexts."""
    groups: dict[Any, list[tuple[RecordingPipeline, FrameBatch]]] = {}
    for pipeline in pipelines:
        for batch in pipeline._pending:
            groups.setdefault((pipeline._signal_key, tuple(batch.columns)), []).append((pipeline, batch))
        pipeline._pending = []
    parts: dict[int, list[tuple[IntArray, FloatArray]]] = {}
    for (_, names), members in groups.items():
        columns = {name: np.concatenate([batch.columns[name] for _, batch in members]) for name in names}
        n = sum(len(batch) for _, batch in members)
        owner = members[0][0]
        signals = to_signals(columns, n, owner.tracker, min_confidence=owner.parameters.min_confidence)
        at = 0
        for pipeline, batch in members:
            parts.setdefault(id(pipeline), []).append((batch.t_us, signals[at : at + len(batch)]))
            at += len(batch)
    over: list[tuple[RecordingPipeline, list[CellFrames]]] = []
    for pipeline in pipelines:
        if own := parts.get(id(pipeline)):
            t_us, values = _join_in_order(own)
            pipeline._ring.append(t_us, values)
            over.append((pipeline, pipeline._slow.push(t_us, values)))
    # The slow cells that are over are measured in one pass, and each recording remembers its own.
    measured = measure_cells([cell for _, cells in over for cell in cells[:-1]])
    at = 0
    for pipeline, cells in over:
        if cells:
            pipeline._slow.enter(cells, measured[at : at + len(cells) - 1])
            at += len(cells) - 1


def _join_in_order(parts: list[tuple[IntArray, FloatArray]]) -> tuple[IntArray, FloatArray]:
    """One recording's batches as one; they come in the order of their columns, and may have different ones."""
    if len(parts) == 1:
        return parts[0]
    parts.sort(key=lambda part: int(part[0][0]))
    return np.concatenate([t_us for t_us, _ in parts]), np.concatenate([values for _, values in parts])


def _stack(pipelines: list[RecordingPipeline], wanted: list[tuple[tuple[int, int], tuple[int, int]]]) -> Stack:
    rows: list[tuple[int, int, int, int]] = []
    context: list[FloatArray] = []
    context_counts: list[int] = []
    for index, (pipeline, (first, final)) in enumerate(zip(pipelines, wanted, strict=True)):
        for (start, stop), ahead_us in ((first, 0), (final, pipeline._ahead_us)):
            if stop > start:
                rows.append((index, start, stop, ahead_us))
                own, own_counts = pipeline._slow.rows_of(pipeline._ring.t_us[start:stop])
                context += own
                context_counts += own_counts
    return Stack(
        [pipeline._ring.t_us for pipeline in pipelines],
        [pipeline._ring.values for pipeline in pipelines],
        rows=rows,
        context=context,
        context_counts=context_counts,
    )


def _predict(stack: Stack, classifier: StateClassifier) -> tuple[IntArray, FloatArray]:
    """Scores and facts of all rows of a stack."""
    if not stack.n_rows:
        return np.empty((0, 4), dtype=np.int64), np.empty((0, len(_FACTS)))
    rows = feature_rows(stack)
    names = feature_names()
    return state_scores(classifier.predict(rows)), rows[:, [names.index(name) for name in _FACTS]].astype(np.float64)


def _keep_rows(
    pipelines: list[RecordingPipeline],
    wanted: list[tuple[tuple[int, int], tuple[int, int]]],
    t_us: IntArray,
    scores: IntArray,
    facts: FloatArray,
    states: StateArray,
) -> list[tuple[IntArray, StateArray]]:
    """Give each recording its rows to smooth; returns the provisional times and states of each."""
    looks = []
    at = 0
    for pipeline, (first, final) in zip(pipelines, wanted, strict=True):
        middle = at + first[1] - first[0]
        stop = middle + final[1] - final[0]
        early = slice(at, middle if pipeline._ahead_us else stop)
        looks.append((t_us[early], states[early]))
        if stop > middle:
            pipeline._tail.append(t_us[middle:stop], scores[middle:stop], facts[middle:stop])
        pipeline._next_row += stop - middle
        pipeline._next_provisional = pipeline._n_frames
        at = stop
    return looks


def _decided_frames(
    pipelines: list[RecordingPipeline],
    stack: Stack,
    t_us: IntArray,
    states: StateArray,
    certainty: IntArray,
    facts: FloatArray,
    counts: IntArray,
) -> DecidedFrames:
    """The frames whose state became final, with what the later stages need of them."""
    first = np.array([pipeline._next_decided - pipeline._ring.n_dropped for pipeline in pipelines])
    before_us = np.array([pipeline._last_decided_us for pipeline in pipelines])
    usual_us = np.array([pipeline._traits.interval_us for pipeline in pipelines])
    begins = (np.cumsum(counts) - counts)[counts > 0]
    before_us = np.where(before_us >= 0, before_us, -1)[counts > 0]
    dt_us = np.diff(t_us, prepend=t_us[:1])
    dt_us[begins] = np.where(before_us >= 0, t_us[begins] - before_us, usual_us[counts > 0])
    openness = np.where(facts[:, 1] == 0, facts[:, 3], np.nan)
    closed = np.where(facts[:, 4] < _SEEN_CLOSED_BELOW, facts[:, 4], _UNSEEN_CLOSED_RATIO)
    place = ranges(stack.starts + first, counts)
    return DecidedFrames(
        t_us=t_us,
        dt_us=dt_us,
        states=states,
        certainty=certainty,
        signals=stack.values[place],
        speed_deg_s=facts[:, 2],
        relative_openness=openness,
        closure=(1 - openness) / (1 - closed),
        step_deg=_steps(stack, place, dt_us, begins[before_us < 0]),
        lead_us=np.zeros(len(t_us), dtype=np.int64),
    )


def _leads(
    pipelines: list[RecordingPipeline],
    frames: DecidedFrames,
    scores: IntArray,
    counts: IntArray,
    gap_limits_us: IntArray,
) -> IntArray:
    """How long before each frame its state began; the first one of a recording follows the last one decided before."""
    if not len(frames):
        return frames.lead_us
    all_scores, all_states, keep = [], [], []
    stop = 0
    for pipeline, count in zip(pipelines, counts.tolist(), strict=True):
        start, stop = stop, stop + count
        all_scores += [pipeline._last_scores[None, :], scores[start:stop]]
        all_states += [np.array([pipeline._last_state], dtype=np.uint8), frames.states[start:stop]]
        keep += [False] + [True] * count
    # The frames put in between recordings follow a frame of another one; what comes of them is left out.
    kept = np.array(keep)
    dt_us = np.zeros(kept.size, dtype=np.int64)
    dt_us[kept] = frames.dt_us
    limits_us = np.zeros(kept.size, dtype=np.int64)
    limits_us[kept] = np.repeat(gap_limits_us, counts)
    leads = boundary_leads(
        np.concatenate(all_scores), np.concatenate(all_states), dt_us[1:], gap_limits_us=limits_us[1:]
    )
    taken: IntArray = leads[kept[1:]]
    return taken


def _steps(stack: Stack, place: IntArray, dt_us: IntArray, firsts: IntArray) -> FloatArray:
    """How far the gaze moved since the frame before; `firsts` are the first frames of recordings, which have none."""
    # A frame that is near enough is still in its ring, and the one in front of a recording's first is not asked for.
    dx = stack.values[place, 0] - stack.values[place - 1, 0]
    dy = stack.values[place, 1] - stack.values[place - 1, 1]
    step_deg: FloatArray = np.sqrt(dx * dx + dy * dy)
    step_deg[dt_us > STEP_LIMIT_US] = np.nan
    step_deg[firsts] = np.nan
    return step_deg


def training_rows(frames: FrameBatch, tracker: TrackerInfo, *, lookahead_us: int) -> Float32Array:
    """The feature row of every frame of a whole recording, as an analysis with this look-ahead makes it.

    Returns
    -------
    ndarray of float32, shape (len(frames), len(feature_names()))
    """
    pipeline = RecordingPipeline(tracker, AnalysisParameters(lookahead_us=lookahead_us))
    pipeline.push(frames)
    pipeline.finish()
    _absorb([pipeline])
    return feature_rows(_stack([pipeline], [pipeline._wanted(prompt=False)]))
