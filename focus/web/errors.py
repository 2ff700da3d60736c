"""Errors as a page for people and as problem JSON (RFC 9457) for `/api`.

The map from an error's code to an HTTP status stands here and nowhere else.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, json, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from focus.errors import FocusError

logger = logging.getLogger(__name__)

STATUS_OF_CODE: Final = {
    "unauthenticated": 401,
    "unverified": 401,
    "forbidden": 403,
    "consent": 403,
    "not_found": 404,
    "conflict": 409,
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
    status = STATUS_OF_CODE.get(error.code, 500)
    if status == 500:
        # An error of ours that no visitor can cause (a model, a checkpoint, the database): its sentence is for the log.
        logger.error("a page failed", exc_info=error, extra={"code": error.code})
        return _answer(500, error.code, None)
    return _answer(status, error.code, error.message)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    phrase = HTTPStatus(error.code).phrase.lower().replace(" ", "_") if error.code in list(HTTPStatus) else "error"
    detail = error.description if error.code == 400 else None
    answer = _answer(error.code, phrase, detail)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _unexpected_error(error: Exception) -> ResponseReturnValue:
    logger.error("a page failed", exc_info=error, extra={"path": request.path})
    return _answer(500, "internal", None)


def _answer(status: int, code: str, detail: str | None) -> BaseResponse:
    title, explanation = WORDS_OF_STATUS.get(status, ("That did not work", ""))
    if request.path.startswith("/api/"):
        problem = {"type": "about:blank", "title": title, "status": status, "code": code}
        problem["detail"] = detail or explanation
        return Response(json.dumps(problem), status, content_type="application/problem+json")
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


def _is_logged_in() -> bool:
    """Whether the error page may show the menu; asked carefully, because the database may be what failed."""
    try:
        return bool(current_user.is_authenticated)
    except Exception:  # noqa: BLE001 - the page that reports a failure must not fail for the same reason
        return False
