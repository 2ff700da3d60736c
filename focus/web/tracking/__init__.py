"""The browser tracker: its page, and its worker's script and model files, which need headers of their own."""

from focus.web.tracking.views import blueprint

__all__ = ["blueprint"]
