"""Who opens a Socket.IO connection: an API token in the auth payload, or the log-in of a page of this server.

It is settled once, when the connection is made, and holds until it ends: events carry no identity of their own. A token
never comes in the URL, where proxies would log it. A page's cookie counts only because `is_own_origin` has let in no
page of another server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_login import current_user

from focus.errors import AuthenticationError
from focus.services.accounts import Principal, principal_of_user, user_of_token
from focus.storage.database import db


def identify(auth: Mapping[str, Any] | None, *, scope: str) -> Principal:
    """The principal of a connection that is being made; called inside Flask-SocketIO's connect handler.

    Parameters
    ----------
    auth : mapping or None
        What the client sent as Socket.IO auth payload; only `token` is read.
    scope : str
        What the connection is for: a token has to have it.

    Raises
    ------
    AuthenticationError
        If there is neither a token that works nor a log-in.
    PermissionDeniedError
        If the token does not have the scope.
    """
    token = auth.get("token") if isinstance(auth, Mapping) else None
    session = db.session()
    if token:
        if not isinstance(token, str) or len(token) > 200:
            raise AuthenticationError("the token is unknown")
        principal = user_of_token(session, token, scope=scope)
        session.commit()
        return principal
    if not current_user.is_authenticated or not current_user.is_active:
        raise AuthenticationError("a token or a log-in is needed")
    return principal_of_user(current_user)


def is_own_origin(origin: str, environ: Mapping[str, Any]) -> bool:
    """Whether a handshake comes from a page of this very server, under the name it was called by.

    `focus.hosts` has checked that name. Trackers are no browsers, send no Origin and are not asked. (For Socket.IO an
    empty list of origins instead of a function would switch the check off and let everybody in.)
    """
    return origin == f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
