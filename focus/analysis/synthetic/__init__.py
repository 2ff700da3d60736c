"""Simulated people and trackers, with the truth about every frame.

Pure NumPy; the random generator is passed in. Used to train the eye-state classifier, to make the bundled demo
recording, by the client's synthetic source and by tests. `gaze`, `eyelid` and `body` make a person at 1000 Hz,
`camera` makes frames of it, `recording` joins them.
"""

from focus.analysis.synthetic.gaze import LABELS, TASKS, TOURS
from focus.analysis.synthetic.person import Person, add_traits, random_person, tired
from focus.analysis.synthetic.recording import SimulatedRecording, simulate, stream_person
from focus.analysis.synthetic.tracker import (
    DESKTOP,
    LABORATORY,
    SIGNALS,
    TRACKERS,
    WEBCAM,
    SimulatedTracker,
    add_glasses,
    random_tracker,
)

__all__ = [
    "DESKTOP",
    "LABELS",
    "LABORATORY",
    "SIGNALS",
    "TASKS",
    "TOURS",
    "TRACKERS",
    "WEBCAM",
    "Person",
    "SimulatedRecording",
    "SimulatedTracker",
    "add_glasses",
    "add_traits",
    "random_person",
    "random_tracker",
    "simulate",
    "stream_person",
    "tired",
]
