"""Clock estimates against exchanges whose offset, drift and delays are set by hand."""

from __future__ import annotations

import pytest

from focus.errors import ParameterError
from focus.protocol.clock import ClockSample, estimate_clock

MS = 1_000_000
SECOND = 1_000_000_000


def exchange(c0_ns: int, *, offset_ns: int, there_ns: int, back_ns: int, served_ns: int = 0) -> ClockSample:
    s1_ns = c0_ns + there_ns + offset_ns
    return ClockSample(c0_ns, s1_ns, s1_ns + served_ns, c0_ns + there_ns + served_ns + back_ns)


def test_offset_is_exact_when_both_ways_take_as_long() -> None:
    sample = exchange(7 * SECOND, offset_ns=-3 * SECOND, there_ns=5 * MS, back_ns=5 * MS, served_ns=2 * MS)
    assert (sample.offset_ns, sample.delay_ns) == (-3 * SECOND, 10 * MS)


def test_a_one_sided_delay_is_wrong_by_at_most_half_of_it() -> None:
    sample = exchange(0, offset_ns=100, there_ns=8 * MS, back_ns=0)
    assert sample.offset_ns - 100 == 4 * MS == sample.delay_ns // 2


def test_slow_exchanges_do_not_move_the_offset() -> None:
    good = exchange(0, offset_ns=40 * MS, there_ns=MS, back_ns=MS)
    slow = [exchange(k * SECOND, offset_ns=40 * MS, there_ns=(30 + k) * MS, back_ns=MS) for k in range(1, 4)]

    estimate = estimate_clock([*slow, good])

    assert (estimate.offset_ns, estimate.uncertainty_ns, estimate.n_used) == (40 * MS, MS, 1)
    assert estimate.server_ns(5 * SECOND) == 5 * SECOND + 40 * MS


def test_drift_is_the_slope_of_the_offsets_over_a_minute() -> None:
    # 50 ppm: the offset grows by 50 us a second.
    samples = [exchange(k * 10 * SECOND, offset_ns=9 * MS + k * 500_000, there_ns=MS, back_ns=MS) for k in range(7)]

    estimate = estimate_clock(samples)

    assert estimate.drift_ppm == pytest.approx(50, abs=0.01)
    assert estimate.server_ns(100 * SECOND) == pytest.approx(100 * SECOND + 9 * MS + 5 * MS, abs=1000)


def test_drift_is_not_guessed_from_a_short_span() -> None:
    samples = [exchange(k * SECOND, offset_ns=k * MS, there_ns=MS, back_ns=MS) for k in range(5)]
    assert estimate_clock(samples).drift_ppm == 0


@pytest.mark.parametrize(("c0", "s1", "s2", "c1"), [(5, 0, 0, 4), (0, 5, 4, 9), (0, 0, 10, 5)])
def test_impossible_exchanges_are_refused(c0: int, s1: int, s2: int, c1: int) -> None:
    with pytest.raises(ParameterError, match="clock"):
        ClockSample(c0, s1, s2, c1)


def test_no_exchange_gives_no_estimate() -> None:
    with pytest.raises(ParameterError, match="at least one"):
        estimate_clock([])
