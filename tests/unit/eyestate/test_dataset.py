"""Labelled recordings: resampling, noise, and what labels mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from focus.analysis.types import CLASSES
from focus.errors import ParameterError, RecordingFileError, ShapeError
from focus.eyestate.dataset import (
    LabelledRecording,
    add_noise,
    class_codes,
    keep_signals,
    label_runs,
    load_labelled,
    load_uncalibrated,
    misdate,
    resample,
    trim_oscillations,
    trim_saccades,
)
from focus.protocol.batch import FrameBatch, TrackerInfo


def labelled(x: list[float], labels: list[str], *, interval_us: int = 2000) -> LabelledRecording:
    t_us = np.arange(len(x)) * interval_us
    values = np.array(x, dtype=np.float32)
    frames = FrameBatch(t_us, {"gaze_x": values, "gaze_y": np.zeros_like(values)})
    tracker = TrackerInfo("test", ("gaze_x", "gaze_y"), 1e6 / interval_us, "deg")
    return LabelledRecording("test", frames, tracker, np.array(labels), "somebody")


def test_resampling_averages_the_samples_of_a_frame_and_takes_the_commonest_label() -> None:
    recording = labelled([0, 2, 4, 10, 10, 16], ["fixation", "fixation", "saccade", "saccade", "saccade", "fixation"])

    slower = resample(recording, 500 / 3)

    np.testing.assert_allclose(slower.frames.columns["gaze_x"], [2, 12])
    assert slower.labels.tolist() == ["fixation", "saccade"]
    assert slower.frames.t_us.tolist() == [3000, 9000]
    assert slower.tracker.rate_hz == pytest.approx(500 / 3)


def test_a_frame_with_less_than_half_of_its_samples_is_missing() -> None:
    nan = float("nan")
    recording = labelled([nan, nan, 3, nan, 5, 7], ["blink"] * 6)

    slower = resample(recording, 500 / 3)

    np.testing.assert_array_equal(np.isnan(slower.frames.columns["gaze_x"]), [True, False])
    assert slower.frames.columns["gaze_x"][1] == 6


def test_a_wrong_clock_changes_times_and_rate_alone() -> None:
    recording = labelled([0, 1, 2], ["fixation", "saccade", "fixation"], interval_us=5000)

    wrong = misdate(recording, 2.5)

    assert wrong.frames.t_us.tolist() == [0, 2000, 4000]
    assert wrong.tracker.rate_hz == pytest.approx(500)
    assert wrong.frames.columns["gaze_x"].tolist() == [0, 1, 2]
    assert wrong.labels.tolist() == recording.labels.tolist()


def test_no_frame_is_made_up_in_a_gap() -> None:
    recording = labelled([0.0] * 10, ["fixation"] * 10)
    frames = FrameBatch(np.array([0, 2, 4, 6, 8, 100, 102, 104, 106, 108]) * 1000, recording.frames.columns)
    with_gap = LabelledRecording("gap", frames, recording.tracker, recording.labels, "somebody")

    assert len(resample(with_gap, 100).frames) == 2


def test_a_rate_above_the_recordings_own_is_refused() -> None:
    with pytest.raises(ParameterError, match="1000 is not below"):
        resample(labelled([0.0] * 5, ["fixation"] * 5), 1000)


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    recording = labelled([0.0] * 20_000, ["fixation"] * 20_000)

    noisy = add_noise(recording, 0.3, rng=np.random.default_rng(1))

    assert np.std(noisy.frames.columns["gaze_x"]) == pytest.approx(0.3, rel=0.03)


def test_labels_become_classes_and_what_teaches_nothing_is_marked() -> None:
    names = ["fixation", "saccade", "pso", "pursuit", "blink", "closed", "lost", "unlabelled", "noise", ""]
    codes = class_codes(labelled([0.0] * len(names), names))

    assert codes.tolist() == [0, 1, 2, 3, 4, 4, -1, -1, -1, -1]
    assert CLASSES == ("fixation", "saccade", "pso", "pursuit", "blink")


def test_without_gaze_every_open_eye_counts_as_fixation() -> None:
    t_us = np.arange(4) * 33_000
    frames = FrameBatch(t_us, {"openness_left": np.array([0.3, 0.3, 0.1, 0.3], dtype=np.float32)})
    tracker = TrackerInfo("webcam", ("openness_left",), 30.0)
    recording = LabelledRecording("w", frames, tracker, np.array(["saccade", "open", "closed", "pursuit"]), "somebody")

    assert class_codes(recording).tolist() == [0, 0, 4, 0]


def test_wide_saccade_labels_are_cut_to_where_the_eye_moves() -> None:
    x = [0, 0, 0, 0, 1, 4, 7, 8, 8, 8, 8, 8]
    recording = labelled([float(value) for value in x], ["fixation"] + ["saccade"] * 10 + ["fixation"])

    # Central differences of these positions: 0.5, 2, 3, 2, 0.5 around the middle of the step.
    trimmed = trim_saccades(recording, share_of_peak=0.25)

    assert label_runs(trimmed.labels, ("saccade",)) == [(4, 7)]
    assert trimmed.labels[2] == "unlabelled"


def test_an_oscillation_ends_where_it_has_settled() -> None:
    # The eye settles at 0: swings of 1, -0.5, 0.3 deg, and then less than a fifth of the largest.
    x = [5.0, 1.0, -0.5, 0.3, 0.1, -0.05] + [0.0] * 12
    recording = labelled(x, ["saccade"] + ["pso"] * 8 + ["fixation"] * 9)

    trimmed = trim_oscillations(recording, settled_deg=0.09, settled_ratio=0.2)

    assert label_runs(trimmed.labels, ("pso",)) == [(1, 4)]
    assert trimmed.labels[4] == "fixation"


def test_kept_signals_are_the_only_ones_left() -> None:
    recording = keep_signals(labelled([0.0, 1.0], ["fixation", "fixation"]), ("gaze_x",))

    assert recording.tracker.columns == ("gaze_x",) == tuple(recording.frames.columns)


def test_as_many_labels_as_frames_are_asked_for() -> None:
    recording = labelled([0.0, 1.0], ["fixation", "fixation"])

    with pytest.raises(ShapeError, match="2 frames"):
        LabelledRecording("short", recording.frames, recording.tracker, np.array(["fixation"]), "somebody")


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("t_us,gaze_x_deg,gaze_y_deg\n0,1,2\n2000,1,2\n")

    with pytest.raises(RecordingFileError, match="no label column"):
        load_labelled(path)


def test_pupil_positions_are_scaled_to_degrees(tmp_path: Path) -> None:
    path = tmp_path / "eye.csv"
    path.write_text("t_us,pupil_x_image,pupil_y_image,confidence,label\n0,0.5,0.6,1,fixation\n5000,0.6,,1,saccade\n")

    recording = load_uncalibrated(path, deg_per_image=90)

    np.testing.assert_allclose(recording.frames.columns["gaze_x"], [0, 9], atol=1e-5)
    np.testing.assert_allclose(recording.frames.columns["gaze_y"], [9, np.nan], atol=1e-5)
    assert recording.tracker.gaze_space == "deg"
