"""What values rest on beside the frames: marked baselines, validations, a person's limits; and old code versions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from focus.analysis.metrics import METRICS, PageVisit, combine, pages_of, with_pages
from focus.analysis.offline import Analysis, analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pipeline import CODE_VERSION, RecordingPipeline, advance
from focus.analysis.types import EVENT_KINDS
from focus.protocol.batch import FrameBatch, TrackerInfo
from focus.services import beside_frames, overviews, profile, recordings, reports
from focus.services.accounts import create_user, principal_of_user
from focus.services.beside_frames import LiveFacts, Mark, stretches_of, visits_of
from focus.services.profile import ProfileAnswers
from focus.storage import frames as frame_queries
from focus.storage import recordings as queries
from focus.storage import results
from focus.storage.recording_models import CLOSED, MetricWindowRow, Recording
from tests.unit.analysis.fakes import ThresholdClassifier
from tests.unit.analysis.metric_blocks import GOOD, block

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TRACKER = TrackerInfo("by hand", ("gaze_x", "gaze_y", "pupil_left"), rate_hz=60.0, gaze_space="deg")
N = 60 * 150
MARKS = [Mark(72_000_000, "baseline_start"), Mark(79_500_000, "baseline_stop")]


def page_start(t_us: int, words: Any, page: Any = None) -> Mark:
    return Mark(t_us, "page_start", {"words": words} | ({} if page is None else {"page": page}))


def page_stop(t_us: int) -> Mark:
    return Mark(t_us, "page_stop")


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


@pytest.fixture(scope="module")
def frames() -> FrameBatch:
    """2.5 min: 3 mm, but 2 mm from 70 to 80 s; nobody is there in the last 30 s."""
    t_us = np.arange(N) * 1_000_000 // 60
    pupil = np.where((t_us >= 70_000_000) & (t_us < 80_000_000), 2.0, 3.0)
    pupil[t_us >= 120_000_000] = np.nan
    gaze = np.where(np.isnan(pupil), np.nan, 0.0)
    return FrameBatch(t_us, {"gaze_x": gaze, "gaze_y": gaze, "pupil_left": pupil})


@pytest.fixture(scope="module")
def found(frames: FrameBatch) -> Analysis:
    return analyse(frames, TRACKER, ThresholdClassifier(), parameters=AnalysisParameters(lookahead_us=0))


def store(
    session: Session,
    found: Analysis,
    *,
    code_version: str = str(CODE_VERSION),
    calibration: dict[str, Any] | None = None,
    marks: list[Mark] = MARKS,
) -> Recording:
    owner = create_user(session, "reader@example.org")
    recording = queries.add_recording(
        session,
        recording_id="00000000-0000-4000-8000-000000000001",
        owner_id=owner.id,
        tracker=TRACKER.to_dict(),
        started_at=NOON,
        calibration=calibration,
    )
    recording.state = CLOSED
    cursor = recording.cursor
    cursor.n_frames, cursor.t_first_us, cursor.t_last_us = N, 0, 150_000_000
    analysis = results.begin_analysis(
        session, recording.id, model_release="m", parameters={}, code_version=code_version, started_at=NOON
    )
    write = results.ResultWrite(analysis.id, 0, N, found.runs, found.events, found.windows, finished_at=NOON)
    results.write_results(session, [write])
    rows = [
        {"recording_id": recording.id, "seq": seq, "t_us": t_us, "kind": kind, "body": body, "crc32": 0}
        for seq, (t_us, kind, body) in enumerate((mark.t_us, mark.kind, mark.body) for mark in marks)
    ]
    if rows:
        frame_queries.add_markers(session, rows)
    session.commit()
    session.expire_all()
    return recording


def values_of(session: Session, recording: Recording) -> dict[str, dict[str, Any]]:
    return {value["name"]: value for value in recordings.summary(session, recording)["metrics"]}


@pytest.mark.parametrize(
    ("marks", "stretches"),
    [
        ([], ()),
        ([(5, "baseline_stop"), (1, "baseline_start")], ((1, 5),)),
        ([(1, "baseline_start"), (2, "baseline_start"), (5, "baseline_stop"), (6, "baseline_stop")], ((2, 5),)),
        ([(1, "baseline_start"), (3, "baseline_stop"), (3, "baseline_start"), (4, "baseline_stop")], ((1, 3), (3, 4))),
        ([(1, "baseline_start"), (2, "trial")], ()),
    ],
)
def test_a_stop_ends_what_the_last_start_before_it_began(marks: Any, stretches: Any) -> None:
    assert stretches_of(Mark(*mark) for mark in marks) == stretches


def test_the_report_measures_dilation_from_the_marked_baseline(session: Session, found: Analysis) -> None:
    recording = store(session, found)

    dilation = values_of(session, recording)["pupil_dilation"]

    # Two minutes at 3 mm but for 10 s at 2 mm, against 2 mm.
    assert dilation["value"] == pytest.approx(110 / 120, abs=0.01)
    overviews.make_missing(session)
    assert values_of(session, recording)["pupil_dilation"] == dilation


def test_without_marks_the_first_minute_is_the_baseline(session: Session, found: Analysis) -> None:
    dilation = values_of(session, store(session, found, marks=[]))["pupil_dilation"]

    assert dilation["value"] == pytest.approx(-10 / 120, abs=0.01)


@pytest.mark.parametrize(
    ("marks", "visits"),
    [
        ([], []),
        ([page_start(5, 200)], []),  # not left
        ([page_start(5, 200), page_stop(9)], [(5, 9, 200)]),
        ([page_stop(9), page_start(5, 200)], [(5, 9, 200)]),
        ([page_start(5, 200, 1), page_start(7, 90, 2), page_stop(9)], [(5, 7, 200, "1"), (7, 9, 90, "2")]),
        ([page_start(5, 200), page_stop(7), page_start(7, 90), page_stop(9)], [(5, 7, 200), (7, 9, 90)]),
        ([page_start(5, 200), page_start(5, 200), page_stop(9)], [(5, 9, 200)]),
        ([page_start(5, 200), Mark(6, "baseline_start"), page_stop(9)], [(5, 9, 200)]),
        ([page_start(5, "200"), page_start(7, True), page_start(8, 0), page_start(9, 1.0), page_stop(10)], []),
    ],
)
def test_a_page_is_on_the_screen_until_the_next_one_or_a_stop(marks: list[Mark], visits: list[Any]) -> None:
    assert list(visits_of(marks)) == [PageVisit(*visit) for visit in visits]


@pytest.mark.parametrize(
    ("marks", "words", "seconds"),
    [
        ([page_start(10_000_000, 100), page_stop(40_000_000)], 100, 30),
        # Parts of seconds, over the border of two minutes.
        ([page_start(30_250_000, 100), page_stop(90_500_000)], 100, 60.25),
        # Nobody is there from 120 s on, but for what could still be a blink.
        ([page_start(110_000_000, 100), page_stop(145_000_000)], 100, 10.5),
        # One page was turned over in 2 s, one had nobody before it, and the last one was not left.
        (
            [
                page_start(0, 100),
                page_start(30_000_000, 100),
                page_start(32_000_000, 50),
                page_start(47_000_000, 70),
                page_stop(47_100_000),
                page_start(130_000_000, 80),
                page_start(140_000_000, 90),
            ],
            150,
            45,
        ),
        # Back on a page: its words once, its time twice, and of what was said of them the most.
        (
            [
                page_start(0, 100, "a"),
                page_start(30_000_000, 120, "b"),
                page_start(60_000_000, 90, "a"),
                page_stop(70_000_000),
            ],
            220,
            70,
        ),
    ],
)
def test_reading_speed_is_words_of_the_pages_over_the_focus_time_on_them(
    session: Session, found: Analysis, marks: list[Mark], words: int, seconds: float
) -> None:
    recording = store(session, found, marks=marks)

    speed = values_of(session, recording)["words_per_minute"]

    assert speed["value"] == pytest.approx(words / seconds * 60, rel=1e-3)
    assert speed["weight_s"] == pytest.approx(seconds, abs=0.02)
    assert (speed["verdict"], speed["unit"]) == ("estimate", "words/min")
    assert speed["reason"].endswith("by page: which of its lines were read is not known")
    overviews.make_missing(session)
    assert values_of(session, recording)["words_per_minute"] == speed


def test_without_pages_reading_speed_is_withheld(session: Session, found: Analysis) -> None:
    speed = values_of(session, store(session, found))["words_per_minute"]

    assert (speed["value"], speed["verdict"]) == (None, "withheld")
    assert speed["reason"] == "no page of a text was marked that was read to its end"


def test_a_page_counts_when_its_time_is_known(session: Session, found: Analysis) -> None:
    recording = store(session, found, marks=[page_start(10_000_000, 100), page_stop(70_000_000)])
    analysis = results.shown_analysis(session, recording.id)
    assert analysis is not None
    analysis.finished_at = None  # as if it had got as far as these windows
    session.execute(delete(MetricWindowRow).where(MetricWindowRow.start_us >= 60_000_000))
    session.commit()

    assert values_of(session, recording)["words_per_minute"]["verdict"] == "withheld"


def test_the_reading_speed_of_a_day_is_that_of_its_pages_together(session: Session, found: Analysis) -> None:
    metric = METRICS["words_per_minute"]()

    def sums(visit: PageVisit) -> dict[str, Any]:
        seconds = {second * 1_000_000: 1_000_000 for second in range(60)}
        whole = with_pages({"words_per_minute": metric.measure(block(0))}, pages_of(seconds, [visit]))
        return metric.seal(whole["words_per_minute"])

    both = metric.combine(sums(PageVisit(0, 20_000_000, 100, "1")), sums(PageVisit(0, 60_000_000, 180, "1")))

    assert both == {"words": 280, "us": 80_000_000, "seconds": {}}
    assert metric.value(both, GOOD).value == pytest.approx(280 / 80 * 60)


@pytest.mark.parametrize("marker_at_s", [73, 125])
@pytest.mark.parametrize(
    "marks",
    [MARKS, [page_start(20_000_000, 100), page_start(65_000_000, 90), page_stop(79_500_000)]],
    ids=["baseline", "pages"],
)
def test_the_live_view_and_the_report_say_the_same_whenever_a_marker_came(
    session: Session, frames: FrameBatch, found: Analysis, marks: list[Mark], marker_at_s: int
) -> None:
    live, pipeline = LiveFacts(), RecordingPipeline(TRACKER, AnalysisParameters(lookahead_us=0))
    early = marks[0] if marks[0].kind == "page_start" else None  # a page is told of when it is shown
    waiting = [(mark.t_us if mark is early else max(mark.t_us, marker_at_s * 1_000_000), mark) for mark in marks]
    for start in range(0, N, 600):
        part = frames[start : start + 600]
        for at_us, mark in waiting:
            if int(part.t_us[0]) <= at_us <= int(part.t_us[-1]) and at_us < 110_000_000:
                live.note_marker(mark.t_us, mark.kind, mark.body)
        pipeline.push(part)
        live.note_windows(advance([pipeline], ThresholdClassifier())[0].windows)
    pipeline.finish()
    live.note_windows(advance([pipeline], ThresholdClassifier())[0].windows)
    recording = store(session, found, marks=marks)
    analysis = results.shown_analysis(session, recording.id)
    assert analysis is not None
    if marker_at_s > 120:  # came when its minute was over: known after the recording is read again
        live = beside_frames.live_facts(session, recording, analysis.id)

    whole = beside_frames.complete(session, recording, analysis, reduce(combine, (w.sums for w in found.windows)))

    assert live.complete(pipeline.live_sums()) == beside_frames.for_person(session, recording.owner_id, whole)
    assert len(whole["pupil_dilation"].get("marked", ())) == (7 if marks is MARKS else 0)
    assert whole["words_per_minute"]["words"] == (0 if marks is MARKS else 190)


def test_the_accuracy_is_that_of_the_calibration_that_the_recording_names(session: Session, found: Analysis) -> None:
    recording = store(session, found, calibration={"id": 1, "accuracy_deg": 0.84, "precision_deg": 0.2})

    accuracy = values_of(session, recording)["accuracy"]

    assert (accuracy["value"], accuracy["verdict"]) == (pytest.approx(0.84), "valid")


def test_a_person_s_limits_hold_for_what_was_recorded_before(session: Session, found: Analysis) -> None:
    recording = store(session, found)
    assert values_of(session, recording)["breaks_missed"]["value"] == 0
    principal = principal_of_user(create_user(session, "other@example.org"))
    profile.save_profile(session, principal, ProfileAnswers(short_break_min=1))
    assert values_of(session, recording)["breaks_missed"]["value"] == 0, "those of somebody else"
    recording.owner_id = principal.user_id

    # The face was there for two minutes, and for the half second in which its loss could still be a blink.
    assert values_of(session, recording)["breaks_missed"]["value"] == 2
    assert beside_frames.limits_of(session, principal.user_id).long_min == 60


def test_a_summary_counts_every_kind_of_event_with_and_without_an_overview(session: Session, found: Analysis) -> None:
    recording = store(session, found)
    expected = {kind: sum(event.kind == kind for event in found.events) for kind in EVENT_KINDS}

    assert recordings.summary(session, recording)["events"] == expected
    overviews.make_missing(session)
    assert recordings.summary(session, recording)["events"] == expected
    assert 0 in expected.values()


def test_an_analysis_by_an_older_version_of_the_code_gives_no_numbers_until_it_is_made_again(
    session: Session, found: Analysis
) -> None:
    recording = store(session, found, code_version=str(CODE_VERSION - 1))

    for has_overview in (False, True):
        if has_overview:
            assert overviews.make_missing(session) == 1
        summary = recordings.summary(session, recording)
        assert summary["metrics"] == []
        assert summary["analysis"]["is_outdated"]
        assert summary["events"]["fixation"] > 0
        assert reports.blink_rates(session, recording) == []


@pytest.mark.parametrize(("code_version", "is_wanted"), [(CODE_VERSION - 1, True), (CODE_VERSION, False)])
def test_the_server_makes_an_outdated_analysis_again_when_nothing_else_waits(
    session: Session, found: Analysis, code_version: int, is_wanted: bool
) -> None:
    recording = store(session, found, code_version=str(code_version), marks=[])

    old = [str(version) for version in range(1, CODE_VERSION)]
    waiting = queries.recordings_to_analyse(session, now=NOON, limit=9, old_code_versions=old)

    assert waiting == [recording.id] * is_wanted
