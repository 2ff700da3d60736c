"""How a client's clock stands to the server's, from exchanges of four times, in the manner of NTP.

The client notes `c0`, sends it, the server notes `s1` on receipt and `s2` on answering, and the client notes `c1`.
Where both ways take as long, the offset is exact; where not, it is wrong by at most half of the delay. So the exchanges
with the smallest delay say most, and only they are used. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from focus.errors import ParameterError

MIN_DRIFT_SPAN_NS: Final = 30_000_000_000
"""Drift is estimated over at least 30 s: with 1 ms of uncertainty, a shorter span says nothing below 30 ppm, and that
is what a quartz has."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One exchange: client times `c0_ns`, `c1_ns` and server times `s1_ns`, `s2_ns`, each pair on its own clock.

    Raises
    ------
    ParameterError
        If a clock ran backwards, or the server took longer than the whole exchange.
    """

    c0_ns: int
    s1_ns: int
    s2_ns: int
    c1_ns: int

    def __post_init__(self) -> None:
        if self.c1_ns < self.c0_ns or self.s2_ns < self.s1_ns:
            raise ParameterError(f"clock sample {self}: a clock ran backwards")
        if self.delay_ns < 0:
            raise ParameterError(f"clock sample {self}: the server took longer than the exchange")

    @property
    def delay_ns(self) -> int:
        """Time on the way, both ways together."""
        return (self.c1_ns - self.c0_ns) - (self.s2_ns - self.s1_ns)

    @property
    def offset_ns(self) -> int:
        """Server clock minus client clock, if both ways took as long."""
        return ((self.s1_ns - self.c0_ns) + (self.s2_ns - self.c1_ns)) // 2

    @property
    def middle_ns(self) -> int:
        """Client time half way through."""
        return (self.c0_ns + self.c1_ns) // 2


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """Server clock minus client clock: `offset_ns` at the client time `at_ns`, growing by `drift_ppm`.

    `uncertainty_ns` is half of the smallest delay; `n_used` exchanges passed the filter.
    """

    offset_ns: int
    drift_ppm: float
    at_ns: int
    uncertainty_ns: int
    n_used: int

    def server_ns(self, client_ns: int) -> int:
        """The server's clock at a time of the client's."""
        return client_ns + self.offset_ns + round((client_ns - self.at_ns) * self.drift_ppm * 1e-6)


def estimate_clock(samples: Sequence[ClockSample]) -> ClockEstimate:
    """Offset and drift from the exchanges with the smallest delay.

    An exchange is used if its delay is at most twice the smallest, or among the smallest quarter. Drift is the slope of
    a straight line through the used offsets, and 0 while they span less than `MIN_DRIFT_SPAN_NS`.

    Raises
    ------
    ParameterError
        If there is no sample.
    """
    if not samples:
        raise ParameterError("a clock estimate needs at least one exchange; there is none")
    by_delay = sorted(samples, key=lambda sample: sample.delay_ns)
    best = by_delay[0]
    n_quarter = (len(by_delay) + 3) // 4
    used = [s for rank, s in enumerate(by_delay) if rank < n_quarter or s.delay_ns <= 2 * best.delay_ns]
    times_ns = [sample.middle_ns for sample in used]
    if max(times_ns) - min(times_ns) < MIN_DRIFT_SPAN_NS:
        return ClockEstimate(best.offset_ns, 0.0, best.middle_ns, best.delay_ns // 2, len(used))
    # Differences to the best exchange are small enough for float64; the times themselves are not.
    x_s = np.array([(t_ns - best.middle_ns) * 1e-9 for t_ns in times_ns])
    y_ns = np.array([float(sample.offset_ns - best.offset_ns) for sample in used])
    slope_ns_s, intercept_ns = np.polyfit(x_s, y_ns, 1)
    offset_ns = best.offset_ns + round(float(intercept_ns))
    return ClockEstimate(offset_ns, float(slope_ns_s) * 1e-3, best.middle_ns, best.delay_ns // 2, len(used))
