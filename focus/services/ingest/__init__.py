"""Frames in: the queue, the tick, the writer, and everything that keeps what was acknowledged.

`IngestEngine` is what the rest of FOCUS uses; `realtime` puts items into it, `make_engine` joins its parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from focus.analysis.parameters import AnalysisParameters
from focus.analysis.types import StateClassifier
from focus.services.ingest.classifiers import Classifiers
from focus.services.ingest.engine import EngineSettings, IngestEngine
from focus.services.ingest.items import BatchItem, CloseItem, MarkerItem, OpenItem, RefusalError, ReleaseItem
from focus.services.ingest.stage import AnalysisStage
from focus.services.ingest.worker import DatabaseWorker
from focus.services.live import LiveHub
from focus.services.releases import active_name
from focus.storage.database import make_writer_engine, write_gate

__all__ = [
    "BatchItem",
    "CloseItem",
    "EngineSettings",
    "IngestEngine",
    "MarkerItem",
    "OpenItem",
    "RefusalError",
    "ReleaseItem",
    "make_engine",
]


def make_engine(
    url: str,
    load_classifier: Callable[[str], StateClassifier],
    *,
    active_release: Callable[[Session], str] = active_name,
    parameters: AnalysisParameters | None = None,
    settings: EngineSettings | None = None,
    pictures_per_s: float = 5.0,
    statement_timeout_s: float = 10.0,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    now_s: Callable[[], float] = time.monotonic,
) -> IngestEngine:
    """An engine on a database, not started.

    Parameters
    ----------
    url : str
        Address of the database.
    load_classifier : callable
        Gives the model of a release.
    active_release : callable
        Asks the database which release a recording that opens now is analysed with.
    parameters : AnalysisParameters, optional
        How they are analysed.
    settings : EngineSettings, optional
        Pace and limits.
    pictures_per_s : float
        Pace of the live view.
    statement_timeout_s : float
        Longest run of one statement on PostgreSQL; a whole transaction is given up a little later.
    now, now_s : callable
        Clocks: a time with zone, and monotonic seconds.
    """
    limits = {"statement_timeout_s": statement_timeout_s, "lock_timeout_s": min(5.0, statement_timeout_s)}
    gate = write_gate(url)
    timeout_s = statement_timeout_s + 5.0
    return IngestEngine(
        writer=DatabaseWorker(make_writer_engine(url, pool_size=2, **limits), gate=gate, timeout_s=timeout_s),
        reader=DatabaseWorker(make_writer_engine(url, pool_size=2, **limits), gate=None, timeout_s=timeout_s),
        stage=AnalysisStage(
            Classifiers(load_classifier, active_release),
            parameters or AnalysisParameters(),
            LiveHub(pictures_per_s=pictures_per_s, now_s=now_s),
        ),
        settings=settings,
        now=now,
        now_s=now_s,
    )
