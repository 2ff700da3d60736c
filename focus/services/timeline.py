"""A stretch of a recording for drawing: signals as low and high per picture column, state runs, events.

However long the stretch is, at most `points` columns and a bounded number of runs and events come out, so that a page
draws an hour as fast as a second. A column holds the lowest and the highest value within it: a blink of three frames in
an hour is still seen.

Where a column is a second or longer and the recording has an overview, the overview is drawn: runs and events then come
as their sums in each column, and a value may stand half a second from where it was.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from focus.analysis.types import Event, EyeState, StateRun
from focus.errors import ParameterError
from focus.services.overviews import LEAST_SPAN_US, SECOND_US, Overview, overview_of
from focus.services.series import LowHigh, json_numbers
from focus.storage import frames as frame_queries
from focus.storage import results
from focus.storage.recording_models import Recording

MAX_POINTS: Final = 5000
MAX_EVENTS: Final = 5000
_SHORT_STATES: Final = (EyeState.BLINK, EyeState.LOST)


def timeline(
    session: Session,
    recording: Recording,
    *,
    start_us: int | None = None,
    stop_us: int | None = None,
    points: int = 1000,
) -> dict[str, Any]:
    """What happens in start_us <= t < stop_us (all of the recording unless given), as JSON values.

    Returns
    -------
    dict
        `t_us`: the middle of each column; `series`: {name: {"low": [...], "high": [...]}} with None where nothing was
        measured; `states`: runs {state, start_us, stop_us}; `events`: {kind, onset_us, offset_us, attributes};
        `is_thinned`: whether runs or events were left out because they are too short to be seen at this scale;
        `summed`: None, or, in place of runs and events, `onsets` {kind: number in each column} and `shares`
        {state: share of each column's time, or None where there is no frame}.

    Raises
    ------
    ParameterError
        If the stretch is empty, or `points` lies outside of 1..`MAX_POINTS`.
    """
    first_us, last_us = recording.t_first_us or 0, recording.t_last_us or 0
    start_us = first_us if start_us is None else start_us
    stop_us = last_us + 1 if stop_us is None else stop_us
    if stop_us <= start_us:
        raise ParameterError(f"the stretch from {start_us} to {stop_us} us is empty")
    if not 1 <= points <= MAX_POINTS:
        raise ParameterError(f"points {points} lies outside of 1..{MAX_POINTS}")
    columns = LowHigh(start_us, stop_us, points)
    picture = {
        "recording": recording.id,
        "start_us": start_us,
        "stop_us": stop_us,
        "gaze_space": recording.tracker.get("gaze_space"),
        "t_us": columns.middles_us(),
    }
    if (stop_us - start_us) >= columns.n * SECOND_US and last_us - first_us >= LEAST_SPAN_US:
        overview = overview_of(session, results.shown_analysis(session, recording.id))
        if overview is not None:
            return picture | _from_overview(overview, columns, start_us, stop_us)
    for part in frame_queries.iterate_frames(session, recording.id, start_us=start_us, stop_us=stop_us):
        columns.add(part)
    states, events, is_thinned = _states_and_events(session, recording, start_us, stop_us, points)
    found = {"states": states, "events": events, "is_thinned": is_thinned, "summed": None}
    return picture | {"series": columns.as_json()} | found


def _from_overview(overview: Overview, columns: LowHigh, start_us: int, stop_us: int) -> dict[str, Any]:
    t_us = overview.middles_us()
    first, stop = (int(at) for at in np.searchsorted(t_us, (start_us, stop_us)))
    t_us = t_us[first:stop]
    low = {name: values[first:stop] for name, values in overview.low.items()}
    columns.add_ranges(t_us, low, {name: values[first:stop] for name, values in overview.high.items()})
    at = columns.columns_of(t_us)

    def summed(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(at, weights=values[first:stop], minlength=columns.n).astype(np.float64)

    onsets = {kind: summed(counts) for kind, counts in overview.onsets.items()}
    ms = {state: summed(values) for state, values in overview.state_ms.items()}
    total_ms = np.sum(list(ms.values()), axis=0)
    with np.errstate(invalid="ignore"):
        shares = {state: json_numbers(values / total_ms, digits=3) for state, values in ms.items()}
    return {
        "series": columns.as_json(),
        "states": [],
        "events": [],
        "is_thinned": False,
        "summed": {
            "onsets": {kind: counts.astype(int).tolist() for kind, counts in onsets.items() if counts.any()},
            "shares": shares,
        },
    }


def _states_and_events(
    session: Session, recording: Recording, start_us: int, stop_us: int, points: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
    analysis = results.shown_analysis(session, recording.id)
    if analysis is None:
        return [], [], False
    runs = results.runs_between(session, analysis.id, start_us=start_us, stop_us=stop_us)
    seen = _runs_to_draw(runs, (stop_us - start_us) / points) if len(runs) > 2 * points else runs
    found = results.events_between(session, analysis.id, start_us=start_us, stop_us=stop_us)
    events = found
    if len(found) > MAX_EVENTS:
        shortest_us = sorted((event.duration_us for event in found), reverse=True)[MAX_EVENTS - 1]
        events = [event for event in found if event.duration_us >= shortest_us][:MAX_EVENTS]
    return (
        [{"state": run.state.label, "start_us": run.start_us, "stop_us": run.stop_us} for run in seen],
        [
            {
                "kind": event.kind,
                "onset_us": event.onset_us,
                "offset_us": event.offset_us,
                "attributes": event.attributes,
            }
            for event in events
        ],
        len(seen) < len(runs) or len(events) < len(found),
    )


def event_dict(event: Event) -> dict[str, Any]:
    """An event as JSON values, for pages and the live view."""
    return {
        "kind": event.kind,
        "onset_us": int(event.onset_us),
        "offset_us": int(event.offset_us),
        "attributes": {name: float(value) for name, value in event.attributes.items() if math.isfinite(value)},
    }


def _runs_to_draw(runs: list[StateRun], shortest_us: float) -> list[StateRun]:
    return [run for run in runs if run.stop_us - run.start_us >= shortest_us or run.state in _SHORT_STATES]
