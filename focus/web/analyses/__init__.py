"""Other analyses of a session: asked for, chosen and removed by researchers."""

from __future__ import annotations

from focus.web.analyses.views import blueprint

__all__ = ["blueprint"]
