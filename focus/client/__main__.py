"""``python -m focus.client stream``: frames of a source to a server, from the command line.

The token comes from the environment (``FOCUS_TOKEN``), because a command line can be read by everybody on the machine.
Ends with 0 when everything is stored, 2 when what was given is wrong (an option, a file), 1 when it could not be
stored; what went wrong is one line on stderr.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Sequence
from typing import Final

from focus.client.markers import read_markers
from focus.client.outbox import DiskOutbox, MemoryOutbox, Outbox
from focus.client.sources import SOURCES
from focus.client.streaming import BATCH_MS, StreamResult, stream
from focus.client.tracker_client import DeliveryReport
from focus.errors import FocusError, InputError, NotFoundError, ParameterError, SettingError

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WRONG_INPUT: Final = (InputError, SettingError, NotFoundError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit status."""
    options = _parser().parse_args(arguments)
    level = logging.INFO if options.verbose else logging.ERROR
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        result = _stream(options)
    except FocusError as err:
        print(f"error: {err.message}", file=sys.stderr)
        return 2 if isinstance(err, _WRONG_INPUT) else 1
    return _report(result, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m focus.client", description="The FOCUS tracker client.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser(
        "stream",
        help="bring the frames of a source to a server",
        description="Bring the frames of a source to a server. The API token is taken from FOCUS_TOKEN.",
    )
    add.add_argument("--server", default="http://127.0.0.1:5000", metavar="URL", help="(default: %(default)s)")
    add.add_argument("--source", default="replay", choices=SOURCES.names(), help="(default: %(default)s)")
    add.add_argument("--speed", default=1.0, type=_speed, metavar="max|1|10", help="times real time (default: 1)")
    add.add_argument("--task", help="what the person does: reading, ...")
    add.add_argument("--markers", metavar="F", help="a CSV of what happened when: t_us, kind and, as JSON, body")
    add.add_argument("--consent", help="what the person agreed to, where the server asks for it")
    add.add_argument("--recording", type=_recording, metavar="UUID", help="go on with, or choose, this recording")
    add.add_argument("--outbox", metavar="DIR", help="keep what is not stored yet in this folder, to survive a crash")
    add.add_argument("--takeover", action="store_true", help="take the recording from another connection")
    add.add_argument(
        "--participant",
        type=_number,
        metavar="NUMBER",
        help="whose recording it is, where a researcher runs it for somebody in their group",
    )
    add.add_argument(
        "--batch-ms", default=float(BATCH_MS), type=_positive, help="length of a batch (default: %(default)g)"
    )
    add.add_argument(
        "--give-up-after",
        default=60.0,
        type=_positive,
        metavar="S",
        help="seconds without success (default: %(default)g)",
    )
    add.add_argument("--json", action="store_true", help="end with one line of JSON on stdout")
    add.add_argument("--verbose", action="store_true", help="tell of connections and refusals on stderr")
    for name, source in SOURCES:
        source.add_arguments(add.add_argument_group(f"source {name}", (source.__doc__ or "").partition("\n")[0]))
    return parser


def _speed(text: str) -> float:
    return math.inf if text == "max" else _positive(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a participant's number")
    return int(text)


def _recording(text: str) -> str:
    if _UUID.fullmatch(text.lower()) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID")
    return text.lower()


def _stream(options: argparse.Namespace) -> StreamResult:
    token = os.environ.get("FOCUS_TOKEN", "")
    if not token:
        raise SettingError("FOCUS_TOKEN is not set; `flask tokens create EMAIL --scope frames:write` prints a token")
    if re.match(r"https?://[^/\s]+", options.server) is None:
        raise ParameterError(f"--server {options.server!r} is not an http or https address")
    source = SOURCES[options.source].from_arguments(options)
    for warning in source.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    markers = read_markers(options.markers) if options.markers else ()
    stop = threading.Event()
    is_main = threading.current_thread() is threading.main_thread()
    old_handlers = {s: signal.signal(s, lambda *_: stop.set()) for s in _stop_signals()} if is_main else {}
    try:
        with _outbox(options) as outbox:
            return stream(
                source,
                options.server,
                token,
                markers=markers,
                speed=options.speed,
                task=options.task,
                consent=options.consent,
                outbox=outbox,
                batch_ms=options.batch_ms,
                takeover=options.takeover,
                participant=options.participant,
                give_up_after_s=options.give_up_after,
                should_stop=stop.is_set,
                on_progress=_Progress() if sys.stderr.isatty() and not options.verbose else lambda report: None,
            )
    finally:
        for number, handler in old_handlers.items():
            signal.signal(number, handler)


def _stop_signals() -> tuple[signal.Signals, ...]:
    return signal.SIGINT, signal.SIGTERM


def _outbox(options: argparse.Namespace) -> Outbox:
    recording = options.recording or str(uuid.uuid4())
    if options.outbox is None:
        return MemoryOutbox(recording)
    outbox = DiskOutbox(options.outbox, recording)
    if options.recording is None:
        print(
            f"recording {recording}: go on with it by --outbox {options.outbox} --recording {recording}",
            file=sys.stderr,
        )
    return outbox


class _Progress:
    """One line on a terminal, written over again."""

    def __call__(self, report: DeliveryReport) -> None:
        line = f"\r{report.n_frames_stored} of {report.n_frames} frames stored, {report.n_connections} connections "
        print(line, end="", file=sys.stderr, flush=True)


def _report(result: StreamResult, options: argparse.Namespace) -> int:
    if sys.stderr.isatty() and not options.verbose:
        print(file=sys.stderr)
    if result.frames_rejected:
        aside = f"{result.batches_rejected} batches with {result.frames_rejected} frames"
        print(f"error: {aside} were kept aside by the server as unusable", file=sys.stderr)
    numbers = {
        "recording": result.recording,
        "frames_sent": result.frames_sent,
        "frames_stored": result.frames_stored,
    }
    if options.json:
        print(json.dumps(numbers))
    else:
        print(f"recording {result.recording}: {result.frames_stored} of {result.frames_sent} frames stored")
    return 0 if result.frames_stored == result.frames_sent else 1


if __name__ == "__main__":
    sys.exit(main())
