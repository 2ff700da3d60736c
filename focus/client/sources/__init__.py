"""Where frames come from: one file a source, each registered by its name for ``--source``.

A new source is one new module here with a class like `replay.ReplaySource`; `base.py` says what it must have.
"""

from __future__ import annotations

from typing import Final

from focus.client.sources.base import Source
from focus.registry import Registry

SOURCES: Final[Registry[type[Source]]] = Registry("source", "focus.client.sources")

__all__ = ["SOURCES", "Source"]
