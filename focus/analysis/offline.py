"""Analysis of a whole recording at once: a fold over the pipeline, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from focus.analysis.metrics import MetricValue, evaluate
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pipeline import RecordingPipeline, advance
from focus.analysis.types import Event, IntArray, MetricWindow, StateArray, StateClassifier, StateRun
from focus.protocol.batch import FrameBatch, TrackerInfo

_PART_FRAMES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything an analysis says about a recording."""

    t_us: IntArray
    states: StateArray
    runs: tuple[StateRun, ...]
    events: tuple[Event, ...]
    windows: tuple[MetricWindow, ...]
    sums: dict[str, Any]

    def metrics(self) -> tuple[MetricValue, ...]:
        """The values of all metrics over the whole recording."""
        return evaluate(self.sums)


def analyse(
    frames: FrameBatch | Iterable[FrameBatch],
    tracker: TrackerInfo,
    classifier: StateClassifier,
    *,
    parameters: AnalysisParameters | None = None,
) -> Analysis:
    """States, events and metrics of a recording.

    Parameters
    ----------
    frames : FrameBatch or iterable of FrameBatch
        The recording, in order; an iterable is read as it is needed.
    tracker : TrackerInfo
        What made it.
    classifier : StateClassifier
        The model.
    parameters : AnalysisParameters, optional
        Default parameters if absent.
    """
    pipeline = RecordingPipeline(tracker, parameters)
    outputs = []
    for part in _parts(frames):
        pipeline.push(part)
        outputs += advance([pipeline], classifier, prompt=False)
    pipeline.finish()
    outputs += advance([pipeline], classifier, prompt=False)
    return Analysis(
        t_us=np.concatenate([output.t_us for output in outputs]),
        states=np.concatenate([output.states for output in outputs]),
        runs=tuple(run for output in outputs for run in output.runs),
        events=tuple(sorted((e for output in outputs for e in output.events), key=lambda e: (e.onset_us, e.kind))),
        windows=tuple(window for output in outputs for window in output.windows),
        sums=pipeline.live_sums(),
    )


def _parts(frames: FrameBatch | Iterable[FrameBatch]) -> Iterator[FrameBatch]:
    """The frames in parts that bound the memory of a pass."""
    for batch in [frames] if isinstance(frames, FrameBatch) else frames:
        for start in range(0, len(batch), _PART_FRAMES):
            yield batch[start : start + _PART_FRAMES]
