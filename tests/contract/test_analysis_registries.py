"""What every feature family, detector and metric has to keep; a new file is found here without an edit."""

from __future__ import annotations

import json
import re
from functools import cache, reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from focus.analysis.events.base import DETECTORS, DetectorSetup
from focus.analysis.features import FEATURES, feature_names
from focus.analysis.metrics import METRICS, MetricValue, combine, evaluate, quality_of, seal
from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.slow import CONTEXT
from focus.analysis.stack import Stack
from focus.analysis.types import EVENT_KINDS
from tests.property.test_cutting import COLUMNS, make_stream
from tests.unit.analysis.fakes import ThresholdClassifier


@cache
def whole_analysis(seed: int = 3, rate_hz: float = 60.0) -> Any:
    stream = make_stream(seed, rate_hz, COLUMNS, rate_hz, 50_000)
    return analyse(stream.frames, stream.tracker, ThresholdClassifier(), parameters=stream.parameters)


def test_there_is_something_in_every_registry() -> None:
    assert len(FEATURES) >= 5
    assert len(DETECTORS) >= 5
    assert len(METRICS) >= 30


def test_feature_names_are_distinct_and_plain() -> None:
    names = feature_names()

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


@pytest.mark.parametrize("name", FEATURES.names())
def test_a_family_gives_nothing_but_nan_for_a_frame_of_which_nothing_is_known(name: str) -> None:
    family = FEATURES[name]()
    stack = Stack(
        [np.array([0])],
        [np.full((1, 9), np.nan)],
        rows=[(0, 0, 1, 0)],
        context=[np.full(len(CONTEXT), np.nan)],
        context_counts=[1],
    )

    with np.errstate(divide="ignore", invalid="ignore"):  # as the pass over all families does
        columns = family.compute(stack)

    assert len(columns) == len(family.names)
    for column_name, column in zip(family.names, columns, strict=True):
        assert column.shape == (1,)
        # That the frame's gaze is missing is known.
        is_known = column_name.startswith(("gaze_valid_ratio", "gaze_since_loss"))
        assert np.isnan(column[0]) != is_known, column_name


@pytest.mark.parametrize("name", DETECTORS.names())
def test_a_detector_makes_known_kinds_and_its_state_is_plain(name: str) -> None:
    detector = DETECTORS[name](DetectorSetup(AnalysisParameters(), True, True))

    json.dumps(detector.state(), allow_nan=False)
    assert detector.held_us() is None
    assert detector.finish() == []


def test_events_are_of_known_kinds_in_order_and_do_not_overlap_within_a_kind() -> None:
    for seed in range(8):
        events = whole_analysis(seed, [30.0, 60.0, 250.0, 1000.0][seed % 4]).events
        for kind in {event.kind for event in events}:
            own = [event for event in events if event.kind == kind]
            assert kind in EVENT_KINDS
            assert all(event.onset_us < event.offset_us for event in own)
            assert all(a.offset_us <= b.onset_us for a, b in pairwise(own))


@pytest.mark.parametrize("name", METRICS.names())
def test_a_metric_says_what_it_is(name: str) -> None:
    metric = METRICS[name]()

    assert metric.name == name
    for text in (metric.label, metric.unit, metric.formula, metric.source):
        assert text
    assert metric.estimate_from_hz <= metric.valid_from_hz


@pytest.mark.parametrize("name", METRICS.names())
def test_a_metric_with_a_confidence_interval_says_so_in_its_formula_and_no_other_does(name: str) -> None:
    metric = METRICS[name]()

    assert metric.has_confidence_interval == ("95 %" in metric.formula)


@cache
def seconds_of(seed: int, n_seconds: int) -> list[dict[str, Any]]:
    """Sums of a recording, second by second."""
    stream = make_stream(seed, 60.0, COLUMNS, 60.0, 50_000)
    parameters = AnalysisParameters(lookahead_us=50_000, window_us=1_000_000)
    found = analyse(stream.frames, stream.tracker, ThresholdClassifier(), parameters=parameters)
    return [dict(window.sums) for window in found.windows][:n_seconds]


def sums_name(name: str) -> str:
    """The name under which a metric's sums are kept."""
    return METRICS[name]().sums_of or name


def only_whole(value: Any) -> bool:
    if isinstance(value, dict):
        return all(only_whole(each) for each in value.values())
    return isinstance(value, int)


def fold(parts: list[dict[str, Any]], rng: np.random.Generator) -> dict[str, Any]:
    """Neighbours combined in some grouping, each pair in some order."""
    parts = list(parts)
    while len(parts) > 1:
        at = int(rng.integers(len(parts) - 1))
        pair = parts[at : at + 2]
        parts[at : at + 2] = [combine(*(pair if rng.random() < 0.5 else reversed(pair)))]
    return parts[0]


@pytest.mark.parametrize("name", METRICS.names())
def test_sums_are_whole_numbers_and_neighbours_combine_in_any_grouping_to_the_whole(name: str) -> None:
    rng = np.random.default_rng(5)
    for seed in range(4):
        seconds = [{sums_name(name): each[sums_name(name)]} for each in seconds_of(seed, 40)]
        whole = reduce(combine, seconds)

        assert only_whole(whole)
        json.dumps(whole, allow_nan=False)
        for _ in range(8):
            assert fold(seconds, rng) == whole


@pytest.mark.parametrize("name", METRICS.names())
def test_the_value_of_two_windows_together_is_the_value_of_the_whole(name: str) -> None:
    for seed in range(4):
        seconds = seconds_of(seed, 40)
        middle = len(seconds) // 2
        first, second, whole = (reduce(combine, part) for part in (seconds[:middle], seconds[middle:], seconds))

        (together,) = [value for value in evaluate(combine(first, second)) if value.name == name]
        (expected,) = [value for value in evaluate(whole) if value.name == name]
        assert together == expected


@pytest.mark.parametrize("name", METRICS.names())
def test_sealed_sums_of_different_recordings_combine_in_any_grouping_and_order(name: str) -> None:
    a, b, c = (seal(whole_analysis(seed, 60.0).sums) for seed in (1, 2, 3))

    own = sums_name(name)
    assert only_whole(a[own])
    assert combine(combine(a, b), c)[own] == combine(a, combine(b, c))[own] == combine(c, combine(b, a))[own]
    assert seal(a) == a


@pytest.mark.parametrize("name", METRICS.names())
def test_sealing_leaves_the_value_as_it_was(name: str) -> None:
    for seed in range(4):
        sums = whole_analysis(seed, [30.0, 60.0, 250.0, 1000.0][seed]).sums
        (before,) = [value for value in evaluate(sums) if value.name == name]
        (after,) = [value for value in evaluate(seal(sums)) if value.name == name]
        if name in ("break_check", "long_break_check"):
            assert after.reason == "holds for one recording, at its end"
        elif before.verdict == "withheld":
            assert after.verdict == "withheld"
        else:
            assert after == before


@pytest.mark.parametrize("name", METRICS.names())
def test_a_withheld_value_is_none_with_a_reason_and_any_other_lies_in_its_interval(name: str) -> None:
    for seed in range(6):
        sums = whole_analysis(seed, [5.0, 30.0, 60.0, 500.0][seed % 4]).sums
        (value,) = [each for each in evaluate(sums) if each.name == name]
        assert isinstance(value, MetricValue)
        json.dumps(value.to_dict(), allow_nan=False)
        if value.verdict == "withheld":
            assert (value.value, value.low, value.high) == (None, None, None)
            assert value.reason
        else:
            assert value.value is not None
            assert value.low is None or value.low <= value.value
            assert value.high is None or value.value <= value.high
            assert value.verdict == "valid" or value.reason


def test_the_quality_of_nothing_is_nothing() -> None:
    assert quality_of({}).rate_hz == 0.0
