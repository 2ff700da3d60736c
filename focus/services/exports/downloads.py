"""An export for somebody who downloads it: made piece by piece, away from the tasks that serve others.

The download has a connection of its own to the database, which one thread at a time uses, and no transaction stays open
while the receiver is slow. When the receiver goes away, closing the generator gives everything back.
"""

from __future__ import annotations

from collections.abc import Iterator

from focus.concurrency import run_blocking
from focus.services import recordings
from focus.services.exports.base import Exporter, export_source
from focus.services.exports.targets import stream_zip
from focus.storage.database import Session, make_writer_engine


def stream_download(database_url: str, recording_id: str, exporter: Exporter, *, root: str) -> Iterator[bytes]:
    """Pieces of a zip with the recording's files in the folder `root`.

    Whether the asker may see the recording has been settled before.
    """
    # It only reads, so it needs no gate; a pool's lock is the server's, and only this download meets it.
    engine = make_writer_engine(database_url, pool_size=1)
    session = Session(engine)
    try:
        pieces = run_blocking(_begin, session, recording_id, exporter, root)
        while (piece := run_blocking(_step, session, pieces)) is not None:
            yield piece
    finally:
        run_blocking(session.close)
        engine.dispose()


def _begin(session: Session, recording_id: str, exporter: Exporter, root: str) -> Iterator[bytes]:
    source = export_source(session, recordings.find_recording(session, recording_id))
    session.rollback()
    return stream_zip(exporter, source, root)


def _step(session: Session, pieces: Iterator[bytes]) -> bytes | None:
    piece = next(pieces, None)
    session.rollback()
    return piece
