"""Cleaning of the pupil, its metrics, and the index of pupillary activity against the published algorithm."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
import pytest
import pywt

from focus.analysis.metrics import MetricValue, combine, evaluate, marked_seconds, seal, with_marked_baseline
from focus.analysis.offline import analyse
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pupil import clean_pupil
from focus.analysis.pupil_activity import count_ratio_maxima
from focus.analysis.types import FloatArray
from focus.analysis.wavelet import SYM16_LOW, detail_coefficients, highest_level
from focus.protocol.batch import FrameBatch, TrackerInfo
from tests.unit.analysis.fakes import ThresholdClassifier
from tests.unit.analysis.metric_blocks import block, value_over

T_US = np.arange(200) * 10_000  # 100 Hz


def noisy_pupil(seed: int = 0) -> FloatArray:
    return 3.0 + np.random.default_rng(seed).normal(0, 0.01, len(T_US))


def clean(pupil: FloatArray, covered: slice = slice(0, 0), in_mm: bool = True) -> FloatArray:
    is_covered = np.zeros(len(pupil), dtype=bool)
    is_covered[covered] = True
    return clean_pupil(T_US, pupil, covered=is_covered, in_mm=in_mm, span_us=(0, 2_000_000))


def test_a_clean_pupil_stays_as_it_is() -> None:
    assert clean(noisy_pupil()).tolist() == noisy_pupil().tolist()


def test_impossible_diameters_and_sudden_jumps_are_replaced_by_their_neighbours() -> None:
    pupil = noisy_pupil()
    pupil[50], pupil[100], pupil[150] = 1.2, 9.5, 4.0

    cleaned = clean(pupil)

    # The samples beside the jump are as fast as the jump itself and go with it.
    assert cleaned[150] == pytest.approx((pupil[148] + pupil[152]) / 2)
    assert np.abs(cleaned - 3).max() < 0.05


def test_a_pupil_in_the_trackers_own_unit_has_no_impossible_range() -> None:
    assert clean(noisy_pupil() * 300, in_mm=False).tolist() == (noisy_pupil() * 300).tolist()


def test_a_coarse_tracker_keeps_its_steps() -> None:
    pupil = np.where(np.arange(200) < 100, 3.0, 3.1)

    assert clean(pupil).tolist() == pupil.tolist()


def test_a_short_gap_is_bridged_by_a_line_from_trusted_values() -> None:
    pupil = noisy_pupil()
    pupil[95:100] = np.linspace(3, 2.9, 5)  # the lid comes down over 50 ms
    pupil[100:110] = np.nan
    pupil[110:115] = np.linspace(2.9, 3, 5)

    cleaned = clean(pupil, covered=slice(100, 110))

    line = np.interp(np.arange(94, 116), [94, 115], [pupil[94], pupil[115]])
    assert cleaned[94:116] == pytest.approx(line)


def test_a_long_gap_is_never_bridged_and_loses_its_edges() -> None:
    pupil = noisy_pupil()
    pupil[100:130] = np.nan

    cleaned = clean(pupil)

    assert np.flatnonzero(np.isnan(cleaned)).tolist() == list(range(95, 135))


def metrics_of(pupil: FloatArray, rate_hz: float = 60.0) -> dict[str, object]:
    t_us = np.rint(np.arange(len(pupil)) * 1e6 / rate_hz).astype(np.int64)
    tracker = TrackerInfo("t", ("pupil_left",), rate_hz=rate_hz)
    frames = FrameBatch(t_us, {"pupil_left": pupil.astype(np.float32)})
    found = analyse(frames, tracker, ThresholdClassifier(), parameters=AnalysisParameters(lookahead_us=0))
    return {value.name: value for value in found.metrics()} | {"windows": found.windows}


def test_the_diameter_is_the_mean_and_spread_of_the_pupil() -> None:
    made = block(0, pupil_mm=[2.0, 4.0] * 25)

    value = value_over("pupil_diameter", made, block(1, pupil_mm=[3.0] * 25 + [math.nan] * 25))

    assert value.value == pytest.approx(3.0)
    assert (value.low, value.high) == (pytest.approx(3 - (2 / 3) ** 0.5), pytest.approx(3 + (2 / 3) ** 0.5))
    assert value.weight_s == 1.5


def test_the_pupil_of_a_recording_is_cleaned_the_same_at_the_borders_of_seconds() -> None:
    rng = np.random.default_rng(3)
    pupil = 3 + rng.normal(0, 0.01, 60 * 10)
    pupil[115:123] = np.nan  # over the border of a second
    pupil[300:330] = np.nan  # too long
    value = metrics_of(pupil)["pupil_diameter"]

    t_us = np.rint(np.arange(600) * 1e6 / 60).astype(np.int64)
    seen = pupil.astype(np.float32).astype(float)
    whole = clean_pupil(t_us, seen, covered=np.zeros(600, dtype=bool), in_mm=True, span_us=(0, 10_000_000))
    assert value.value == pytest.approx(np.nanmean(whole), abs=1e-5)
    assert value.weight_s == pytest.approx(np.count_nonzero(~np.isnan(whole)) / 60, abs=0.02)


def test_the_wavelet_is_orthonormal_and_has_16_vanishing_moments() -> None:
    for shift in range(16):
        overlap = float((SYM16_LOW[2 * shift :] * SYM16_LOW[: 32 - 2 * shift]).sum())
        assert overlap == pytest.approx(float(shift == 0), abs=1e-12)
    signs = (-1.0) ** np.arange(32)
    # Centred and scaled, so that high powers stay small.
    places = (np.arange(32) - 15.5) / 15.5
    for power in range(16):
        assert float((signs * SYM16_LOW * places**power).sum()) == pytest.approx(0, abs=1e-12)


def test_the_wavelet_transform_is_pywavelets() -> None:
    values = np.random.default_rng(5).normal(size=1200)

    for level in (1, 2, 3):
        expected = pywt.downcoef("d", values, "sym16", "periodization", level=level)
        assert detail_coefficients(values, level) == pytest.approx(expected, abs=1e-9)
    for n in (10, 61, 62, 600, 1983, 1984):
        assert highest_level(n) == pywt.dwt_max_level(n, 32)


def test_a_marked_baseline_stands_in_place_of_the_first_minute() -> None:
    # 70 s at 3 mm, 10 s at 2 mm, 40 s at 4 mm; the seconds 72 to 78 are marked.
    pupil = np.repeat([3.0, 2.0, 4.0], [70 * 60, 10 * 60, 40 * 60])
    windows = metrics_of(pupil)["windows"]
    whole = reduce(combine, (window.sums for window in windows))

    def dilation(*stretches: tuple[int, int]) -> MetricValue:
        seconds = marked_seconds([window.sums for window in windows], stretches)
        marked = with_marked_baseline(whole, seconds)
        (value,) = [each for each in evaluate(marked) if each.name == "pupil_dilation"]
        (sealed,) = [each for each in evaluate(seal(marked)) if each.name == "pupil_dilation"]
        assert (sealed.value, sealed.verdict) == (value.value, value.verdict)
        return value

    mean_mm = (70 * 3 + 10 * 2 + 40 * 4) / 120
    assert dilation((71_500_000, 78_900_000)).value == pytest.approx(mean_mm - 2, abs=0.01)
    # Two stretches are one baseline: seconds at 3, 3, 3, 2 and 2 mm.
    assert dilation((1_000_000, 4_000_000), (72_000_000, 74_000_000)).value == pytest.approx(mean_mm - 3, abs=0.01)
    short = dilation((72_200_000, 75_000_000))
    assert (short.verdict, short.reason) == ("withheld", "the marked baseline needs 3 valid seconds; it has 2")


def published_index(pupil: FloatArray) -> int:
    """The algorithm of Duchowski et al. (2020) with PyWavelets, but for the division by the duration."""
    low_level = pywt.dwt_max_level(len(pupil), 32) // 2
    high = pywt.downcoef("d", pupil, "sym16", "periodization", level=1) / math.sqrt(2)
    low = pywt.downcoef("d", pupil, "sym16", "periodization", level=low_level) / math.sqrt(2**low_level)
    ratio = np.abs([low[i] / high[2 ** (low_level - 1) * i] for i in range(len(low))])
    padded = np.concatenate([ratio[:1], ratio, ratio[-1:]])
    left, middle, right = padded[:-2], padded[1:-1], padded[2:]
    is_maximum = (left <= middle) & (middle >= right) & ((left < middle) | (middle > right))
    maxima = np.where(is_maximum, middle, 0.0)
    threshold = np.std(maxima) * math.sqrt(2 * np.log2(len(maxima)))
    return int(np.count_nonzero(pywt.threshold(maxima, threshold, mode="less")))


@pytest.mark.parametrize("seed", range(5))
def test_the_index_counts_what_the_published_algorithm_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pupil = 3 + np.cumsum(rng.normal(0, 0.01, 600)) + rng.normal(0, 0.02, 600)

    assert count_ratio_maxima(pupil) == published_index(pupil)


@pytest.mark.parametrize("frequency_hz", [3.0, 4.5])
def test_the_index_falls_as_bursts_of_slow_oscillation_come_up(frequency_hz: float) -> None:
    t_s = np.arange(600) / 20

    def mean_count(n_bursts: int) -> float:
        envelope = sum(
            (np.exp(-(((t_s - centre) / 0.5) ** 2)) for centre in np.linspace(2, 28, n_bursts)), np.zeros(600)
        )
        burst = 0.5 * envelope * np.sin(2 * np.pi * frequency_hz * t_s)
        noises = (np.random.default_rng(seed).normal(0, 0.02, 600) for seed in range(40))
        return float(np.mean([count_ratio_maxima(3 + burst + noise) for noise in noises]))

    counts = [mean_count(n_bursts) for n_bursts in (0, 3, 6, 10)]

    assert counts == sorted(counts, reverse=True)
    assert counts[0] - counts[-1] > 4


def test_pupillary_activity_needs_30_s_and_is_the_count_over_the_seconds_of_whole_segments() -> None:
    pupil = 3 + np.random.default_rng(9).normal(0, 0.05, 60 * 70)

    short = metrics_of(pupil[: 60 * 29])["pupillary_activity"]
    value = metrics_of(pupil)["pupillary_activity"]

    assert short.reason == "needs 30 s in which the pupil was seen most of the time"
    assert value.weight_s == pytest.approx(60, abs=0.3)
    # Two segments; an unstructured pupil peaks about 1.6 times a second.
    assert 1.3 < value.value < 1.9
    assert value.verdict == "estimate"


def test_nothing_is_counted_where_the_pupil_was_missing() -> None:
    pupil = 3 + np.random.default_rng(1).normal(0, 0.05, 600)
    whole = count_ratio_maxima(pupil)
    pupil[200:400] = np.nan

    assert count_ratio_maxima(pupil) < 0.8 * whole
