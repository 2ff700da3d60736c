"""What people tell about themselves when they begin, all of it optional. Nothing here commits: the caller does.

Each question carries the reason why it is asked (`QUESTIONS`); the pages and the API show it from here. The minutes
between breaks say which breaks a report counts as missed. No other answer goes into a result: they are for the person's
own reading of the report, and for research only with consent to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis.metrics import BreakLimits
from focus.errors import ParameterError
from focus.services.accounts import Principal, clean_text, get_user
from focus.storage import profiles as queries
from focus.storage.account_models import CORRECTIONS, EYE_STRAIN, Profile

MAX_AGE: Final = 120
HOURS: Final = 24.0


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and why it is asked."""

    name: str
    label: str
    reason: str


QUESTIONS: Final = (
    Question("display_name", "Name to show", "It stands at the top of your pages; it need not be your real name."),
    Question(
        "birth_year", "Year of birth", "Pupils get smaller and blinks change with age; the year helps to compare."
    ),
    Question(
        "screen_h_per_day",
        "Hours of screen time a day",
        "Long days at a screen lower the blink rate; your numbers read differently after two hours and after ten.",
    ),
    Question(
        "sleep_h_per_night",
        "Hours of sleep a night",
        "Short sleep shows in slow blinks and long closures, which the report counts.",
    ),
    Question(
        "eye_strain", "Strained or dry eyes", "It tells whether a change in your blinks is new for you or known to you."
    ),
    Question(
        "correction",
        "Glasses or lenses",
        "Glasses can reflect light into a tracker and lenses change blinking; both say how far to trust a session.",
    ),
    Question(
        "short_break_min",
        "Minutes until a break is due",
        "Looking away for 20 seconds is a break; reports count those you missed. 20 minutes if you leave it empty.",
    ),
    Question(
        "long_break_min",
        "Minutes until a long break is due",
        "Five minutes away are a long break. 60 minutes if you leave it empty; never less than the one above.",
    ),
)


@dataclass(frozen=True, slots=True)
class ProfileAnswers:
    """The answers, each None where it was left out; checks itself on creation."""

    display_name: str = ""
    birth_year: int | None = None
    screen_h_per_day: float | None = None
    sleep_h_per_night: float | None = None
    eye_strain: str | None = None
    correction: str | None = None
    short_break_min: int | None = None
    long_break_min: int | None = None

    def __post_init__(self) -> None:
        if len(self.display_name) > 120:
            raise ParameterError(f"a name has at most 120 characters; this one has {len(self.display_name)}")
        this_year = datetime.now(UTC).year
        if self.birth_year is not None and not this_year - MAX_AGE <= self.birth_year <= this_year:
            raise ParameterError(f"birth_year {self.birth_year} lies outside of {this_year - MAX_AGE}..{this_year}")
        for name in ("screen_h_per_day", "sleep_h_per_night"):
            hours = getattr(self, name)
            if hours is not None and not (math.isfinite(hours) and 0 <= hours <= HOURS):
                raise ParameterError(f"{name} {hours} lies outside of 0..{HOURS:g}")
        usual = BreakLimits()
        short_min = usual.short_min if self.short_break_min is None else self.short_break_min
        long_min = max(usual.long_min, short_min) if self.long_break_min is None else self.long_break_min
        BreakLimits(short_min, long_min)
        for name, allowed in (("eye_strain", EYE_STRAIN), ("correction", CORRECTIONS)):
            answer = getattr(self, name)
            if answer is not None and answer not in allowed:
                raise ParameterError(f"{name} {str(answer)[:40]!r} is none of {', '.join(allowed)}")

    def to_dict(self) -> dict[str, Any]:
        """The answers as JSON values."""
        return {question.name: getattr(self, question.name) for question in QUESTIONS}


def get_profile(session: Session, principal: Principal) -> ProfileAnswers:
    """What this person has answered so far."""
    user = get_user(session, principal.user_id)
    row = queries.find_profile(session, user.id)
    if row is None:
        return ProfileAnswers(display_name=user.display_name)
    return ProfileAnswers(
        display_name=user.display_name,
        birth_year=row.birth_year,
        screen_h_per_day=row.screen_h_per_day,
        sleep_h_per_night=row.sleep_h_per_night,
        eye_strain=row.eye_strain,
        correction=row.correction,
        short_break_min=row.short_break_min,
        long_break_min=row.long_break_min,
    )


def save_profile(
    session: Session, principal: Principal, answers: ProfileAnswers, *, now: datetime | None = None
) -> None:
    """Keep these answers in place of the ones before; one that is left out is forgotten."""
    user = get_user(session, principal.user_id)
    user.display_name = clean_text(answers.display_name)
    values = answers.to_dict()
    del values["display_name"]
    queries.put_profile(session, Profile(user_id=user.id, updated_at=now or datetime.now(UTC), **values))
