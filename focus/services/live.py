"""The live view: the newest picture of each recording, at most a few times a second, to those who watch it.

Best effort by design: nothing here waits, fails or keeps frames from being stored. The engine notes what each tick
found (`note`) and asks for the pictures that are due (`publish_due`); who receives them is the publisher's matter:
rooms of this process, other processes over Redis, or nobody (`NullPublisher`). A picture holds the frames since the one
before, thinned to 60 a second, with the state that no look-ahead gives; events in it are final. Frames from before
anybody watched have their final state, the newest of them none yet.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from focus.analysis.pipeline import PipelineOutput
from focus.analysis.types import Event, EyeState
from focus.protocol.batch import FrameBatch
from focus.services.series import SERIES, json_numbers, mean_of
from focus.services.timeline import event_dict

MEMORY_US: Final = 30_000_000
MEMORY_FRAMES: Final = 6000
"""A snapshot reaches back 30 s, less for a tracker faster than 200 Hz: memory per recording has to have a limit."""

SHOWN_RATE_HZ: Final = 60
METRICS_INTERVAL_S: Final = 1.0
REMOTE_WATCH_S: Final = 15.0

StateArray = npt.NDArray[np.uint8]

_UNKNOWN: Final = 255  # in place of a state


class Publisher(Protocol):
    """Takes pictures to those who watch. Must return at once and never raise."""

    def picture(self, recording_id: str, picture: dict[str, Any]) -> None: ...

    def ended(self, recording_id: str) -> None: ...


class NullPublisher:
    """Nobody watches; keeps what it was given, for tests."""

    def __init__(self) -> None:
        self.pictures: deque[dict[str, Any]] = deque(maxlen=1000)
        self.ended_recordings: deque[str] = deque(maxlen=1000)

    def picture(self, recording_id: str, picture: dict[str, Any]) -> None:
        self.pictures.append(picture)

    def ended(self, recording_id: str) -> None:
        self.ended_recordings.append(recording_id)


@dataclass(slots=True)
class _Piece:
    frames: FrameBatch
    states: StateArray | None
    """None until it is looked for, where nobody watched."""
    received_s: float | None


@dataclass(slots=True)
class _Scene:
    """What is remembered of one recording."""

    gaze_space: str
    pieces: deque[_Piece] = field(default_factory=deque)
    finals: deque[tuple[npt.NDArray[np.int64], StateArray]] = field(default_factory=deque)
    """Times and final states, as far back as the pieces."""
    n_kept: int = 0
    n_unshown: int = 0
    n_frames: int = 0
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=400))
    new_events: list[Event] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    shown_at_s: float = 0.0
    metrics_at_s: float = 0.0
    n_missed: int = 0


class LiveHub:
    """The newest pictures of all recordings in this process.

    Parameters
    ----------
    pictures_per_s : float
        Upper limit for each recording.
    now_s : callable
        A monotonic clock.
    """

    def __init__(self, *, pictures_per_s: float = 5.0, now_s: Callable[[], float] = time.monotonic) -> None:
        self.publisher: Publisher = NullPublisher()
        self._interval_s = 1.0 / pictures_per_s
        self._now_s = now_s
        self._scenes: dict[str, _Scene] = {}
        self._watched: dict[str, int] = {}
        self._watched_until_s: dict[str, float] = {}
        self._snapshot_wanted: set[str] = set()
        self._lock = threading.Lock()

    # -- watching -----------------------------------------------------------------------------------------------------

    def watch(self, recording_id: str) -> None:
        """One more viewer in this process."""
        with self._lock:
            self._watched[recording_id] = self._watched.get(recording_id, 0) + 1

    def unwatch(self, recording_id: str) -> None:
        """One viewer less."""
        with self._lock:
            left = self._watched.get(recording_id, 0) - 1
            if left > 0:
                self._watched[recording_id] = left
            else:
                self._watched.pop(recording_id, None)

    def watch_remotely(self, recording_id: str) -> None:
        """Somebody watches at another process, and will say so again before this runs out."""
        with self._lock:
            self._watched_until_s[recording_id] = self._now_s() + REMOTE_WATCH_S

    def is_watched_here(self, recording_id: str) -> bool:
        return recording_id in self._watched

    def is_watched_remotely(self, recording_id: str) -> bool:
        return self._watched_until_s.get(recording_id, 0.0) > self._now_s()

    def is_watched(self, recording_id: str) -> bool:
        return bool(self._watched or self._watched_until_s) and (
            self.is_watched_here(recording_id) or self.is_watched_remotely(recording_id)
        )

    @property
    def watched_here(self) -> list[str]:
        """Recordings with viewers in this process."""
        return list(self._watched)

    # -- what the engine says -----------------------------------------------------------------------------------------

    def note(
        self,
        recording_id: str,
        pushed: Sequence[FrameBatch],
        output: PipelineOutput,
        *,
        gaze_space: str,
        received_s: float | None,
    ) -> None:
        """Take what a tick pushed into a pipeline and what came out of it."""
        scene = self._scenes.get(recording_id)
        if scene is None:
            with self._lock:
                scene = self._scenes.setdefault(recording_id, _Scene(gaze_space))
        with self._lock:
            states = output.provisional_states if len(output.provisional_states) else None
            at = 0
            for frames in pushed:
                own = states[at : at + len(frames)] if states is not None else None
                scene.pieces.append(_Piece(frames, own, received_s))
                at += len(frames)
            if len(output.t_us):
                # Copies: what comes out are parts of arrays that all recordings of a pass share.
                scene.finals.append((output.t_us.copy(), output.states.copy()))
            scene.n_kept += at
            scene.n_unshown += at
            scene.n_frames += at
            if output.events:
                scene.events.extend(output.events)
                scene.new_events += output.events
                for event in output.events:
                    scene.counts[event.kind] = scene.counts.get(event.kind, 0) + 1
            _forget(scene)

    def begin(self, recording_id: str) -> None:
        """The recording is looked at from its first frame on, maybe not for the first time."""
        with self._lock:
            if self._scenes.pop(recording_id, None) is not None:
                self._snapshot_wanted.add(recording_id)

    def set_past(self, recording_id: str, *, gaze_space: str, n_frames: int, counts: Mapping[str, int]) -> None:
        """What a recording that is gone on with had before."""
        with self._lock:
            self._scenes[recording_id] = _Scene(gaze_space, n_frames=n_frames, counts=dict(counts))

    def counts_of(self, recording_id: str) -> dict[str, int]:
        """Final events so far, by kind."""
        scene = self._scenes.get(recording_id)
        return dict(scene.counts) if scene is not None else {}

    def publish_due(self, metrics_of: Callable[[str], list[dict[str, Any]] | None]) -> int:
        """Publish what is watched and due; returns how many pictures that were.

        Parameters
        ----------
        metrics_of : callable
            Metric values of a recording so far, as JSON values; asked at most once a second for each.
        """
        if not self._watched and not self._watched_until_s:
            return 0
        now_s = self._now_s()
        n_published = 0
        for recording_id in [name for name, until_s in self._watched_until_s.items() if until_s <= now_s]:
            self._watched_until_s.pop(recording_id, None)
        for recording_id in {*self._watched, *self._watched_until_s}:
            scene = self._scenes.get(recording_id)
            if scene is None or not (scene.n_unshown or scene.new_events):
                continue
            if now_s - scene.shown_at_s < self._interval_s:
                continue
            metrics = None
            if now_s - scene.metrics_at_s >= METRICS_INTERVAL_S:
                scene.metrics_at_s = now_s
                metrics = metrics_of(recording_id)
            with self._lock:
                is_snapshot = recording_id in self._snapshot_wanted
                self._snapshot_wanted.discard(recording_id)
                picture = _picture(recording_id, scene, now_s=now_s, is_snapshot=is_snapshot)
                scene.n_unshown = 0
                scene.new_events = []
                scene.shown_at_s = now_s
            if metrics is not None:
                picture["metrics"] = metrics
            self.publisher.picture(recording_id, picture)
            n_published += 1
        return n_published

    def wait_s(self) -> float:
        """How long until a picture is due of what has been noted; infinite if none is."""
        scenes = [self._scenes.get(recording_id) for recording_id in {*self._watched, *self._watched_until_s}]
        shown_s = [scene.shown_at_s for scene in scenes if scene is not None and (scene.n_unshown or scene.new_events)]
        return max(0.0, min(shown_s, default=math.inf) + self._interval_s - self._now_s())

    def note_missed(self, recording_id: str, n_pictures: int) -> None:
        """Pictures that the publisher had to drop; the next one says so."""
        scene = self._scenes.get(recording_id)
        if scene is not None:
            scene.n_missed += n_pictures

    def snapshot(self, recording_id: str) -> dict[str, Any] | None:
        """A picture of up to the last 30 s, for somebody who begins to watch; None if nothing is known here."""
        scene = self._scenes.get(recording_id)
        if scene is None:
            return None
        with self._lock:
            return _picture(recording_id, scene, now_s=self._now_s(), is_snapshot=True)

    def want_snapshot(self, recording_id: str) -> None:
        """Nothing is known here yet; let the first picture of the recording be a snapshot."""
        self._snapshot_wanted.add(recording_id)

    def end(self, recording_id: str) -> None:
        """The recording is closed: tell the viewers and forget it."""
        self.forget(recording_id)
        self.publisher.ended(recording_id)

    def forget(self, recording_id: str) -> None:
        """The recording is not in this process any more."""
        with self._lock:
            self._scenes.pop(recording_id, None)
            self._snapshot_wanted.discard(recording_id)
            self._watched_until_s.pop(recording_id, None)


def _forget(scene: _Scene) -> None:
    newest_us = int(scene.pieces[-1].frames.t_us[-1]) if scene.pieces else 0
    while len(scene.pieces) > 1:
        oldest = scene.pieces[0].frames
        if scene.n_kept <= MEMORY_FRAMES and int(oldest.t_us[-1]) >= newest_us - MEMORY_US:
            break
        scene.n_kept -= len(oldest)
        scene.pieces.popleft()
    while scene.finals and scene.pieces and scene.finals[0][0][-1] < scene.pieces[0].frames.t_us[0]:
        scene.finals.popleft()


def _picture(recording_id: str, scene: _Scene, *, now_s: float, is_snapshot: bool) -> dict[str, Any]:
    pieces = list(scene.pieces) if is_snapshot else _newest(scene.pieces, scene.n_unshown)
    states = _states(scene, pieces)
    newest = int(states[-1]) if len(states) else _UNKNOWN
    events = list(scene.events) if is_snapshot else scene.new_events
    received_s = pieces[-1].received_s if pieces else None
    picture: dict[str, Any] = {
        "recording": recording_id,
        "snapshot": is_snapshot,
        "t_us": int(pieces[-1].frames.t_us[-1]) if pieces else None,
        "state": None if newest == _UNKNOWN else EyeState(newest).label,
        "frames": _frames(pieces, states),
        "gaze_space": scene.gaze_space,
        "events": [event_dict(event) for event in events],
        "counts": dict(scene.counts),
        "quality": _quality(scene),
        "delay_ms": None if received_s is None else round(1000 * (now_s - received_s), 1),
    }
    return picture


def _newest(pieces: deque[_Piece], n_frames: int) -> list[_Piece]:
    taken: list[_Piece] = []
    for piece in reversed(pieces):
        if n_frames <= 0:
            break
        taken.append(piece)
        n_frames -= len(piece.frames)
    return taken[::-1]


def _frames(pieces: Sequence[_Piece], states: StateArray) -> dict[str, list[Any]]:
    if not pieces:
        return {"t_us": [], "state": [], **{name: [] for name in SERIES}}
    t_us = np.concatenate([piece.frames.t_us for piece in pieces])
    slots = t_us * SHOWN_RATE_HZ // 1_000_000
    shown = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
    told = [None if state == _UNKNOWN else state for state in states[shown].tolist()]
    series: dict[str, list[Any]] = {"t_us": t_us[shown].tolist(), "state": told}
    for name, sources in SERIES.items():
        parts = [mean_of(piece.frames, sources) for piece in pieces]
        values = np.concatenate(
            [
                part if part is not None else np.full(len(p.frames), np.nan)
                for part, p in zip(parts, pieces, strict=True)
            ]
        )
        series[name] = json_numbers(values[shown])
    return series


def _states(scene: _Scene, pieces: Sequence[_Piece]) -> StateArray:
    """The states of these pieces' frames: those they were given, else final ones, else `_UNKNOWN`."""
    if not pieces:
        return np.empty(0, dtype=np.uint8)
    if any(piece.states is None for piece in pieces) and scene.finals:
        t_us = np.concatenate([times for times, _ in scene.finals])
        states = np.concatenate([states for _, states in scene.finals])
        for piece in pieces:
            frames_us = piece.frames.t_us
            if piece.states is None and t_us[0] <= frames_us[0] and frames_us[-1] <= t_us[-1]:
                piece.states = states[t_us.searchsorted(frames_us)]
    unknown = np.full(1, _UNKNOWN, dtype=np.uint8)
    return np.concatenate(
        [piece.states if piece.states is not None else unknown.repeat(len(piece.frames)) for piece in pieces]
    )


def _n_lost(scene: _Scene, piece: _Piece) -> int:
    """Frames in which what the tracker sends was not seen; a webcam's frame without gaze is not lost."""
    is_lost = _states(scene, [piece]) == EyeState.LOST
    openness = mean_of(piece.frames, SERIES["openness"])
    if openness is not None and "gaze_x" not in piece.frames.columns:
        is_lost &= np.isnan(openness)
    return int(is_lost.sum())


def _quality(scene: _Scene) -> dict[str, Any]:
    recent = _newest(scene.pieces, SHOWN_RATE_HZ * 10)
    n_recent = sum(len(piece.frames) for piece in recent)
    rate_hz = loss_ratio = None
    if n_recent > 1:
        span_us = int(recent[-1].frames.t_us[-1]) - int(recent[0].frames.t_us[0])
        rate_hz = round(1e6 * (n_recent - 1) / span_us, 2)
        n_lost = sum(_n_lost(scene, piece) for piece in recent)
        loss_ratio = round(n_lost / n_recent, 4)
    return {
        "rate_hz": rate_hz,
        "loss_ratio": loss_ratio,
        "n_frames": scene.n_frames,
        "missed_pictures": scene.n_missed,
    }
