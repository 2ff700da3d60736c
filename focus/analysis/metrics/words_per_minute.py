"""Words per minute: how fast the text of an open document is read."""

from __future__ import annotations

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums
from focus.analysis.metrics.block import Block


@METRICS.register("words_per_minute")
class WordsPerMinute(Metric):
    """Gaze alone does not tell which words it passed, and nothing in FOCUS knows the layout of a page yet: the value is
    withheld everywhere. What will know it adds `words` and `us` of active reading with `combine`."""

    name = "words_per_minute"
    label = "Reading speed"
    unit = "words/min"
    formula = "words of the text that were passed / minutes of active reading"
    parameters = "by page where gaze is poorer than 1 deg"
    source = "Rayner 1998, doi:10.1037/0033-2909.124.3.372"
    valid_from_hz = 60.0
    estimate_from_hz = 30.0
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        return {"words": 0, "us": 0}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        value = sums["words"] / (sums["us"] / 60e6) if sums["us"] else None
        return self.result(
            quality, value, weight_us=sums["us"], missing="needs the text layout of a document that was open"
        )
