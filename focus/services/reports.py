"""Use cases of the report of one recording, beyond its summary and its timeline: events, blink rate, pages, gaze map.

Told a database session and a recording that the asker may see; knows no Flask.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis.metrics import PageReading
from focus.analysis.types import Event
from focus.errors import NotFoundError
from focus.protocol.batch import TrackerInfo
from focus.services import beside_frames
from focus.services.gaze_map import GazeMap, regions
from focus.services.overviews import facts_of
from focus.services.rate_series import fold_groups, group_width_us, rates_of
from focus.services.recordings import is_outdated
from focus.storage import results
from focus.storage.recording_models import Recording

MAX_FIXATIONS: Final = 400
"""A path of more is a tangle; the page then asks to come closer."""


def events_of(
    session: Session, recording: Recording, *, kind: str | None = None, limit: int, offset: int = 0
) -> list[Event]:
    """Events of the analysis that is shown, by onset: `limit` of them after the first `offset`.

    Parameters
    ----------
    session : Session
        Database session.
    recording : Recording
        Whose events.
    kind : str, optional
        One of `focus.analysis.types.EVENT_KINDS`; all kinds by default.
    limit, offset : int
        The part of the list that is wanted.

    Returns
    -------
    list of Event
        Empty while there is no analysis.
    """
    analysis = results.shown_analysis(session, recording.id)
    if analysis is None:
        return []
    kinds = None if kind is None else (kind,)
    return results.events_between(session, analysis.id, kinds=kinds, limit=limit, offset=offset)


def events_page(
    session: Session,
    recording: Recording,
    *,
    kind: str | None = None,
    limit: int,
    after: tuple[int, int, str] | None = None,
) -> tuple[int, list[Event]]:
    """The number of an analysis of the recording and its next events by onset.

    `after` is the number of the analysis, onset and kind of the last event that was given before; the list then goes on
    in that analysis, whichever is shown by now. From the beginning it is the analysis that is shown. The number is 0
    while there is none.

    Raises
    ------
    NotFoundError
        If the analysis of `after` is gone.
    """
    analysis = results.shown_analysis(session, recording.id)
    if after is not None:
        analysis = next((each for each in results.analyses_of(session, recording.id) if each.number == after[0]), None)
        if analysis is None:
            raise NotFoundError(f"recording {recording.id} has no analysis {after[0]} any more; begin the list again")
    if analysis is None:
        return 0, []
    kinds = None if kind is None else (kind,)
    behind = None if after is None else after[1:]
    return analysis.number, results.events_after(session, analysis.id, behind, kinds=kinds, limit=limit)


def blink_rates(session: Session, recording: Recording) -> list[dict[str, Any]]:
    """Blink rate over the recording, in groups of whole minutes, as JSON values with `start_us` and `stop_us`."""
    analysis = results.shown_analysis(session, recording.id)
    if analysis is None:
        return []
    if is_outdated(analysis):
        return []
    facts = facts_of(session, analysis)
    if facts is not None:
        return rates_of([(start_us, stop_us, sums) for start_us, stop_us, sums in facts["groups"]])
    windows = results.windows_of(session, analysis.id)
    span_us = windows[-1].stop_us - windows[0].start_us if windows else 0
    groups = fold_groups(windows, group_width_us(span_us)).values()
    return rates_of([(each.start_us, each.stop_us, each.sums) for each in groups])


def pages_read(session: Session, recording: Recording) -> list[PageReading]:
    """The pages of a text that were marked in a recording, by what the shown analysis found."""
    analysis = results.shown_analysis(session, recording.id)
    if analysis is None or is_outdated(analysis):
        return []
    return beside_frames.pages_of_recording(session, recording, analysis)


def gaze_map(
    session: Session, recording: Recording, *, start_us: int | None = None, stop_us: int | None = None
) -> dict[str, Any]:
    """Where the eyes rested in fixations that begin in start_us <= t < stop_us (all of it unless given).

    Returns
    -------
    dict
        As `GazeMap.to_dict`, with `regions` (milliseconds in three by three parts), `space`, and `fixations`: onset_us,
        duration_us, x and y (parts of width and height), in order; None where there are more than `MAX_FIXATIONS`.
    """
    analysis = results.shown_analysis(session, recording.id)
    found = GazeMap(TrackerInfo.from_dict(recording.tracker))
    is_whole = start_us is None and stop_us is None
    facts = facts_of(session, analysis) if is_whole else None
    if facts is not None and facts["map"]["n_fixations"] <= MAX_FIXATIONS:
        facts = None  # few enough to be listed
    fixations: list[Event] = []
    if facts is not None:
        described = dict(facts["map"])
    else:
        if analysis is not None:
            fixations = results.events_between(
                session, analysis.id, start_us=start_us, stop_us=stop_us, kinds=("fixation",)
            )
        fixations = [each for each in fixations if (start_us is None or each.onset_us >= start_us)]
        found.add(fixations)
        described = found.to_dict()
    listed = None
    if described["n_fixations"] <= MAX_FIXATIONS and facts is None:
        placed = (each for each in fixations if "x_deg" in each.attributes)
        listed = [
            {"onset_us": each.onset_us, "duration_us": each.duration_us, "x": round(x, 5), "y": round(y, 5)}
            for each, (x, y) in zip(placed, found.places().tolist(), strict=True)
        ]
    return described | {"space": found.space, "regions": regions(described["cells_ms"]), "fixations": listed}
