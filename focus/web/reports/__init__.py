"""Reports: of one session, of days and weeks, and of two analyses side by side."""

from focus.web.reports import compare_views, day_views, views
from focus.web.reports.blueprint import blueprint

__all__ = ["blueprint", "compare_views", "day_views", "views"]
