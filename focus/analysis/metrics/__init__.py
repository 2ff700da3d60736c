"""Metrics: what a stretch of a recording says about its person, and how far to trust it."""

from __future__ import annotations

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

__all__ = [
    "METRICS",
    "Block",
    "BlockPupil",
    "Metric",
    "MetricValue",
    "Quality",
    "combine",
    "evaluate",
    "measure",
    "quality_of",
    "seal",
]
