"""Views of days, weeks and the time behind them. Everybody sees their own; nobody else's, administrators included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from flask import abort, render_template
from flask.typing import ResponseReturnValue

from focus.services.days import SHOWN_SUMS, Span, days_of, joined, minutes_on_screen, sessions_before, usual_of
from focus.services.strain_trend import strains_of
from focus.storage.database import db
from focus.web.identity import current_principal, login_needed
from focus.web.reports.blueprint import blueprint
from focus.web.zone import current_zone, today, zone_name

TREND_WEEKS: Final = 12
YEARS: Final = range(2000, 2101)


@blueprint.get("/reports")
@login_needed
def trend() -> ResponseReturnValue:
    """The last twelve weeks: a calendar, and week by week."""
    zone = current_zone()
    this_monday = monday_of(today(zone))
    first = this_monday - timedelta(weeks=TREND_WEEKS - 1)
    days = days_of(db.session(), current_principal(), first, 7 * TREND_WEEKS, zone, names=SHOWN_SUMS)
    weeks = [days[at : at + 7] for at in range(0, len(days), 7)]
    spans = [joined(week) for week in weeks]
    before = sessions_before(db.session(), current_principal(), first, zone)
    # What is usual is learned from the weeks that are over.
    known = [each for span in spans[:-1] for each in span.sessions]
    most = max((minutes_on_screen(day.sessions) or 0 for day in days), default=0)
    return render_template(
        "reports/trend.html",
        weeks=weeks,
        spans=spans,
        strains=strains_of(spans, before),
        most_min=most,
        today=today(zone),
        zone=zone_name(zone),
        usual=usual_of(known, "blink_rate"),
        has_any=any(day.sessions for day in days),
        minutes_on_screen=minutes_on_screen,
    )


@blueprint.get("/reports/week/<date_text>")
@login_needed
def week(date_text: str) -> ResponseReturnValue:
    """The week, from Monday, that a day lies in."""
    zone = current_zone()
    first = monday_of(_date(date_text))
    days = days_of(db.session(), current_principal(), first, 7, zone, names=SHOWN_SUMS)
    return _spans_page("reports/week.html", first, 7, days)


@blueprint.get("/reports/day/<date_text>")
@login_needed
def day(date_text: str) -> ResponseReturnValue:
    """One day, session by session."""
    first = _date(date_text)
    days = days_of(db.session(), current_principal(), first, 1, current_zone(), names=SHOWN_SUMS)
    return _spans_page("reports/day.html", first, 1, days)


def _spans_page(template: str, first: date, n_days: int, days: Sequence[Span]) -> str:
    zone = current_zone()
    earlier = sessions_before(db.session(), current_principal(), first, zone)
    return render_template(
        template,
        first=first,
        last=first + timedelta(days=n_days - 1),
        before=first - timedelta(days=n_days),
        after=first + timedelta(days=n_days),
        days=days,
        span=joined(days),
        today=today(zone),
        zone=zone_name(zone),
        tz=zone,
        usual=usual_of(earlier, "blink_rate"),
        strains=strains_of(days, earlier),
        minutes_on_screen=minutes_on_screen,
    )


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        abort(404)
    if found.year not in YEARS or text != found.isoformat():
        abort(404)
    return found
