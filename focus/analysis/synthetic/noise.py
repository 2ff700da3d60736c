"""Noise that goes on from piece to piece: power-law noise by filtering, and slow wandering as a sum of sines.

Both take a random generator when they are made and keep their own state. Called by the simulated people and trackers.
"""

from __future__ import annotations

import numpy as np

from focus.analysis.types import FloatArray


class PowerLawNoise:
    """Noise whose power falls as 1/f^exponent, with standard deviation one, endless.

    White noise is passed through the fractional integrator, cut off after `memory` samples.

    Parameters
    ----------
    exponent : float
        0 is white, 1 is pink (fixational drift and the noise of video trackers lie between), 2 is a random walk.
    channels : int
        Independent channels.
    rng : Generator
        Source of randomness.
    memory : int
        Length of the filter in samples; power is flat below one cycle in that many samples.

    References
    ----------
    Kasdin (1995), doi:10.1109/5.381848.
    """

    def __init__(self, exponent: float, *, channels: int, rng: np.random.Generator, memory: int = 1500) -> None:
        self._rng = rng
        kernel = np.ones(memory)
        for lag in range(1, memory):
            kernel[lag] = kernel[lag - 1] * (lag - 1 + exponent / 2) / lag
        self._kernel = kernel / np.sqrt(np.sum(kernel**2))
        self._past = rng.standard_normal((memory - 1, channels))

    def take(self, n: int) -> FloatArray:
        """The next samples, shape (n, channels)."""
        white = np.concatenate([self._past, self._rng.standard_normal((n, self._past.shape[1]))])
        self._past = white[n:]
        size = 1 << int(np.ceil(np.log2(white.shape[0] + self._kernel.size)))
        spectrum = np.fft.rfft(white, size, axis=0) * np.fft.rfft(self._kernel, size)[:, None]
        start = self._kernel.size - 1
        taken: FloatArray = np.fft.irfft(spectrum, size, axis=0)[start : start + n]
        return taken


class SlowWander:
    """A slow wandering with standard deviation one: sines of random phase whose power falls as 1/f.

    Used for what the tracker sees as drift: hippus, posture, sway of the head.
    """

    def __init__(self, low_hz: float, high_hz: float, *, rng: np.random.Generator, n_sines: int = 16) -> None:
        self._frequency_hz = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz), n_sines))
        self._phase = rng.uniform(0, 2 * np.pi, n_sines)
        # Frequencies are drawn log-uniformly, so equal amplitudes are already a 1/f spectrum.
        self._amplitude = np.sqrt(2.0 / n_sines)

    def at(self, t_s: FloatArray) -> FloatArray:
        """The value at times in seconds, shape (n,)."""
        angles = 2 * np.pi * t_s[:, None] * self._frequency_hz + self._phase
        total: FloatArray = self._amplitude * np.sin(angles).sum(axis=1)
        return total


def lognormal_with_mean(rng: np.random.Generator, mean: float, *, spread: float) -> float:
    """One draw of a log-normal variable with this mean; `spread` is its coefficient of variation."""
    sigma2 = np.log1p(spread**2)
    return float(np.exp(rng.normal(np.log(mean) - sigma2 / 2, np.sqrt(sigma2))))
