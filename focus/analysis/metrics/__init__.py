"""Metrics: what a stretch of a recording says about its person, and how far to trust it."""

from __future__ import annotations

from focus.analysis.metrics.accuracy import with_validation
from focus.analysis.metrics.base import (
    METRICS,
    Metric,
    MetricValue,
    Quality,
    combine,
    evaluate,
    measure,
    quality_of,
    seal,
)
from focus.analysis.metrics.block import Block, BlockPupil
from focus.analysis.metrics.breaks import BreakLimits, with_limits
from focus.analysis.metrics.pupil import marked_seconds, with_marked_baseline
from focus.analysis.metrics.words_per_minute import PageReading, PageVisit, pages_of, with_pages

__all__ = [
    "METRICS",
    "Block",
    "BlockPupil",
    "BreakLimits",
    "Metric",
    "MetricValue",
    "PageReading",
    "PageVisit",
    "Quality",
    "combine",
    "evaluate",
    "marked_seconds",
    "measure",
    "pages_of",
    "quality_of",
    "seal",
    "with_limits",
    "with_marked_baseline",
    "with_pages",
    "with_validation",
]
