"""How many trackers one server process serves: latency of `stored`, frames a second, CPU a batch.

`python -m benchmarks.ingest` starts `python wsgi.py` on a database of its own (SQLite, or what --database names, which
has to be empty) and loads it with 60 Hz trackers of twelve values, in batches of 100 ms, from a second process on the
same machine. Everything is on: authentication, checks, durable commit, classification, events, metrics.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEAD = ("trackers", "p50_ms", "p99_ms", "max_ms", "frames_per_s", "server_cpu", "cpu_us_per_batch", "late", "refused")
OWNER = "admin@localhost"
"""The account that a server makes on its first start."""


@contextlib.contextmanager
def serving(database_url: str | None, mode: str) -> Iterator[tuple[str, str, int]]:
    """A running server: its address, a token, its process id."""
    with tempfile.TemporaryDirectory(prefix="focus-bench-") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "FOCUS_INSTANCE": folder,
            "PORT": str(port),
            "SOCKETIO_ASYNC_MODE": mode,
            "LOG_LEVEL": "WARNING",
            **({"DATABASE_URL": database_url} if database_url else {}),
        }
        command = [sys.executable, "wsgi.py"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_until_ready(port, process)
            flask = [sys.executable, "-m", "flask"]
            made = subprocess.run(
                [*flask, "tokens", "create", OWNER, "--scope", "frames:write"],
                cwd=ROOT,
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            )
            yield f"http://127.0.0.1:{port}", made.stdout.strip(), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
            return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def load(server: str, token: str, pid: int, trackers: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run of the load client."""
    command = [
        *(sys.executable, "-m", "benchmarks.load", "--server", server, "--token", token, "--pid", str(pid)),
        *("--trackers", str(trackers), "--rate", str(options.rate), "--batch-ms", str(options.batch_ms)),
        *("--seconds", str(options.seconds)),
    ]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if made.returncode:
        raise SystemExit(f"the load client failed: {made.stderr[-2000:]}")
    outcome: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trackers", default="1,50,100,200,300")
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--batch-ms", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--database", help="address of an empty database (SQLite unless given)")
    parser.add_argument("--mode", default="eventlet", choices=("eventlet", "gevent", "threading"))
    options = parser.parse_args()
    kind = "SQLite" if not options.database else options.database.partition(":")[0]
    print(
        f"{options.rate:g} Hz trackers of 12 values in batches of {options.batch_ms:g} ms, {options.mode}, {kind},"
        f" {os.cpu_count()} cores shared by server and load"
    )
    print("".join(f"{name:>18}" for name in HEAD))
    for trackers in map(int, options.trackers.split(",")):
        # A server of its own for each row, so that none inherits the recordings of the one before.
        with serving(options.database, options.mode) as (server, token, pid):
            outcome = load(server, token, pid, trackers, options)
        print("".join(f"{outcome[name]!s:>18}" for name in HEAD), flush=True)
        for problem in outcome["problems"]:
            print(f"    {problem}")


if __name__ == "__main__":
    main()
