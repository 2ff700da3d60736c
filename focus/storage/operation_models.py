"""Tables of the installation itself: model releases, documents, background jobs, the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from focus.storage.base import Base, BigId


class ModelRelease(Base):
    """An eye-state model that was registered or promoted here; its files lie in the package or in `instance/models/`.

    The one that was promoted last is active. A rollback takes its time away, so the one before is active again; where
    none has a time, the release that is shipped is.
    """

    __tablename__ = "model_release"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), doc="SHA-256 of model.ubj")
    manifest: Mapped[dict[str, Any]]
    added_at: Mapped[datetime]
    promoted_at: Mapped[datetime | None]


class Document(Base):
    """A file in `instance/documents/` that belongs to a person."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("path"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    path: Mapped[str] = mapped_column(String(255), doc="relative to documents/")
    media_type: Mapped[str] = mapped_column(String(120))
    n_bytes: Mapped[int] = mapped_column(BigId)
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Job(Base):
    """Work that runs in the background, with its progress."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"),
        Index(None, "state", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="waiting")
    arguments: Mapped[dict[str, Any]]
    progress_ratio: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did or looked at what; rows are added and never changed. The ids outlive the people and objects they name."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index(None, "at"),
        Index(None, "actor_id", "at"),
        Index(None, "object_kind", "object_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(BigId)
    action: Mapped[str] = mapped_column(String(64))
    object_kind: Mapped[str] = mapped_column(String(32), default="")
    object_id: Mapped[str] = mapped_column(String(64), default="")
    details: Mapped[dict[str, Any]]
