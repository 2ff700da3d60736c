"""What only some people and trackers show: flutter, tiredness, vergence, glasses; and the faults of trackers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from focus.analysis.synthetic import (
    DESKTOP,
    LABORATORY,
    WEBCAM,
    Person,
    SimulatedRecording,
    SimulatedTracker,
    add_glasses,
    add_traits,
    random_person,
    random_tracker,
    simulate,
    tired,
)
from focus.analysis.synthetic.body import Body, BodyPiece, PupilGenerator, VergenceGenerator
from focus.analysis.synthetic.saccade import peak_speed_deg_s

CLEAN = SimulatedTracker(
    rate_hz=200.0,
    jitter_ratio=0.0,
    dropout_ratio=0.0,
    loss_rate_per_min=0.0,
    noise_deg=0.0,
    openness_noise=0.0,
    pupil_noise_mm=0.0,
    blink_artefact_deg=0.0,
    exposure_ratio=0.0,
    gaze_space="deg",
)
STILL = Person(
    drift_deg=0.0,
    microsaccade_rate_hz=0.0,
    blink_rate_per_min=0.0,
    long_closure_rate_per_min=0.0,
    squint_rate_per_min=0.0,
    posture_openness_sd=0.0,
    head_sway_deg=0.0,
    look_away_rate_per_min=0.0,
    look_down_rate_per_min=0.0,
    hippus_mm=0.0,
)


def recorded(tracker: SimulatedTracker, person: Person = STILL, *, duration_s: float = 60) -> SimulatedRecording:
    return simulate(person, tracker, duration_s=duration_s, rng=np.random.default_rng(3), task="staring")


def lived(person: Person, seconds: int, *, seed: int = 4) -> list[BodyPiece]:
    body = Body(person, "staring", rng=np.random.default_rng(seed))
    return [body.take() for _ in range(seconds)]


def blinks_ms(pieces: list[BodyPiece]) -> np.ndarray:
    lengths = np.array([offset - onset for piece in pieces for onset, offset, _ in piece.blinks])
    return lengths[lengths < 600]


# -- people -----------------------------------------------------------------------------------------------------------


def test_lids_that_flutter_beat_four_to_nine_times_a_second_and_close_partly() -> None:
    pieces = lived(replace(STILL, flutter_rate_per_min=6.0), 120)

    onsets = np.array([onset for piece in pieces for onset, _, _ in piece.blinks])
    peaks = np.array([peak for piece in pieces for _, _, peak in piece.blinks])
    steps_ms = np.diff(np.sort(onsets))
    beats_ms = steps_ms[steps_ms < 400]
    assert beats_ms.size > 15
    assert 4 <= 1000 / np.median(beats_ms) <= 9
    assert peaks.max() < 0.75


def test_a_tired_person_blinks_longer_and_more_often_and_closes_the_eyes() -> None:
    # Caffier et al. (2003): 202 ms awake; Schleicher et al. (2008): closures of more than half a second appear.
    awake = replace(STILL, blink_rate_per_min=17.0)
    of_awake, of_tired = lived(awake, 600), lived(replace(awake, tiredness=1.0), 600)

    closures = [off - on for piece in of_tired for on, off, _ in piece.blinks if off - on > 500]
    assert 1.3 < np.median(blinks_ms(of_tired)) / np.median(blinks_ms(of_awake)) < 1.7
    assert 1.15 < blinks_ms(of_tired).size / blinks_ms(of_awake).size < 1.7
    assert 15 <= len(closures) <= 45
    assert np.mean([piece.width.mean() for piece in of_tired]) == pytest.approx(
        0.85 * np.mean([piece.width.mean() for piece in of_awake]), rel=0.01
    )


def test_a_tired_persons_saccades_are_slower() -> None:
    # Di Stasi et al. (2013): about a tenth.
    assert peak_speed_deg_s(tired(Person(), 1.0), 10.0) == pytest.approx(0.9 * peak_speed_deg_s(Person(), 10.0))


def test_tiredness_grows_with_the_time_on_the_task() -> None:
    person = replace(STILL, blink_rate_per_min=30.0, tiredness_per_hour=2.0)
    body = Body(person, "staring", rng=np.random.default_rng(4))
    body.now_ms = 0
    early = [body.take() for _ in range(200)]
    body.now_ms += 1_600_000  # nearly half an hour later
    late = [body.take() for _ in range(200)]

    assert np.median(blinks_ms(late)) > 1.2 * np.median(blinks_ms(early))


def test_vergence_is_slow_and_on_its_own_main_sequence() -> None:
    # Hung et al. (1994): peak speeds of about 5 (inwards) and 4 (outwards) times the amplitude a second.
    generator = VergenceGenerator(replace(STILL, vergence_rate_per_min=10.0), rng=np.random.default_rng(6))
    vergence_deg = generator.take(120_000)

    speed_deg_s = np.diff(vergence_deg) * 1000
    amplitude_deg = vergence_deg.max()
    assert 1 < amplitude_deg < 6
    assert speed_deg_s.max() == pytest.approx(5 * amplitude_deg, rel=0.05)
    assert -speed_deg_s.min() == pytest.approx(4 * amplitude_deg, rel=0.05)
    assert vergence_deg.min() == 0.0


def test_vergence_shows_in_one_eye_as_drift_to_the_nose_and_not_in_the_mean_of_both() -> None:
    person = replace(STILL, vergence_rate_per_min=10.0)
    left, both = (recorded(replace(CLEAN, vergence_ratio=ratio), person) for ratio in (0.5, 0.0))

    shift_deg = left.frames.columns["gaze_x"] - both.frames.columns["gaze_x"]
    assert 0.5 < np.nanmax(shift_deg) < 3.0
    assert np.nanmin(shift_deg) > -0.01
    assert (left.labels == both.labels).all()


def test_the_pupil_narrows_when_the_eyes_turn_in() -> None:
    pieces = lived(replace(STILL, vergence_rate_per_min=10.0), 120)
    far = lived(STILL, 120)

    vergence_deg = np.concatenate([piece.vergence_deg for piece in pieces])
    change_mm = np.concatenate([piece.pupil_mm for piece in pieces]) - np.concatenate([piece.pupil_mm for piece in far])
    assert np.corrcoef(vergence_deg, change_mm)[0, 1] < -0.99
    assert change_mm[vergence_deg == 0].max() == 0.0


# -- glasses ----------------------------------------------------------------------------------------------------------


def test_reflections_in_glasses_hide_the_gaze_and_move_the_lids_for_a_while() -> None:
    plain, glasses = (recorded(replace(CLEAN, glare_rate_per_min=rate)) for rate in (0.0, 20.0))

    hidden = np.isnan(glasses.frames.columns["gaze_x"])
    openness = glasses.frames.columns["openness_left"]
    usual = np.nanmedian(plain.frames.columns["openness_left"])
    assert not np.isnan(plain.frames.columns["gaze_x"]).any()
    assert 0.05 < hidden.mean() < 0.25  # 20 a minute of 425 ms in the mean
    assert np.abs(openness[hidden] / usual - 1).max() > 0.1
    assert np.abs(openness[~hidden] / usual - 1).max() < 0.1


def test_looking_down_through_glasses_narrows_the_eye_more() -> None:
    person = replace(STILL, look_down_rate_per_min=6.0)
    least = [
        float(np.nanmin(recorded(replace(CLEAN, lens_pitch_ratio=ratio), person).frames.columns["openness_left"]))
        for ratio in (0.0, 0.02)
    ]

    assert least[1] < 0.95 * least[0]


@pytest.mark.parametrize("kind", ["desktop", "webcam", "laboratory"])
def test_any_person_with_traits_behind_glasses_gives_a_valid_recording(kind: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng([seed, 11])
        person = add_traits(random_person(rng), rng=rng)
        tracker = add_glasses(random_tracker(kind, rng=rng), rng=rng)

        made = simulate(person, tracker, duration_s=10, rng=rng)

        assert len(made.frames) == made.labels.size > 20
        assert (np.diff(made.frames.t_us) > 0).all()


# -- trackers ---------------------------------------------------------------------------------------------------------


def test_noise_of_gaze_has_its_size_and_colour() -> None:
    # The spectrum of fixations falls as 1/f^exponent; Niehorster et al. (2020) find exponents between 0 and 1.
    for exponent in (0.0, 0.8):
        gaze = recorded(replace(CLEAN, noise_deg=0.3, noise_exponent=exponent)).frames.columns["gaze_x"]
        still = recorded(CLEAN).frames.columns["gaze_x"]
        noise = (gaze - still).astype(float)

        power = np.abs(np.fft.rfft(noise)) ** 2
        frequency = np.fft.rfftfreq(noise.size, 1 / 200.0)
        band = (frequency > 2) & (frequency < 80)
        slope = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
        assert noise.std() == pytest.approx(0.3, rel=0.15)
        assert slope == pytest.approx(-exponent, abs=0.15)


def test_frames_jitter_go_missing_and_repeat_as_often_as_they_are_told_to() -> None:
    jittery = recorded(replace(CLEAN, jitter_ratio=0.1)).frames.t_us
    missing = recorded(replace(CLEAN, missing_ratio=0.2)).frames.t_us
    repeated = recorded(replace(CLEAN, repeat_ratio=0.3, noise_deg=0.1)).frames.columns["gaze_x"]

    assert np.diff(jittery).std() == pytest.approx(np.sqrt(2) * 0.1 * 5000, rel=0.1)
    assert missing.size == pytest.approx(0.8 * 60 * 200, rel=0.03)
    assert np.mean(np.diff(repeated) == 0) == pytest.approx(0.3, abs=0.03)


def test_frames_that_stall_come_late_in_a_burst() -> None:
    steps_us = np.diff(recorded(replace(CLEAN, rate_hz=30.0, stall_rate_per_min=20.0), duration_s=120).frames.t_us)

    late = np.flatnonzero(steps_us > 1.5 * 33_333)
    assert 15 < late.size < 60
    assert np.mean(steps_us[late[late + 1 < steps_us.size] + 1] < 0.7 * 33_333) > 0.8


def test_gaze_and_openness_come_in_steps_where_the_tracker_has_them() -> None:
    gaze = recorded(replace(CLEAN, quantum_deg=0.5, noise_deg=0.3)).frames.columns["gaze_x"].astype(float)
    pupil = recorded(replace(CLEAN, pupil_quantum_mm=0.1)).frames.columns["pupil_left"].astype(float)

    np.testing.assert_allclose(gaze / 0.5, np.round(gaze / 0.5), atol=1e-4)
    np.testing.assert_allclose(pupil / 0.1, np.round(pupil / 0.1), atol=1e-4)


def test_smoothing_delays_a_saccade_by_half_its_window() -> None:
    sharp, smooth = (
        simulate(STILL, replace(CLEAN, smoothing_ms=ms), duration_s=40, rng=np.random.default_rng(3), task="points")
        for ms in (0.0, 60.0)
    )
    shifts = range(20)
    steps = [np.diff(each.frames.columns["gaze_x"].astype(float)) for each in (sharp, smooth)]
    best = max(shifts, key=lambda shift: float(np.dot(steps[0][: -20 or None], steps[1][shift : shift - 20 or None])))

    assert best * 5 == pytest.approx(30, abs=6)


def test_losses_are_as_frequent_as_they_are_told_to_be() -> None:
    made = recorded(replace(CLEAN, loss_rate_per_min=6.0), duration_s=300)

    losses = [event for event in made.events if event.kind == "track_loss"]
    assert 18 <= len(losses) <= 40
    assert np.isnan(made.frames.columns["gaze_x"]).mean() == pytest.approx(30 * 0.5 / 300, rel=0.6)


# -- pupil and gaze ---------------------------------------------------------------------------------------------------


def test_pupil_unrest_is_slow() -> None:
    # Hippus lies below about 1 Hz; Watson & Yellott (2012) and the sources there.
    pieces = lived(replace(STILL, hippus_mm=0.3), 120)
    pupil_mm = np.concatenate([piece.pupil_mm for piece in pieces])[::20]

    power = np.abs(np.fft.rfft(pupil_mm - pupil_mm.mean())) ** 2
    frequency = np.fft.rfftfreq(pupil_mm.size, 0.02)
    assert power[frequency < 1.5].sum() > 0.97 * power.sum()
    assert pupil_mm.std() > 0.2


def test_the_pupil_answers_light_quickly_and_comes_back_slowly() -> None:
    # Ellis (1981): constriction within a second at up to some mm/s, slow redilation.
    pieces = lived(STILL, 120)
    pupil_mm = np.concatenate([piece.pupil_mm for piece in pieces])

    speed_mm_s = (pupil_mm[50:] - pupil_mm[:-50]) / 0.05
    assert -4.0 < speed_mm_s.min() < -0.5
    assert -speed_mm_s.min() > 1.5 * np.quantile(speed_mm_s, 0.98), "it opens more slowly than it narrows"


def test_the_pupil_narrows_after_a_blink_and_comes_back() -> None:
    # Knapen et al. (2016): about 0.1 mm, for one or two seconds.
    t_s = np.arange(5000) / 1000
    without, after = (
        PupilGenerator(STILL, rng=np.random.default_rng(1)).take(t_s, blinks) for blinks in ((), ((1000, 1200, 1.0),))
    )

    change_mm = after - without
    assert np.flatnonzero(change_mm)[0] >= 1300
    assert -0.12 < change_mm.min() < -0.05
    assert 1400 < change_mm.argmin() < 2200
    assert change_mm[4000] > 0.2 * change_mm.min()


def test_saccades_of_free_viewing_are_as_long_as_published() -> None:
    # Tatler & Vincent (2008): a mean of 4-5 deg, skewed.
    made = simulate(
        replace(STILL, microsaccade_rate_hz=0.0),
        LABORATORY,
        duration_s=200,
        rng=np.random.default_rng(2),
        task="free_viewing",
    )
    amplitudes_deg = np.array([e.attributes["amplitude_deg"] for e in made.events if e.kind == "saccade"])

    assert 3.0 < amplitudes_deg.mean() < 5.5
    assert np.median(amplitudes_deg) < amplitudes_deg.mean()


def test_trackers_of_the_kinds_differ_as_published() -> None:
    # Niehorster et al. (2020): laboratory 0.01-0.1 deg, desktop 0.1-0.5, webcams 0.5-2.
    assert LABORATORY.noise_deg < DESKTOP.noise_deg < WEBCAM.noise_deg
    assert LABORATORY.rate_hz > DESKTOP.rate_hz > WEBCAM.rate_hz
