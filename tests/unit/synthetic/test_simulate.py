"""Simulated people against published values, and simulated recordings against their own truth."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from focus.analysis.synthetic import (
    DESKTOP,
    LABELS,
    LABORATORY,
    TASKS,
    TRACKERS,
    WEBCAM,
    Person,
    SimulatedRecording,
    SimulatedTracker,
    random_person,
    random_tracker,
    simulate,
    stream_person,
)
from focus.analysis.synthetic.eyelid import blink_curve
from focus.analysis.synthetic.noise import PowerLawNoise
from focus.analysis.synthetic.saccade import peak_speed_deg_s, saccade_path
from focus.demo import DEMO_EVENTS_PATH, DEMO_PATH
from focus.demo.make import make_demo, simulate_demo
from focus.errors import ParameterError
from focus.protocol.recording_csv import open_recording_csv, read_labels


def recorded(task: str, *, duration_s: float = 300, person: Person | None = None, seed: int = 5) -> SimulatedRecording:
    tracker = replace(LABORATORY, loss_rate_per_min=0.0)
    return simulate(person or Person(), tracker, duration_s=duration_s, rng=np.random.default_rng(seed), task=task)


def durations_ms(recording: SimulatedRecording, kind: str) -> np.ndarray:
    return np.array([event.duration_us / 1000 for event in recording.events if event.kind == kind])


def test_saccade_duration_rises_by_about_two_milliseconds_a_degree() -> None:
    # Carpenter (1988): 2.2 ms/deg * amplitude + 21 ms; Baloh et al. (1975): 2.7 ms/deg.
    rng = np.random.default_rng(1)
    amplitudes = np.linspace(2, 20, 60)

    durations = [saccade_path(Person(), np.array([a, 0.0]), rng=rng).n_saccade for a in amplitudes for _ in range(10)]

    slope, intercept = np.polyfit(np.repeat(amplitudes, 10), durations, 1)
    assert 1.7 < slope < 3.0
    assert 9 < intercept < 30


def test_peak_speed_follows_the_main_sequence_of_bahill() -> None:
    # Bahill, Clark & Stark (1975): about 60-100 deg/s at 1 deg, 250-400 at 5 deg, 400-550 at 10 deg, 500-700 at 20 deg.
    speeds = [peak_speed_deg_s(Person(), amplitude) for amplitude in (1.0, 5.0, 10.0, 20.0)]

    for speed, (low, high) in zip(speeds, ((60, 100), (250, 400), (400, 550), (500, 700)), strict=True):
        assert low < speed < high


def test_a_saccade_ends_where_it_was_sent() -> None:
    rng = np.random.default_rng(2)
    for vector in ([5.0, 0.0], [-3.0, 8.0], [0.4, -0.2]):
        path = saccade_path(Person(), np.array(vector), rng=rng)

        np.testing.assert_allclose(path.displacement_deg[-1], vector, atol=0.1)


def test_oscillation_follows_a_saccade_of_a_person_whose_lens_wobbles_and_nobody_elses() -> None:
    rng = np.random.default_rng(3)

    wobbling = saccade_path(Person(pso_gain=0.5), np.array([8.0, 0.0]), rng=rng)
    still = saccade_path(Person(pso_gain=0.0), np.array([8.0, 0.0]), rng=rng)

    assert 8 <= wobbling.n_pso <= 45  # Nystrom et al. (2013): 10-35 ms
    assert still.n_pso == 0


def test_blinks_last_as_long_as_published() -> None:
    # Caffier et al. (2003): 202 ms in the mean; Stern et al. (1984): 100-400 ms.
    blinks_ms = durations_ms(recorded("staring", duration_s=600, person=Person(long_closure_rate_per_min=0)), "blink")

    assert 170 < np.median(blinks_ms) < 240
    assert np.quantile(blinks_ms, 0.02) > 90
    assert np.quantile(blinks_ms, 0.98) < 450


def test_lids_open_more_slowly_than_they_close() -> None:
    curve = blink_curve(closing_ms=80, closed_ms=20, opening_ms=180, peak=1.0)

    closing_ms = int(np.argmax(curve)) - int(np.argmax(curve > 0.1))
    opening_ms = int(np.flatnonzero(curve > 0.1)[-1]) - int(np.flatnonzero(curve == curve.max())[-1])
    assert opening_ms > 1.5 * closing_ms


def test_blink_rate_and_intervals_are_those_of_rest_and_reading() -> None:
    # Bentivoglio et al. (1997): 17 a minute at rest; in reading it falls by more than half. Intervals are skewed.
    rest, reading = recorded("staring", duration_s=900), recorded("reading", duration_s=900)

    onsets = np.array([event.onset_us for event in rest.events if event.kind == "blink"]) / 1e6
    assert 13 < onsets.size / 15 < 21
    assert np.mean(np.diff(onsets)) > 1.15 * np.median(np.diff(onsets))
    assert durations_ms(reading, "blink").size < 0.6 * onsets.size


def test_fixations_last_as_long_as_in_free_viewing_and_reading() -> None:
    # Henderson (2003): about 330 ms for scenes; Rayner (1998): 225-250 ms in reading.
    viewing, reading = recorded("free_viewing"), recorded("reading")

    assert 240 < durations_ms(viewing, "fixation").mean() < 400
    assert 190 < durations_ms(reading, "fixation").mean() < 290


def test_pursuit_moves_the_eye_more_slowly_than_its_saccades() -> None:
    recording = recorded("pursuit", duration_s=120)
    gaze = np.column_stack([recording.frames.columns["gaze_x"], recording.frames.columns["gaze_y"]])
    speed = np.hypot(*np.gradient(gaze, axis=0).T) * 500

    pursuit, saccade = (np.nanmedian(speed[recording.labels == label]) for label in ("pursuit", "saccade"))

    assert 2 < pursuit < 30
    assert saccade > 60


def test_power_law_noise_has_its_exponent_and_goes_on_across_pieces() -> None:
    noise = PowerLawNoise(1.0, channels=1, rng=np.random.default_rng(4))

    values = np.concatenate([noise.take(1000) for _ in range(64)])[:, 0]

    power = np.mean(np.abs(np.fft.rfft(values.reshape(16, 4000), axis=1)) ** 2, axis=0)[8:1000]
    slope = np.polyfit(np.log(np.arange(8, 1000)), np.log(power), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.15)
    assert np.abs(np.diff(values))[999::1000].mean() == pytest.approx(np.abs(np.diff(values)).mean(), rel=0.25)


def test_gaze_is_lost_inside_a_whole_blink_and_openness_falls() -> None:
    tracker = replace(DESKTOP, openness_noise=0.0, dropout_ratio=0.0, loss_rate_per_min=0.0, rate_hz=250.0)
    person = Person(incomplete_blink_ratio=0.0, look_away_rate_per_min=0.0)
    recording = simulate(person, tracker, duration_s=60, rng=np.random.default_rng(6), task="staring")
    blinks = [event for event in recording.events if event.kind == "blink"]

    for blink in blinks[:-1]:
        inside = (recording.frames.t_us >= blink.onset_us) & (recording.frames.t_us < blink.offset_us)
        assert np.isnan(recording.frames.columns["gaze_x"][inside]).any()
        assert np.nanmin(recording.frames.columns["openness_left"][inside]) < 2.5
    assert len(blinks) > 5


def blinking_gaze(**artefacts: float) -> tuple[SimulatedRecording, SimulatedRecording]:
    """The same person before a tracker that sees through lids, with artefacts and without any."""
    person = Person(incomplete_blink_ratio=0.0, double_blink_ratio=0.0, look_away_rate_per_min=0.0)
    base = replace(LABORATORY, loss_rate_per_min=0.0, blink_loss_closure=2.0, blink_artefact_deg=0.0)
    made = [
        simulate(person, tracker, duration_s=60, rng=np.random.default_rng(9), task="staring")
        for tracker in (replace(base, **artefacts), base)
    ]
    return made[0], made[1]


def gaze_error_deg(seen: SimulatedRecording, true: SimulatedRecording) -> np.ndarray:
    return np.column_stack([seen.frames.columns[name] - true.frames.columns[name] for name in ("gaze_x", "gaze_y")])


def test_gaze_swings_back_after_a_blink_as_far_as_the_tracker_says() -> None:
    seen, true = blinking_gaze(blink_artefact_deg=10.0, blink_rebound_ratio=0.3)
    error_deg = gaze_error_deg(seen, true)

    ratios = []
    for event in (each for each in true.events if each.kind == "blink"):
        near = (seen.frames.t_us > event.onset_us - 100_000) & (seen.frames.t_us < event.offset_us + 250_000)
        along = error_deg[near] @ error_deg[near][np.hypot(*error_deg[near].T).argmax()]
        ratios.append(-along.min() / along.max())
    assert len(ratios) > 5
    assert np.median(ratios) == pytest.approx(0.3, abs=0.05)


def test_where_no_lid_is_seen_a_blink_lasts_as_long_as_its_artefact() -> None:
    seen, true = blinking_gaze(blink_artefact_deg=10.0, blink_rebound_ratio=0.3)

    far = np.hypot(*gaze_error_deg(seen, true).T) > 1.0

    assert (seen.labels[far] == "blink").all()
    assert (seen.labels == "blink").sum() > (true.labels == "blink").sum()


def test_a_tracker_that_takes_lashes_for_the_pupil_reports_places_far_away() -> None:
    (always, true), (never, _) = blinking_gaze(blink_jump_ratio=1.0), blinking_gaze(blink_jump_ratio=0.0)

    far = np.hypot(*gaze_error_deg(always, true).T) > 5.0

    assert far.sum() > 50
    assert set(always.labels[far]) == {"blink"}
    np.testing.assert_array_equal(never.frames.columns["gaze_x"], true.frames.columns["gaze_x"])


def test_lids_that_droop_are_no_blinks() -> None:
    tracker = replace(WEBCAM, openness_noise=0.0, openness_floor=0.3)
    person = Person(blink_rate_per_min=0.0, long_closure_rate_per_min=0.0, look_down_rate_per_min=0.0)
    rng = np.random.default_rng
    drooping = simulate(replace(person, droop_rate_per_min=3.0), tracker, duration_s=120, rng=rng(7), task="staring")
    awake = simulate(person, tracker, duration_s=120, rng=rng(7), task="staring")

    lower = drooping.frames.columns["openness_left"] < 0.92 * awake.frames.columns["openness_left"]

    assert 0.1 < lower.mean() < 0.8
    assert not (drooping.labels == "blink").any()


def test_the_eye_narrows_when_it_looks_down_without_a_blink() -> None:
    tracker = replace(WEBCAM, openness_noise=0.0, openness_floor=0.3)
    person = Person(blink_rate_per_min=0.0, long_closure_rate_per_min=0.0, look_down_rate_per_min=10.0)
    recording = simulate(person, tracker, duration_s=120, rng=np.random.default_rng(7), task="staring")

    openness = recording.frames.columns["openness_left"]
    assert np.nanquantile(openness, 0.02) < 0.75 * np.nanmedian(openness)
    assert not (recording.labels == "blink").any()


@pytest.mark.parametrize("kind", sorted(TRACKERS))
def test_any_person_before_any_tracker_gives_a_valid_recording(kind: str) -> None:
    rng = np.random.default_rng(8)
    for task in TASKS:
        tracker = random_tracker(kind, rng=rng)
        recording = simulate(random_person(rng), tracker, duration_s=20, rng=rng, task=task)

        assert recording.labels.shape == (len(recording.frames),)
        assert set(recording.labels.tolist()) <= set(LABELS)
        assert set(recording.frames.columns) == set(recording.tracker.columns)
        assert 0.6 < len(recording.frames) / (20 * tracker.rate_hz) < 1.05


@pytest.mark.parametrize("rate_hz", [5.0, 33.3, 1000.0])
def test_frames_come_at_the_rate_of_the_tracker(rate_hz: float) -> None:
    tracker = SimulatedTracker(rate_hz=rate_hz, jitter_ratio=0.0)

    recording = simulate(Person(), tracker, duration_s=30, rng=np.random.default_rng(9), task="reading")

    assert np.median(np.diff(recording.frames.t_us)) == pytest.approx(1e6 / rate_hz, abs=1)


def test_the_same_seed_gives_the_same_recording() -> None:
    first, second = (
        simulate(Person(), WEBCAM, duration_s=20, rng=np.random.default_rng(10), task="mixed") for _ in range(2)
    )

    assert first.frames.equals(second.frames)
    assert first.events == second.events


def test_a_stream_is_endless_and_its_times_rise_across_batches() -> None:
    stream = stream_person(Person(), WEBCAM, rng=np.random.default_rng(11), task="desk")

    batches = list(itertools.islice(stream, 90))

    assert all(before.t_us[-1] < after.t_us[0] for before, after in itertools.pairwise(batches))
    assert batches[-1].t_us[-1] > 85_000_000


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Person(blink_rate_per_min=-1), "blink_rate_per_min -1 lies outside of 0..90"),
        (lambda: SimulatedTracker(rate_hz=5000), "rate_hz 5000 lies outside of 2..1000"),
        (lambda: SimulatedTracker(signals=("taste",)), "signals"),
        (lambda: recorded("juggling"), "juggling"),
        (lambda: recorded("reading", duration_s=0), "duration_s 0"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(make: object, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        make()  # type: ignore[operator]


def test_the_bundled_demo_is_what_its_command_makes(tmp_path: Path) -> None:
    make_demo(tmp_path)

    made, kept = open_recording_csv(tmp_path / DEMO_PATH.name), open_recording_csv(DEMO_PATH)
    assert made.tracker.columns == kept.tracker.columns
    for ours, theirs in zip(made, kept, strict=True):
        np.testing.assert_array_equal(ours.t_us, theirs.t_us)
        for name in ours.columns:
            np.testing.assert_allclose(ours.columns[name], theirs.columns[name], atol=0.011)
    np.testing.assert_array_equal(read_labels(tmp_path / DEMO_PATH.name), read_labels(DEMO_PATH))
    assert (tmp_path / DEMO_EVENTS_PATH.name).read_text() == DEMO_EVENTS_PATH.read_text()


def test_the_demo_shows_every_kind_of_event() -> None:
    recording = simulate_demo()

    kinds = {event.kind for event in recording.events}
    assert kinds == {"blink", "closure", "fixation", "saccade", "pursuit", "track_loss"}
    peaks = [event.attributes["peak_closure_ratio"] for event in recording.events if event.kind == "blink"]
    assert min(peaks) < 0.8 < max(peaks)
