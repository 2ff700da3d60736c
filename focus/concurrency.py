"""How blocking work leaves the thread that serves everybody; `wsgi.py` says how, once, before anything else runs.

Under eventlet and gevent one thread serves all connections, so a password hash or a commit inside it stops everybody.
`run_blocking` hands such work to a real thread and waits for it as a task of the server. In the command line, in the
tests and in the threaded server it is a plain call, because there the caller has a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class BlockingRunner(Protocol):
    """Calls a function somewhere else and returns what it returns, or raises what it raises."""

    def __call__(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any: ...


def _call(work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
    return work(*arguments, **named)


class _Runner:
    run: BlockingRunner = staticmethod(_call)


_runner = _Runner()


def use_blocking_runner(runner: BlockingRunner) -> None:
    """Set how `run_blocking` works in this process; called by `wsgi.py` alone."""
    _runner.run = runner


def run_blocking(work: Callable[..., T], /, *arguments: Any, **named: Any) -> T:
    """What `work(*arguments, **named)` returns, without stopping the other tasks of the server while it runs.

    The work must not touch locks, queues or sockets of the server, nor a database session that another task uses.
    """
    return _runner.run(work, *arguments, **named)  # type: ignore[no-any-return]
