"""Analysing stored frames again, with another model release or other parameters; and choosing what is shown.

A new analysis stands beside those that are there, with its own provenance; none is changed or removed by it. It runs
the same `RecordingPipeline` over the same frames as the live one, so with the same model, parameters and code it finds
the same to the last bit.

Unlike other services these functions commit: an analysis of hours must neither hold the database nor lose its way with
the first fault. They are called by the command line and by tasks of the server that have a session of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

from sqlalchemy.orm import Session

from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pipeline import CODE_VERSION, RecordingPipeline, advance
from focus.analysis.types import StateClassifier
from focus.concurrency import run_blocking
from focus.errors import ConflictError, NotFoundError, PermissionDeniedError
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.services import recordings
from focus.services.accounts import Principal
from focus.services.group_access import LEADER_ROLES
from focus.storage import frames as frame_queries
from focus.storage import recordings as recording_queries
from focus.storage import results
from focus.storage.recording_models import AGAIN, LIVE, Analysis, Recording
from focus.storage.results import ResultWrite

T = TypeVar("T")

Progress = Callable[[int], None]
"""Told how many frames more are done."""

HOLD: Final = timedelta(seconds=60)
"""How long the server leaves a recording alone that somebody else analyses, counted from the last sign of it."""

_PART_FRAMES: Final = 5000  # what the shell's bar moves by


def reanalyse(
    session: Session,
    recording: Recording,
    classifier: StateClassifier,
    *,
    parameters: AnalysisParameters | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Progress | None = None,
) -> Analysis:
    """A complete new analysis of a closed recording; which one is shown stays as it is.

    Raises
    ------
    ConflictError
        If the recording is open: its analysis is still running; or if its frames were removed because of their age.
    ModelError
        If the classifier was made for other features. Whatever ends it before the end, nothing of it stays.
    """
    parameters = parameters or AnalysisParameters()
    access = _direct(session)
    begun = _begin(access, recording.id, classifier, parameters, now(), AGAIN)
    try:
        _run(access, begun, classifier, parameters, now, on_progress=on_progress)
    except BaseException:
        session.rollback()
        results.delete_analysis(session, begun.analysis_id)
        session.commit()
        raise
    return _found(session, begun.analysis_id)


def analyse_imported(
    session: Session,
    recording: Recording,
    classifier: StateClassifier,
    *,
    parameters: AnalysisParameters,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Progress | None = None,
) -> Analysis:
    """The first analysis of a recording that came from a file, as the server would make it.

    The recording is held while it runs. If this ends early, the hold runs out and the server brings it to its end.
    """
    recording_queries.hold_recording(session, recording.id, until=now() + HOLD)
    access = _direct(session)
    begun = _begin(access, recording.id, classifier, parameters, now(), LIVE)
    _run(access, begun, classifier, parameters, now, on_progress=on_progress, hold=HOLD)
    recording_queries.hold_recording(session, recording.id, until=None)
    session.commit()
    return _found(session, begun.analysis_id)


def reanalyse_apart(
    access: Access, recording_id: str, classifier: StateClassifier, *, parameters: AnalysisParameters
) -> int:
    """As `reanalyse`, from a task of the server: through its workers, and with rests that leave others their share.

    Returns
    -------
    int
        Number of the new analysis.
    """
    begun = _begin(access, recording_id, classifier, parameters, datetime.now(UTC), AGAIN)
    try:
        _run(access, begun, classifier, parameters, lambda: datetime.now(UTC), part_frames=1000, rests=True)
    except BaseException:
        access.write(lambda session: results.delete_analysis(session, begun.analysis_id))
        raise
    return begun.number


def get_recording(session: Session, principal: Principal, recording_id: str) -> Recording:
    """The recording, to analyse it again: for researchers, of their own, and administrators.

    Raises
    ------
    NotFoundError
        If it does not exist or is not theirs; the two are not told apart.
    PermissionDeniedError
        If a member asks.
    """
    recording = recordings.get_recording(session, principal, recording_id)
    if principal.role not in LEADER_ROLES:
        raise PermissionDeniedError("only researchers and administrators may do this")
    return recording


def require_closed(recording: Recording) -> None:
    """Go on only if the recording can be analysed again; ConflictError while it is open, or without its frames."""
    if recording.is_open:
        raise ConflictError(f"recording {recording.id} is open; it can be analysed again once it is closed")
    if recording.frames_removed_at is not None:
        removed = f"{recording.frames_removed_at:%Y-%m-%d}"
        raise ConflictError(f"the frames of recording {recording.id} were removed on {removed}")


def note_start(session: Session, recording: Recording, *, by: Principal) -> None:
    """Another analysis was begun; somebody else than the owner is written down. The caller commits."""
    recordings.note_change(session, "recording.analysed_again", recording, by)


def choose_analysis(
    session: Session,
    recording: Recording,
    number: int,
    *,
    by: Principal | None = None,
    now: datetime | None = None,
) -> Analysis:
    """Show this analysis of the recording from now on; the others stay. The caller commits.

    `by` is who chooses, as in `remove_analysis`; somebody else than the owner is written down.

    Raises
    ------
    NotFoundError
        If the recording has no analysis of this number.
    ConflictError
        If that one is not complete.
    """
    found = {analysis.number: analysis for analysis in results.analyses_of(session, recording.id)}
    if number not in found:
        there = ", ".join(map(str, found)) or "none"
        raise NotFoundError(f"recording {recording.id} has no analysis {number}; there are: {there}")
    if not found[number].is_complete:
        raise ConflictError(f"analysis {number} of recording {recording.id} is not complete")
    found[number].chosen_at = now or datetime.now(UTC)
    session.flush()
    recordings.note_change(session, "recording.analysis_chosen", recording, by)
    return found[number]


def list_analyses(session: Session, recording: Recording) -> list[tuple[Analysis, bool]]:
    """All analyses of a recording by number, each with whether it is the one that is shown."""
    shown = results.shown_analysis(session, recording.id)
    shown_id = shown.id if shown is not None else None
    return [(analysis, analysis.id == shown_id) for analysis in results.analyses_of(session, recording.id)]


def remove_analysis(session: Session, recording: Recording, number: int, *, by: Principal | None = None) -> None:
    """Remove an analysis that was asked for, with all that it found. The caller commits.

    Raises
    ------
    NotFoundError
        If the recording has no analysis of this number.
    ConflictError
        If it is the live one: the recording needs it.
    """
    for analysis in results.analyses_of(session, recording.id):
        if analysis.number == number:
            if analysis.origin == LIVE:
                raise ConflictError(f"analysis {number} of recording {recording.id} is the live one and stays")
            results.delete_analysis(session, analysis.id)
            recordings.note_change(session, "recording.analysis_removed", recording, by)
            return
    raise NotFoundError(f"recording {recording.id} has no analysis {number}")


# -- the work ---------------------------------------------------------------------------------------------------------


class Transact(Protocol):
    """Runs work with a database session, commits, and returns what the work returned."""

    def __call__(self, work: Callable[[Session], T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class Access:
    """How an analysis reaches the database."""

    read: Transact
    write: Transact


@dataclass(frozen=True, slots=True)
class _Begun:
    """A new analysis and what it is of."""

    analysis_id: int
    number: int
    recording_id: str
    tracker: TrackerInfo
    last_seq: int


def _direct(session: Session) -> Access:
    def transact(work: Callable[[Session], T], /) -> T:
        value = work(session)
        session.commit()
        return value

    return Access(transact, transact)


def _found(session: Session, analysis_id: int) -> Analysis:
    analysis = session.get(Analysis, analysis_id, populate_existing=True)
    if analysis is None:
        raise NotFoundError("the recording was removed while it was analysed")
    return analysis


def _begin(
    access: Access,
    recording_id: str,
    classifier: StateClassifier,
    parameters: AnalysisParameters,
    now: datetime,
    origin: str,
) -> _Begun:
    def begin(session: Session) -> _Begun:
        recording = recording_queries.find_recording(session, recording_id)
        if recording is None:
            raise NotFoundError(f"there is no recording {recording_id[:36]!r}")
        require_closed(recording)
        analysis = results.begin_analysis(
            session,
            recording_id,
            model_release=str(getattr(classifier, "release", type(classifier).__name__)),
            parameters=parameters.to_dict(),
            code_version=str(CODE_VERSION),
            started_at=now,
            origin=origin,
        )
        tracker = TrackerInfo.from_dict(recording.tracker)
        return _Begun(analysis.id, analysis.number, recording_id, tracker, recording.next_seq)

    return access.write(begin)


def _run(
    access: Access,
    begun: _Begun,
    classifier: StateClassifier,
    parameters: AnalysisParameters,
    now: Callable[[], datetime],
    *,
    on_progress: Progress | None = None,
    hold: timedelta | None = None,
    part_frames: int = _PART_FRAMES,
    rests: bool = False,
) -> None:
    """Take all stored frames through the pipeline; results are written and committed part by part."""
    pipeline = RecordingPipeline(begun.tracker, parameters)
    n_final = 0

    def take(reach: int, finished_at: datetime | None = None) -> None:
        nonlocal n_final
        started_s = time.monotonic()
        output = run_blocking(advance, [pipeline], classifier, prompt=False)[0]
        n_final += len(output.t_us)
        found = ResultWrite(
            begun.analysis_id, reach, n_final, output.runs, output.events, output.windows, finished_at=finished_at
        )

        def write(session: Session) -> None:
            results.write_results(session, [found])
            if hold is not None:
                recording_queries.hold_recording(session, begun.recording_id, until=now() + hold)

        access.write(write)
        if rests:
            time.sleep(time.monotonic() - started_s)

    done_seq = 0
    while page := access.read(partial(_read_page, begun.recording_id, done_seq)):
        next_seq, frames = page
        for start in range(0, len(frames), part_frames):
            part = frames[start : start + part_frames]
            pipeline.push(part)
            take(done_seq)
            if on_progress is not None:
                on_progress(len(part))
        done_seq = next_seq
    pipeline.finish()
    take(begun.last_seq, now())


def _read_page(recording_id: str, first_seq: int, session: Session) -> tuple[int, FrameBatch] | None:
    return frame_queries.read_page(session, recording_id, first_seq=first_seq)
