"""Pages for administrators: users and the sessions of everybody."""

from focus.web.admin.views import blueprint

__all__ = ["blueprint"]
