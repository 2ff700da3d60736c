"""The negative control: the server as it is, but for a writer that acknowledges 0.3 s before it commits.

The auditor has to find it out; if it did not, its silence about the real server would mean nothing.
"""

from __future__ import annotations

import queue
import runpy
import time
from pathlib import Path
from typing import Any

import eventlet

eventlet.monkey_patch(psycopg=False)

from sqlalchemy.orm import Session  # noqa: E402 - after patching, as in wsgi.py

from focus.concurrency import run_blocking  # noqa: E402
from focus.services.ingest.worker import DatabaseWorker  # noqa: E402

DELAY_S = 0.3


def _serve_eagerly(worker: Any, requests: queue.Queue[Any]) -> None:
    while (request := requests.get()) is not None:
        if worker._gate is None:
            _answer(worker, request)
        else:
            with worker._gate:
                _answer(worker, request)


def _answer(worker: Any, request: Any) -> None:
    session = Session(worker._engine, expire_on_commit=False)
    try:
        request.answer.give(run_blocking(request.work, session))
        run_blocking(_commit_late, session)
    except Exception as err:  # noqa: BLE001 - as the worker whose place it takes
        request.answer.fail(err)
    finally:
        session.close()


def _commit_late(session: Session) -> None:
    time.sleep(DELAY_S)
    session.commit()


if __name__ == "__main__":
    DatabaseWorker._serve = _serve_eagerly  # type: ignore[method-assign]
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "wsgi.py"), run_name="__main__")
