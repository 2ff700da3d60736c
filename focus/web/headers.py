"""Security and caching headers of every answer.

The policy names no other host and allows no inline script or style: pages load their own files and talk to their own
server, and nothing else. `connect-src 'self'` covers the live view's WebSocket.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

YEAR_S: Final = 31_536_000


def register(app: Flask) -> None:
    """Put the headers on every answer that does not set its own."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_S}")
    if request.endpoint == "static":
        # A kept third-party file has its version in its path, so it never changes under its address.
        if request.path.startswith("/static/vendor/") and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    else:
        # Pages show a person's own data: no copy stays behind in a shared browser after log-out.
        response.headers.setdefault("Cache-Control", "no-store")
    return response
