"""The blueprint that the admin pages share, and what each of their lists needs: a page, a search, the next page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypedDict, TypeVar

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from focus.web.identity import admin_needed
from focus.web.paging import page_number

blueprint = Blueprint("admin", __name__, url_prefix="/admin", template_folder="../templates")

PAGE_SIZE: Final = 50
MAX_SEARCH_LENGTH: Final = 254

T = TypeVar("T")

PAGES: Final = (
    ("admin.health", "Health"),
    ("admin.users", "Users"),
    ("admin.groups", "Groups"),
    ("admin.sessions", "Sessions"),
    ("admin.models", "Models"),
    ("admin.jobs", "Jobs"),
    ("admin.audit", "Audit log"),
)
"""The admin pages in the order of their menu."""

PART_OF: Final = {"admin.user": "admin.users", "admin.model_card": "admin.models"}
"""Pages that stand below one of the menu."""


class Slice(TypedDict):
    """The part of a list that a query is asked for."""

    limit: int
    offset: int


@blueprint.get("/")
@admin_needed
def index() -> ResponseReturnValue:
    """The first of the admin pages."""
    return redirect(url_for(PAGES[0][0]))


@blueprint.app_context_processor
def _menu() -> dict[str, Any]:
    endpoint = request.endpoint or ""
    return {"admin_pages": PAGES, "admin_page": PART_OF.get(endpoint, endpoint)}


def search_text(name: str = "q") -> str:
    """What is searched for; without what cannot stand in a database's text."""
    text = request.args.get(name, "")[:MAX_SEARCH_LENGTH]
    return "".join(character for character in text if character.isprintable()).strip()


def asked_slice() -> Slice:
    """`limit` and `offset` of the page that is asked for; one row more than is shown tells whether there is a next."""
    return Slice(limit=PAGE_SIZE + 1, offset=(page_number() - 1) * PAGE_SIZE)


def page_of(rows: Sequence[T], endpoint: str, **kept: str) -> dict[str, Any]:
    """What the pager of a template needs; `kept` goes into the address of every page."""
    wanted: dict[str, Any] = {name: value for name, value in kept.items() if value}
    return {
        "rows": rows[:PAGE_SIZE],
        "has_next": len(rows) > PAGE_SIZE,
        "page": page_number(),
        "page_url": lambda number: url_for(endpoint, page=number, **wanted),
    }
