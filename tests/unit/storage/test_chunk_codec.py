"""Chunks: sizes that follow from arithmetic, and bytes that are no chunk."""

from __future__ import annotations

import numpy as np
import pytest

from focus.errors import StorageError
from focus.protocol.batch import FrameBatch
from focus.protocol.schema import COLUMNS
from focus.storage.chunk_codec import pack_frames, unpack_frames


def noisy_minute() -> FrameBatch:
    """A minute at 60 Hz with noise in every bit of twelve columns and in the times."""
    rng = np.random.default_rng(1)
    n = 3600
    t_us = np.cumsum(16_667 + rng.integers(-300, 300, n))
    drift = 0.5 + 0.1 * np.sin(np.linspace(0, 20, n))
    return FrameBatch(t_us, {c.name: (drift + rng.normal(0, 0.003, n)).astype(np.float32) for c in COLUMNS[:12]})


def test_measured_values_take_less_than_40_bytes_a_frame_of_12_columns() -> None:
    frames = noisy_minute()

    assert len(pack_frames(frames)) / len(frames) < 40  # raw: 12 x 4 + 8 = 56


def test_a_steady_tracker_with_nothing_to_see_takes_next_to_nothing() -> None:
    n = 3600
    nothing = np.full(n, np.nan, dtype=np.float32)
    frames = FrameBatch(np.arange(n) * 16_667, {"gaze_x": nothing, "gaze_y": nothing})

    assert len(pack_frames(frames)) < 200


@pytest.mark.parametrize("cut", [0, 3, 15, 20, 60, -1])
def test_bytes_that_are_cut_off_are_a_storage_error(cut: int) -> None:
    payload = pack_frames(noisy_minute())

    with pytest.raises(StorageError, match="cannot be read"):
        unpack_frames(payload[:cut])
