"""Hypothesis strategies for batches, used by the property tests of the protocol."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from focus.protocol.batch import FrameBatch
from focus.protocol.schema import COLUMNS, MAX_T_US


@st.composite
def frame_batches(draw: st.DrawFn, max_frames: int = 40) -> FrameBatch:
    """Batches of any columns, with values over the whole range of each, NaN, and gaps up to and beyond 2^32 us."""
    n = draw(st.integers(1, max_frames))
    steps = draw(st.lists(st.integers(1, 2**20) | st.integers(1, 2**34), min_size=n, max_size=n))
    start_us = draw(st.integers(0, 2**40) | st.just(MAX_T_US - sum(steps)))
    t_us = start_us + np.cumsum(steps)
    columns = {}
    for column in draw(st.lists(st.sampled_from(COLUMNS), unique=True)):
        low, high = np.float32(column.low).item(), np.float32(column.high).item()
        values = st.floats(low, high, width=32) | st.just(float("nan"))
        columns[column.name] = draw(nps.arrays(np.float32, n, elements=values))
    return FrameBatch(t_us, columns)
