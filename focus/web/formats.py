"""How numbers, times and states are written on pages: Jinja filters, each a plain function.

`static/js/words.js` says the same for the live page; the two are kept alike by a test of the browser.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from flask import Flask
from markupsafe import Markup

if TYPE_CHECKING:
    from focus.storage.recording_models import Recording

NARROW_SPACE: Final = "\u202f"
"""Stands between thousands: it does not break, and reads the same in every language."""

WORDS_OF_KIND: Final = {
    "blink": ("Blink", "Blinks"),
    "closure": ("Long closure", "Long closures"),
    "fixation": ("Fixation", "Fixations"),
    "saccade": ("Saccade", "Saccades"),
    "pursuit": ("Pursuit", "Pursuits"),
    "track_loss": ("Track loss", "Track losses"),
    "lost": ("Eyes not seen", "Eyes not seen"),
}

WORDS_OF_UNIT: Final = {"ratio": "", "1": "", "count": "", "1/min": "per minute", "percent": "%"}
"""Units that are written in another way than they are stored."""

WORDS_OF_ATTRIBUTE: Final = {
    "openness_least_ratio": "least openness",
    "closure_peak_ratio": "peak closure",
    "rms_s2s_deg": "RMS-S2S",
}
"""Attributes of events whose names do not read well as words."""

WORDS_OF_TASK: Final = {"demo": "Demo recording", "simulation": "Simulated person"}
"""What a session without a title is called when a page started it."""

BROWSERS: Final = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Version/": "Safari",
}
SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
"""By what stands in the name that a browser gives itself; the first that does counts."""

METRICS_FIRST: Final = (
    "blink_rate",
    "blink_duration",
    "incomplete_blinks",
    "long_closures",
    "perclos",
    "focus_time",
    "words_per_minute",
    "longest_without_break",
    "breaks_missed",
    "fixation_rate",
    "fixation_duration",
    "saccade_rate",
    "saccade_amplitude",
    "saccade_duration",
    "pupil_dilation",
    "pupil_diameter",
    "on_screen",
    "face_present",
    "head_away",
)
METRICS_LAST: Final = (
    "break_check",
    "breaks",
    "long_break_check",
    "long_breaks",
    "long_breaks_missed",
    "accuracy",
    "precision_rms_s2s",
    "precision_std",
    "data_loss",
    "rate",
)
"""Where a person looks first and last; a metric named in neither list stands between them."""

SUFFIX_OF_UNIT: Final = {
    "us": "us",
    "ms": "ms",
    "s": "s",
    "deg": "deg",
    "mm": "mm",
    "px": "px",
    "hz": "Hz",
    "ratio": "",
    "count": "",
}
"""What the end of an attribute's name says about its unit: `amplitude_deg` is in degrees."""


BETWEEN_FRAMES: Final = ("onset_between_us", "offset_between_us")
"""When an event began and ended between two frames."""


def number(value: float | None, like: float | None = None) -> str:
    """A number with three significant digits (two below 1), thousands apart, and a word for nothing.

    Whole parts are never rounded away: 12345.6 is "12 346", not "12 300". With `like` it gets as many decimals as that
    number has, so that an interval is written as finely as its value.
    """
    if value is None or not math.isfinite(value):
        return "not known"
    text = f"{value:,.{_decimals(value if like is None else like)}f}"
    return text.replace(",", NARROW_SPACE).replace("-", "\u2212")


def _decimals(value: float) -> int:
    if float(value).is_integer():
        return 0
    magnitude = math.floor(math.log10(abs(value)))
    return max(0, (2 if magnitude >= 0 else 1) - magnitude)


def unit(name: str | None) -> str:
    """A unit in the words of a page."""
    return WORDS_OF_UNIT.get(name or "", name or "")


def duration(us: int | None) -> str:
    """A length of time from microseconds: "0.82 s", "45 s", "3 min 20 s", "1 h 05 min"."""
    if us is None:
        return "not known"
    seconds = us / 1e6
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(us: int | None) -> str:
    """A moment of a recording as minutes, seconds and milliseconds: "1:05.250"."""
    if us is None:
        return ""
    sign, total_ms = ("\u2212", -us // 1000) if us < 0 else ("", us // 1000)
    minutes, rest_ms = divmod(total_ms, 60_000)
    return f"{sign}{minutes}:{rest_ms // 1000:02d}.{rest_ms % 1000:03d}"


def moment(value: datetime | None) -> str | Markup:
    """A date and time in UTC, which the page's script turns into the reader's own time."""
    if value is None:
        return "never"
    at = value.astimezone(UTC)
    text = f"{at.day} {at:%b %Y, %H:%M} UTC"
    return Markup('<time datetime="{}" data-local>{}</time>').format(at.isoformat(timespec="seconds"), text)


def browser(agent: str) -> str:
    """What people call a browser that names itself so: "Firefox on Windows"; as it is where that is not known."""
    name = next((name for mark, name in BROWSERS.items() if mark in agent), "")
    system = next((system for mark, system in SYSTEMS.items() if mark in agent), "")
    return f"{name} on {system}" if name and system else agent or "Unknown browser"


def kind(name: str) -> str:
    """One event of a kind, or an eye state, as a heading writes it."""
    return WORDS_OF_KIND.get(name, (name.replace("_", " ").capitalize(),))[0]


def kinds(name: str) -> str:
    """Several events of a kind."""
    return WORDS_OF_KIND.get(name, (name.replace("_", " ").capitalize(),))[-1]


def attribute(name: str) -> tuple[str, str]:
    """Words and unit of an event's attribute: `mean_speed_deg_s` is ("mean speed", "deg/s")."""
    if name in WORDS_OF_ATTRIBUTE:
        return WORDS_OF_ATTRIBUTE[name], SUFFIX_OF_UNIT[name.rpartition("_")[2]]
    parts = name.split("_")
    if len(parts) > 2 and parts[-1] in ("s", "min") and parts[-2] in SUFFIX_OF_UNIT:
        return " ".join(parts[:-2]), f"{SUFFIX_OF_UNIT[parts[-2]]}/{parts[-1]}"
    if len(parts) > 1 and parts[-1] in SUFFIX_OF_UNIT:
        return " ".join(parts[:-1]), SUFFIX_OF_UNIT[parts[-1]]
    return " ".join(parts), ""


def measured(attributes: Mapping[str, float]) -> str:
    """What was measured of an event, in one line: "amplitude 4.10 deg, peak speed 237 deg/s". Times come last."""
    found = []
    for name, value in attributes.items():
        if name.startswith("duration") or name.endswith("_between_us"):
            continue
        words, of = attribute(name)
        found.append(f"{words} {number(value)} {of}".rstrip())
    ends = [clock(round(attributes[name])) for name in BETWEEN_FRAMES if name in attributes]
    if len(ends) == 2:
        found.append(f"between frames {ends[0]} to {ends[1]}")
    return ", ".join(found) or "nothing more"


def in_reading_order(metrics: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Metric values in the order in which pages show them, those that are withheld after the others."""
    place = {name: at for at, name in enumerate(METRICS_FIRST)}
    place |= {name: 2000 + at for at, name in enumerate(METRICS_LAST)}
    return sorted(metrics, key=lambda metric: (metric["verdict"] == "withheld", place.get(metric["name"], 1000)))


def session_title(recording: Recording) -> str:
    """What a page calls a session: its title, or what made it."""
    tracker = recording.tracker.get("model") or recording.tracker.get("name", "a tracker")
    return recording.title or WORDS_OF_TASK.get(recording.task) or f"Session with {tracker}"


def length_us(recording: Recording) -> int | None:
    """From the first frame to the last; None while there is none."""
    if recording.t_first_us is None or recording.t_last_us is None:
        return None
    return recording.t_last_us - recording.t_first_us


def register(app: Flask) -> None:
    """Make the filters known to the templates."""
    filters: tuple[Callable[..., Any], ...] = (
        *(number, unit, duration, clock, moment, browser, kind, kinds, measured),
        *(in_reading_order, session_title, length_us),
    )
    for function in filters:
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals["METRICS_FIRST"] = METRICS_FIRST
    app.jinja_env.globals["METRICS_LAST"] = METRICS_LAST
