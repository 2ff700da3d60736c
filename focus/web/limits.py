"""How often the forms may be sent that a stranger can try: for each address they come from, and for each account.

Counted in Redis where one is set, so that all processes count together; without it each process counts for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

from config import Settings


def register(app: Flask, settings: Settings) -> None:
    """Limit log-in, registration, reset, change of address and invitations; called when the blueprints are joined."""
    limiter = Limiter(
        get_remote_address,
        app=app,
        storage_uri=settings.REDIS_URL or "memory://",
        storage_options={"socket_timeout": 1, "socket_connect_timeout": 1} if settings.REDIS_URL else {},
        # Without Redis each process counts for itself, so log-in goes on.
        in_memory_fallback_enabled=True,
        headers_enabled=False,
    )
    for endpoint in ("accounts.log_in", "accounts.verify"):
        _limit(app, limiter, endpoint, settings.LOGIN_LIMIT, get_remote_address, scope="login")
    _limit(app, limiter, "accounts.log_in", settings.LOGIN_ACCOUNT_LIMIT, _account, scope="login")
    for endpoint in ("accounts.register", "accounts.forgot", "accounts.ask_for_email", "accounts.reset"):
        _limit(app, limiter, endpoint, settings.MAIL_FORM_LIMIT, get_remote_address, scope="mail")
    for endpoint in ("accounts.register", "accounts.forgot", "accounts.ask_for_email"):
        _limit(app, limiter, endpoint, settings.MAIL_ACCOUNT_LIMIT, _account, scope="mail")
    _limit(app, limiter, "groups.invite", settings.INVITE_LIMIT, _account, scope="invite")
    for endpoint in ("accounts.change_password", "accounts.delete_account"):
        _limit(app, limiter, endpoint, settings.LOGIN_ACCOUNT_LIMIT, _account, scope="password")


def _limit(app: Flask, limiter: Limiter, endpoint: str, limit: str, key: Callable[[], str], *, scope: str) -> None:
    shared: Any = limiter.shared_limit(limit, scope=f"{scope}.{endpoint}", key_func=key, methods=["POST"])
    app.view_functions[endpoint] = shared(app.view_functions[endpoint])


def _account() -> str:
    """The account that a form is about: the one that is logged in, or the one whose address was typed."""
    if current_user.is_authenticated:
        return f"user:{current_user.id}"
    email = request.form.get("email", "").strip().lower()
    # Not the address itself: the counter's name is stored, and may be seen by whoever runs Redis.
    return "email:" + hashlib.sha256(email.encode(errors="replace")).hexdigest()
