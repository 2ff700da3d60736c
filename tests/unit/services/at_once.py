"""Two transactions that overlap on purpose: the second has read before the first commits, and writes after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from focus.storage.database import GatedConnection

LIMIT_S = 60


def commit_between(
    engine: Engine, first: Session, second: Session, work: Callable[[Session], object], *, at: str
) -> None:
    """Do `work` in `second`, and commit `first` just before that runs its statement `at`, or takes a lock before it."""
    with ThreadPoolExecutor(1) as apart, _watched(engine, at) as is_there:
        late = apart.submit(work, second)
        late.add_done_callback(lambda _: is_there.set())
        assert is_there.wait(LIMIT_S)
        first.commit()
        late.result(LIMIT_S)


@contextmanager
def _watched(engine: Engine, at: str) -> Iterator[threading.Event]:
    """Set when another thread than this one gets there; on SQLite, where it asks for its turn to write."""
    is_there, here = threading.Event(), threading.current_thread()

    def see(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if threading.current_thread() is not here and (statement.startswith(at) or "FOR UPDATE" in statement):
            is_there.set()

    def begin_write(connection: GatedConnection) -> None:
        if threading.current_thread() is not here:
            is_there.set()
        real_begin_write(connection)

    real_begin_write = GatedConnection.begin_write
    event.listen(engine, "before_cursor_execute", see)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GatedConnection, "begin_write", begin_write)
        yield is_there
    event.remove(engine, "before_cursor_execute", see)
