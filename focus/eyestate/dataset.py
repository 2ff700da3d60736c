"""Labelled recordings: read from files, resampled, made noisier, stripped of signals; for training and evaluation."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from focus.analysis.types import CLASSES, FloatArray, IntArray
from focus.errors import ParameterError, RecordingFileError, ShapeError
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches
from focus.protocol.recording_csv import open_recording_csv

LabelArray = npt.NDArray[np.str_]

BLINK_LABELS: Final = ("blink", "closed")
SACCADE_LABELS: Final = ("saccade", "pso")
STEADY_LABELS: Final = ("fixation", "pursuit", "open")
"""The labels that are scored: three classes. Everything else (unlabelled, noise, lost, empty) is left out."""

_CLASS_OF_LABEL: Final = {name: index for index, name in enumerate(CLASSES)} | {"closed": CLASSES.index("blink")}


@dataclass(frozen=True, slots=True)
class LabelledRecording:
    """Frames with a person's (or a simulation's) verdict on each.

    Parameters
    ----------
    name : str
        The file's name without its endings, or what was simulated.
    frames, tracker
        What was recorded, with what.
    labels : ndarray of str, shape (n,)
        One a frame.
    person : str
        Recordings of one person are never on both sides of a split.
    """

    name: str
    frames: FrameBatch
    tracker: TrackerInfo
    labels: LabelArray
    person: str

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.frames),):
            raise ShapeError(f"{self.name}: {self.labels.shape} labels for {len(self.frames)} frames")

    @property
    def rate_hz(self) -> float:
        """Frames a second, from the median interval."""
        return 1e6 / float(np.median(np.diff(self.frames.t_us)))

    @property
    def has_gaze(self) -> bool:
        return "gaze_x" in self.frames.columns


def load_labelled(path: Path, *, person: str | None = None) -> LabelledRecording:
    """A labelled recording file.

    Raises
    ------
    RecordingFileError
        If it cannot be read or has no label column.
    """
    recording = open_recording_csv(path)
    if not recording.has_label:
        raise RecordingFileError(f"{path.name}: there is no label column, so nothing can be compared")
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    frames = join_batches(list(recording))
    return LabelledRecording(name, frames, recording.tracker, recording.read_labels(), person or name)


def load_uncalibrated(path: Path, *, deg_per_image: float, person: str | None = None) -> LabelledRecording:
    """A recording of pupil positions in the eye camera's image, as if the image were `deg_per_image` degrees wide.

    Such a tracker was never calibrated; a scale that puts its saccades on the main sequence makes it good enough to
    learn the shapes of movements from.

    Raises
    ------
    RecordingFileError
        If the columns pupil_x_image and pupil_y_image are missing.
    """
    labelled = load_labelled(path, person=person)
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        reader = csv.DictReader(file)
        if not {"pupil_x_image", "pupil_y_image"} <= set(reader.fieldnames or ()):
            raise RecordingFileError(f"{path.name}: there is no column pupil_x_image")
        cells = [(row["pupil_x_image"], row["pupil_y_image"]) for row in reader]
    place = np.array([[float(cell or "nan") for cell in row] for row in cells])
    gaze_deg = (place - 0.5) * deg_per_image
    columns = dict(labelled.frames.columns)
    for axis, name in enumerate(("gaze_x", "gaze_y")):
        columns[name] = gaze_deg[:, axis].astype(np.float32)
    tracker = replace(labelled.tracker, columns=tuple(columns), gaze_space="deg")
    return replace(labelled, frames=FrameBatch(labelled.frames.t_us, columns), tracker=tracker)


def trim_saccades(recording: LabelledRecording, *, share_of_peak: float) -> LabelledRecording:
    """Saccade labels only where gaze is faster than this share of the saccade's peak; the rest becomes "unlabelled".

    Some coders leave wide margins around a saccade. Those frames teach nothing certain, so they are left out.
    """
    gaze = np.column_stack([recording.frames.columns["gaze_x"], recording.frames.columns["gaze_y"]]).astype(float)
    speed = np.hypot(*np.gradient(gaze, axis=0).T)
    labels = recording.labels.astype("<U12")
    for start, stop in label_runs(labels, ("saccade",)):
        inside = speed[start:stop]
        peak = np.nanmax(inside, initial=0.0)
        labels[start:stop][~(inside > share_of_peak * peak)] = "unlabelled"
    return replace(recording, labels=labels)


def trim_oscillations(recording: LabelledRecording, *, settled_deg: float, settled_ratio: float) -> LabelledRecording:
    """Post-saccadic oscillation ends when it has sunk to an angle or a share of its largest swing; then it is fixation.

    Coders differ most in where they end it: with noise in sight some go on for twice as long as others.
    """
    gaze = np.column_stack([recording.frames.columns["gaze_x"], recording.frames.columns["gaze_y"]]).astype(float)
    settle = max(2, round(0.02 * recording.rate_hz))
    labels = recording.labels.copy()
    for start, stop in label_runs(labels, ("pso",)):
        after = gaze[stop : stop + settle]
        if not np.isfinite(after).any():
            continue
        off_deg = np.hypot(*(gaze[start:stop] - np.nanmedian(after, axis=0)).T)
        unsettled = np.flatnonzero(off_deg > max(settled_deg, settled_ratio * np.nanmax(off_deg, initial=0.0)))
        labels[start + (int(unsettled[-1]) + 1 if unsettled.size else 0) : stop] = "fixation"
    return replace(recording, labels=labels)


def label_runs(labels: LabelArray, wanted: tuple[str, ...]) -> list[tuple[int, int]]:
    """Runs of frames with any of the wanted labels, as (first, one past the last)."""
    inside = np.concatenate([[False], np.isin(labels, wanted), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(inside))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def class_codes(recording: LabelledRecording) -> IntArray:
    """Class index of each frame for training, -1 where the label teaches nothing.

    Without gaze nothing tells saccade or pursuit from fixation, so all frames with open eyes count as fixation.
    """
    labels = recording.labels
    codes: IntArray = np.full(labels.shape, -1, dtype=np.int64)
    for label, code in _CLASS_OF_LABEL.items():
        codes[labels == label] = code
    if not recording.has_gaze:
        steady = np.isin(labels, ("fixation", "saccade", "pso", "pursuit", "open"))
        codes[steady] = CLASSES.index("fixation")
    return codes


def resample(recording: LabelledRecording, rate_hz: float) -> LabelledRecording:
    """The recording as a slower tracker would have given it: means over frame intervals, the label most of them have.

    A frame in which less than half of the samples are valid is missing. Frames in a gap of the source are left out.

    Raises
    ------
    ParameterError
        If the rate is not below the recording's own.
    """
    if not 0 < rate_hz < recording.rate_hz * 1.001:
        raise ParameterError(f"rate_hz {rate_hz:g} is not below the recording's own {recording.rate_hz:.4g}")
    t_us = recording.frames.t_us
    interval_us = 1e6 / rate_hz
    place = ((t_us - t_us[0]) / interval_us).astype(np.int64)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    counts = np.diff(np.append(starts, t_us.size))
    times = np.round((place[starts] + 0.5) * interval_us).astype(np.int64)
    columns = {
        name: _mean_of_bins(values, starts, counts).astype(np.float32)
        for name, values in recording.frames.columns.items()
    }
    kinds, codes = np.unique(recording.labels, return_inverse=True)
    votes = np.stack([np.add.reduceat((codes == code).astype(np.int64), starts) for code in range(kinds.size)])
    labels = kinds[votes.argmax(axis=0)]
    tracker = replace(recording.tracker, rate_hz=float(rate_hz))
    return replace(recording, frames=FrameBatch(times, columns), tracker=tracker, labels=labels)


def _mean_of_bins(values: npt.NDArray[np.float32], starts: IntArray, counts: IntArray) -> FloatArray:
    valid = ~np.isnan(values)
    sums = np.add.reduceat(np.where(valid, values, 0.0).astype(np.float64), starts)
    n_valid = np.add.reduceat(valid.astype(np.int64), starts)
    mean: FloatArray = np.where(2 * n_valid >= counts, sums / np.maximum(n_valid, 1), np.nan)
    return mean


def add_noise(recording: LabelledRecording, noise_deg: float, *, rng: np.random.Generator) -> LabelledRecording:
    """White noise of this standard deviation on both axes of gaze in degrees.

    Raises
    ------
    ParameterError
        If gaze is not in degrees.
    """
    if recording.tracker.gaze_space != "deg":
        raise ParameterError(
            f"{recording.name}: noise can be added to gaze in degrees, not in {recording.tracker.gaze_space}"
        )
    columns = dict(recording.frames.columns)
    for name in ("gaze_x", "gaze_y"):
        noise = noise_deg * rng.standard_normal(len(recording.frames))
        columns[name] = (columns[name] + noise).astype(np.float32)
    return replace(recording, frames=FrameBatch(recording.frames.t_us, columns))


def misdate(recording: LabelledRecording, speed: float) -> LabelledRecording:
    """The recording with a clock that says everything went `speed` times as fast.

    Files are handed on with the wrong rate; a 200 Hz recording that is said to be one of 500 Hz is no rarity.
    """
    t_us = np.round(recording.frames.t_us / speed).astype(np.int64)
    tracker = replace(recording.tracker, rate_hz=recording.rate_hz * speed)
    return replace(recording, frames=FrameBatch(t_us, dict(recording.frames.columns)), tracker=tracker)


def keep_signals(recording: LabelledRecording, names: tuple[str, ...]) -> LabelledRecording:
    """The recording with only columns whose names begin with one of `names`."""
    columns = {name: values for name, values in recording.frames.columns.items() if name.startswith(names)}
    units = {name: unit for name, unit in recording.tracker.units.items() if name in columns}
    tracker = replace(recording.tracker, columns=tuple(columns), units=units)
    return replace(recording, frames=FrameBatch(recording.frames.t_us, columns), tracker=tracker)
