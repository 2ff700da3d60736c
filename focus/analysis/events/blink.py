"""Blinks and long closures: runs of the blink state, told apart by how long they last.

`openness_least_ratio` is the least openness in the event over that of the open eye, `closure_peak_ratio` how far the
lid went from this person's open eye (0) to the closed one (1), as far as a blink has shown what that is. Both are
absent where the event was seen in the loss of pupil and gaze alone. Openness blinks run about 60 ms longer than loss
blinks (Nystrom 2024, doi:10.3758/s13428-023-02333-9). `onset_between_us` and `offset_between_us` are where the score of
the state crosses that of its neighbour, between the frames; `onset_us` and `offset_us` are times of frames.
"""

from __future__ import annotations

from typing import Final

from focus.analysis.events.base import DETECTORS, RunDetector
from focus.analysis.events.runs import Run
from focus.analysis.types import Event, EyeState

LEAST_CLOSURE: Final = 0.2
"""A lid that was seen all the time and never went this far towards closed did not blink: at 13 Hz, the last frame of a
blink's opening was now and then taken for another one. Of the 137 blinks found in the webcam recordings for
development, the shallowest went 0.28 of the way. Our choice."""


def is_part_of_loss(run: Run, state_before: int | None, state_after: int | None) -> bool:
    """Whether a blink run without any sight of the lid is the beginning or end of a loss of tracking."""
    beside_loss = EyeState.LOST in (state_before, state_after)
    return run.state == EyeState.BLINK and not run.n_openness and beside_loss


@DETECTORS.register("blink")
class BlinkDetector(RunDetector):
    """`blink` up to `blink_max_us`, `closure` beyond."""

    def detect(self, run: Run, next_state: int | None) -> Event | None:
        before = self.previous.state if self.previous else None
        if run.state != EyeState.BLINK or is_part_of_loss(run, before, next_state):
            return None
        if run.n_openness == run.n_frames and run.most_closed < LEAST_CLOSURE:
            return None
        attributes = run.between_frames
        if run.least_openness < float("inf"):
            attributes |= {"openness_least_ratio": run.least_openness, "closure_peak_ratio": run.most_closed}
        is_blink = run.duration_us <= self.setup.parameters.blink_max_us
        return Event("blink" if is_blink else "closure", run.start_us, run.stop_us, attributes)
