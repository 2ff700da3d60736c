"""A simulated recording: what a tracker delivers of a person, with the truth about each frame and each event.

`simulate` makes a whole recording, `stream_person` an endless stream of batches for the client's synthetic source. Both
turn seconds of a `Body` into frames with a `Camera`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from focus.analysis.synthetic.body import Body
from focus.analysis.synthetic.camera import Camera
from focus.analysis.synthetic.gaze import LABELS
from focus.analysis.synthetic.person import Person
from focus.analysis.synthetic.tracker import SimulatedTracker
from focus.analysis.types import Event, FloatArray, StateArray
from focus.errors import ParameterError
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches

CLOSURE_US = 500_000
"""A closure longer than this is no blink any more; Caffier et al. (2003)."""


@dataclass(frozen=True, slots=True)
class SimulatedRecording:
    """Frames and truth.

    Parameters
    ----------
    frames : FrameBatch
        What the tracker delivers.
    tracker : TrackerInfo
        What it declares.
    labels : ndarray of str, shape (n,)
        What the eyes did in each frame: one of `gaze.LABELS`.
    events : tuple of Event
        What happened, whether the tracker could see it or not: blink, closure, fixation, saccade, pursuit, track_loss.
    """

    frames: FrameBatch
    tracker: TrackerInfo
    labels: npt.NDArray[np.str_]
    events: tuple[Event, ...]


def simulate(
    person: Person, tracker: SimulatedTracker, *, duration_s: float, rng: np.random.Generator, task: str = "mixed"
) -> SimulatedRecording:
    """A recording of a person doing a task, up to `duration_s`.

    Parameters
    ----------
    person, tracker : Person, SimulatedTracker
        Who is recorded with what.
    duration_s : float
        Length in seconds, 1 to 86400.
    rng : Generator
        Source of all randomness; the same state gives the same recording.
    task : str
        A name in `gaze.TASKS` or `gaze.TOURS`.

    Raises
    ------
    ParameterError
        If the duration or the task is not allowed.
    """
    if not 1 <= duration_s <= 86_400:
        raise ParameterError(f"duration_s {duration_s} lies outside of 1..86400")
    body, camera = Body(person, task, rng=rng), Camera(tracker, rng=rng)
    stop_us = round(duration_s * 1e6)
    batches: list[FrameBatch] = []
    codes: list[StateArray] = []
    truth: list[StateArray] = []
    gaze: list[FloatArray] = []
    blinks: list[tuple[int, int, float]] = []
    while body.now_ms * 1000 < stop_us + 1_000_000:
        piece = body.take()
        truth.append(piece.labels)
        gaze.append(piece.gaze_deg)
        blinks.extend(piece.blinks)
        batch, labels = camera.take(piece)
        if batch is not None:
            batches.append(batch)
            codes.append(labels)
    frames, all_codes = join_batches(batches), np.concatenate(codes)
    n = int(np.searchsorted(frames.t_us, stop_us))
    frames, all_codes = frames[:n], all_codes[:n]
    events = (
        *_gaze_events(np.concatenate(truth)[: stop_us // 1000], np.concatenate(gaze)),
        *_blink_events(blinks, stop_us),
        *_loss_events(frames, all_codes),
    )
    in_order = tuple(sorted(events, key=lambda event: (event.onset_us, event.kind)))
    return SimulatedRecording(frames, tracker.info(), np.array(LABELS)[all_codes], in_order)


def stream_person(
    person: Person, tracker: SimulatedTracker, *, rng: np.random.Generator, task: str = "mixed"
) -> Iterator[FrameBatch]:
    """Batches of about a second each, without end. A second in which no frame arrives gives no batch."""
    body, camera = Body(person, task, rng=rng), Camera(tracker, rng=rng)
    while True:
        batch, _ = camera.take(body.take())
        if batch is not None:
            yield batch


def _gaze_events(codes: StateArray, gaze_deg: FloatArray) -> list[Event]:
    events = []
    edges = np.flatnonzero(np.diff(codes)) + 1
    for start, stop in zip(np.r_[0, edges].tolist(), np.r_[edges, codes.size].tolist(), strict=True):
        kind = LABELS[codes[start]]
        if kind in ("fixation", "saccade", "pursuit"):
            attributes: dict[str, Any] = {}
            if kind == "saccade":
                moved = gaze_deg[min(stop, codes.size - 1)] - gaze_deg[start]
                speed = np.hypot(*np.gradient(gaze_deg[max(0, start - 1) : stop + 2], axis=0).T) * 1000
                attributes = {"amplitude_deg": float(np.hypot(*moved)), "peak_speed_deg_s": float(speed.max())}
            events.append(Event(kind, start * 1000, stop * 1000, attributes))
    return events


def _blink_events(blinks: list[tuple[int, int, float]], stop_us: int) -> list[Event]:
    """Blinks that touch each other are one event, as a lid cannot close twice without opening."""
    merged: list[tuple[int, int, float]] = []
    for onset_ms, offset_ms, peak in sorted(blinks):
        if merged and onset_ms <= merged[-1][1]:
            before = merged.pop()
            merged.append((before[0], max(before[1], offset_ms), max(before[2], peak)))
        else:
            merged.append((onset_ms, offset_ms, peak))
    events = []
    for onset_ms, offset_ms, peak in merged:
        onset_us, offset_us = onset_ms * 1000, offset_ms * 1000
        kind = "closure" if offset_us - onset_us > CLOSURE_US else "blink"
        if onset_us < stop_us:
            events.append(Event(kind, onset_us, min(offset_us, stop_us), {"peak_closure_ratio": peak}))
    return events


def _loss_events(frames: FrameBatch, codes: StateArray) -> list[Event]:
    is_lost = np.concatenate([[False], codes == LABELS.index("lost"), [False]])
    starts, stops = np.flatnonzero(is_lost[1:] & ~is_lost[:-1]), np.flatnonzero(is_lost[:-1] & ~is_lost[1:])
    last = len(frames) - 1
    return [
        Event("track_loss", int(frames.t_us[start]), int(frames.t_us[min(stop, last)]), {})
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
        if stop > start
    ]
