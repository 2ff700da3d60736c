"""Log lines without secrets, and counters."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from focus.observability import JsonFormatter, TextFormatter, configure_logging, redact

TOKEN = "focus_" + "Ab3-_" * 8 + "xyz"


@pytest.fixture
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = before[0], before[1]


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("focus.x", logging.INFO, __file__, 1, message, arguments, None)


@pytest.mark.parametrize(
    "secret", [TOKEN, "ada@example.org", "ADA+x@localhost", "https://focus/login/" + "q" * 43, "'a.b@c.de'"]
)
def test_tokens_links_and_addresses_are_taken_out(secret: str) -> None:
    shown = redact(f"before {secret} after")

    assert "(removed)" in shown
    assert "before" in shown
    assert "after" in shown
    for part in (TOKEN, "ada", "ADA", "q" * 43, "a.b@c.de"):
        assert part not in shown


def test_ids_and_numbers_stay() -> None:
    line = "recording 0b3f0f5e-5a0e-4a43-9c59-1f5d2f3a4b5c: 60 frames in 12 ms, model eye-state-2026-11-23"

    assert redact(line) == line


def test_a_line_of_text_has_its_secrets_taken_out_of_the_fields_too() -> None:
    line = TextFormatter().format(record("log-in of %s failed", "ada@example.org"))

    assert line.endswith("INFO    focus.x: log-in of (removed) failed")


def test_a_line_of_json_can_be_read_back() -> None:
    line = json.loads(JsonFormatter().format(record('said "%s"', TOKEN)))

    assert (line["level"], line["logger"], line["message"]) == ("INFO", "focus.x", 'said "(removed)"')


def test_a_traceback_has_its_secrets_taken_out() -> None:
    try:
        raise RuntimeError(TOKEN)
    except RuntimeError as err:
        failed = record("failed")
        failed.exc_info = (type(err), err, err.__traceback__)

    assert "RuntimeError: (removed)" in TextFormatter().format(failed)
    assert "RuntimeError: (removed)" in json.loads(JsonFormatter().format(failed))["traceback"]


@pytest.mark.usefixtures("_root_logger")
def test_setting_up_the_log_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    configure_logging("INFO", "text")

    logging.getLogger("focus.x").info("once")
    logging.getLogger("some.library").info("never")

    written = capsys.readouterr().err
    assert written.count("once") == 1
    assert "never" not in written
