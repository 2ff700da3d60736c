"""Steps on the way up of a server, before it serves: open files, migrations, the first account. Called by wsgi.py."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta

from config import Settings
from focus.services import accounts
from focus.storage.database import db, ping
from focus.storage.schema_version import current_revision, head_revision, upgrade_database

logger = logging.getLogger(__name__)

SPARE_FILES = 1000
"""Open files beside the connections: database, log, model, exports."""


def allow_connections(n_connections: int) -> None:
    """Raise this process's limit of open files as far as the connections need and the system allows."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = n_connections + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def migrate_database() -> None:
    """Bring the database to the newest migration; StorageError if it does not answer or is newer than the code."""
    ping(db.session())
    current = current_revision(db.session())
    db.session.remove()
    if current != head_revision():
        upgrade_database(db.engine.url.render_as_string(hide_password=False))
        logger.info("database migrated from %s to %s", current or "nothing", head_revision())


def first_login_link(settings: Settings) -> str | None:
    """A one-time link for the owner of an installation on their own machine, whose account is made when there is none.

    None in production, where accounts are made with `flask users create`.
    """
    if settings.is_production:
        return None
    user = accounts.first_account(db.session())
    if user is None:
        return None
    holds = timedelta(minutes=settings.LOGIN_LINK_MINUTES)
    secret = accounts.create_login_secret(db.session(), user, holds=holds)
    db.session.commit()
    return f"{settings.address}/login/{secret}"
