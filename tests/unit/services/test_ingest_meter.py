"""The rate of the last minute, on a clock by hand."""

from __future__ import annotations

from focus.services.ingest.meter import RateMeter


def test_the_rate_is_the_mean_of_the_last_sixty_whole_seconds() -> None:
    meter = RateMeter()
    for second in range(100):
        for part in range(4):
            meter.add(15, second + part / 4)

    assert meter.per_s(100.0) == 60.0
    assert meter.per_s(130.0) == 30.0
    assert meter.per_s(161.0) == 0.0


def test_the_second_that_is_going_on_does_not_count_yet() -> None:
    meter = RateMeter()
    meter.add(600, 10.5)

    assert (meter.per_s(10.9), meter.per_s(11.0)) == (0.0, 10.0)
