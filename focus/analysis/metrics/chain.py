"""Steps from one event to the next, never across what breaks the sequence, joined exactly over the borders of
stretches. Registers nothing.

A chain is made of marks in the order of time: an item, such as a fixation, or None for a break, such as a loss of
tracking. Two items without a mark between them make a step. The *ends* of a stretch say what its first and last mark
are, so that the step over the border to the next stretch is found when the two are combined. Stretches of a recording
may be combined in any grouping of neighbours; ends are empty where there was no mark, and in sealed sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from focus.analysis.metrics.block import Block
from focus.analysis.types import Event

Item = dict[str, int]
Ends = dict[str, Any]
Marks = list[tuple[int, Item | None]]


def marks_of(items: Iterable[tuple[int, Item | None]], breaks: Iterable[Event]) -> Marks:
    """Items with their times and breaks with theirs, in order."""
    marks: Marks = [*items, *((event.offset_us, None) for event in breaks)]
    marks.sort(key=lambda mark: mark[0])
    return marks


def losses(block: Block) -> list[Event]:
    """What breaks every chain: losses of tracking and gaps."""
    return block.events_of("track_loss")


def steps_of(marks: Marks) -> tuple[Ends, list[tuple[Item, Item]]]:
    """The ends of a chain and its steps."""
    if not marks:
        return {}, []
    (first_us, head), (last_us, tail) = marks[0], marks[-1]
    steps = [(a, b) for (_, a), (_, b) in pairwise(marks) if a is not None and b is not None]
    return _ends(first_us, last_us, head, tail), steps


def join_ends(a: Ends, b: Ends) -> tuple[Ends, tuple[Item, Item] | None]:
    """The ends of two stretches together, and the step over the border between them if there is one."""
    if not a or not b:
        return a or b, None
    if b["first_us"] < a["first_us"]:
        a, b = b, a
    tail, head = a.get("tail"), b.get("head")
    ends = _ends(a["first_us"], b["last_us"], a.get("head"), b.get("tail"))
    return ends, None if tail is None or head is None else (tail, head)


def _ends(first_us: int, last_us: int, head: Item | None, tail: Item | None) -> Ends:
    ends: Ends = {"first_us": first_us, "last_us": last_us}
    if head is not None:
        ends["head"] = head
    if tail is not None:
        ends["tail"] = tail
    return ends
