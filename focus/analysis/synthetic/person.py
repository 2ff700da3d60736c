"""The parameters of a simulated person, each with its source, and people drawn at random around them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from focus.errors import ParameterError

_LIMITS: dict[str, tuple[float, float]] = {
    "saccade_peak_deg_s": (200, 1200),
    "saccade_scale_deg": (2, 30),
    "pso_gain": (0, 2),
    "pso_frequency_hz": (10, 60),
    "pso_damping": (0.1, 1.5),
    "drift_deg": (0, 2),
    "microsaccade_rate_hz": (0, 5),
    "fixation_ms": (100, 1500),
    "pursuit_gain": (0.3, 1.2),
    "blink_rate_per_min": (0, 90),
    "blink_closing_ms": (30, 300),
    "blink_opening_ms": (50, 600),
    "blink_closed_ms": (0, 200),
    "incomplete_blink_ratio": (0, 1),
    "double_blink_ratio": (0, 0.9),
    "long_closure_rate_per_min": (0, 20),
    "lid_follow_per_deg": (0, 0.05),
    "flutter_rate_per_min": (0, 10),
    "lid_droop_ratio": (0, 0.5),
    "squint_rate_per_min": (0, 30),
    "droop_rate_per_min": (0, 10),
    "posture_openness_sd": (0, 0.3),
    "pupil_mm": (1.5, 9),
    "hippus_mm": (0, 1),
    "head_sway_deg": (0, 20),
    "look_away_rate_per_min": (0, 20),
    "look_down_rate_per_min": (0, 30),
    "vergence_rate_per_min": (0, 20),
    "tiredness": (0, 1),
    "tiredness_per_hour": (0, 2),
}


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody's eyes, lids, pupils and head behave. A value out of its limits is a ParameterError.

    Parameters
    ----------
    saccade_peak_deg_s, saccade_scale_deg : float
        Main sequence, peak speed = peak * (1 - exp(-amplitude / scale)). 560 deg/s and 6.2 deg give 310 deg/s at 5 deg
        and durations of about 2.2 ms/deg * amplitude + 18 ms. Bahill, Clark & Stark (1975),
        doi:10.1016/0025-5564(75)90075-9; Carpenter (1988), Movements of the Eyes.
    pso_gain, pso_frequency_hz, pso_damping : float
        Wobble of pupil and lens after a saccade, as a damped oscillator driven by the globe's acceleration. Nystrom,
        Hooge & Holmqvist (2013), doi:10.1016/j.visres.2013.09.009; Bouzat et al. (2018),
        doi:10.1103/PhysRevE.97.062406.
    drift_deg : float
        Standard deviation of fixational drift. Rolfs (2009), doi:10.1016/j.visres.2009.08.010.
    microsaccade_rate_hz : float
        During fixation. Martinez-Conde et al. (2009) give 1-2 Hz; most lie below a video tracker's noise.
    fixation_ms : float
        Mean fixation in free viewing of images. Henderson (2003), doi:10.1016/j.tics.2003.09.006: about 330 ms; reading
        is 0.75 of it, Rayner (1998), doi:10.1037/0033-2909.124.3.372: 225-250 ms.
    pursuit_gain : float
        Eye speed over target speed. Lisberger (2010), doi:10.1016/j.neuron.2010.03.027.
    blink_rate_per_min : float
        At rest 17 a minute, in reading 4.5. Bentivoglio et al. (1997), doi:10.1002/mds.870120629.
    blink_closing_ms, blink_closed_ms, blink_opening_ms : float
        Means of the phases of a whole blink; opening takes about twice as long as closing. VanderWerf et al. (2003),
        doi:10.1152/jn.00557.2002; whole duration about 200 ms, Caffier et al. (2003), doi:10.1007/s00421-003-0807-5.
    incomplete_blink_ratio : float
        Share of blinks that do not close the eye. Chu et al. (2014), doi:10.1097/OPX.0000000000000219: 8-15 %.
    double_blink_ratio : float
        Share of blinks followed by another one within 0.4 s. Our estimate from the recordings for development: 4-8 %.
    long_closure_rate_per_min : float
        Closures of more than 0.5 s; they come with fatigue. Schleicher et al. (2008), doi:10.1080/00140130701817062.
    lid_follow_per_deg : float
        Share of the opening lost for each degree of looking down. Becker & Fuchs (1988),
        doi:10.1152/jn.1988.60.4.1227: the upper lid follows the eye with a gain near one; 30 deg halve the opening.
    flutter_rate_per_min : float
        Bursts of 3-8 quick, shallow beats of the lid at 4-9 a second. Our estimate; rare in healthy people.
    lid_droop_ratio : float
        Share by which the open eye is narrower than usual.
    squint_rate_per_min, posture_openness_sd : float
        Smiles, squints and speech narrow the eye for 0.5-4 s; posture moves the aspect ratio by about 5 %. Our
        estimate.
    droop_rate_per_min : float
        Spells of 2-20 s with the lids some way down: something is read below the screen, or eyes grow heavy. Our
        estimate.
    pupil_mm, hippus_mm : float
        Diameter in office light, and standard deviation of its slow unrest. Watson & Yellott (2012),
        doi:10.1167/12.10.12.
    head_sway_deg : float
        Standard deviation of slow head rotation while seated. Our estimate.
    look_away_rate_per_min, look_down_rate_per_min : float
        Turning the head from the screen for 1-6 s, and glances at keyboard or phone of 0.3-5 s. Our estimate.
    vergence_rate_per_min : float
        Looks at something 1-6 deg of vergence nearer than the screen, for 0.5-4 s. Our estimate; how the eyes move then
        says `body.VergenceGenerator`.
    tiredness, tiredness_per_hour : float
        How tired somebody is at the beginning, 0 to 1, and how much more after an hour; what it does says `tired`.
    """

    saccade_peak_deg_s: float = 560.0
    saccade_scale_deg: float = 6.2
    pso_gain: float = 0.35
    pso_frequency_hz: float = 28.0
    pso_damping: float = 0.45
    drift_deg: float = 0.18
    microsaccade_rate_hz: float = 0.6
    fixation_ms: float = 330.0
    pursuit_gain: float = 0.9
    blink_rate_per_min: float = 17.0
    blink_closing_ms: float = 85.0
    blink_closed_ms: float = 20.0
    blink_opening_ms: float = 180.0
    incomplete_blink_ratio: float = 0.12
    double_blink_ratio: float = 0.06
    long_closure_rate_per_min: float = 0.15
    lid_follow_per_deg: float = 0.016
    flutter_rate_per_min: float = 0.0
    lid_droop_ratio: float = 0.0
    squint_rate_per_min: float = 0.5
    droop_rate_per_min: float = 0.0
    posture_openness_sd: float = 0.05
    pupil_mm: float = 3.8
    hippus_mm: float = 0.12
    head_sway_deg: float = 1.5
    look_away_rate_per_min: float = 0.2
    look_down_rate_per_min: float = 0.3
    vergence_rate_per_min: float = 0.0
    tiredness: float = 0.0
    tiredness_per_hour: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = _LIMITS[field.name]
            if not low <= value <= high:
                raise ParameterError(f"person {field.name} {value} lies outside of {low:g}..{high:g}")


def random_person(rng: np.random.Generator) -> Person:
    """Somebody drawn around the literature's means, wide enough to hold the people of the published sets."""

    def around(mean: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(mean * np.exp(rng.normal(0, spread)), low, high))

    own = rng.spawn(1)[0]  # what was added later, so that everybody else stays who they were
    return Person(
        saccade_peak_deg_s=around(560, 0.15, 380, 900),
        saccade_scale_deg=around(6.2, 0.2, 4, 12),
        pso_gain=float(rng.choice([0.0, around(0.35, 0.6, 0.05, 1.4)], p=[0.12, 0.88])),
        pso_frequency_hz=around(28, 0.2, 16, 45),
        pso_damping=around(0.42, 0.3, 0.2, 1.0),
        drift_deg=around(0.2, 0.5, 0.04, 0.7),
        microsaccade_rate_hz=around(0.6, 0.7, 0.05, 2.5),
        fixation_ms=around(320, 0.2, 190, 600),
        pursuit_gain=float(rng.uniform(0.75, 1.02)),
        blink_rate_per_min=around(16, 0.5, 3, 45),
        blink_closing_ms=around(85, 0.2, 50, 150),
        blink_closed_ms=around(22, 0.6, 3, 90),
        blink_opening_ms=around(180, 0.25, 90, 350),
        incomplete_blink_ratio=float(rng.beta(1.2, 6)),
        double_blink_ratio=float(rng.beta(1.2, 14)),
        long_closure_rate_per_min=float(rng.choice([0.0, rng.uniform(0.1, 2.0)], p=[0.5, 0.5])),
        lid_follow_per_deg=around(0.015, 0.35, 0.004, 0.035),
        squint_rate_per_min=around(0.7, 0.8, 0.05, 5),
        droop_rate_per_min=float(own.choice([0.0, own.uniform(0.3, 2.5)], p=[0.4, 0.6])),
        posture_openness_sd=around(0.05, 0.4, 0.01, 0.15),
        pupil_mm=around(3.8, 0.18, 2.3, 7),
        hippus_mm=around(0.12, 0.4, 0.03, 0.4),
        head_sway_deg=around(1.5, 0.6, 0.2, 8),
        look_away_rate_per_min=around(0.3, 0.9, 0.01, 3),
        look_down_rate_per_min=around(0.6, 1.0, 0.02, 8),
    )


def add_traits(person: Person, *, rng: np.random.Generator) -> Person:
    """The person with what only some people show: fluttering lids, tiredness that grows, looks at nearer things.

    Apart from `random_person`, so that people drawn before these traits were there stay the same.
    """
    return replace(
        person,
        flutter_rate_per_min=float(rng.choice([0.0, rng.uniform(0.1, 2.0)], p=[0.7, 0.3])),
        tiredness=float(rng.beta(1.0, 3.0)),
        tiredness_per_hour=float(rng.uniform(0, 0.6)),
        vergence_rate_per_min=float(rng.uniform(0, 4)),
    )


def tired(person: Person, tiredness: float) -> Person:
    """The person when tired, 0 (not at all) to 1: slower and more blinks, long closures, drooping lids, slow saccades.

    At 1 blinks last half as long again, Caffier et al. (2003), doi:10.1007/s00421-003-0807-5; they are 1.4 times as
    many, Stern, Boyer & Schroeder (1994), doi:10.1177/001872089403600209; closures of more than half a second come
    three times a minute more, Schleicher et al. (2008), doi:10.1080/00140130701817062; saccades reach 90 % of their
    peak speed, Di Stasi et al. (2013), doi:10.1016/j.neubiorev.2013.03.011; the lid droops by 15 %, our estimate.
    """

    def within(name: str, value: float) -> float:
        low, high = _LIMITS[name]
        return min(max(value, low), high)

    longer = 1 + 0.5 * tiredness
    changed = {
        "blink_closing_ms": person.blink_closing_ms * longer,
        "blink_opening_ms": person.blink_opening_ms * longer,
        "blink_closed_ms": person.blink_closed_ms * longer,
        "blink_rate_per_min": person.blink_rate_per_min * (1 + 0.4 * tiredness),
        "long_closure_rate_per_min": person.long_closure_rate_per_min + 3.0 * tiredness,
        "saccade_peak_deg_s": person.saccade_peak_deg_s * (1 - 0.1 * tiredness),
        "lid_droop_ratio": person.lid_droop_ratio + 0.15 * tiredness,
    }
    return replace(person, **{name: within(name, value) for name, value in changed.items()})
