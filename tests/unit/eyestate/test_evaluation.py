"""Agreement by person, noise as a class, and the detectors of other projects, on recordings whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from focus.analysis.features import feature_names
from focus.analysis.synthetic import LABORATORY, Person, simulate
from focus.analysis.types import CLASSES, Float32Array
from focus.eyestate.dataset import LabelledRecording
from focus.eyestate.evaluation import Result, Setting, evaluate_baselines, evaluate_model
from focus.eyestate.peers import PEERS, Peer, quiet_peers
from focus.protocol.batch import FrameBatch, TrackerInfo

TRACKER = TrackerInfo("made", ("gaze_x", "gaze_y"), rate_hz=100.0, gaze_space="deg")


class AlwaysFixation:
    """Says fixation, whatever it sees."""

    feature_names = feature_names()

    def predict(self, rows: Float32Array) -> Float32Array:
        probabilities = np.full((len(rows), len(CLASSES)), 0.01, dtype=np.float32)
        probabilities[:, CLASSES.index("fixation")] = 0.96
        return probabilities


def still(name: str, person: str, labels: str) -> LabelledRecording:
    """A gaze that stands still, ten frames a letter: f(ixation), s(accade), n(oise), x: noise with gaze lost."""
    words = {"f": "fixation", "s": "saccade", "n": "noise", "x": "noise"}
    letters = np.repeat(list(labels), 10)
    gaze = np.where(letters == "x", np.nan, 0.0).astype(np.float32)
    frames = FrameBatch(np.arange(letters.size) * 10_000, {"gaze_x": gaze, "gaze_y": gaze})
    return LabelledRecording(name, frames, TRACKER, np.array([words[letter] for letter in letters]), person)


def evaluated(*recordings: LabelledRecording) -> Result:
    return evaluate_model(recordings, AlwaysFixation(), Setting(0.0), name="still")


def test_intervals_come_from_people_and_not_from_their_recordings() -> None:
    recordings = [still(f"{person}-{number}", person, "fs") for person in "abc" for number in range(4)]

    score = evaluated(*recordings).scores["fixation F1"]

    assert score.n_people == 3
    assert score.value == pytest.approx(2 * 10 / (10 + 20))  # 20 frames are called fixation, 10 are
    assert (score.low, score.high) == pytest.approx((score.value, score.value))


def test_two_people_give_no_interval_however_many_recordings_they_have() -> None:
    recordings = [still(f"{person}-{number}", person, "fs") for person in "ab" for number in range(4)]

    score = evaluated(*recordings).scores["fixation F1"]

    assert np.isnan(score.low)


def test_noise_counts_in_the_measures_of_four_alone() -> None:
    # 60 frames of fixation, 10 of noise with gaze, 100 of noise without; the last are lost, but for a bridged gap.
    scores = evaluated(still("one", "a", "ffffffnxxxxxxxxxx")).scores

    assert scores["fixation F1"].value == 1.0
    assert scores["fixation F1 of four"].value < 1.0
    assert 0.8 < scores["noise F1 of four"].value < 1.0


@pytest.fixture(scope="module")
def of_an_easy_recording() -> dict[str, Result]:
    quiet_peers()
    tracker = replace(LABORATORY, rate_hz=250.0, noise_deg=0.01, signals=("gaze",))
    made = simulate(Person(), tracker, duration_s=20, rng=np.random.default_rng(5), task="points")
    recording = LabelledRecording("easy", made.frames, made.tracker, made.labels, "one")
    return {result.classifier: result for result in evaluate_baselines([recording], Setting(float("inf")))}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_detectors_of_other_projects_find_what_is_easy(peer: Peer, of_an_easy_recording: dict[str, Result]) -> None:
    assert peer.is_installed, "requirements-dev.txt"

    assert of_an_easy_recording[peer.name].scores["saccade events F1"].value > 0.6


def test_a_detector_is_not_run_below_the_rate_its_filters_need() -> None:
    names = {result.classifier for result in evaluate_baselines([still("slow", "a", "fsf")], Setting(float("inf")))}

    assert "REMoDNaV" not in names
    assert "I-VT 30 deg/s" in names
