"""The blueprint that the modules of this package share, and small things that all of them need."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app

from config import Settings
from focus.errors import FocusError
from focus.services.consent import OWN_REPORTS, Decision, decisions_of
from focus.services.registration import AccountDesk
from focus.storage.database import db
from focus.web.identity import current_principal

blueprint = Blueprint("accounts", __name__, template_folder="../templates")


def desk() -> AccountDesk:
    """What works off requests whose outcome must not show."""
    found: AccountDesk = current_app.extensions["focus.desk"]
    return found


def settings() -> Settings:
    found: Settings = current_app.extensions["focus.settings"]
    return found


@blueprint.app_context_processor
def _for_templates() -> dict[str, Any]:
    return {"own_consent": _own_consent, "may_register": settings().REGISTRATION == "open"}


def _own_consent() -> Decision:
    """How consent to one's own reports stands, for the page where sessions are started."""
    return decisions_of(db.session(), current_principal().user_id)[OWN_REPORTS]


def sentence(error: FocusError) -> str:
    """An error's message as a sentence of a page."""
    return f"{error.message[0].upper()}{error.message[1:]}."
