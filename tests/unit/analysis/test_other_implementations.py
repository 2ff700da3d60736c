"""Events and their measures against pymovements and REMoDNaV, on gaze whose course is known."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import polars as pl
import pymovements
import pytest
from pymovements.measure.samples import amplitude, peak_velocity, rms_s2s, std_rms
from remodnav import EyegazeClassifier

from focus.analysis.metrics import MetricValue
from focus.analysis.offline import Analysis, analyse
from focus.analysis.types import Event, FloatArray, IntArray
from focus.eyestate.model import load_shipped
from focus.protocol.batch import FrameBatch, TrackerInfo

RATE_HZ = 500
FIXATION_S = 0.35


@dataclass(frozen=True)
class Course:
    """Gaze that jumps from place to place as eyes do: each jump takes 21 ms and 2.2 ms a degree (Carpenter 1988), and
    its speed rises and falls as that of the smoothest movement (minimum jerk), whose peak is 1.875 times its mean."""

    t_us: IntArray
    gaze_deg: FloatArray
    onsets_us: IntArray
    amplitudes_deg: FloatArray
    peaks_deg_s: FloatArray


def make_course() -> Course:
    rng = np.random.default_rng(11)
    places = np.zeros((1, 2))
    while len(places) < 70:
        step = rng.uniform(3, 12) * np.array([np.cos(angle := rng.uniform(0, 2 * np.pi)), np.sin(angle)])
        if np.abs(places[-1] + step).max() < 14:
            places = np.vstack([places, places[-1] + step])
    parts, onsets_us, n = [], [], 0
    steps = np.diff(places, axis=0)
    amplitudes_deg = np.hypot(*steps.T)
    durations_s = 0.021 + 0.0022 * amplitudes_deg
    for start, step, duration_s in zip(places, steps, durations_s, strict=False):
        rest = np.repeat(start[None], round(FIXATION_S * RATE_HZ), axis=0)
        s = np.arange(1, round(duration_s * RATE_HZ) + 1) / round(duration_s * RATE_HZ)
        parts += [rest, start + step * (10 * s**3 - 15 * s**4 + 6 * s**5)[:, None]]
        onsets_us.append((n + len(rest)) * 1_000_000 // RATE_HZ)
        n += len(rest) + len(s)
    gaze_deg = np.concatenate(parts)
    gaze_deg = gaze_deg + rng.normal(0, 0.01, gaze_deg.shape)
    return Course(
        np.arange(n) * 1_000_000 // RATE_HZ,
        gaze_deg,
        np.array(onsets_us),
        amplitudes_deg,
        1.875 * amplitudes_deg / (np.round(durations_s * RATE_HZ) / RATE_HZ),
    )


@pytest.fixture(scope="module")
def course() -> Course:
    return make_course()


@pytest.fixture(scope="module")
def found(course: Course) -> Analysis:
    """What the model that comes with FOCUS and its detectors find."""
    columns = {name: course.gaze_deg[:, axis].astype(np.float32) for axis, name in enumerate(("gaze_x", "gaze_y"))}
    tracker = TrackerInfo("made", tuple(columns), rate_hz=RATE_HZ, gaze_space="deg")
    return analyse(FrameBatch(course.t_us, columns), tracker, load_shipped())


@pytest.fixture(scope="module")
def of_remodnav(course: Course) -> list[dict[str, float]]:
    """Saccades as REMoDNaV finds them with its own parameters, which are made for degrees of 500 Hz and more."""
    track = np.zeros(len(course.t_us), dtype=[("x", np.float64), ("y", np.float64)])
    track["x"], track["y"] = course.gaze_deg.T
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        classifier = EyegazeClassifier(px2deg=1.0, sampling_rate=RATE_HZ)
        events = classifier(classifier.preproc(track))
    return [event for event in events if event["label"] in ("SACC", "ISAC")]


def events_of(found: Analysis, kind: str) -> list[Event]:
    return [event for event in found.events if event.kind == kind]


def metric_of(found: Analysis, name: str) -> MetricValue:
    (value,) = [value for value in found.metrics() if value.name == name]
    return value


def samples_of(course: Course, start_us: int, stop_us: int) -> pl.DataFrame:
    """Positions from start_us to before stop_us, as pymovements holds them."""
    inside = (course.t_us >= start_us) & (course.t_us < stop_us)
    return pl.DataFrame({"position": course.gaze_deg[inside].tolist()})


def test_every_jump_is_found_once_and_where_it_began(course: Course, found: Analysis) -> None:
    onsets_us = np.array([event.onset_us for event in events_of(found, "saccade")])

    assert len(onsets_us) == len(course.onsets_us)
    # The smoothest movement hardly moves in its first frames.
    assert np.abs(onsets_us - course.onsets_us).max() <= 12_000


def test_precision_within_fixations_is_what_pymovements_measures(course: Course, found: Analysis) -> None:
    fixations = events_of(found, "fixation")
    assert len(fixations) >= 60
    for event in fixations:
        samples = samples_of(course, event.onset_us, event.offset_us)
        # pymovements divides by n - 1 and FOCUS by n, as Niehorster (2020) has it.
        spread_deg = samples.select(std_rms()).item() * np.sqrt(1 - 1 / len(samples))
        assert event.attributes["spread_deg"] == pytest.approx(spread_deg, abs=2e-4)
        assert event.attributes["rms_s2s_deg"] == pytest.approx(samples.select(rms_s2s()).item(), abs=2e-4)


def test_amplitudes_of_saccades_are_what_pymovements_measures(course: Course, found: Analysis) -> None:
    frame_us = 1_000_000 // RATE_HZ
    for event in events_of(found, "saccade"):
        # FOCUS measures from the last frame before the saccade to its last one; on a straight way both are the same.
        samples = samples_of(course, event.onset_us - frame_us, event.offset_us)
        assert event.attributes["amplitude_deg"] == pytest.approx(samples.select(amplitude()).item(), abs=0.06)
    assert metric_of(found, "saccade_amplitude").value == pytest.approx(course.amplitudes_deg.mean(), rel=0.01)


def test_peak_velocities_are_those_of_pymovements_and_of_arithmetic(course: Course, found: Analysis) -> None:
    experiment = pymovements.Experiment(1000, 1000, 500, 500, 600, "center", sampling_rate=RATE_HZ)
    frame = pl.DataFrame({"time": course.t_us // 1000, "x": course.gaze_deg[:, 0], "y": course.gaze_deg[:, 1]})
    gaze = pymovements.Gaze(frame, experiment=experiment, position_columns=["x", "y"])
    gaze.pos2vel("fivepoint")
    theirs, ours = [], []
    for event in events_of(found, "saccade"):
        inside = gaze.samples.filter(pl.col("time").is_between(event.onset_us // 1000, event.offset_us // 1000))
        theirs.append(inside.select(peak_velocity()).item())
        ours.append(event.attributes["peak_speed_deg_s"])

    # Both smooth over about 8 ms, which takes the same few percent off the peak, and the noise adds some.
    assert np.array(ours) == pytest.approx(np.array(theirs), rel=0.06)
    assert np.array(ours) == pytest.approx(course.peaks_deg_s, rel=0.08)
    assert metric_of(found, "saccade_peak_velocity").value == pytest.approx(np.median(theirs), rel=0.03)


def test_remodnav_finds_the_same_saccades(found: Analysis, of_remodnav: list[dict[str, float]]) -> None:
    ours_us = np.array([event.onset_us for event in events_of(found, "saccade")])
    theirs_us = np.array([event["start_time"] * 1e6 for event in of_remodnav])

    assert len(ours_us) == len(theirs_us)
    assert np.abs(ours_us - theirs_us).max() <= 16_000


def test_the_main_sequence_of_remodnavs_saccades_is_ours(found: Analysis, of_remodnav: list[dict[str, float]]) -> None:
    amplitudes_deg = np.array([event["amp"] for event in of_remodnav])
    peaks_deg_s = np.array([event["peak_vel"] for event in of_remodnav])
    saccades = events_of(found, "saccade")

    ours_deg = np.array([event.attributes["amplitude_deg"] for event in saccades])
    ours_deg_s = np.array([event.attributes["peak_speed_deg_s"] for event in saccades])
    # Its own onsets and offsets lie a frame or two further out, and it measures between them.
    assert ours_deg == pytest.approx(amplitudes_deg, rel=0.08)
    assert np.median(ours_deg / amplitudes_deg) == pytest.approx(1, abs=0.02)
    assert ours_deg_s == pytest.approx(peaks_deg_s, rel=0.06)
