"""How many frames were stored lately: what a page shows of the load."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

SPAN_S: Final = 60


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """How an engine is doing now.

    `n_queued` of at most `queue_limit` batches wait to be stored; `n_connected` of its recordings have a tracker;
    `n_unanalysed` stored frames wait for the analysis; `frames_per_s` is the mean of the last `SPAN_S` seconds.
    """

    is_running: bool
    n_queued: int
    queue_limit: int
    n_recordings: int
    n_connected: int
    n_unanalysed: int
    frames_per_s: float


class RateMeter:
    """Counts by seconds, and forgets them after `SPAN_S`."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()

    def add(self, count: int, now_s: float) -> None:
        """Note what happened just now."""
        second = int(now_s)
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))
        self._forget(second)

    def per_s(self, now_s: float) -> float:
        """The mean over the last `SPAN_S` whole seconds; before so many have passed, those are counted as empty."""
        second = int(now_s)
        self._forget(second)
        return sum(count for at, count in list(self._seconds) if at < second) / SPAN_S

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] < second - SPAN_S:
            self._seconds.popleft()
