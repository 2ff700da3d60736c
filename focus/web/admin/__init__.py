"""Pages for administrators: users, the sessions of everybody, the releases of the classifier."""

from focus.web.admin import releases
from focus.web.admin.views import blueprint

__all__ = ["blueprint", "releases"]
