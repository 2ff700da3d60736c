"""Tables of people and what belongs to them: users, log-ins, tokens, consent, profiles, groups, calibrations.

The tables that describe the installation itself (model releases, documents, jobs, audit) stand in `operation_models`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from focus.storage.base import Base, BigId

Role = Literal["member", "researcher", "admin"]
ROLES: Final[tuple[Role, ...]] = ("member", "researcher", "admin")

EyeStrain = Literal["never", "sometimes", "often"]
EYE_STRAIN: Final[tuple[EyeStrain, ...]] = ("never", "sometimes", "often")
Correction = Literal["none", "glasses", "lenses", "both"]
CORRECTIONS: Final[tuple[Correction, ...]] = ("none", "glasses", "lenses", "both")

MAX_EMAIL_LENGTH: Final = 254
"""The longest address that mail servers take (RFC 5321)."""


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class User(Base):
    """A person who can log in; `email` is kept in lower case."""

    __tablename__ = "user"
    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint(_one_of("role", ROLES), name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        # The audit log names people by id and outlives them, so SQLite too must never give an id a second time.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(MAX_EMAIL_LENGTH))
    display_name: Mapped[str] = mapped_column(String(120), default="")
    password_hash: Mapped[str | None] = mapped_column(String(255), doc="argon2id; empty when only a link logs in")
    role: Mapped[str] = mapped_column(String(16), default="member")
    is_active: Mapped[bool] = mapped_column(default=True)
    email_verified_at: Mapped[datetime | None] = mapped_column(doc="empty until a link that was mailed there came back")
    created_at: Mapped[datetime]

    tokens: Mapped[list[ApiToken]] = relationship(back_populates="user", passive_deletes=True)

    # What Flask-Login asks of the object of somebody who is logged in, beside `is_active`.
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    # Not kept in the table: the log-in through which this object was found, set by `focus.services.logins`.
    login_key = ""
    login_id = 0

    def get_id(self) -> str:
        """What the log-in cookie keeps: the key of the log-in, and nothing of the person."""
        return self.login_key


class LogIn(Base):
    """One browser in which somebody is logged in; its cookie holds a random key of which the SHA-256 stands here.

    Without its row a cookie is worthless, whatever its signature says.
    """

    __tablename__ = "login"
    __table_args__ = (UniqueConstraint("key_hash"), Index(None, "user_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    key_hash: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(120), doc="what the browser calls itself, for its owner's list")
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Profile(Base):
    """What a person tells about themselves; every answer may be left out."""

    __tablename__ = "profile"
    __table_args__ = (
        CheckConstraint(_one_of("eye_strain", EYE_STRAIN), name="eye_strain"),
        CheckConstraint(_one_of("correction", CORRECTIONS), name="correction"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    birth_year: Mapped[int | None]
    screen_h_per_day: Mapped[float | None]
    sleep_h_per_night: Mapped[float | None]
    eye_strain: Mapped[str | None] = mapped_column(String(16))
    correction: Mapped[str | None] = mapped_column(String(16))
    short_break_min: Mapped[int | None] = mapped_column(doc="after so many minutes a break is due")
    long_break_min: Mapped[int | None]
    updated_at: Mapped[datetime]


class ApiToken(Base):
    """A secret that lets a tracker or a script act for a user; only its SHA-256 is kept."""

    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "user_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    prefix: Mapped[str] = mapped_column(String(16), doc="the first characters, by which its owner knows it again")
    token_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(back_populates="tokens")


class OneTimeToken(Base):
    """A secret that works once and for a while, for one purpose: a log-in link, or a link that was mailed."""

    __tablename__ = "one_time_token"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "user_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(32))
    token_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Consent(Base):
    """One decision about one purpose; the newest row of a purpose is the one that holds."""

    __tablename__ = "consent"
    __table_args__ = (
        Index(None, "user_id", "purpose", "decided_at"),
        CheckConstraint(_one_of("decision", ("given", "refused", "withdrawn")), name="decision"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(32))
    text_version: Mapped[str] = mapped_column(String(32))
    decision: Mapped[str] = mapped_column(String(16))
    decided_at: Mapped[datetime]


class Group(Base):
    """People whose recordings a researcher runs."""

    __tablename__ = "group"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]


class Membership(Base):
    """A person's place in a group."""

    __tablename__ = "membership"

    group_id: Mapped[int] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, index=True)
    joined_at: Mapped[datetime]


class GroupInvitation(Base):
    """An invitation that was mailed and not answered yet; its link holds a random key of which the SHA-256 stands here.

    There is one for an address and a group at most. Answering removes the row, so the link works once.
    """

    __tablename__ = "group_invitation"
    __table_args__ = (UniqueConstraint("key_hash"), UniqueConstraint("group_id", "email"), Index(None, "email"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(MAX_EMAIL_LENGTH))
    key_hash: Mapped[str] = mapped_column(String(64))
    invited_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Calibration(Base):
    """How one tracker's raw gaze maps to the screen for one person, and how well that was validated."""

    __tablename__ = "calibration"
    __table_args__ = (Index(None, "user_id", "tracker", "calibrated_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    tracker: Mapped[str] = mapped_column(String(120))
    calibrated_at: Mapped[datetime]
    screen: Mapped[dict[str, Any]]
    points: Mapped[list[Any]]
    coefficients: Mapped[dict[str, Any]]
    accuracy_deg: Mapped[float | None]
    precision_deg: Mapped[float | None] = mapped_column(doc="RMS of differences from sample to sample")
    is_valid: Mapped[bool] = mapped_column(default=False)
