"""Starts the server: `python wsgi.py`. The one place that knows which kind of asynchronous server is used.

With eventlet (the default) and gevent one thread serves all connections, and the standard library is patched so that
waiting lets others go on; that has to happen before anything else is imported, so it stands first. The rest of FOCUS
sees `focus.concurrency.run_blocking` and the standard library's locks and threads, and never asks which kind it is.

On the way up: settings, instance lock (SQLite), migrations, first account, engine, server. SIGTERM or Ctrl-C ends it:
what was received is stored and acknowledged, trackers are told, and the process ends with status 0.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from pathlib import Path

from dotenv import dotenv_values

DEFAULT_MODE = "eventlet"


def chosen_mode() -> str:
    """Setting SOCKETIO_ASYNC_MODE, read by itself: config.py imports too much to come before the patching."""
    name = "SOCKETIO_ASYNC_MODE"
    return os.environ.get(name) or dotenv_values(Path(__file__).with_name(".env")).get(name) or DEFAULT_MODE


def patch_library(mode: str) -> None:
    """Make the standard library wait together with the server; an unknown mode is refused later, by config.py."""
    if mode == "eventlet":
        # Said at every start: it gets no new features. The other two modes are there for the day it ends.
        warnings.filterwarnings("ignore", message="\nEventlet is deprecated")
        import eventlet

        # psycopg2 is left out: `_wait_for_postgresql` does the same, with a limit to the waiting.
        eventlet.monkey_patch(psycopg=False)
    elif mode == "gevent":
        import gevent.monkey

        gevent.monkey.patch_all()


if __name__ == "__main__":
    # What is made on the way up stays; to look through it for garbage, again and again, takes a fifth of the time.
    gc.disable()
    patch_library(chosen_mode())

import logging
import select
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import click
from flask import Flask

from config import Settings, load_settings
from focus.errors import FocusError, SettingError

logger = logging.getLogger("focus.server")

DATABASE_GRACE_S = 10.0
"""An answer of PostgreSQL is given up this long after its own statement limit should have ended the statement."""

BACKLOG = 2048
"""Connections the system holds until they are accepted: all trackers come back at once after a restart."""


# -- what differs between the kinds of server -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Serving:
    """A server on a listening socket: `run` serves until `stop_accepting`, which leaves open connections alone."""

    run: Callable[[], None]
    stop_accepting: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mode:
    """One kind of server.

    `make` joins a listening socket and the application. `set_up` tells the rest of the program how blocking work and
    waiting for PostgreSQL are done.
    """

    make: Callable[[socket.socket, Flask, Settings], Serving]
    set_up: Callable[[Settings], None]


def _make_eventlet(listener: socket.socket, app: Flask, settings: Settings) -> Serving:
    from eventlet import wsgi

    def run() -> None:
        # The 1025th connection would get no answer without max_size. No access log: a log-in link's path is its secret.
        wsgi.server(listener, app, max_size=settings.MAX_CONNECTIONS, log=logger, log_output=False, debug=False)

    return Serving(run, listener.close)


def _set_up_eventlet(settings: Settings) -> None:
    from eventlet import Timeout, patcher, tpool
    from eventlet.hubs import trampoline
    from eventlet.websocket import RFC6455WebSocket

    from focus.concurrency import use_blocking_runner
    from focus.realtime.fast_websocket import speed_up

    use_blocking_runner(tpool.execute)
    speed_up(RFC6455WebSocket)
    if settings.uses_sqlite:
        return
    limit_s = _longest_wait_s(settings)

    def wait(descriptor: int, writing: bool) -> bool:
        try:
            trampoline(descriptor, read=not writing, write=writing, timeout=limit_s)
        except Timeout:
            return False
        return True

    _wait_for_postgresql(
        wait,
        limit_s,
        thread_id=patcher.original("threading").get_ident,
        make_poll=patcher.original("select").poll,
    )


def _make_gevent(listener: socket.socket, app: Flask, settings: Settings) -> Serving:
    from gevent.pywsgi import WSGIServer

    server = WSGIServer(listener, app, spawn=settings.MAX_CONNECTIONS, log=None, error_log=logger)
    return Serving(server.serve_forever, server.close)


def _set_up_gevent(settings: Settings) -> None:
    import gevent
    from gevent.monkey import get_original
    from gevent.socket import wait_read, wait_write

    from focus.concurrency import use_blocking_runner

    pool = gevent.get_hub().threadpool

    def run_in_pool(work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        return pool.apply(work, arguments, named)

    use_blocking_runner(run_in_pool)
    if settings.uses_sqlite:
        return
    limit_s = _longest_wait_s(settings)

    def wait(descriptor: int, writing: bool) -> bool:
        try:
            (wait_write if writing else wait_read)(descriptor, timeout=limit_s)
        except TimeoutError:
            return False
        return True

    _wait_for_postgresql(
        wait,
        limit_s,
        thread_id=get_original("threading", "get_ident"),
        make_poll=get_original("select", "poll"),
    )


def _make_threads(listener: socket.socket, app: Flask, _settings: Settings) -> Serving:
    from werkzeug.serving import make_server

    host, port = listener.getsockname()[:2]
    server = make_server(host, port, app, threaded=True, fd=listener.fileno())
    return Serving(server.serve_forever, server.shutdown)


def _set_up_threads(_settings: Settings) -> None:
    """Nothing: each connection has a thread of its own, which may wait."""


MODES = {
    "eventlet": Mode(_make_eventlet, _set_up_eventlet),
    "gevent": Mode(_make_gevent, _set_up_gevent),
    "threading": Mode(_make_threads, _set_up_threads),
}


def _longest_wait_s(settings: Settings) -> float:
    if sys.platform == "win32":
        raise SettingError(
            f"SOCKETIO_ASYNC_MODE is {settings.SOCKETIO_ASYNC_MODE!r}; allowed with PostgreSQL on Windows is threading"
        )
    return settings.DB_STATEMENT_TIMEOUT_S + DATABASE_GRACE_S


def _wait_for_postgresql(
    wait_in_server: Callable[[int, bool], bool],
    limit_s: float,
    *,
    thread_id: Callable[[], int],
    make_poll: Callable[[], Any],
) -> None:
    """Let others go on while psycopg2 waits, and give the database up after `limit_s`.

    `wait_in_server` is told a descriptor and whether it waits to write, and says whether that came before the limit. A
    connection used by `run_blocking` waits in its own thread with the system's poll (select knows no descriptor above
    1023). One that is given up is closed, because its answer might still come and be taken for that of the next
    statement.
    """
    import psycopg2
    from psycopg2 import extensions

    server_thread = thread_id()

    def wait(connection: Any, writing: bool) -> bool:
        descriptor = connection.fileno()
        if thread_id() == server_thread:
            return wait_in_server(descriptor, writing)
        poll = make_poll()
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
        return bool(poll.poll(limit_s * 1000))

    def wait_callback(connection: Any) -> None:
        while (state := connection.poll()) != extensions.POLL_OK:
            if not wait(connection, state == extensions.POLL_WRITE):
                connection.close()
                raise psycopg2.OperationalError(f"PostgreSQL did not answer for {limit_s:g} s")

    extensions.set_wait_callback(wait_callback)


# -- the way up and down ----------------------------------------------------------------------------------------------


def main(settings: Settings) -> None:
    """Serve until a signal ends it; FocusError when it cannot start."""
    from focus.app import create_app, start_background, stop_background
    from focus.instance import ServerLock
    from focus.startup import allow_connections, first_login_link, migrate_database

    mode = MODES[settings.SOCKETIO_ASYNC_MODE]
    allow_connections(settings.MAX_CONNECTIONS)
    mode.set_up(settings)
    with ExitStack() as stack:
        if settings.uses_sqlite:
            stack.enter_context(ServerLock(settings.INSTANCE))
        app = create_app(settings, async_mode=settings.SOCKETIO_ASYNC_MODE)
        with app.app_context():
            migrate_database()
            link = first_login_link(settings)
        listener = stack.enter_context(_listen(settings))
        wait_for_signal = _catch_signals()
        start_background(app)
        serving = mode.make(listener, app, settings)
        threading.Thread(target=serving.run, daemon=True).start()
        # Everything made so far stays; taking it out of the collector's rounds keeps them short.
        gc.collect()
        gc.freeze()
        gc.enable()
        _announce(settings, link)
        wait_for_signal()
        logger.info("stopping: no new connections, storing what was received")
        serving.stop_accepting()
        stop_background(app)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    try:
        return socket.create_server((settings.HOST, settings.PORT), family=family, backlog=BACKLOG)
    except OSError as err:
        reason = os.strerror(err.errno) if err.errno else str(err)
        raise SettingError(
            f"HOST is {settings.HOST!r} and PORT is {settings.PORT}; allowed is an address of this machine and a port "
            f"that no other program uses: {reason}"
        ) from err


def _catch_signals() -> Callable[[], None]:
    """A function that waits for SIGTERM or SIGINT; a second one of them ends the process at once."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def note(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        writer.send(b"x")

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)

    def wait() -> None:
        reader.recv(1)
        reader.close()

    return wait


def _announce(settings: Settings, link: str | None) -> None:
    click.echo(f"FOCUS runs at {settings.address}")
    if link is not None:
        click.echo(f"Log in with {link}  (works once, for {settings.LOGIN_LINK_MINUTES} minutes)")
    click.echo("Ctrl-C stops it.")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(load_settings())
    except FocusError as err:
        sys.exit(err.message)
