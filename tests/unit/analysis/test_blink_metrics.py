"""Metrics of blinks: intervals between them, incomplete ones, and how often the rate's interval holds the truth."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from focus.analysis.metrics import METRICS
from focus.analysis.synthetic.noise import lognormal_with_mean
from focus.analysis.types import Event
from tests.unit.analysis.metric_blocks import GOOD, block, event, sums_over, value_over


def blink(onset_s: float, **attributes: float) -> Event:
    return event("blink", onset_s, onset_s + 0.2, **attributes)


def test_the_inter_blink_interval_is_the_median_from_onset_to_onset_over_block_borders() -> None:
    # Onsets 0.1, 0.5, 2.1, 5.0: intervals 0.4, 1.6 and 2.9 s.
    value = value_over(
        "inter_blink_interval", block(0, blink(0.1), blink(0.5)), block(1), block(2, blink(2.1)), block(5, blink(5.0))
    )

    assert value.value == pytest.approx(1.6)
    assert (value.low, value.high) == (pytest.approx(0.4), pytest.approx(2.9))
    assert value.weight_s == pytest.approx(4.9)


@pytest.mark.parametrize("kind", ["track_loss", "closure"])
def test_no_inter_blink_interval_reaches_across_a_loss_or_a_long_closure(kind: str) -> None:
    blocks = [block(0, blink(0.1)), block(1, event(kind, 0.5, 1.5)), block(2, blink(2.1)), block(3, blink(3.1))]

    value = value_over("inter_blink_interval", *blocks)

    assert (value.value, value.weight_s) == (pytest.approx(1.0), pytest.approx(1.0))


def test_a_blink_that_began_before_a_loss_in_its_own_block_is_not_joined_over_it() -> None:
    loss = event("track_loss", 0.4, 0.6)

    assert value_over("inter_blink_interval", block(0, blink(0.1), loss, blink(0.7))).verdict == "withheld"


def test_an_incomplete_blink_closes_less_than_four_fifths_of_the_way() -> None:
    closures = [0.79, 0.8, 1.0, 0.5, 0.95]
    blocks = [block(second, blink(second, closure_peak_ratio=peak)) for second, peak in enumerate(closures)]

    value = value_over("incomplete_blinks", *blocks, block(9, blink(9.0)))

    # Two of the five whose lids were seen; Wilson's interval for 2 of 5 (Newcombe 1998) is 0.118 to 0.769.
    assert value.value == pytest.approx(40.0)
    assert (value.low, value.high) == (pytest.approx(11.8, abs=0.1), pytest.approx(76.9, abs=0.1))


def test_the_rates_interval_holds_the_true_rate_in_95_of_100_simulated_recordings() -> None:
    """People blink as `focus.analysis.synthetic.eyelid` makes them: 300 ms at least, then log-normal waits."""
    rng = np.random.default_rng(20)
    metric = METRICS["blink_rate"]()
    held = 0
    for _ in range(200):
        rate_per_min = rng.uniform(5, 25)
        blink_s, wait_s = 0.2, 60 / rate_per_min - 0.2
        now_s = -rng.uniform(0, 300.0)  # long before the recording, so that it begins anywhere in the sequence
        events = []
        while now_s < 180:
            if now_s >= 0:
                events.append(event("blink", now_s, now_s + blink_s))
            now_s += blink_s + 0.3 + lognormal_with_mean(rng, wait_s - 0.3, spread=0.9)
        minutes = [
            block(60 * minute, *(each for each in events if each.onset_us // 60_000_000 == minute), length_s=60)
            for minute in range(3)
        ]
        value = metric.value(reduce(metric.combine, map(metric.measure, minutes)), GOOD)
        assert value.low is not None
        assert value.high is not None
        held += value.low <= rate_per_min <= value.high

    assert held >= 190


def test_a_sealed_sequence_of_blinks_is_not_joined_to_another_recordings() -> None:
    metric = METRICS["inter_blink_interval"]()
    first = metric.seal(sums_over("inter_blink_interval", block(0, blink(0.1), blink(0.5))))
    second = metric.seal(sums_over("inter_blink_interval", block(7, blink(7.1), blink(7.3))))

    assert metric.combine(first, second)["ms"] == {"400": 1, "200": 1}
