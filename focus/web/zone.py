"""The time zone of whoever looks at a page, which the page's script tells in a cookie; days are counted in it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import request

COOKIE = "zone"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")


def current_zone() -> tzinfo:
    """The zone that the browser named; UTC where it named none that is known."""
    return zone_of(request.cookies.get(COOKIE, "")) or UTC


def zone_of(name: str) -> tzinfo | None:
    """The zone of this name; None if none is known."""
    if not _NAME.fullmatch(name) or len(name) > 60:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_name(zone: tzinfo) -> str:
    """The zone as a page names it."""
    return zone.key.replace("_", " ") if isinstance(zone, ZoneInfo) else "UTC"


def today(zone: tzinfo) -> date:
    """The day that it is in a zone."""
    return datetime.now(zone).date()
