"""Who calls: an API token in the header, or the log-in of a page; and which of them a route is for.

Every route carries one of three decorators, which also tell the OpenAPI document: `for_everybody`, `for_log_ins` (what
belongs to the account itself: no token may do it), and `for_scopes` (a log-in, or a token with one of these scopes).
The access matrix in the tests walks over all routes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from flask import current_app, g, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from focus.errors import AuthenticationError, CrossSiteError, FocusError, ParameterError, PermissionDeniedError
from focus.services.accounts import TOKEN_PREFIX, Principal, principal_of_user, user_of_token
from focus.storage.database import db
from focus.web.api.base import ApiBlueprint, View

MAX_TOKEN_LENGTH: Final = 200
_TOKEN_NAMES: Final = frozenset({"token", "access_token", "api_key", "apikey", "authorization"})


def caller() -> Principal:
    """Who calls this route; only behind `for_log_ins` and `for_scopes`."""
    found: Principal = g.api_caller
    return found


def is_known() -> bool:
    """Whether the request says who it is, in a way that works; strangers are counted by the rate limit."""
    try:
        _recognise()
    except FocusError:
        return False
    return True


def for_everybody(view: View) -> View:
    """A route that strangers may call, as often as the rate limit lets them."""

    @wraps(view)
    def guarded(*arguments: Any, **named: Any) -> Any:
        _refuse_token_in_address()
        return view(*arguments, **named)

    return ApiBlueprint.doc(security=[])(guarded)  # type: ignore[return-value]


def for_log_ins(view: View) -> View:
    """A route for people who are logged in; a token, whatever its scopes, may not call it."""

    @wraps(view)
    def guarded(*arguments: Any, **named: Any) -> Any:
        _refuse_token_in_address()
        principal = _recognise()
        if principal.token_id is not None:
            raise PermissionDeniedError("a token may not do this; it needs a log-in")
        _require_own_page()
        return view(*arguments, **named)

    return ApiBlueprint.doc(security=[{"login": []}])(guarded)  # type: ignore[return-value]


def for_scopes(*scopes: str) -> Callable[[View], View]:
    """A route for people who are logged in, and for tokens with one of these scopes."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*arguments: Any, **named: Any) -> Any:
            _refuse_token_in_address()
            principal = _recognise()
            if not principal.scopes.intersection(scopes):
                raise PermissionDeniedError(f"this token does not have the scope {' or '.join(map(repr, scopes))}")
            if principal.token_id is None:
                _require_own_page()
            return view(*arguments, **named)

        security: list[dict[str, list[str]]] = [{"token": [scope]} for scope in scopes]
        return ApiBlueprint.doc(security=[*security, {"login": []}])(guarded)  # type: ignore[return-value]

    return decorate


def _recognise() -> Principal:
    """Who the request says it is; found once a request, because the rate limit asks, too."""
    if "api_caller" not in g:
        header = request.headers.get("Authorization")
        if header is not None:
            g.api_caller = _principal_of_header(header)
        elif current_user.is_authenticated:
            g.api_caller = principal_of_user(current_user)
        else:
            raise AuthenticationError("log in, or send an API token in the header: Authorization: Bearer <token>")
    found: Principal = g.api_caller
    return found


def _principal_of_header(header: str) -> Principal:
    kind, _, secret = header.partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise AuthenticationError("the header Authorization is not: Bearer <token>")
    if len(secret) > MAX_TOKEN_LENGTH:
        raise AuthenticationError("the token is unknown")
    principal = user_of_token(db.session(), secret.strip())
    db.session.commit()
    return principal


def _require_own_page() -> None:
    """A cookie comes along whoever made the browser send the request: the header shows that it was our own page."""
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return
    try:
        current_app.extensions["csrf"].protect()
    except CSRFError as error:
        raise CrossSiteError(f"{error.description} Send GET /api/v1/me/csrf's value as X-CSRFToken.") from None


def _refuse_token_in_address() -> None:
    """An address is written to logs and histories, so a token that stands in one has been given away."""
    for name, value in request.args.items(multi=True):
        if name.lower() in _TOKEN_NAMES or value.startswith(TOKEN_PREFIX):
            raise ParameterError(
                f"the address has a token in {name[:40]!r}, where it gets into logs: revoke it, and send a new one in "
                "the header Authorization"
            )
