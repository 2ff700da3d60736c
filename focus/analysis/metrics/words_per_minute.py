"""Words per minute: how fast a text is read, by page.

Gaze does not tell which words there were to read, so whoever shows the text says with markers which page was on the
screen when and how many words it has. Markers stand beside the frames, so `with_pages` brings what was read to the sums
of the whole recording, from the seconds that its windows of a minute still know.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from focus.analysis.metrics.base import METRICS, Metric, MetricValue, Quality, Sums, first_seconds
from focus.analysis.metrics.block import SECOND_US, Block

WINDOW_SECONDS: Final = 60
"""As many as the longest window has; of a whole recording more are not kept."""

LEAFED_WORDS_PER_MIN: Final = 1000
"""A page that was passed faster than this was turned over, not read: people skim at 450 and scan at 600. Our choice."""


@dataclass(frozen=True, slots=True)
class PageVisit:
    """A page on the screen from `start_us` until `stop_us`; `page` is its name, of None each visit is another page."""

    start_us: int
    stop_us: int
    words: int
    page: str | None = None


@dataclass(frozen=True, slots=True)
class PageReading:
    """What became of a page: its `words`, the focus time `us` on it, and its visits in order."""

    words: int
    us: int
    visits: tuple[PageVisit, ...]

    @property
    def page(self) -> str | None:
        """Its name."""
        return self.visits[0].page

    @property
    def is_read(self) -> bool:
        """False where it was turned over, or where nobody looked."""
        return self.words * 60_000_000 <= LEAFED_WORDS_PER_MIN * self.us

    @property
    def words_per_minute(self) -> float | None:
        """Its own speed; None where it was not read."""
        return self.words / (self.us / 60e6) if self.is_read else None


@METRICS.register("words_per_minute")
class WordsPerMinute(Metric):
    """By page, whatever the tracker: a page that was left counts with all of its words, though some of its lines may
    have been skipped. A page that somebody came back to counts its words once and its time each time. What the tracker
    lost is not in the time, so the speed of a poor recording is too high."""

    name = "words_per_minute"
    label = "Reading speed"
    unit = "words/min"
    formula = "words of the pages that were read and left / minutes of focus time on them"
    parameters = f"pages as marked; one that was passed at more than {LEAFED_WORDS_PER_MIN} words/min is left out"
    source = "Carver 1992 (rates of scanning and skimming); Brysbaert 2019, doi:10.1016/j.jml.2019.104047"
    valid_from_hz = 60.0
    estimate_from_hz = 30.0
    needs = ("gaze",)

    def measure(self, block: Block) -> Sums:
        by_second = zip(block.starts_us, block.focused_us, strict=True) if block.traits.has_gaze else ()
        return {"words": 0, "us": 0, "seconds": {str(start_us): us for start_us, us in by_second if us}}

    def combine(self, a: Sums, b: Sums) -> Sums:
        return {
            "words": a["words"] + b["words"],
            "us": a["us"] + b["us"],
            "seconds": first_seconds(a["seconds"], b["seconds"], WINDOW_SECONDS),
        }

    def seal(self, sums: Sums) -> Sums:
        return {**sums, "seconds": {}}

    def value(self, sums: Sums, quality: Quality) -> MetricValue:
        return self.result(
            quality,
            sums["words"] / (sums["us"] / 60e6) if sums["us"] else None,
            weight_us=sums["us"],
            missing="no page of a text was marked that was read to its end",
            estimate="by page: which of its lines were read is not known",
        )


def pages_of(focused_us: Mapping[int, int], visits: Iterable[PageVisit]) -> list[PageReading]:
    """The pages of some visits that are over, in the order in which they were first on the screen.

    Parameters
    ----------
    focused_us : mapping of int to int
        Focus time in microseconds by the second it was measured in, at least of the visits.
    visits : iterable of PageVisit
        In the order of time. Where they differ about the words of a page, the most are taken.
    """
    by_page: dict[str | int, list[PageVisit]] = {}
    for visit in visits:
        by_page.setdefault(visit.start_us if visit.page is None else visit.page, []).append(visit)
    seconds = sorted(focused_us)
    return [
        PageReading(
            max(visit.words for visit in own),
            sum(_time_of(visit, seconds, focused_us) for visit in own),
            tuple(own),
        )
        for own in by_page.values()
    ]


def with_pages(sums: Mapping[str, Sums], pages: Iterable[PageReading]) -> dict[str, Sums]:
    """Sums of a whole recording with the pages that were read in it, to be sealed or evaluated as they are."""
    if "words_per_minute" not in sums:
        return dict(sums)
    read = [page for page in pages if page.is_read]
    own = {"words": sum(page.words for page in read), "us": sum(page.us for page in read)}
    return {**sums, "words_per_minute": {**sums["words_per_minute"], **own}}


def _time_of(visit: PageVisit, seconds: Sequence[int], focused_us: Mapping[int, int]) -> int:
    """Focus time of a visit; of a second that lies partly in it, the same part."""
    total_us = 0
    for start_us in seconds[bisect_left(seconds, visit.start_us - SECOND_US + 1) :]:
        if start_us >= visit.stop_us:
            break
        within_us = min(visit.stop_us, start_us + SECOND_US) - max(visit.start_us, start_us)
        total_us += focused_us[start_us] * within_us // SECOND_US
    return total_us
