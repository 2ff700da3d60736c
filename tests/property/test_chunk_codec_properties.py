"""A chunk gives back every bit of what was put in."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from focus.protocol.batch import FrameBatch
from focus.storage.chunk_codec import pack_batch_list, pack_frames, unpack_batch_list, unpack_frames
from tests.property.protocol_strategies import frame_batches


def assert_same_bits(found: FrameBatch, expected: FrameBatch) -> None:
    assert np.array_equal(found.t_us, expected.t_us)
    assert found.columns.keys() == expected.columns.keys()
    for name, values in expected.columns.items():
        assert np.array_equal(found.columns[name].view(np.uint32), values.view(np.uint32)), name


@given(frames=frame_batches())
def test_any_batch_comes_back_bit_by_bit(frames: FrameBatch) -> None:
    assert_same_bits(unpack_frames(pack_frames(frames)), frames)


@st.composite
def decimal_frames(draw: st.DrawFn) -> FrameBatch:
    """Values of few digits, as trackers and CSV files write them, with frames missing."""
    n = draw(st.integers(1, 300))
    decimals = draw(st.integers(0, 6))
    integers = draw(nps.arrays(np.int32, n, elements=st.integers(-400 * 10**decimals, 400 * 10**decimals)))
    values = (integers / 10.0**decimals).astype(np.float32)
    values[draw(nps.arrays(np.bool_, n))] = np.nan
    return FrameBatch(np.arange(n) * draw(st.integers(1, 50_000)), {"gaze_x": values})


@given(frames=decimal_frames())
def test_values_of_few_digits_come_back_bit_by_bit(frames: FrameBatch) -> None:
    assert_same_bits(unpack_frames(pack_frames(frames)), frames)


@given(bits=nps.arrays(np.uint32, st.integers(1, 100), elements=st.integers(0, 2**32 - 1)))
@settings(max_examples=200)
def test_every_bit_pattern_comes_back_even_unusual_nans(bits: np.ndarray) -> None:
    values = bits.view(np.float32).copy()
    values[np.isfinite(values)] = np.clip(values[np.isfinite(values)], -400, 400)
    values[np.isinf(values)] = 0
    frames = FrameBatch(np.arange(len(values)), {"gaze_x": values})

    assert_same_bits(unpack_frames(pack_frames(frames)), frames)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 5000)), min_size=1, max_size=200))
def test_the_list_of_batches_comes_back(batches: list[tuple[int, int]]) -> None:
    checksums, counts = unpack_batch_list(pack_batch_list(*zip(*batches, strict=True)))

    assert list(zip(checksums.tolist(), counts.tolist(), strict=True)) == batches
