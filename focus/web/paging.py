"""Which page of a long list is asked for."""

from __future__ import annotations

from flask import request

MAX_PAGE = 1_000_000


def page_number() -> int:
    """The `page` of the address, from 1; anything that is no such number is page 1."""
    text = request.args.get("page", "1")
    page = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return min(max(page, 1), MAX_PAGE)
