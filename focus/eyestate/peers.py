"""Published detectors of other projects, run beside the model where their packages are installed.

They are for evaluation alone (requirements-dev.txt) and imported when they are asked for: pymovements (Krakowczyk et
al. 2023, doi:10.1145/3588015.3590134) and REMoDNaV (Dar et al. 2021, doi:10.3758/s13428-020-01428-x). Each sees a whole
recording at once and runs with its own default parameters. None of them detects blinks: a loss of up to 500 ms is one.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from focus.analysis.types import EyeState, FloatArray, IntArray, StateArray
from focus.eyestate.baselines import IVT_DEG_S, gaze_in_degrees, with_losses
from focus.eyestate.dataset import LabelledRecording

_STATE_OF_REMODNAV: Final = {
    "FIXA": EyeState.FIXATION,
    "PURS": EyeState.PURSUIT,
    **dict.fromkeys(("SACC", "ISAC", "HPSO", "LPSO", "IHPS", "ILPS"), EyeState.SACCADE),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A detector of another project.

    Parameters
    ----------
    name, package : str
        What results call it, and what has to be installed.
    min_rate_hz : float
        Below this its filters are not defined, and it is not run.
    states : callable
        From a recording with gaze to a state a frame.
    """

    name: str
    package: str
    min_rate_hz: float
    states: Callable[[LabelledRecording], StateArray]

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


def pymovements_velocity_states(recording: LabelledRecording) -> StateArray:
    """I-VT of pymovements at 30 deg/s: fixations of at least 100 ms; all else that was seen is a saccade."""
    import pymovements

    t_us, gaze = gaze_in_degrees(recording)
    found = pymovements.events.ivt(
        _velocities(recording, gaze),
        timesteps=_index(t_us),
        minimum_duration=_frames(recording, 0.1),
        velocity_threshold=IVT_DEG_S,
    )
    return _from_fixations(t_us, gaze, found)


def pymovements_dispersion_states(recording: LabelledRecording) -> StateArray:
    """I-DT of pymovements: windows of at least 100 ms within 1 deg are fixations; all else is a saccade."""
    import pymovements

    t_us, gaze = gaze_in_degrees(recording)
    n_frames = _frames(recording, 0.1)
    with _quiet():
        found = pymovements.events.idt(
            gaze, timesteps=_index(t_us), minimum_duration=n_frames, dispersion_threshold=1.0
        )
    return _from_fixations(t_us, gaze, found)


def pymovements_microsaccade_states(recording: LabelledRecording) -> StateArray:
    """Engbert-Kliegl of pymovements: six times the median-based noise of speed, at least 12 ms; else fixation."""
    import pymovements

    t_us, gaze = gaze_in_degrees(recording)
    found = pymovements.events.microsaccades(
        _velocities(recording, gaze), timesteps=_index(t_us), minimum_duration=_frames(recording, 0.012)
    )
    states = np.full(t_us.size, EyeState.FIXATION, dtype=np.uint8)
    _mark(states, _spans(found), EyeState.SACCADE)
    return with_losses(states, t_us, np.isnan(gaze[:, 0]))


def remodnav_states(recording: LabelledRecording) -> StateArray:
    """REMoDNaV with pursuit; its intersaccadic saccades and oscillations are saccades, what it leaves out is lost."""
    from remodnav import EyegazeClassifier

    t_us, gaze = gaze_in_degrees(recording)
    # Its filter of 19 ms, in an odd number of frames, as its own error message asks for.
    n_filter = 2 * round((0.019 * recording.rate_hz - 1) / 2) + 1
    classifier = EyegazeClassifier(px2deg=1.0, sampling_rate=recording.rate_hz)
    with _quiet():
        track = np.zeros(t_us.size, dtype=[("x", np.float64), ("y", np.float64)])
        track["x"], track["y"] = (_with_whole_ends(gaze[:, axis], _frames(recording, 0.06)) for axis in (0, 1))
        prepared = classifier.preproc(track, savgol_length=(n_filter + 0.5) / recording.rate_hz)
        found = classifier(prepared)
    states = np.full(t_us.size, EyeState.LOST, dtype=np.uint8)
    for event in found:
        start, stop = (round(event[key] * recording.rate_hz) for key in ("start_time", "end_time"))
        states[start:stop] = _STATE_OF_REMODNAV[event["label"]]
    lost = np.isnan(gaze[:, 0])
    return np.where(lost, with_losses(states.copy(), t_us, lost), states)


PEERS: Final = (
    Peer("pymovements I-VT", "pymovements", 60.0, pymovements_velocity_states),
    Peer("pymovements I-DT", "pymovements", 30.0, pymovements_dispersion_states),
    Peer("pymovements Engbert-Kliegl", "pymovements", 200.0, pymovements_microsaccade_states),
    Peer("REMoDNaV", "remodnav", 200.0, remodnav_states),
)


def missing_packages() -> tuple[str, ...]:
    """Packages of peers that are not installed; an evaluation says so aloud."""
    return tuple(sorted({peer.package for peer in PEERS if not peer.is_installed}))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the peers' warnings, about NumPy's past and means of nothing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def quiet_peers() -> None:
    """Keep the peers' own lines about each recording out of the log."""
    logging.getLogger("remodnav").setLevel(logging.ERROR)


def _with_whole_ends(values: FloatArray, n_frames: int) -> FloatArray:
    """Without missing values at both ends, where REMoDNaV's filter of speed refuses them; the nearest one is held."""
    valid = np.flatnonzero(~np.isnan(values))
    if not valid.size:
        return np.zeros_like(values)
    at = np.arange(values.size)
    nearest = values[valid[np.clip(np.searchsorted(valid, at), 0, valid.size - 1)]]
    is_end = (at < max(valid[0], n_frames)) | (at >= values.size - max(values.size - 1 - valid[-1], n_frames))
    return np.where(np.isnan(values) & is_end, nearest, values)


def _velocities(recording: LabelledRecording, gaze_deg: FloatArray) -> FloatArray:
    """Velocities as pymovements computes them by default: two samples after less two before, over six intervals."""
    padded = np.pad(gaze_deg, ((2, 2), (0, 0)), mode="edge")
    return (padded[4:] + padded[3:-1] - padded[1:-3] - padded[:-4]) * (recording.rate_hz / 6)


def _index(t_us: IntArray) -> IntArray:
    return np.arange(t_us.size)


def _frames(recording: LabelledRecording, seconds: float) -> int:
    return max(2, round(seconds * recording.rate_hz))


def _spans(events: Any) -> Iterable[tuple[int, int]]:
    """First and last frame of each event."""
    frame = events.frame
    return zip(frame["onset"].to_list(), frame["offset"].to_list(), strict=True)


def _mark(states: StateArray, spans: Iterable[tuple[int, int]], state: EyeState) -> None:
    for first, last in spans:
        states[first : last + 1] = state


def _from_fixations(t_us: IntArray, gaze_deg: FloatArray, events: Any) -> StateArray:
    states = np.full(t_us.size, EyeState.SACCADE, dtype=np.uint8)
    _mark(states, _spans(events), EyeState.FIXATION)
    return with_losses(states, t_us, np.isnan(gaze_deg[:, 0]))
