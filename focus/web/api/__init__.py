"""The JSON that the pages need, under `/api/v1`; errors are problem JSON."""

from focus.web.api.views import blueprint

__all__ = ["blueprint"]
