"""Downloads of recordings in the formats of `focus.services.exports`."""

from __future__ import annotations

from focus.web.exports.views import blueprint

__all__ = ["blueprint"]
