"""How well the model agrees with people's labels, beside baselines on the same recordings in the same run.

A recording is analysed as the product analyses it: final states and events of `focus.analysis.offline.analyse` with a
given look-ahead. Frames whose label is not one of the three scored classes are left out; a frame the analysis calls
lost agrees with nobody, but where gaze is not measured at all every frame outside of blinks counts as an open eye.
The measures "of four" know noise as a class, as the literature on GazeCom does: frames that people called noise or
blink, and the analysis blink or lost. Intervals come from drawing people again, with all their recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pipeline import training_rows
from focus.analysis.types import EyeState, FloatArray, IntArray, StateArray, StateClassifier
from focus.eyestate.baselines import EYELID_BASELINES, GAZE_BASELINES
from focus.eyestate.dataset import (
    BLINK_LABELS,
    SACCADE_LABELS,
    LabelledRecording,
    add_noise,
    class_codes,
    label_runs,
    resample,
)
from focus.eyestate.peers import PEERS
from focus.eyestate.scoring import (
    Counts,
    bootstrap,
    class_f1,
    confusion,
    error_of_reliability,
    event_f1,
    kappa,
    match_events,
    reliability,
)

Interval = tuple[int, int]
_Part = tuple[str, Counts]
"""A person, and counts from one of their recordings."""

_FIXATION, _SACCADE, _PURSUIT, _BLINK, _OTHER = range(5)
_STEADY, _MOVING, _CLOSED, _NONE = range(4)
_DETAIL_OF_LABEL: Final = {
    "fixation": _FIXATION,
    "saccade": _SACCADE,
    "pso": _SACCADE,
    "pursuit": _PURSUIT,
    "blink": _BLINK,
    "closed": _BLINK,
    "noise": _OTHER,
}
_FOUR_OF_DETAIL: Final = np.array([0, 1, 2, 3, 3])
_NOISE: Final = 3
_THREE_OF_DETAIL: Final = np.array([_STEADY, _MOVING, _STEADY, _CLOSED, _NONE])
_IOU: Final = 0.5
BLINK_TOLERANCE_FRAMES: Final = 2


@dataclass(frozen=True, slots=True)
class Setting:
    """Under which circumstances recordings are analysed.

    Parameters
    ----------
    lookahead_ms : float
        Delay between a frame and its final state.
    rate_hz : float or None
        Recordings are averaged down to this rate; None leaves them as they are.
    noise_deg : float
        White noise added to gaze after that.
    """

    lookahead_ms: float = 150.0
    rate_hz: float | None = None
    noise_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """One figure, its 95 % interval over people (NaN for fewer than three), and how many of them had a say."""

    value: float
    low: float
    high: float
    n_people: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; what could not be told is None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        rounded = {key: None if np.isnan(number) else round(number, 4) for key, number in numbers.items()}
        return {**rounded, "n_people": self.n_people}


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one classifier under one setting."""

    classifier: str
    setting: Setting
    scores: dict[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "classifier": self.classifier,
            "lookahead_ms": self.setting.lookahead_ms,
            "rate_hz": self.setting.rate_hz,
            "noise_deg": self.setting.noise_deg,
            "scores": {name: score.to_dict() for name, score in self.scores.items()},
        }


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a classifier says of one recording."""

    states: StateArray
    saccades: list[Interval]
    blinks: list[Interval]


def evaluate_model(
    recordings: Sequence[LabelledRecording], classifier: StateClassifier, setting: Setting, *, name: str, seed: int = 1
) -> Result:
    """Agreement of the model with the labels of recordings.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
        At least one.
    classifier : StateClassifier
        The model.
    setting : Setting
        Look-ahead, rate and noise.
    name : str
        What the result calls the model.
    seed : int
        Of the added noise and of the bootstrap.
    """
    parameters = AnalysisParameters(lookahead_us=round(1000 * setting.lookahead_ms))

    def judge(recording: LabelledRecording) -> _Verdict:
        analysis = analyse(recording.frames, recording.tracker, classifier, parameters=parameters)
        saccades = [(event.onset_us, event.offset_us) for event in analysis.events if event.kind == "saccade"]
        closed = [(event.onset_us, event.offset_us) for event in analysis.events if event.kind in ("blink", "closure")]
        return _Verdict(analysis.states, saccades, closed)

    prepared = _prepare(recordings, setting, seed)
    scores = _score(prepared, [judge(recording) for recording in prepared], seed)
    parts = []
    for recording in prepared:
        told, truth = labelled_probabilities(recording, classifier, lookahead_us=parameters.lookahead_us)
        parts.append((recording.person, reliability(told, truth)))
    _add_score(scores, "calibration error", parts, error_of_reliability, seed)
    return Result(name, setting, scores)


def evaluate_baselines(recordings: Sequence[LabelledRecording], setting: Setting, *, seed: int = 1) -> list[Result]:
    """The same figures for the baselines, and for the peers that are installed, each on recordings with its signal."""
    prepared = _prepare(recordings, setting, seed)
    gaze = [recording for recording in prepared if recording.has_gaze]
    eyelid = [recording for recording in prepared if not recording.has_gaze]
    runs = [(name, states_of, gaze) for name, states_of in GAZE_BASELINES.items()]
    runs += [(name, states_of, eyelid) for name, states_of in EYELID_BASELINES.items()]
    for peer in PEERS:
        fast = [recording for recording in gaze if recording.rate_hz >= 0.99 * peer.min_rate_hz]
        if peer.is_installed and len(fast) == len(gaze):
            runs.append((peer.name, peer.states, gaze))
    results = []
    for name, states_of, some in runs:
        if some:
            verdicts = [_verdict_of_states(recording, states_of) for recording in some]
            results.append(Result(name, setting, _score(some, verdicts, seed)))
    return results


def _prepare(recordings: Sequence[LabelledRecording], setting: Setting, seed: int) -> list[LabelledRecording]:
    prepared = []
    for number, recording in enumerate(recordings):
        if setting.rate_hz is not None and setting.rate_hz < 0.99 * recording.rate_hz:
            recording = resample(recording, setting.rate_hz)
        if setting.noise_deg > 0 and recording.has_gaze:
            recording = add_noise(recording, setting.noise_deg, rng=np.random.default_rng([seed, number]))
        prepared.append(recording)
    return prepared


def _verdict_of_states(recording: LabelledRecording, states_of: Callable[[LabelledRecording], StateArray]) -> _Verdict:
    states = states_of(recording)
    names = np.array([state.label for state in EyeState])[states]
    return _Verdict(states, _intervals(recording, names, ("saccade",)), _intervals(recording, names, ("blink",)))


def _intervals(recording: LabelledRecording, labels: Any, wanted: tuple[str, ...]) -> list[Interval]:
    """Runs of labels as times: from the first frame up to the frame after the last."""
    t_us = recording.frames.t_us
    interval_us = round(1e6 / recording.rate_hz)
    ends = np.append(t_us[1:], t_us[-1] + interval_us)
    ends = np.minimum(ends, t_us + 3 * interval_us)
    return [(int(t_us[start]), int(ends[stop - 1])) for start, stop in label_runs(labels, wanted)]


def _score(recordings: Sequence[LabelledRecording], verdicts: Sequence[_Verdict], seed: int) -> dict[str, Score]:
    details: list[_Part] = []
    noisy: list[_Part] = []
    saccades: list[_Part] = []
    strict: list[_Part] = []
    blinks: list[_Part] = []
    rates: list[_Part] = []
    for recording, verdict in zip(recordings, verdicts, strict=True):
        truth = _detail_codes(recording)
        person = recording.person
        states = verdict.states.astype(np.int64)
        if not recording.has_gaze:
            states = np.where(states == EyeState.BLINK, _BLINK, _FIXATION)
        if recording.has_gaze:
            known = truth >= 0
            noisy.append((person, confusion(_FOUR_OF_DETAIL[truth[known]], _FOUR_OF_DETAIL[states[known]], 4)))
        details.append((person, confusion(np.where(truth == _OTHER, -1, truth), states, 5)))
        if recording.has_gaze:
            true_saccades = _intervals(recording, recording.labels, SACCADE_LABELS)
            saccades.append((person, np.array(match_events(true_saccades, verdict.saccades))))
            strict.append((person, np.array(match_events(true_saccades, verdict.saccades, min_iou=_IOU))))
        true_blinks = _intervals(recording, recording.labels, BLINK_LABELS)
        tolerance_us = round(BLINK_TOLERANCE_FRAMES * 1e6 / recording.rate_hz)
        blinks.append((person, np.array(match_events(true_blinks, verdict.blinks, tolerance_us=tolerance_us))))
        minutes = (recording.frames.t_us[-1] - recording.frames.t_us[0]) / 60e6
        rates.append((person, np.array([abs(len(true_blinks) - len(verdict.blinks)), minutes])))
    measures: dict[str, tuple[list[_Part], Callable[[Any], float]]] = {
        "kappa": (details, lambda counts: kappa(_three(counts))),
        "fixation F1": (details, lambda counts: class_f1(counts, _FIXATION)),
        "saccade F1": (details, lambda counts: class_f1(counts, _SACCADE)),
        "pursuit F1": (details, lambda counts: class_f1(counts, _PURSUIT)),
        "blink F1": (details, lambda counts: class_f1(counts, _BLINK)),
        "fixation F1 of four": (noisy, lambda counts: class_f1(counts, _FIXATION)),
        "saccade F1 of four": (noisy, lambda counts: class_f1(counts, _SACCADE)),
        "pursuit F1 of four": (noisy, lambda counts: class_f1(counts, _PURSUIT)),
        "noise F1 of four": (noisy, lambda counts: class_f1(counts, _NOISE)),
        "saccade events F1": (saccades, event_f1),
        "saccade events F1 (IoU 0.5)": (strict, event_f1),
        "blink events F1": (blinks, event_f1),
        "blink rate error a minute": (rates, lambda sums: float(sums[0] / sums[1])),
    }
    scores: dict[str, Score] = {}
    for name, (parts, measure) in measures.items():
        _add_score(scores, name, parts, measure, seed)
    return scores


def _add_score(
    scores: dict[str, Score], name: str, parts: Sequence[_Part], measure: Callable[[Any], float], seed: int
) -> None:
    """Add a figure, unless nothing can be said."""
    if not parts:
        return
    by_person = _sum_by_person(parts)
    value, low, high = bootstrap(by_person, measure, rng=np.random.default_rng([seed, 7]))
    if not np.isnan(value):
        scores[name] = Score(value, low, high, len(by_person))


def _sum_by_person(parts: Sequence[_Part]) -> list[Counts]:
    sums: dict[str, Counts] = {}
    for person, counts in parts:
        sums[person] = sums[person] + counts if person in sums else counts
    return list(sums.values())


def _detail_codes(recording: LabelledRecording) -> IntArray:
    codes: IntArray = np.full(recording.labels.shape, -1, dtype=np.int64)
    for label, code in _DETAIL_OF_LABEL.items():
        codes[recording.labels == label] = code
    codes[recording.labels == "open"] = _FIXATION
    return codes


def _three(counts: IntArray) -> IntArray:
    """The confusion of three classes and "other" from that of the states."""
    fewer = np.zeros((4, 4), dtype=np.int64)
    np.add.at(fewer, (_THREE_OF_DETAIL[:, None], _THREE_OF_DETAIL[None, :]), counts.astype(np.int64))
    return fewer


def labelled_probabilities(
    recording: LabelledRecording, classifier: StateClassifier, *, lookahead_us: int
) -> tuple[FloatArray, IntArray]:
    """Probabilities of the three scored classes, shape (n, 3), and the true one of each frame, -1 where unlabelled."""
    rows = training_rows(recording.frames, recording.tracker, lookahead_us=lookahead_us)
    five = classifier.predict(rows).astype(np.float64)
    three = np.column_stack([five[:, 0] + five[:, 3], five[:, 1] + five[:, 2], five[:, 4]])
    codes = class_codes(recording)
    truth = np.where(codes < 0, -1, np.array([_STEADY, _MOVING, _MOVING, _STEADY, _CLOSED])[codes])
    return three, truth
