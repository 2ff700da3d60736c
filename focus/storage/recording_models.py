"""Tables of recordings: what was sent (the log), and what the analysis made of it (projections of the log).

The log is `FrameBatchRow` (one row a batch, as it came), merged by and by into `FrameChunk`, with `Marker` and
`RejectedBatch` beside it: each sequence number of a recording stands in exactly one of these. `RecordingCursor` is the
narrow row that every commit of frames updates; it stands apart from `Recording` so that a tick over hundreds of
recordings rewrites a few pages and not all their descriptions.

Everything under `Analysis` can be computed again from the log. Its rows have natural keys, so that writing a result a
second time after a crash changes nothing. Queries are in `recordings.py`, `frames.py` and `results.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from focus.storage.base import Base, BigId

OPEN: Final = "open"
CLOSED: Final = "closed"

LIVE: Final = "live"
AGAIN: Final = "again"


def _recording_key() -> Mapped[str]:
    return mapped_column(String(36), ForeignKey("recording.id", ondelete="CASCADE"), primary_key=True)


def _analysis_key() -> Mapped[int]:
    return mapped_column(BigId, ForeignKey("analysis.id", ondelete="CASCADE"), primary_key=True)


class Recording(Base):
    """One continuous run of one tracker for one person, as described when it was opened."""

    __tablename__ = "recording"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'closed')", name="state"),
        Index("ix_recording_owner_id_started_at", "owner_id", "started_at"),
        Index("ix_recording_state", "state"),
        Index("ix_recording_run_by_id", "run_by_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    run_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), default=None)
    """The researcher who ran it for its owner; None for who ran it themselves."""
    title: Mapped[str] = mapped_column(String(200), default="")
    task: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    tracker: Mapped[dict[str, Any]] = mapped_column(JSON)
    """`TrackerInfo.to_dict()`: names, columns, units, gaze space, screen geometry."""
    consent: Mapped[str] = mapped_column(String(100), default="")
    """What the client named as agreed to when it opened the recording."""
    device: Mapped[str] = mapped_column(String(100), default="")
    client: Mapped[str] = mapped_column(String(100), default="")
    clock_samples: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """[c0, s1, s2] in ns: client's monotonic clock when asking, server's when asked and when answering."""
    calibration: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    """The calibration that applied when it was opened, as it was then (`calibrations.provenance`); None without one."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    frames_removed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the raw frames were removed because they were old enough; the results are still there."""

    cursor: Mapped[RecordingCursor] = relationship(
        lazy="joined", innerjoin=True, cascade="all, delete-orphan", passive_deletes=True, uselist=False
    )

    @property
    def next_seq(self) -> int:
        """All batches and markers below it are stored."""
        return self.cursor.next_seq

    @property
    def n_frames(self) -> int:
        return self.cursor.n_frames

    @property
    def n_rejected(self) -> int:
        """Batches kept aside because their meaning was bad."""
        return self.cursor.n_rejected

    @property
    def t_first_us(self) -> int | None:
        return self.cursor.t_first_us

    @property
    def t_last_us(self) -> int | None:
        return self.cursor.t_last_us

    @property
    def is_open(self) -> bool:
        return self.state == OPEN


class RecordingCursor(Base):
    """How far a recording has come and who may write to it: the row whose UPDATE decides whether batches are accepted.

    A closed recording has no lease, so the check of the lease refuses its late batches too. No column here is indexed
    but the key, so that PostgreSQL can update the row in place.
    """

    __tablename__ = "recording_cursor"

    recording_id: Mapped[str] = _recording_key()
    lease: Mapped[str | None] = mapped_column(String(32), default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    """Until then who does not know the lease has to ask for a takeover; each commit of frames moves it on."""
    next_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    n_batches: Mapped[int] = mapped_column(BigInteger, default=0)
    n_frames: Mapped[int] = mapped_column(BigInteger, default=0)
    n_rejected: Mapped[int] = mapped_column(BigInteger, default=0)
    n_frames_rejected: Mapped[int] = mapped_column(BigInteger, default=0)
    t_first_us: Mapped[int | None] = mapped_column(BigInteger, default=None)
    t_last_us: Mapped[int | None] = mapped_column(BigInteger, default=None)


class FrameBatchRow(Base):
    """The journal: a batch as it came over the wire, until it is merged into a chunk."""

    __tablename__ = "frame_batch"

    recording_id: Mapped[str] = _recording_key()
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(Integer)
    t0_us: Mapped[int] = mapped_column(BigInteger)
    t1_us: Mapped[int] = mapped_column(BigInteger)
    crc32: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class FrameChunk(Base):
    """About a minute of frames, compressed without loss; takes the place of the batches first_seq..last_seq."""

    __tablename__ = "frame_chunk"
    __table_args__ = (Index("ix_frame_chunk_recording_id_t_stop_us", "recording_id", "t_stop_us"),)

    recording_id: Mapped[str] = _recording_key()
    first_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    t_start_us: Mapped[int] = mapped_column(BigInteger)
    t_stop_us: Mapped[int] = mapped_column(BigInteger)
    """Time of the last frame."""
    n: Mapped[int] = mapped_column(Integer)
    codec: Mapped[str] = mapped_column(String(20))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    batches: Mapped[bytes] = mapped_column(LargeBinary)
    """CRC-32 and number of frames of each batch (`chunk_codec.pack_batch_list`): a late duplicate is still told from a
    conflict, and reading can begin at any batch."""


class RejectedBatch(Base):
    """A batch that was well formed and whose meaning was bad: kept as it came, counted, and never analysed."""

    __tablename__ = "rejected_batch"

    recording_id: Mapped[str] = _recording_key()
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(Integer)
    crc32: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    code: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    rejected_at: Mapped[datetime]


class Marker(Base):
    """A named moment of the recording, sent by the client within the same sequence as the batches."""

    __tablename__ = "marker"

    recording_id: Mapped[str] = _recording_key()
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    t_us: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(60))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    crc32: Mapped[int] = mapped_column(BigInteger)


class Analysis(Base):
    """One pass of one model release with one set of parameters over a recording.

    Number 0 is the one that ran live; a later live one took its place because the model, the parameters or the code of
    the server changed. Those of origin `again` were asked for (`services/reanalysis.py`) and stand beside them. Shown
    is the one that was chosen last, or, where none was, the newest live one (`results.shown_analysis`).
    """

    __tablename__ = "analysis"
    __table_args__ = (
        CheckConstraint("origin IN ('live', 'again')", name="origin"),
        UniqueConstraint("recording_id", "number"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    recording_id: Mapped[str] = mapped_column(String(36), ForeignKey("recording.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    origin: Mapped[str] = mapped_column(String(10), default=LIVE, server_default=LIVE)
    """Who brings it to its end: `live` the engine, also after a restart; `again` whoever asked for it."""
    chosen_at: Mapped[datetime | None] = mapped_column(default=None)
    """When somebody chose it as the one that is shown."""
    model_release: Mapped[str] = mapped_column(String(100))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    code_version: Mapped[str] = mapped_column(String(40))
    analysed_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    """The results below hold for all batches below it."""
    n_frames: Mapped[int] = mapped_column(BigInteger, default=0)
    """Frames whose state is final."""
    checkpoint: Mapped[bytes | None] = mapped_column(LargeBinary, default=None, deferred=True)
    checkpoint_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    """The checkpoint holds all batches below it."""
    is_complete: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class EyeStateRun(Base):
    """Consecutive frames in one eye state."""

    __tablename__ = "eye_state_run"

    analysis_id: Mapped[int] = _analysis_key()
    start_us: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stop_us: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    """`focus.analysis.types.EyeState`."""
    n_frames: Mapped[int] = mapped_column(Integer)
    mean_probability: Mapped[float] = mapped_column(Float)


class EventRow(Base):
    """Something the eyes did; attributes are numbers whose names carry the unit."""

    __tablename__ = "event"

    analysis_id: Mapped[int] = _analysis_key()
    # Onset before kind in the key: a timeline asks for a stretch of time.
    onset_us: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    offset_us: Mapped[int] = mapped_column(BigInteger)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)


class MetricWindowRow(Base):
    """What the metrics gathered in one minute; sums that combine exactly."""

    __tablename__ = "metric_window"

    analysis_id: Mapped[int] = _analysis_key()
    start_us: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stop_us: Mapped[int] = mapped_column(BigInteger)
    sums: Mapped[dict[str, Any]] = mapped_column(JSON)
