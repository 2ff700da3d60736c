"""Errors as a page for people and as problem JSON (RFC 9457) for `/api`.

The map from an error's code to an HTTP status stands here and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, json, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import current_user
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from focus.errors import FocusError
from focus.services.ingest import RefusalError
from focus.web.limits import seconds_until_retry

logger = logging.getLogger(__name__)

STATUS_OF_CODE: Final = {
    "unauthenticated": 401,
    "unverified": 401,
    "forbidden": 403,
    "csrf": 403,
    "consent": 403,
    "not_found": 404,
    "unknown_release": 404,
    "conflict": 409,
    "model": 409,
    "closed": 409,
    "gap": 409,
    "seq_conflict": 409,
    "lease": 409,
    "too_large": 413,
    "input": 422,
    "frame_format": 422,
    "frame_value": 422,
    "recording_file": 422,
    "shape": 422,
    "parameter": 422,
    "busy": 503,
}

WORDS_OF_STATUS: Final = {
    400: ("This request could not be read", "Something in the address or the form is not what FOCUS expects."),
    401: ("Please log in", "This page belongs to somebody; log in to see whether it is you."),
    403: ("This is not open to you", "You are logged in, but this page or action is for somebody else."),
    404: ("There is nothing here", "The address is mistyped, the session was deleted, or it belongs to somebody else."),
    405: ("That does not work here", "This address cannot be used in this way."),
    409: ("That cannot be done now", "Something changed in the meantime. Go back, reload, and try again."),
    413: ("That is too large", "What was sent is larger than FOCUS takes in one piece."),
    422: ("Something does not fit", "One of the values is not what FOCUS expects."),
    429: ("Too many tries", "Please wait a minute and try again."),
    500: (
        "Something went wrong on our side",
        "The fault has been written to the server's log. What was stored is safe; try again in a moment.",
    ),
    503: ("FOCUS is busy", "Please try again in a few seconds."),
}


def register(app: Flask) -> None:
    """Handle what FOCUS raises on purpose, what Flask raises, and everything else."""
    app.register_error_handler(FocusError, _focus_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _focus_error(error: FocusError) -> ResponseReturnValue:
    if isinstance(error, RefusalError):
        extra = {"next_seq": error.next_seq, "retry_ms": error.retry_ms}
        answer = _answer(STATUS_OF_CODE.get(error.error.code, 500), error.error.code, error.error.message, extra=extra)
        if error.retry_ms is not None:
            answer.headers["Retry-After"] = str(-(-error.retry_ms // 1000))
        return answer
    status = STATUS_OF_CODE.get(error.code, 500)
    if status == 500:
        # An error of ours that no visitor can cause (a model, a checkpoint, the database): its sentence is for the log.
        logger.error("a page failed", exc_info=error, extra={"code": error.code})
        return _answer(500, error.code, None)
    return _answer(status, error.code, error.message, extra={"errors": getattr(error, "errors", None)})


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    phrase = HTTPStatus(error.code).phrase.lower().replace(" ", "_") if error.code in list(HTTPStatus) else "error"
    detail = error.description if error.code in (400, 415) else None
    answer = _answer(error.code, phrase, detail)
    if isinstance(error, RateLimitExceeded):
        answer.headers["Retry-After"] = str(seconds_until_retry())
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _unexpected_error(error: Exception) -> ResponseReturnValue:
    logger.error("a page failed", exc_info=error, extra={"path": request.path})
    return _answer(500, "internal", None)


def _answer(status: int, code: str, detail: str | None, *, extra: Mapping[str, Any] | None = None) -> BaseResponse:
    title, explanation = WORDS_OF_STATUS.get(status, ("That did not work", ""))
    if request.path.startswith("/api/"):
        return _problem(status, code, detail or explanation, extra or {})
    if status == 401 and request.method == "GET":
        return redirect(url_for("accounts.log_in", next=request.full_path.rstrip("?")))
    body = render_template(
        "error.html",
        status=status,
        title=title,
        explanation=explanation,
        detail=detail,
        logged_in=_is_logged_in(),
    )
    return Response(body, status)


def _problem(status: int, code: str, detail: str, extra: Mapping[str, Any]) -> BaseResponse:
    """Problem JSON; the title is the status's own name, as RFC 9457 asks of a problem without a type of its own."""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Error"
    problem = {"type": "about:blank", "title": phrase, "status": status, "code": code, "detail": detail}
    problem |= {name: value for name, value in extra.items() if value is not None}
    answer = Response(json.dumps(problem), status, content_type="application/problem+json")
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _is_logged_in() -> bool:
    """Whether the error page may show the menu; asked carefully, because the database may be what failed."""
    try:
        return bool(current_user.is_authenticated)
    except Exception:  # noqa: BLE001 - the page that reports a failure must not fail for the same reason
        return False
