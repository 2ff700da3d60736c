"""One wavelet transform: Daubechies' least asymmetric wavelet with 16 vanishing moments, periodic.

Sums are made one filter coefficient after the other over whole arrays, so the result does not depend on where in memory
an array lies, as that of a dot product may.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from focus.analysis.types import FloatArray

# The spectral factor of Daubechies' polynomial for 16 vanishing moments whose phase is nearest to linear, computed from
# the polynomial's roots to 60 digits. Daubechies (1992), Ten Lectures on Wavelets, doi:10.1137/1.9781611970104.
SYM16_LOW: Final[FloatArray] = np.array(
    [
        6.230006701237647e-06,
        -3.1135564076138703e-06,
        -0.00010943147929558312,
        2.8078582128206924e-05,
        0.0008523547108065521,
        -0.00010844562230766216,
        -0.0038809122526122205,
        0.0007182119788254316,
        0.012666731659876957,
        -0.0031265171722736304,
        -0.03105120284364275,
        0.004869274404814542,
        0.03233309161058235,
        -0.0669830490706191,
        -0.03457422841769919,
        0.39712293362039824,
        0.7565249878763846,
        0.47534280601234713,
        -0.05404060138744081,
        -0.1595921921853958,
        0.03072113906329964,
        0.07803785290354831,
        -0.0035102750683370914,
        -0.024952758046315127,
        0.0013598447424801486,
        0.006937761130811371,
        -0.0002221164762103135,
        -0.001338720606693644,
        3.656592483330303e-05,
        0.00016545679579123957,
        -5.396483179313488e-06,
        -1.0797982104330864e-05,
    ]
)
FILTER_LENGTH: Final = len(SYM16_LOW)
_SIGNS: Final = np.where(np.arange(FILTER_LENGTH) % 2, 1.0, -1.0)
SYM16_HIGH: Final[FloatArray] = SYM16_LOW[::-1] * _SIGNS


def highest_level(n: int) -> int:
    """The deepest level at which a coefficient still rests on `n` samples alone."""
    return max(0, (n // (FILTER_LENGTH - 1)).bit_length() - 1)


def detail_coefficients(values: FloatArray, level: int) -> FloatArray:
    """Detail coefficients of one level; number i of level j belongs to the samples around 2**j * i.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        A series that is taken to be periodic; n is a multiple of 2**level.
    level : int
        At least 1.

    Returns
    -------
    ndarray of float64, shape (n / 2**level,)
    """
    for _ in range(level - 1):
        values = _filter_and_halve(values, SYM16_LOW)
    return _filter_and_halve(values, SYM16_HIGH)


def _filter_and_halve(values: FloatArray, coefficients: FloatArray) -> FloatArray:
    n, half = len(values), FILTER_LENGTH // 2
    around = np.take(values, np.arange(-half, n + half), mode="wrap")
    total = np.zeros(n // 2)
    for index, coefficient in enumerate(coefficients.tolist()):
        start = 2 * half - index  # sample 2 k + half - index, counted from `half` before the first
        total += coefficient * around[start : start + n : 2]
    return total
