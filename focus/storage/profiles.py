"""Queries over what belongs to a person beside their account: profile and calibrations."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from focus.storage.account_models import Calibration, Profile, User


def find_profile(session: Session, user_id: int) -> Profile | None:
    return session.get(Profile, user_id)


def put_profile(session: Session, profile: Profile) -> None:
    """Store the profile in place of the one before."""
    # Two at the same moment come one after the other; on SQLite the savepoint takes the turn to write.
    with session.begin_nested():
        session.execute(select(User.id).where(User.id == profile.user_id).with_for_update())
        session.merge(profile)


def add_calibration(session: Session, calibration: Calibration) -> None:
    session.add(calibration)
    session.flush()


def list_calibrations(session: Session, *, user_id: int, tracker: str | None = None) -> Sequence[Calibration]:
    """A person's calibrations, of one tracker or of all, the newest first."""
    query = select(Calibration).where(Calibration.user_id == user_id)
    if tracker is not None:
        query = query.where(Calibration.tracker == tracker)
    return session.scalars(query.order_by(Calibration.calibrated_at.desc(), Calibration.id.desc())).all()


def newest_valid_calibration(session: Session, *, user_id: int, tracker: str) -> Calibration | None:
    query = (
        select(Calibration)
        .where(Calibration.user_id == user_id, Calibration.tracker == tracker, Calibration.is_valid.is_(True))
        .order_by(Calibration.calibrated_at.desc(), Calibration.id.desc())
        .limit(1)
    )
    return session.scalar(query)


def delete_calibration(session: Session, *, user_id: int, calibration_id: int) -> bool:
    """Remove a calibration of this person; False if there is none of this id."""
    query = delete(Calibration).where(Calibration.id == calibration_id, Calibration.user_id == user_id)
    return bool(session.execute(query).rowcount)  # type: ignore[attr-defined]
