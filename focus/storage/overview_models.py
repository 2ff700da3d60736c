"""The table of overviews: what reports show of all of a recording, made ready when its analysis is complete.

Everything in it can be made again from the frames and the results. Queries are in
`overviews.py`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from focus.storage.base import Base, BigId


class AnalysisOverview(Base):
    """One row an analysis: signals and activity second by second, and sums over all of it."""

    __tablename__ = "analysis_overview"

    analysis_id: Mapped[int] = mapped_column(BigId, ForeignKey("analysis.id", ondelete="CASCADE"), primary_key=True)
    code_version: Mapped[str] = mapped_column(String(40))
    """Of the code that made it; another version makes it anew."""
    start_us: Mapped[int] = mapped_column(BigInteger)
    n_seconds: Mapped[int] = mapped_column(Integer)
    facts: Mapped[dict[str, Any]]
    """Counts, sums, and what the charts of the whole recording need (`focus.services.overviews`)."""
    signals: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """float32, little-endian: lowest and highest value of each series in `facts["series"]`, second by second."""
    activity: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """uint16, little-endian, zlib: onsets of each kind in `facts["kinds"]`, then milliseconds in each eye state."""
