"""Calibrations of a person with a tracker: kept, listed, and the one that applies to a recording.

A calibration is made by a client (the tracker page, a script): it shows points, fits its coefficients, and validates
them on other points. Here it is checked and kept; the newest valid one is handed out to the client that records, and is
written into the recording's provenance when the recording is opened. Nothing here commits: the caller does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.errors import NotFoundError, ParameterError
from focus.protocol.batch import ScreenGeometry, TrackerInfo
from focus.services.accounts import Principal, clean_text
from focus.storage import profiles as queries
from focus.storage.account_models import Calibration

MAX_POINTS: Final = 200
MAX_COEFFICIENTS: Final = 2000
MAX_ANGLE_DEG: Final = 90.0
VALID_BELOW_DEG: Final = 5.0
"""A calibration whose validation is worse says nothing about where on a screen somebody looks."""


@dataclass(frozen=True, slots=True)
class CalibrationData:
    """A calibration as a client made it; checks itself on creation.

    Attributes
    ----------
    tracker : str
        Name of the tracker, as in its `TrackerInfo`.
    screen : dict
        `ScreenGeometry` as JSON values; FrameValueError if it is none.
    points : sequence of dict
        Targets shown: at least `x`, `y` in screen units 0..1, and whatever the client measured there, as numbers.
    coefficients : dict
        Regression coefficients by name, each a number or a list of numbers.
    accuracy_deg, precision_deg : float or None
        Of the validation, in degrees of visual angle; None where there was none.
    """

    tracker: str
    screen: Mapping[str, Any]
    points: Sequence[Mapping[str, Any]]
    coefficients: Mapping[str, Any]
    accuracy_deg: float | None = None
    precision_deg: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(clean_text(self.tracker)) <= 120:
            raise ParameterError(f"a tracker's name has 1 to 120 characters; this one has {len(self.tracker)}")
        ScreenGeometry.from_dict(self.screen)
        if not 1 <= len(self.points) <= MAX_POINTS:
            raise ParameterError(f"a calibration has 1 to {MAX_POINTS} points; this one has {len(self.points)}")
        for number, point in enumerate(self.points):
            _check_point(number, point)
        n_numbers = sum(_count_numbers(name, value) for name, value in self.coefficients.items())
        if not 1 <= n_numbers <= MAX_COEFFICIENTS:
            raise ParameterError(f"a calibration has 1 to {MAX_COEFFICIENTS} coefficients; this one has {n_numbers}")
        for name in ("accuracy_deg", "precision_deg"):
            angle = getattr(self, name)
            if angle is not None and not (_is_number(angle) and 0 <= angle <= MAX_ANGLE_DEG):
                raise ParameterError(f"{name} {str(angle)[:40]} lies outside of 0..{MAX_ANGLE_DEG:g}")

    @property
    def is_valid(self) -> bool:
        """Whether it was validated, and well enough to say where somebody looks."""
        return self.accuracy_deg is not None and self.accuracy_deg <= VALID_BELOW_DEG


def from_dict(values: Any, *, tracker: str) -> CalibrationData:
    """A calibration from JSON.

    Raises
    ------
    ParameterError, FrameValueError
        If something is missing, unknown, of a wrong type or out of range.
    """
    names = ("screen", "points", "coefficients", "accuracy_deg", "precision_deg")
    if not isinstance(values, Mapping) or not set(names[:3]) <= set(values) or not set(values) <= set(names):
        given = ", ".join(map(str, values))[:80] if isinstance(values, Mapping) else type(values).__name__
        raise ParameterError(f"a calibration is an object with {', '.join(names)}; this one has {given}")
    if not isinstance(values["points"], list) or not all(isinstance(point, Mapping) for point in values["points"]):
        raise ParameterError("the points of a calibration are a list of objects")
    if not isinstance(values["coefficients"], Mapping):
        raise ParameterError("the coefficients of a calibration are an object")
    return CalibrationData(tracker=tracker, **values)


def save_calibration(
    session: Session, principal: Principal, data: CalibrationData, *, now: datetime | None = None
) -> Calibration:
    """Keep a calibration of this person; a valid one applies to every recording that is opened from now on."""
    row = Calibration(
        user_id=principal.user_id,
        tracker=clean_text(data.tracker),
        calibrated_at=now or datetime.now(UTC),
        screen=dict(data.screen),
        points=[dict(point) for point in data.points],
        coefficients=dict(data.coefficients),
        accuracy_deg=data.accuracy_deg,
        precision_deg=data.precision_deg,
        is_valid=data.is_valid,
    )
    queries.add_calibration(session, row)
    return row


def list_calibrations(session: Session, principal: Principal, *, tracker: str | None = None) -> Sequence[Calibration]:
    """One's own calibrations, the newest first."""
    return queries.list_calibrations(session, user_id=principal.user_id, tracker=tracker)


def newest_valid(session: Session, user_id: int, tracker: str) -> Calibration | None:
    """The calibration that applies to a recording of this person with this tracker."""
    return queries.newest_valid_calibration(session, user_id=user_id, tracker=tracker)


def delete_calibration(session: Session, principal: Principal, calibration_id: int) -> None:
    """Remove one of one's own calibrations; NotFoundError if it is not one's own."""
    if not queries.delete_calibration(session, user_id=principal.user_id, calibration_id=calibration_id):
        raise NotFoundError(f"you have no calibration {calibration_id}")


def provenance(session: Session, user_id: int, tracker: TrackerInfo) -> dict[str, Any] | None:
    """What a recording says about its calibration, as it stands when it is opened; None without a valid one.

    A tracker that sends no gaze uses none.
    """
    sends_gaze = any(name.startswith("gaze") for name in tracker.columns)
    found = newest_valid(session, user_id, tracker.name) if sends_gaze else None
    return None if found is None else to_dict(found, whole=False)


def to_dict(row: Calibration, *, whole: bool = True) -> dict[str, Any]:
    """A calibration as JSON values; without its points and coefficients when it is not wanted `whole`."""
    facts: dict[str, Any] = {
        "id": row.id,
        "tracker": row.tracker,
        "calibrated_at": row.calibrated_at.isoformat(),
        "accuracy_deg": row.accuracy_deg,
        "precision_deg": row.precision_deg,
        "screen": row.screen,
    }
    if whole:
        facts |= {"is_valid": row.is_valid, "points": row.points, "coefficients": row.coefficients}
    return facts


def _check_point(number: int, point: Mapping[str, Any]) -> None:
    for name, value in point.items():
        if not isinstance(name, str) or len(name) > 40 or not _is_number(value):
            raise ParameterError(f"point {number}: {str(name)[:40]} is {str(value)[:40]!r}, not a finite number")
    if len(point) > 40 or not {"x", "y"} <= set(point):
        raise ParameterError(f"point {number} needs x and y and has at most 40 values")


def _count_numbers(name: str, value: Any) -> int:
    values = value if isinstance(value, (list, tuple)) else [value]
    if len(name) > 40 or not all(_is_number(item) for item in values):
        raise ParameterError(f"coefficient {name[:40]} is not a finite number or a list of them")
    return len(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
