"""Overviews: what the report of a long recording shows of all of it, made once, so that a page need not read it all.

Eight hours are two million frames, a hundred thousand events and as many changes of state. An overview keeps, second
by second, the lowest and highest value of each signal, the events that began and the time in each state, and over the
whole the counts, the sums of the metrics and the map of where the eyes rested. `Builder` makes one in steps of ten
minutes of the recording, because it runs beside the ingest in a process that has other things to do.

Numbers of an overview are those of the rows themselves: `recordings.summary` gives the same with it and without it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from focus.analysis import metrics
from focus.analysis.pipeline import CODE_VERSION
from focus.analysis.types import EVENT_KINDS, Event, EyeState, MetricWindow
from focus.protocol.batch import TrackerInfo
from focus.services.gaze_map import GazeMap
from focus.services.rate_series import fold_groups, group_width_us
from focus.services.series import SERIES, FloatArray, LowHigh
from focus.storage import frames as frame_queries
from focus.storage import overviews as queries
from focus.storage import results
from focus.storage.overview_models import AnalysisOverview
from focus.storage.recording_models import Analysis, Recording

SECOND_US: Final = 1_000_000
LEAST_SPAN_US: Final = 600 * SECOND_US
"""The timeline of a shorter recording is read from its frames, which is as fast."""

STEP_US: Final = 600 * SECOND_US

Counts = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Overview:
    """An overview unpacked. Arrays have one value a second from `start_us` on.

    `low` and `high` are by series and NaN where nothing was measured; `onsets` are counts by kind of event, `state_ms`
    milliseconds by eye state.
    """

    start_us: int
    n_seconds: int
    low: dict[str, FloatArray]
    high: dict[str, FloatArray]
    onsets: dict[str, Counts]
    state_ms: dict[str, Counts]

    def middles_us(self) -> npt.NDArray[np.int64]:
        """The middle of each second."""
        return self.start_us + SECOND_US * np.arange(self.n_seconds, dtype=np.int64) + SECOND_US // 2


def facts_of(session: Session, analysis: Analysis | None) -> dict[str, Any] | None:
    """`states`, `events`, `sums`, `groups` and `map` of a complete analysis; None where they are not ready."""
    if analysis is None or not analysis.is_complete:
        return None
    row = queries.find_overview(session, analysis.id, code_version=str(CODE_VERSION))
    return None if row is None else dict(row.facts)


def overview_of(session: Session, analysis: Analysis | None) -> Overview | None:
    """Signals and activity of a complete analysis; None where they are not ready."""
    if analysis is None or not analysis.is_complete:
        return None
    row = queries.find_overview(session, analysis.id, code_version=str(CODE_VERSION), with_arrays=True)
    if row is None:
        return None
    names, kinds, n = row.facts["series"], row.facts["kinds"], row.n_seconds
    signals = np.frombuffer(row.signals, "<f4").reshape(2 * len(names), n).astype(np.float64)
    activity = np.frombuffer(zlib.decompress(row.activity), "<u2").reshape(len(kinds) + len(EyeState), n)
    return Overview(
        row.start_us,
        n,
        {name: signals[2 * at] for at, name in enumerate(names)},
        {name: signals[2 * at + 1] for at, name in enumerate(names)},
        {kind: activity[at] for at, kind in enumerate(kinds)},
        {state.label: activity[len(kinds) + int(state)] for state in EyeState},
    )


def make_missing(session: Session, *, limit: int = 10) -> int:
    """Make and commit overviews that are missing; returns how many were made."""
    n_made = 0
    while n_made < limit and (builder := next_builder(session)) is not None:
        while not builder.step(session):
            session.rollback()
        queries.put_overview(session, builder.row())
        session.commit()
        n_made += 1
    return n_made


def next_builder(session: Session) -> Builder | None:
    """What makes the next missing overview; None when none is missing."""
    found = queries.next_without_overview(session, code_version=str(CODE_VERSION))
    return None if found is None else Builder(*found)


class Builder:
    """Reads a recording in steps and gathers its overview."""

    def __init__(self, analysis: Analysis, recording: Recording) -> None:
        first_us, last_us = recording.t_first_us or 0, recording.t_last_us or 0
        self._recording_id, self._analysis_id = recording.id, analysis.id
        # Sums that another version of the code gathered may mean something else and are left out.
        self._has_todays_sums = analysis.code_version == str(CODE_VERSION)
        self._start_us = first_us // SECOND_US * SECOND_US
        self._n = (last_us - self._start_us) // SECOND_US + 1
        self._stop_us = self._start_us + self._n * SECOND_US
        self._at_us = self._start_us
        self._signals = LowHigh(self._start_us, self._stop_us, self._n)
        self._onsets = {kind: np.zeros(self._n, dtype=np.int64) for kind in EVENT_KINDS}
        self._state_us = {state: np.zeros(self._n) for state in EyeState}
        self._map = GazeMap(TrackerInfo.from_dict(recording.tracker))
        self._groups: dict[int, MetricWindow] = {}
        self._group_us = group_width_us(self._stop_us - self._start_us)
        self._sums: dict[str, Any] | None = None

    def step(self, session: Session) -> bool:
        """Take in the next ten minutes; True when that was the end."""
        start_us, stop_us = self._at_us, min(self._at_us + STEP_US, self._stop_us)
        for frames in frame_queries.iterate_frames(session, self._recording_id, start_us=start_us, stop_us=stop_us):
            self._signals.add(frames)
        for run in results.runs_between(session, self._analysis_id, start_us=start_us, stop_us=stop_us):
            self._add_run(run.state, max(run.start_us, start_us), min(run.stop_us, stop_us))
        # What began before the first frame or lasts beyond the last is counted once, too.
        events = results.events_between(session, self._analysis_id, start_us=start_us, stop_us=stop_us)
        self._add_events([each for each in events if each.onset_us >= start_us])
        windows = results.windows_of(session, self._analysis_id, start_us=start_us, stop_us=stop_us)
        self._add_windows([each for each in windows if each.start_us >= start_us or start_us == self._start_us])
        self._at_us = stop_us
        if stop_us < self._stop_us:
            return False
        self._states = results.state_frame_counts(session, self._analysis_id)
        self._events = results.event_counts(session, self._analysis_id)
        return True

    def row(self) -> AnalysisOverview:
        """The finished overview."""
        names = [name for name in SERIES if name in self._signals.low]
        pairs = [side[name] for name in names for side in (self._signals.low, self._signals.high)]
        signals = np.array(pairs, dtype="<f4") if pairs else np.empty((0, self._n), dtype="<f4")
        onsets = [np.minimum(self._onsets[kind], 65_535) for kind in EVENT_KINDS]
        states = [np.minimum(np.rint(self._state_us[state] / 1000), 65_535) for state in EyeState]
        return AnalysisOverview(
            analysis_id=self._analysis_id,
            code_version=str(CODE_VERSION),
            start_us=self._start_us,
            n_seconds=self._n,
            facts={
                "series": names,
                "kinds": list(EVENT_KINDS),
                "states": self._states,
                "events": self._events,
                "sums": self._sums or {},
                "groups": [[each.start_us, each.stop_us, each.sums] for each in self._groups.values()],
                "map": self._map.to_dict(),
            },
            signals=signals.tobytes(),
            activity=zlib.compress(np.array([*onsets, *states]).astype("<u2").tobytes(), 6),
        )

    def _add_run(self, state: EyeState, start_us: int, stop_us: int) -> None:
        seconds = self._state_us[state]
        first, last = (start_us - self._start_us) // SECOND_US, (stop_us - 1 - self._start_us) // SECOND_US
        if first == last:
            seconds[first] += stop_us - start_us
            return
        seconds[first] += (first + 1) * SECOND_US - (start_us - self._start_us)
        seconds[first + 1 : last] += SECOND_US
        seconds[last] += stop_us - self._start_us - last * SECOND_US

    def _add_events(self, events: Sequence[Event]) -> None:
        for kind, onsets in self._onsets.items():
            at = [(each.onset_us - self._start_us) // SECOND_US for each in events if each.kind == kind]
            np.add.at(onsets, np.array(at, dtype=np.int64), 1)
        self._map.add([each for each in events if each.kind == "fixation"])

    def _add_windows(self, windows: Sequence[MetricWindow]) -> None:
        if not windows or not self._has_todays_sums:
            return
        self._groups = fold_groups(windows, self._group_us, self._groups)
        for window in windows:
            self._sums = metrics.combine(self._sums or {}, window.sums)
