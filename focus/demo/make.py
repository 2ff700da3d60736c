"""Makes the demo recording: two and a half minutes of somebody at a desk, 60 Hz, every signal, from a fixed seed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from focus.analysis.synthetic import DESKTOP, Person, SimulatedRecording, simulate
from focus.demo import DEMO_EVENTS_PATH, DEMO_PATH
from focus.protocol.batch import FrameBatch
from focus.protocol.recording_csv import write_recording_csv

DEMO_SEED: Final = 4
DEMO_DURATION_S: Final = 150.0
_DECIMALS: Final = {"gaze_x": 5, "gaze_y": 5, "openness_left": 4, "openness_right": 4, "confidence": 3}
"""Rounded to what such a tracker resolves: the file is half as large, and the same on every processor."""


def simulate_demo() -> SimulatedRecording:
    """The demo recording before it is written."""
    person = Person(
        blink_rate_per_min=22.0,
        incomplete_blink_ratio=0.2,
        double_blink_ratio=0.12,
        long_closure_rate_per_min=0.6,
        look_away_rate_per_min=0.5,
        look_down_rate_per_min=0.4,
    )
    tracker = replace(
        DESKTOP,
        name="FOCUS demo tracker",
        noise_deg=0.15,
        openness_open=0.32,
        openness_floor=0.12,
        openness_noise=0.015,
        loss_rate_per_min=0.2,
        dropout_ratio=0.001,
    )
    return simulate(person, tracker, duration_s=DEMO_DURATION_S, rng=np.random.default_rng(DEMO_SEED), task="mixed")


def make_demo(folder: Path) -> None:
    """Write the recording and its events into a folder.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    recording = simulate_demo()
    columns = {name: np.round(values, _DECIMALS.get(name, 2)) for name, values in recording.frames.columns.items()}
    frames = FrameBatch(recording.frames.t_us, columns)
    write_recording_csv(folder / DEMO_PATH.name, [frames], recording.tracker, labels=recording.labels.tolist())
    with (folder / DEMO_EVENTS_PATH.name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("kind", "onset_us", "offset_us", "amplitude_deg", "peak_closure_ratio"))
        for event in recording.events:
            numbers = (event.attributes.get(name) for name in ("amplitude_deg", "peak_closure_ratio"))
            texts = ("" if number is None else f"{number:.2f}" for number in numbers)
            writer.writerow((event.kind, event.onset_us, event.offset_us, *texts))
