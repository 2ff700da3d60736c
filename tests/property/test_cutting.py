"""The property that FOCUS rests on: what comes out of an analysis does not depend on how the stream was cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from focus.analysis.metrics import combine
from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pipeline import PipelineOutput, RecordingPipeline, advance
from focus.protocol.batch import FrameBatch, ScreenGeometry, TrackerInfo
from tests.unit.analysis.fakes import SensitiveClassifier

CLASSIFIER = SensitiveClassifier()
COLUMNS = ("gaze_x", "gaze_y", "openness_left", "openness_right", "pupil_left", "confidence", "head_yaw", "head_pitch")


@dataclass
class Stream:
    """Frames with every kind of trouble a tracker makes, and the tracker."""

    frames: FrameBatch
    tracker: TrackerInfo
    parameters: AnalysisParameters
    seed: int = field(default=0)

    def __repr__(self) -> str:
        return f"Stream(seed={self.seed}, n={len(self.frames)}, {self.tracker}, {self.parameters.lookahead_us})"


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    seed = draw(st.integers(0, 2**32 - 1))
    rate_hz = draw(st.sampled_from([7.0, 30.0, 60.0, 250.0, 1000.0]))
    names = draw(st.sampled_from([COLUMNS, COLUMNS[:2], COLUMNS[2:4], ("confidence",), COLUMNS[:4], COLUMNS[:6]]))
    declared = draw(st.sampled_from([rate_hz, None]))
    lookahead_us = draw(st.sampled_from([0, 20_000, 50_000, 150_000]))
    return make_stream(seed, rate_hz, names, declared, lookahead_us)


def make_stream(
    seed: int, rate_hz: float, names: tuple[str, ...], declared_hz: float | None, lookahead_us: int
) -> Stream:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 700))
    dt_us = 1e6 / rate_hz * rng.lognormal(0, 0.2, n)
    dt_us[rng.random(n) < 0.01] += rng.choice([2e5, 1.5e6, 70e6, 300e6])
    t_us = np.cumsum(np.maximum(dt_us, 1)).astype(np.int64) + np.arange(n)
    jumps = np.cumsum(np.where(rng.random(n) < 0.02, rng.normal(0, 5, n), 0)[:, None] * [1.0, 0.6], axis=0)
    gaze = jumps + rng.normal(0, 0.05, (n, 2))
    closed = np.zeros(n)
    for start in np.flatnonzero(rng.random(n) < 0.02):
        closed[start : start + int(rng.integers(1, 30))] = 1
    openness = 0.3 * (1 - 0.8 * closed) + rng.normal(0, 0.01, n)
    everything = {
        "gaze_x": gaze[:, 0],
        "gaze_y": gaze[:, 1],
        "openness_left": openness,
        "openness_right": openness + 0.01,
        "pupil_left": 3 + rng.normal(0, 0.1, n),
        "confidence": (rng.random(n) > 0.03).astype(float),
        "head_yaw": rng.normal(0, 20, n),
        "head_pitch": rng.normal(0, 5, n),
    }
    everything["gaze_x"][(closed > 0) & (rng.random(n) < 0.7)] = np.nan
    everything["openness_left"][rng.random(n) < 0.05] = np.nan
    columns = {name: everything[name].astype(np.float32) for name in names}
    screen = ScreenGeometry(527.0, 296.0, 600.0)
    tracker = TrackerInfo("test", names, rate_hz=declared_hz, gaze_space="deg", screen=screen)
    return Stream(FrameBatch(t_us, columns), tracker, AnalysisParameters(lookahead_us=lookahead_us), seed)


def cuts_of(draw_data: st.DataObject, n: int) -> list[int]:
    cuts = draw_data.draw(st.sets(st.integers(1, max(n - 1, 1)), max_size=12))
    return [0, *sorted(cut for cut in cuts if cut < n), n]


FINAL = ("t_us", "states", "runs", "events", "windows")
"""What `gather` gives that is the same whether somebody waited for it or not."""


def gather(outputs: list[PipelineOutput]) -> dict[str, object]:
    """Everything that came out, in one comparable value."""
    return {
        "t_us": np.concatenate([o.t_us for o in outputs]).tolist(),
        "states": np.concatenate([o.states for o in outputs]).tolist(),
        "provisional_t_us": np.concatenate([o.provisional_t_us for o in outputs]).tolist(),
        "provisional": np.concatenate([o.provisional_states for o in outputs]).tolist(),
        "runs": [run for o in outputs for run in o.runs],
        "events": sorted((e for o in outputs for e in o.events), key=lambda e: (e.onset_us, e.kind)),
        "windows": [window for o in outputs for window in o.windows],
    }


def run_whole(stream: Stream) -> tuple[dict[str, object], dict[str, object]]:
    pipeline = RecordingPipeline(stream.tracker, stream.parameters)
    pipeline.push(stream.frames)
    pipeline.finish()
    return gather(advance([pipeline], CLASSIFIER)), pipeline.live_sums()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=streams(), data=st.data())
def test_output_does_not_depend_on_how_the_stream_is_cut(stream: Stream, data: st.DataObject) -> None:
    bounds = cuts_of(data, len(stream.frames))
    pipeline = RecordingPipeline(stream.tracker, stream.parameters)
    outputs = []
    for start, stop in pairwise(bounds):
        pipeline.push(stream.frames[start:stop])
        if data.draw(st.booleans()):
            outputs += advance([pipeline], CLASSIFIER)
    pipeline.finish()
    outputs += advance([pipeline], CLASSIFIER)

    whole, sums = run_whole(stream)
    assert gather(outputs) == whole
    assert pipeline.live_sums() == sums
    assert whole["t_us"] == stream.frames.t_us.tolist()
    assert whole["provisional_t_us"] == stream.frames.t_us.tolist()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=streams(), data=st.data())
def test_what_becomes_final_does_not_depend_on_who_waited_for_it(stream: Stream, data: st.DataObject) -> None:
    pipeline = RecordingPipeline(stream.tracker, stream.parameters)
    outputs = []
    for start, stop in pairwise(cuts_of(data, len(stream.frames))):
        pipeline.push(stream.frames[start:stop])
        is_prompt = data.draw(st.booleans())
        outputs += advance([pipeline], CLASSIFIER, prompt=is_prompt)
        if is_prompt or not pipeline.parameters.lookahead_us:
            assert outputs[-1].provisional_t_us.tolist() == stream.frames.t_us[start:stop].tolist()
    pipeline.finish()
    outputs += advance([pipeline], CLASSIFIER, prompt=False)

    whole, sums = run_whole(stream)
    found = gather(outputs)
    assert {name: found[name] for name in FINAL} == {name: whole[name] for name in FINAL}
    assert pipeline.live_sums() == sums


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=streams(), data=st.data())
def test_output_does_not_depend_on_a_checkpoint_and_restore(stream: Stream, data: st.DataObject) -> None:
    bounds = cuts_of(data, len(stream.frames))
    pipeline = RecordingPipeline(stream.tracker, stream.parameters)
    outputs = []
    for start, stop in pairwise(bounds):
        pipeline.push(stream.frames[start:stop])
        outputs += advance([pipeline], CLASSIFIER)
        blob = pipeline.checkpoint()
        pipeline = RecordingPipeline.restore(blob, stream.tracker, stream.parameters)
        assert pipeline.checkpoint() == blob
    pipeline.finish()
    outputs += advance([pipeline], CLASSIFIER)

    whole, sums = run_whole(stream)
    assert gather(outputs) == whole
    assert pipeline.live_sums() == sums


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(several=st.lists(streams(), min_size=2, max_size=4), data=st.data())
def test_output_does_not_depend_on_what_else_is_in_the_stack(several: list[Stream], data: st.DataObject) -> None:
    pipelines = [RecordingPipeline(stream.tracker, stream.parameters) for stream in several]
    bounds = [cuts_of(data, len(stream.frames)) for stream in several]
    outputs: list[list[PipelineOutput]] = [[] for _ in several]
    for turn in range(max(map(len, bounds))):
        for index, stream in enumerate(several):
            if turn + 1 < len(bounds[index]):
                pipelines[index].push(stream.frames[bounds[index][turn] : bounds[index][turn + 1]])
            elif turn + 1 == len(bounds[index]):
                pipelines[index].finish()
        for index, output in enumerate(advance(pipelines, CLASSIFIER)):
            outputs[index].append(output)
    for pipeline in pipelines:
        pipeline.finish()
    for index, output in enumerate(advance(pipelines, CLASSIFIER)):
        outputs[index].append(output)

    for stream, own in zip(several, outputs, strict=True):
        assert gather(own) == run_whole(stream)[0]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=streams())
def test_an_offline_analysis_gives_what_a_live_one_gives(stream: Stream) -> None:
    offline = analyse(stream.frames, stream.tracker, CLASSIFIER, parameters=stream.parameters)

    whole, _ = run_whole(stream)
    assert offline.states.tolist() == whole["states"]
    assert list(offline.events) == whole["events"]
    assert list(offline.windows) == whole["windows"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=streams())
def test_the_windows_of_a_recording_combine_to_the_whole(stream: Stream) -> None:
    offline = analyse(stream.frames, stream.tracker, CLASSIFIER, parameters=stream.parameters)

    total: dict[str, object] = {}
    for window in offline.windows:
        total = combine(total, window.sums)
    assert total == offline.sums
