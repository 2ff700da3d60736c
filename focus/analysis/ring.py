"""The newest frames of one recording, kept by time and not by count, so it reaches back equally far at any rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from focus.analysis.types import FloatArray, IntArray


class Ring:
    """Frame times and a signal matrix, appended at the end and dropped at the front.

    `t_us` and `values` are views of what is kept; they are valid until the next call of `append`.
    """

    def __init__(self, n_signals: int, capacity: int = 256) -> None:
        self._t_us: IntArray = np.empty(capacity, dtype=np.int64)
        self._values: FloatArray = np.empty((capacity, n_signals))
        self._start = 0
        self._stop = 0
        self.n_dropped = 0

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def t_us(self) -> IntArray:
        return self._t_us[self._start : self._stop]

    @property
    def values(self) -> FloatArray:
        return self._values[self._start : self._stop]

    def append(self, t_us: IntArray, values: FloatArray) -> None:
        """Add frames, all later than those that are kept."""
        n = len(t_us)
        if self._stop + n > len(self._t_us):
            self._make_room(n)
        self._t_us[self._stop : self._stop + n] = t_us
        self._values[self._stop : self._stop + n] = values
        self._stop += n

    def drop_before(self, t_us: int) -> int:
        """Forget the frames before a time; returns how many those were."""
        n = int(np.searchsorted(self.t_us, t_us, side="left"))
        self._start += n
        self.n_dropped += n
        return n

    def _make_room(self, n: int) -> None:
        kept = len(self)
        capacity = max(len(self._t_us), 256)
        while capacity < 2 * kept + n:
            capacity *= 2
        t_us: IntArray = np.empty(capacity, dtype=np.int64)
        values = np.empty((capacity, self._values.shape[1]))
        t_us[:kept] = self.t_us
        values[:kept] = self.values
        self._t_us, self._values = t_us, values
        self._start, self._stop = 0, kept

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"t_us": self.t_us.copy(), "values": self.values.copy(), "n_dropped": self.n_dropped}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._start = self._stop = 0
        self.append(state["t_us"], state["values"])
        self.n_dropped = state["n_dropped"]
