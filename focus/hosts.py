"""Requests under a name that is not this server's get no further: pages, API and Socket.IO handshakes alike.

A page of somebody else's server can give its own name our address (DNS rebinding) and would then count as ours. This
stands in front of Flask, whose own check comes too late for an error page, and which Socket.IO goes round.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""Allowed beside ALLOWED_HOSTS: probes and the server's own client use them, and no page of others can."""

_REFUSAL = b"This server does not answer under this name; the setting ALLOWED_HOSTS says which ones it has.\n"


class HostCheck:
    """WSGI middleware that answers 400 to any Host but the allowed ones.

    Parameters
    ----------
    app : WSGI application
        Gets the requests that pass.
    allowed_hosts : iterable of str
        Host names without ports; one with a dot in front takes in all names below it.
    """

    def __init__(self, app: WSGIApplication, allowed_hosts: Iterable[str]) -> None:
        self._app = app
        names = [name.lower() for name in (*allowed_hosts, *OWN_NAMES)]
        self._names = frozenset(name for name in names if not name.startswith("."))
        self._endings = tuple(name for name in names if name.startswith("."))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = _without_port(environ.get("HTTP_HOST", "").lower())
        if host not in self._names and not host.endswith(self._endings):
            headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(_REFUSAL)))]
            start_response("400 Bad Request", headers)
            return [_REFUSAL]
        return self._app(environ, start_response)


def _without_port(host: str) -> str:
    """The name in a Host header; nothing where what follows it is no port."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        return host
    return name if not port or (port.isascii() and port.isdigit()) else ""
