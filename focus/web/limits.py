"""How often a stranger may try: the forms and the routes of the API, for each address they come from and each account.

Counted in Redis where one is set, so that all processes count together; without it each process counts for itself.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

from config import Settings
from focus.web.api.callers import is_known


def register(app: Flask, settings: Settings) -> None:
    """Limit log-in, registration, reset, change of address, invitations, and the API for who does not say who they are.

    Called when the blueprints are joined.
    """
    limiter = Limiter(
        get_remote_address,
        app=app,
        storage_uri=settings.REDIS_URL or "memory://",
        storage_options={"socket_timeout": 1, "socket_connect_timeout": 1} if settings.REDIS_URL else {},
        # Without Redis each process counts for itself, so log-in goes on.
        in_memory_fallback_enabled=True,
        headers_enabled=False,
    )
    app.extensions["focus.limiter"] = limiter
    for endpoints, limit, key, scope in (
        (("accounts.log_in",), settings.LOGIN_LIMIT, get_remote_address, "log_in"),
        (("accounts.log_in",), settings.LOGIN_ACCOUNT_LIMIT, _account, "log_in"),
        (("accounts.verify", "api_accounts.verify"), settings.LOGIN_LIMIT, get_remote_address, "verify"),
        (("accounts.set_email", "api_accounts.set_email"), settings.LOGIN_LIMIT, get_remote_address, "set_email"),
        (("accounts.register", "api_accounts.register"), settings.MAIL_FORM_LIMIT, get_remote_address, "register"),
        (("accounts.register", "api_accounts.register"), settings.MAIL_ACCOUNT_LIMIT, _account, "register"),
        (("accounts.forgot", "api_accounts.forgot"), settings.MAIL_FORM_LIMIT, get_remote_address, "forgot"),
        (("accounts.forgot", "api_accounts.forgot"), settings.MAIL_ACCOUNT_LIMIT, _account, "forgot"),
        (("accounts.reset", "api_accounts.reset"), settings.MAIL_FORM_LIMIT, get_remote_address, "reset"),
        (("accounts.ask_for_email", "api_me.ask_for_email"), settings.MAIL_FORM_LIMIT, get_remote_address, "email"),
        (("accounts.ask_for_email", "api_me.ask_for_email"), settings.MAIL_ACCOUNT_LIMIT, _account, "email"),
        (("accounts.change_password", "api_me.change_password"), settings.LOGIN_ACCOUNT_LIMIT, _account, "password"),
        (("accounts.delete_account", "api_me.delete_account"), settings.LOGIN_ACCOUNT_LIMIT, _account, "delete"),
        (("groups.invite", "api_groups.invite"), settings.INVITE_LIMIT, _account, "invite"),
    ):
        for endpoint in endpoints:
            _limit(app, limiter, endpoint, limit, key, scope=scope, methods=["POST"])
    for endpoint in [name for name in app.view_functions if name.startswith("api_")]:
        _limit(
            app, limiter, endpoint, settings.STRANGER_LIMIT, get_remote_address, scope="stranger", exempt_when=is_known
        )


def _limit(
    app: Flask, limiter: Limiter, endpoint: str, limit: str, key: Callable[[], str], *, scope: str, **options: Any
) -> None:
    """Limit a view; a page and a route of the API with the same scope count together."""
    shared: Any = limiter.shared_limit(limit, scope=scope, key_func=key, **options)
    app.view_functions[endpoint] = shared(app.view_functions[endpoint])


def seconds_until_retry() -> int:
    """How long whoever has just met a limit has to wait."""
    reached = current_app.extensions["focus.limiter"].current_limit
    return max(1, math.ceil(reached.reset_at - time.time())) if reached is not None else 60


def _account() -> str:
    """The account that a form or body is about: the one that is logged in, or the one whose address was typed."""
    if current_user.is_authenticated:
        return f"user:{current_user.id}"
    body = request.get_json(silent=True) if request.is_json else request.form
    email = body.get("email", "") if isinstance(body, Mapping) else ""
    email = email.strip().lower() if isinstance(email, str) else ""
    # Not the address itself: the counter's name is stored, and may be seen by whoever runs Redis.
    return "email:" + hashlib.sha256(email.encode(errors="replace")).hexdigest()
