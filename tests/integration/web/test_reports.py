"""The report page and the timeline's JSON, over a session with known blinks."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask

from focus import __version__
from focus.analysis.pipeline import CODE_VERSION
from tests.integration.web.conftest import People
from tests.integration.web.made import BLINKS_AT_S, LENGTH_S, RATE_HZ, WEBCAM, make_session


def text_of(page: str) -> str:
    """The words of a page, without tags, each run of blanks one blank."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("\u202f", " ")


def test_the_report_says_the_numbers_of_the_recording(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    words = text_of(people.browsers["ada"].get(f"/sessions/{recording_id}").text)

    assert f"Blinks {len(BLINKS_AT_S)}" in words
    # Three blinks in 20 s are nine a minute.
    assert "Blink rate valid 9" in words
    assert "Frames stored 1 200" in words
    assert "60.0 Hz, of 60 Hz declared" in words
    assert "test-release-7" in words
    assert "lookahead_us" in words


def test_a_withheld_metric_gives_its_reason_and_no_number(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, tracker=WEBCAM)

    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text

    tile = re.search(
        r'<article class="tile is-withheld" data-metric="saccade_amplitude">.*?</article>', page, re.DOTALL
    )
    assert tile is not None
    assert "Not shown" in tile[0]
    assert "this recording has no gaze" in tile[0]
    assert "data-value" not in tile[0]


def test_a_signal_the_tracker_lacks_is_said_in_its_place(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, tracker=WEBCAM)

    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text

    assert "This recording has no pupil data." in page
    assert 'id="chart-pupil"' not in page
    assert 'id="chart-openness"' in page


@pytest.mark.parametrize(
    ("state", "words"), [("open", "waits for its tracker"), ("closed", "closed it without sending anything")]
)
def test_a_session_without_frames_says_so(app: Flask, people: People, state: str, words: str) -> None:
    recording_id = make_session(app, people.ada, state=state, has_frames=False)

    answer = people.browsers["ada"].get(f"/sessions/{recording_id}")

    assert answer.status_code == 200
    assert "No frames have arrived" in answer.text
    assert words in answer.text


def test_frames_that_wait_for_analysis_are_counted(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, pending=200)

    words = text_of(people.browsers["ada"].get(f"/sessions/{recording_id}").text)

    assert "200 of 1 200 frames are still being analysed." in words
    assert "Frames analysed 1 000 of 1 200" in words


def test_the_table_of_events_holds_one_kind_when_asked(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    page = people.browsers["ada"].get(f"/sessions/{recording_id}?kind=blink").text

    rows = re.findall(r'dot-(\w+)"', page)
    assert rows == ["blink"] * len(BLINKS_AT_S)
    onsets_s = [float(seconds) for seconds in re.findall(r'data-label="Onset">0:(\d\d\.\d{3})<', page)]
    assert onsets_s == pytest.approx(BLINKS_AT_S, abs=0.02)


@pytest.mark.parametrize("query", ["kind=nonsense", "kind=%27--", "page=0", "page=x", "page=50"])
def test_a_strange_question_about_events_still_gets_the_page(app: Flask, people: People, query: str) -> None:
    recording_id = make_session(app, people.ada)

    assert people.browsers["ada"].get(f"/sessions/{recording_id}?{query}").status_code == 200


def test_the_timeline_shows_every_blink_however_few_points_it_has(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    answer = people.browsers["ada"].get(f"/api/v1/recordings/{recording_id}/timeline?points=10")

    timeline = json.loads(answer.data)
    assert len(timeline["t_us"]) == 10
    # Closed to 5 % of 0.3: the lowest value of the columns with a blink in them.
    lows = [value for value in timeline["series"]["openness"]["low"] if value < 0.1]
    assert lows == pytest.approx([0.015] * len(BLINKS_AT_S), abs=1e-6)
    assert [event["kind"] for event in timeline["events"]].count("blink") == len(BLINKS_AT_S)
    assert timeline["stop_us"] <= LENGTH_S * 1_000_000


def test_a_part_of_the_timeline_holds_that_part_alone(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    path = f"/api/v1/recordings/{recording_id}/timeline?start_us=3000000&stop_us=5000000&points=500"

    timeline = json.loads(people.browsers["ada"].get(path).data)

    assert (timeline["start_us"], timeline["stop_us"]) == (3_000_000, 5_000_000)
    assert all(3_000_000 <= t_us < 5_000_000 for t_us in timeline["t_us"])
    measured = [value for value in timeline["series"]["openness"]["low"] if value is not None]
    assert len(measured) == 2 * RATE_HZ
    assert [e["kind"] for e in timeline["events"] if e["kind"] == "blink"] == ["blink"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("start_us=x", "is not a whole number"),
        ("points=9", "lies outside of 10..5000"),
        ("points=5001", "lies outside of 10..5000"),
        ("start_us=5&stop_us=5", "is not after"),
        ("stop_us=99999999999999999999", "lies outside of"),
    ],
)
def test_a_wrong_stretch_is_refused_with_its_reason(app: Flask, people: People, query: str, words: str) -> None:
    recording_id = make_session(app, people.ada)

    answer = people.browsers["ada"].get(f"/api/v1/recordings/{recording_id}/timeline?{query}")

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == "parameter"
    assert words in answer.json["detail"]


def test_the_summary_of_the_api_is_that_of_the_page(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    summary = people.browsers["ada"].get(f"/api/v1/recordings/{recording_id}").json

    assert summary is not None
    assert summary["frames"] == LENGTH_S * RATE_HZ
    assert summary["pending"] == 0
    assert summary["events"]["blink"] == len(BLINKS_AT_S)
    assert sum(summary["states"].values()) == LENGTH_S * RATE_HZ


def test_the_blink_rate_stands_in_a_table_with_its_interval(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text

    row = re.search(
        r'<tr data-x="0" data-x-stop="\d+" data-value="([\d.]+)" data-low="([\d.]+)" data-high="([\d.]+)"', page
    )
    assert row is not None
    # Three blinks in 20 s; Garwood's interval of a count of three is 0.6187 to 8.7673.
    rate, low, high = map(float, row.groups())
    assert rate == pytest.approx(9, abs=0.1)
    assert (low / rate, high / rate) == pytest.approx((0.6187 / 3, 8.7673 / 3), rel=1e-3)


def test_fixations_lie_on_the_map_where_the_gaze_was_on_the_screen(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    found = people.browsers["ada"].get(f"/api/v1/recordings/{recording_id}/gaze-map").json

    assert found is not None
    # The eyes jump along the middle of the screen, 0.12 of its width at a time.
    assert sorted({round(each["x"], 2) for each in found["fixations"]}) == pytest.approx(
        [0.2, 0.32, 0.44, 0.56, 0.68], abs=0.011
    )
    assert {round(each["y"], 2) for each in found["fixations"]} == {0.5}
    assert sum(found["cells_ms"]) == sum(map(sum, found["regions"]))
    assert sum(found["cells_ms"]) * 1000 == pytest.approx(sum(e["duration_us"] for e in found["fixations"]), rel=0.001)


def test_a_part_of_the_map_holds_the_fixations_that_begin_there(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)
    path = f"/api/v1/recordings/{recording_id}/gaze-map?start_us=6500000&stop_us=12500000"

    found = people.browsers["ada"].get(path).json

    assert found is not None
    onsets_us = [each["onset_us"] for each in found["fixations"]]
    assert found["n_fixations"] == len(onsets_us) >= 2
    assert all(6_500_000 <= onset_us < 12_500_000 for onset_us in onsets_us)


def test_a_recording_without_gaze_has_no_map_and_says_why(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, tracker=WEBCAM)

    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text

    assert "This recording has no gaze position. There is nothing to draw a map of." in page
    assert 'id="gaze-map-canvas"' not in page


def test_the_quality_panel_says_rate_jitter_loss_and_precision(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text
    words = text_of(page[page.index('id="quality-title"') : page.index('id="provenance-title"')])

    assert re.search(r"Median rate 60\.0? Hz Frame interval median 16\.7 ms, quartiles 16\.7 to 16\.7 ms", words)
    assert re.search(r"Data loss [\d.]+ % of the recorded time", words)
    assert re.search(r"Precision, STD [\d.]+ deg Precision, RMS-S2S [\d.]+ deg", words)


def test_the_methods_say_what_ran(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada)

    page = people.browsers["ada"].get(f"/sessions/{recording_id}").text
    words = text_of(page[page.index('id="methods-text"') :])

    assert (
        "recorded with Test tracker at 60.0 Hz, by the median frame interval (declared: 60 Hz) for 0.3 min (1200 frames"
        in words
    )
    assert f"FOCUS {__version__} (analysis code version {CODE_VERSION})" in words
    assert "on the screen (520 x 290 mm, seen from 650 mm)" in words
    assert "eye-state model test-release-7" in words
    assert "lookahead_us = 150000" in words
    # A reason is said once, however many metrics it holds for.
    assert words.count("needs 250 Hz or more; this recording has 60 Hz") == 1
    assert "Blink rate: blinks / minutes in which the eyes were seen; exact Poisson interval, 95 %" in words
    assert "doi:10.1093/biomet/28.3-4.437" in words


def test_the_report_as_a_file_needs_nothing_else_and_says_the_same_numbers(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, title='<b>"Reading"</b>')

    answer = people.browsers["ada"].get(f"/sessions/{recording_id}/report.html")

    assert answer.headers["Content-Disposition"].startswith('attachment; filename="focus-report-')
    assert not re.search(r"<script|<link|\b(src|href)=|https?://|url\(", answer.text)
    assert "<b>" not in answer.text
    words = text_of(answer.text)
    assert re.search(r"Blink rate\s+9 per minute", words)
    assert f"Blinks {len(BLINKS_AT_S)}" in words
    assert "test-release-7" in words
    assert answer.text.count("<circle") == 1
    assert answer.text.count("<svg") == 2


def test_the_file_of_a_session_without_frames_says_so(app: Flask, people: People) -> None:
    recording_id = make_session(app, people.ada, has_frames=False)

    words = text_of(people.browsers["ada"].get(f"/sessions/{recording_id}/report.html").text)

    assert "No minute of this session is analysed yet." in words
    assert "This session has not been analysed yet." in words
