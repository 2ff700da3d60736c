"""What a running server says about itself: log lines.

A log line is constant text with fields. The formatter takes out whatever looks like one of our tokens or an e-mail
address, so that neither gets into a log through a library's message; it is a net below the rule, not the rule.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_SECRETS: Final = re.compile(r"focus_[A-Za-z0-9_-]{16,}|\b[A-Za-z0-9_-]{43}\b|[^\s@<>\"'()]+@[^\s@<>\"'()]+")
_QUIET: Final = (
    "werkzeug",
    "engineio",
    "socketio",
    "alembic",
    "urllib3",
    "websocket",
    "flask_limiter",
    "geventwebsocket",
)
_HANDLER_NAME: Final = "focus"


def redact(text: str) -> str:
    """The text without tokens, long random strings and e-mail addresses."""
    return _SECRETS.sub("(removed)", text)


class TextFormatter(logging.Formatter):
    """Lines for people: time, level, logger, message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for a log collector."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            fields["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(fields)


class _StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at that moment: tests and commands put something else in its place."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        return


def configure_logging(level: str, line_format: str) -> None:
    """Send the log of the whole process to standard error; called again, it replaces what it set before.

    Parameters
    ----------
    level : str
        Least important level that is written; libraries are written from WARNING up.
    line_format : {"text", "json"}
        Setting LOG_FORMAT.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        if handler.name == _HANDLER_NAME:
            root.removeHandler(handler)
    handler = _StandardErrorHandler()
    handler.name = _HANDLER_NAME
    handler.setFormatter(JsonFormatter() if line_format == "json" else TextFormatter())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("focus").setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
