"""How numbers and times are written on pages; the cases are shared with the JavaScript side."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from focus.web import formats

CASES: dict[str, list[list[Any]]] = json.loads((Path(__file__).parent / "cases.json").read_text())


@pytest.mark.parametrize(("value", "text"), CASES["number"])
def test_a_number_has_three_significant_digits_and_whole_thousands(value: float, text: str) -> None:
    assert formats.number(value).replace("\u202f", " ") == text


@pytest.mark.parametrize(("value", "like", "text"), CASES["number_like"])
def test_the_ends_of_an_interval_are_written_as_finely_as_its_value(value: float, like: float, text: str) -> None:
    assert formats.number(value, like) == text


@pytest.mark.parametrize(("us", "text"), CASES["duration"])
def test_a_length_of_time_is_written_in_its_own_size(us: int, text: str) -> None:
    assert formats.duration(us) == text


@pytest.mark.parametrize(("name", "text"), CASES["unit"])
def test_a_unit_is_written_in_words(name: str, text: str) -> None:
    assert formats.unit(name) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_nothing_is_written_as_a_word(value: float | None) -> None:
    assert formats.number(value) == "not known"


def test_a_moment_of_a_recording_keeps_its_milliseconds() -> None:
    assert [formats.clock(us) for us in (0, 65_250_999, 3_600_000_000)] == ["0:00.000", "1:05.250", "60:00.000"]


def test_a_date_is_told_in_utc_and_left_to_the_browser() -> None:
    at = datetime(2026, 3, 4, 1, 5, tzinfo=timezone(timedelta(hours=2)))

    text = str(formats.moment(at))

    assert text == '<time datetime="2026-03-03T23:05:00+00:00" data-local>3 Mar 2026, 23:05 UTC</time>'
    assert formats.moment(None) == "never"
    assert at.astimezone(UTC).day == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("amplitude_deg", ("amplitude", "deg")),
        ("peak_speed_deg_s", ("peak speed", "deg/s")),
        ("openness_least_ratio", ("least openness", "")),
        ("rms_s2s_deg", ("RMS-S2S", "deg")),
        ("x_deg", ("x", "deg")),
        ("strange", ("strange", "")),
    ],
)
def test_an_attribute_is_told_in_words_with_its_unit(name: str, words: tuple[str, str]) -> None:
    assert formats.attribute(name) == words


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        (
            {
                "onset_between_us": 248_392.0,
                "offset_between_us": 300_621.0,
                "amplitude_deg": 4.1,
                "peak_speed_deg_s": 237,
            },
            "amplitude 4.10 deg, peak speed 237 deg/s, between frames 0:00.248 to 0:00.300",
        ),
        ({"openness_least_ratio": 0.62, "closure_peak_ratio": 0.54}, "least openness 0.62, peak closure 0.54"),
        ({"duration_frames": 4}, "nothing more"),
    ],
)
def test_what_was_measured_of_an_event_reads_as_a_line(attributes: dict[str, float], words: str) -> None:
    assert formats.measured(attributes) == words


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
            "Chrome on Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 Version/17.5 Mo",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent: str, words: str) -> None:
    assert formats.browser(agent) == words
