"""The parameters of an analysis, in one value that is stored beside every result as its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from focus.errors import ParameterError

MAX_LOOKAHEAD_US = 1_000_000
MAX_WINDOW_US = 60_000_000


@dataclass(frozen=True, slots=True)
class AnalysisParameters:
    """What decides the outcome of an analysis besides the frames and the model. All times in microseconds.

    Parameters
    ----------
    lookahead_us : int
        How much later than a frame its final state may be decided, 0 to 1 s. A frame's state rests on frames up to this
        much after it and on nothing later. 150 ms is what a blink needs to have reopened.
    window_us : int
        Length of a metric window; a multiple of one second, and a minute at most: so long a window knows each of its
        seconds, which is what markers are joined with.
    min_confidence : float
        Frames in which the tracker trusts itself less count as lost.
    loss_hold_us : int
        Loss of gaze up to this long is bridged by the classifier's class (75 ms as in the Tobii I-VT filter's gap
        fill-in, Olsen 2012); a longer one is a blink or lost.
    blink_max_us : int
        A closure up to this long is a blink, a longer one a long closure; also how long a loss of all signals may be
        and still be a blink (500 ms, Nystrom 2024, doi:10.3758/s13428-023-02333-9).
    min_blink_us, min_saccade_us, min_fixation_run_us, min_pursuit_us, min_lost_us : int
        A run of states shorter than this cannot stand alone: it joins its neighbours before events are made of runs.
    min_fixation_us, fixation_merge_gap_us, fixation_merge_deg
        A fixation lasts at least `min_fixation_us`; two that lie closer than both limits are one
        (60 ms, 75 ms and 0.5 deg; Olsen 2012, Salvucci & Goldberg 2000, doi:10.1145/355017.355028).
    away_yaw_deg, away_pitch_deg : float
        A head turned further than this is away from the screen.
    """

    lookahead_us: int = 150_000
    window_us: int = 60_000_000
    min_confidence: float = 0.1
    loss_hold_us: int = 75_000
    blink_max_us: int = 500_000
    min_blink_us: int = 25_000
    min_saccade_us: int = 8_000
    min_fixation_run_us: int = 30_000
    min_pursuit_us: int = 80_000
    min_lost_us: int = 50_000
    min_fixation_us: int = 60_000
    fixation_merge_gap_us: int = 75_000
    fixation_merge_deg: float = 0.5
    away_yaw_deg: float = 25.0
    away_pitch_deg: float = 30.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise ParameterError(f"{item.name} {value!r} is not a number of at least 0")
            if item.name.endswith("_us") and not isinstance(value, int):
                raise ParameterError(f"{item.name} {value!r} is not a whole number of microseconds")
        if self.lookahead_us > MAX_LOOKAHEAD_US:
            raise ParameterError(f"lookahead_us {self.lookahead_us} is more than {MAX_LOOKAHEAD_US}")
        if not 1_000_000 <= self.window_us <= MAX_WINDOW_US or self.window_us % 1_000_000:
            raise ParameterError(f"window_us {self.window_us} is not a multiple of 1000000 up to {MAX_WINDOW_US}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, and read again by `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AnalysisParameters:
        """From JSON; a name that is unknown is a ParameterError."""
        known = {item.name for item in fields(cls)}
        for name in values:
            if name not in known:
                raise ParameterError(f"analysis parameter {name!r} is unknown; there are: {', '.join(sorted(known))}")
        return cls(**values)
