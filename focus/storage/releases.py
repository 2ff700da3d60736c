"""Queries of model releases: which are registered, and which was promoted last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus.storage.operation_models import ModelRelease


def add_release(session: Session, *, name: str, digest: str, manifest: dict[str, Any], now: datetime) -> ModelRelease:
    """Note a release."""
    release = ModelRelease(name=name, digest=digest, manifest=manifest, added_at=now)
    session.add(release)
    session.flush()
    return release


def find_release(session: Session, name: str) -> ModelRelease | None:
    """A release that was noted, by name."""
    return session.scalar(select(ModelRelease).where(ModelRelease.name == name))


def noted_releases(session: Session) -> Sequence[ModelRelease]:
    """All releases that were noted."""
    return session.scalars(select(ModelRelease).order_by(ModelRelease.name)).all()


def promoted_releases(session: Session, *, limit: int, lock: bool = False) -> Sequence[ModelRelease]:
    """Releases that were promoted, the active one first; with `lock` nobody else can promote until the commit."""
    query = select(ModelRelease).where(ModelRelease.promoted_at.is_not(None))
    query = query.order_by(ModelRelease.promoted_at.desc(), ModelRelease.id.desc()).limit(limit)
    return session.scalars(query.with_for_update() if lock else query).all()
