"""A day in four numbers for the first page: time on screen, blinks, focus time, breaks.

They are made of the day's combined metric values (`days.Span`), and each says its reason where it is withheld.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from focus.services.days import Span, Values, minutes_on_screen, tells_screen

NOT_YET: Final = "it comes with the first complete minute"


@dataclass(frozen=True, slots=True)
class GlanceFact:
    """One number of a day.

    Attributes
    ----------
    name, label : str
        What it is, for programs and for people.
    length_us, count : int or None
        The number, as a length of time or as a count; both None where it is withheld.
    note : str
        What it rests on or, where it is withheld, why.
    """

    name: str
    label: str
    length_us: int | None
    count: int | None
    note: str


def glance_of(day: Span) -> list[GlanceFact]:
    """The four numbers of a day; none for a day without a session."""
    return [_on_screen(day), *(make(day.values) for make in _FACTS)] if day.sessions else []


def _on_screen(day: Span) -> GlanceFact:
    minutes = minutes_on_screen(day.sessions)
    ways = {tells_screen(each) for each in day.sessions if each.sums}
    known = ["with gaze on the screen, blinks counted"] if True in ways else []
    known += ["with the face before the tracker"] if False in ways else []
    note = ", or ".join(known) if minutes is not None else _reason(day.values.get("face_present"))
    return GlanceFact("on_screen", "Time on screen", _minutes_us(minutes), None, note)


def _blinks(values: Values) -> GlanceFact:
    rate = values.get("blink_rate")
    if rate is None or rate["value"] is None:
        return GlanceFact("blinks", "Blinks", None, None, _reason(rate))
    # The rate is blinks over seen time, so this is the very number that was counted.
    counted = round(rate["value"] * rate["weight_s"] / 60)
    return GlanceFact("blinks", "Blinks", None, counted, f"{rate['value']:.1f} per minute in which the eyes were seen")


def _focus_time(values: Values) -> GlanceFact:
    focus = values.get("focus_time")
    if focus is None or focus["value"] is None:
        return GlanceFact("focus_time", "Focus time", None, None, _reason(focus))
    return GlanceFact("focus_time", "Focus time", _minutes_us(focus["value"]), None, focus["reason"])


def _breaks(values: Values) -> GlanceFact:
    taken, missed = values.get("breaks"), values.get("breaks_missed")
    if taken is None or taken["value"] is None:
        return GlanceFact("breaks", "Breaks", None, None, _reason(taken))
    has_missed = missed is not None and missed["value"] is not None
    note = f"{missed['value']:.0f} missed" if missed is not None and has_missed else _reason(missed)
    return GlanceFact("breaks", "Breaks", None, round(taken["value"]), note)


_FACTS: Final[tuple[Callable[[Values], GlanceFact], ...]] = (_blinks, _focus_time, _breaks)


def _reason(value: Mapping[str, Any] | None) -> str:
    return str(value["reason"]) if value and value["reason"] else NOT_YET


def _minutes_us(minutes: float | None) -> int | None:
    return None if minutes is None else round(minutes * 60e6)
