"""The first page, the list of sessions, starting one, watching one live, and deleting one."""

from focus.web.sessions.views import blueprint

__all__ = ["blueprint"]
