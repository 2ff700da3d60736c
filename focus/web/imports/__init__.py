"""The page on which recordings are imported from files."""

from focus.web.imports.views import blueprint

__all__ = ["blueprint"]
