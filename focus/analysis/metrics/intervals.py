"""Confidence intervals that the metrics share. Registers nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

_EXACT_UP_TO: Final = 400
_Z: Final = 1.959963984540054  # the normal distribution's 97.5th percentile


@lru_cache(maxsize=1024)
def poisson_interval(count: int) -> tuple[float, float]:
    """The exact 95 % interval of a Poisson mean of which `count` was seen.

    Above 400 the Wilson-Hilferty approximation stands in, which is then within 0.01 % of the exact limits.

    References
    ----------
    Garwood (1936), doi:10.1093/biomet/28.3-4.437.
    """
    if count > _EXACT_UP_TO:
        lower = count * (1 - 1 / (9 * count) - _Z / (3 * math.sqrt(count))) ** 3
        above = count + 1
        return lower, above * (1 - 1 / (9 * above) + _Z / (3 * math.sqrt(above))) ** 3
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - _poisson_cdf(count - 1, mean), 0.025, 0.0, float(count))
    high = _solve(lambda mean: -_poisson_cdf(count, mean), -0.025, float(count), count + 10 * math.sqrt(count + 1) + 10)
    return low, high


def _poisson_cdf(count: int, mean: float) -> float:
    """Probability of at most `count`: each term from the one above it, down to where they add nothing any more."""
    if mean == 0:
        return 1.0
    term = total = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    for k in range(count, 0, -1):
        term *= k / mean
        total += term
        if k < mean and term < 1e-18 * total:
            break
    return total


def _solve(rising: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a rising function has the wanted value, by halving."""
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share seen in `n` independent trials.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    centre = share + _Z * _Z / (2 * n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    below = 1 + _Z * _Z / n
    # At 0 and 1 a limit is the share itself, which rounding would miss to one side or the other.
    return max(0.0, min(share, (centre - half) / below)), min(1.0, max(share, (centre + half) / below))
