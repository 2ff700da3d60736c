"""What a release is trained on: simulated people, and labelled files at several rates and noise levels.

A source stands for one person or file and is made into recordings only when it is asked, so that sources can be handed
to several processes. Everything random in it comes from the configuration's seed and its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from focus.analysis.synthetic import TASKS, TOURS, add_glasses, add_traits, random_person, random_tracker, simulate
from focus.errors import ParameterError
from focus.eyestate.dataset import (
    LabelledRecording,
    add_noise,
    keep_signals,
    load_labelled,
    load_uncalibrated,
    misdate,
    resample,
    trim_oscillations,
    trim_saccades,
)


@dataclass(frozen=True, slots=True)
class Source:
    """One simulated person, or one labelled file.

    Parameters
    ----------
    section : mapping
        Of the configuration.
    seed : int
        Of the configuration.
    kind : str
        Kind of tracker of a simulated person; "recorded" for a file.
    number : int
        Which simulated person, or which file.
    path : Path or None
        The file.
    """

    section: Mapping[str, Any]
    seed: int
    kind: str
    number: int
    path: Path | None = None

    def recordings(self) -> Iterator[LabelledRecording]:
        """The recordings of this source, the same each time."""
        rng = np.random.default_rng([self.seed, *self.kind.encode(), self.number])
        if self.path is not None:
            yield from _recorded(self.path, self.section, rng)
        else:
            yield from _simulated(f"{self.kind}-{self.number}", self.kind, self.section, rng)


def sources(config: Mapping[str, Any], folder: Path | None) -> list[Source]:
    """All sources that a configuration names, in a fixed order.

    Parameters
    ----------
    config : mapping
        From `focus.eyestate.training.read_config`.
    folder : Path or None
        Where the labelled files lie; None for simulated people alone.

    Raises
    ------
    ParameterError
        If a pattern matches no file.
    """
    seed = config["seed"]
    found = [
        Source(section, seed, kind, number)
        for kind, section in sorted(config.get("simulated", {}).items())
        for number in range(section["people"])
    ]
    if folder is None:
        return found
    for section in config.get("recorded", ()):
        paths = sorted(folder.glob(section["files"]))
        if not paths:
            raise ParameterError(f"no file in {folder} matches {section['files']!r}")
        found += [Source(section, seed, "recorded", len(found) + place, path) for place, path in enumerate(paths)]
    return found


def _simulated(
    name: str, kind: str, section: Mapping[str, Any], rng: np.random.Generator
) -> Iterator[LabelledRecording]:
    """One person doing one or several tasks before one tracker, and again as a slower tracker averages it.

    `traits_ratio` and `glasses_ratio` of the section say which share of people get rarer traits, and glasses.
    """
    rare = rng.spawn(1)[0]  # a stream of its own: people without traits are the same as in a section without ratios
    person, tracker = random_person(rng), random_tracker(kind, rng=rng)
    if rare.random() < section.get("traits_ratio", 0.0):
        person = add_traits(person, rng=rare)
    if rare.random() < section.get("glasses_ratio", 0.0):
        tracker = add_glasses(tracker, rng=rare)
    made = simulate(
        person,
        tracker,
        duration_s=60 * section["minutes"],
        rng=rng,
        task=str(rng.choice(sorted([*TASKS, *TOURS, "video", "free_viewing"]))),
    )
    recording = LabelledRecording(name, made.frames, made.tracker, made.labels, name)
    recording = _with_some_signals(recording, kind, rng)
    yield recording
    if "rates_hz" in section:
        for rate_hz in rng.choice(section["rates_hz"], size=section["n_slower"], replace=False):
            yield _slower(recording, section, float(rate_hz), rng)


def _with_some_signals(recording: LabelledRecording, kind: str, rng: np.random.Generator) -> LabelledRecording:
    """Trackers differ in what they deliver: any of gaze alone, eyelids alone, and more, all have to work."""
    choices: dict[str, tuple[tuple[str, ...], ...]] = {
        "webcam": (("gaze", "openness", "confidence", "head"), ("openness",), ("openness", "head", "confidence")),
        "desktop": (
            ("gaze", "pupil", "openness", "confidence", "head"),
            ("gaze", "pupil", "openness"),
            ("gaze", "pupil", "confidence"),
            ("gaze",),
            ("gaze", "openness"),
            ("openness",),
        ),
        "laboratory": (("gaze", "pupil", "confidence"), ("gaze", "confidence"), ("gaze",)),
    }
    wanted = choices[kind][rng.integers(len(choices[kind]))]
    present = tuple(name for name in wanted if any(column.startswith(name) for column in recording.frames.columns))
    return keep_signals(recording, present) if present else recording


def _recorded(path: Path, section: Mapping[str, Any], rng: np.random.Generator) -> Iterator[LabelledRecording]:
    """A file at each of its rates, each time with one of its noise levels."""
    match = re.match(section["person"], path.name)
    person = match.group(1) if match else path.name
    if "deg_per_image" in section:
        recording = load_uncalibrated(path, deg_per_image=section["deg_per_image"], person=person)
    else:
        recording = load_labelled(path, person=person)
    if "trim_saccades" in section:
        recording = trim_saccades(recording, share_of_peak=section["trim_saccades"])
    if "settled_deg" in section:
        recording = trim_oscillations(
            recording, settled_deg=section["settled_deg"], settled_ratio=section["settled_ratio"]
        )
    unsaid = np.isin(recording.labels, section.get("without_labels", []))
    recording = replace(recording, labels=np.where(unsaid, "unlabelled", recording.labels))
    for rate_hz in section["rates_hz"]:
        yield _slower(recording, section, float(rate_hz), rng)
    for true_hz, said_hz in section.get("wrong_clocks_hz", ()):
        yield misdate(_slower(recording, section, float(true_hz), rng), said_hz / true_hz)


def _slower(
    recording: LabelledRecording, section: Mapping[str, Any], rate_hz: float, rng: np.random.Generator
) -> LabelledRecording:
    """At a rate (0 is its own) and with one of the section's noise levels."""
    slower = resample(recording, rate_hz) if 0 < rate_hz < recording.rate_hz else recording
    noise_deg = float(rng.choice(section["noise_deg"]))
    return add_noise(slower, noise_deg, rng=rng) if noise_deg > 0 else slower
