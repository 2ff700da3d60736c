"""The table of agreement that FOCUS is held to: which recordings, at which rate and noise, by which measure.

A row picks its recordings by name or signal, so that anybody's recordings of the same kinds fill the same table:
`*images*`, `*videos*`, `gazecom*` and `glasses*` by file name, webcam eyelids by having no gaze. `flask model evaluate
--table` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, Final

from focus.analysis.types import StateClassifier
from focus.eyestate.dataset import LabelledRecording
from focus.eyestate.evaluation import Result, Score, Setting, evaluate_baselines, evaluate_model

WEBCAM_HZ: Final = 18.0
"""Between the rates of the two kinds of webcam recordings."""

Picks = Callable[[LabelledRecording], bool]


def _named(pattern: str) -> Picks:
    return lambda recording: fnmatch(recording.name.lower(), pattern)


def _is_webcam(recording: LabelledRecording) -> bool:
    return not recording.has_gaze and recording.rate_hz >= WEBCAM_HZ and not _named("*glasses*")(recording)


def _is_slow_webcam(recording: LabelledRecording) -> bool:
    return not recording.has_gaze and recording.rate_hz < WEBCAM_HZ and not _named("*glasses*")(recording)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what is measured on which recordings, and what is to be reached at each look-ahead (None: no goal).

    `rate_hz` None leaves recordings at their own rate. A goal of an error is an upper limit.
    """

    title: str
    picks: Picks
    measure: str
    reach: dict[float, float | None]
    rate_hz: float | None = None
    noise_deg: float = 0.0

    def takes(self, recording: LabelledRecording) -> bool:
        """Whether the recording is of this row; noise in degrees can be added to gaze in degrees alone."""
        return self.picks(recording) and (not self.noise_deg or recording.tracker.gaze_space == "deg")

    @property
    def is_error(self) -> bool:
        return "error" in self.measure

    def is_reached(self, lookahead_ms: float, value: float) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        goal = self.reach[lookahead_ms]
        return None if goal is None else (value <= goal if self.is_error else value >= goal)


_IMAGES: Final = _named("*images*")
_VIDEOS: Final = _named("*videos*")
_GAZECOM: Final = _named("*gazecom*")
_GLASSES: Final = _named("*glasses*")

ROWS: Final = (
    Row("images, 500 Hz", _IMAGES, "kappa", {0.0: 0.82, 50.0: 0.87}),
    Row("images, 120 Hz", _IMAGES, "kappa", {0.0: 0.81, 50.0: 0.86}, 120.0),
    Row("images, 60 Hz", _IMAGES, "kappa", {0.0: 0.80, 50.0: 0.83}, 60.0),
    Row("images, 60 Hz, 0.3 deg noise", _IMAGES, "kappa", {0.0: 0.72, 50.0: 0.78}, 60.0, 0.3),
    Row("images, 30 Hz", _IMAGES, "kappa", {0.0: 0.78, 50.0: 0.81}, 30.0),
    Row("images, 30 Hz, 0.5 deg noise", _IMAGES, "kappa", {0.0: 0.70, 50.0: 0.75}, 30.0, 0.5),
    Row("images, 500 Hz", _IMAGES, "saccade events F1", {0.0: None, 50.0: 0.955}),
    Row("images, 500 Hz", _IMAGES, "saccade events F1 (IoU 0.5)", {0.0: None, 50.0: 0.925}),
    Row("videos, 500 Hz", _VIDEOS, "kappa", {0.0: None, 50.0: 0.84}),
    *(
        Row("GazeCom, 250 Hz", _GAZECOM, measure, {0.0: goal, 150.0: None})
        for measure, goal in (
            ("fixation F1 of four", 0.92),
            ("saccade F1 of four", 0.85),
            ("pursuit F1 of four", 0.60),
            ("noise F1 of four", 0.60),
        )
    ),
    Row("webcam lids, 18 Hz and more", _is_webcam, "blink events F1", {0.0: 0.93, 150.0: 0.95}),
    Row("webcam lids, under 18 Hz", _is_slow_webcam, "blink events F1", {0.0: None, 150.0: 0.85}),
    Row("glasses-type trackers", _GLASSES, "blink events F1", {0.0: None, 150.0: 0.85}),
    Row("webcam lids, 18 Hz and more", _is_webcam, "blink rate error a minute", {150.0: 0.5}),
    Row("webcam lids, under 18 Hz", _is_slow_webcam, "blink rate error a minute", {150.0: 1.5}),
    Row("images, 500 Hz", _IMAGES, "calibration error", {0.0: 0.03, 50.0: 0.03}),
    Row("videos, 500 Hz", _VIDEOS, "calibration error", {0.0: 0.03, 50.0: 0.03}),
    Row("GazeCom, 250 Hz", _GAZECOM, "calibration error", {0.0: 0.03, 150.0: 0.03}),
    Row("webcam lids, 18 Hz and more", _is_webcam, "calibration error", {0.0: 0.03, 150.0: 0.03}),
    Row("webcam lids, under 18 Hz", _is_slow_webcam, "calibration error", {0.0: 0.03, 150.0: 0.03}),
)


@dataclass(frozen=True, slots=True)
class FilledRow:
    """A row with its figures: of the model by look-ahead, and of those that see a whole recording by their names."""

    row: Row
    n_recordings: int
    model: dict[float, Score]
    others: dict[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "recordings": self.row.title,
            "n_recordings": self.n_recordings,
            "measure": self.row.measure,
            "model": [
                {
                    "lookahead_ms": lookahead_ms,
                    **score.to_dict(),
                    "reach": self.row.reach[lookahead_ms],
                    "is_reached": self.row.is_reached(lookahead_ms, score.value),
                }
                for lookahead_ms, score in self.model.items()
            ],
            "others": {name: score.to_dict() for name, score in self.others.items()},
        }


def fill_table(
    recordings: Sequence[LabelledRecording],
    classifier: StateClassifier,
    *,
    name: str,
    has_baselines: bool = True,
    report: Callable[[str], None],
) -> list[FilledRow]:
    """All rows, in order; one without recordings has no figures. Each setting is analysed once.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
        Of any kinds, mixed.
    classifier, name : StateClassifier, str
        The model, and what results call it.
    has_baselines : bool
        Whether the baselines and peers are run too.
    report : callable
        Gets a line of progress for each setting.
    """
    models: dict[tuple[Picks, Setting], Result] = {}
    others: dict[tuple[Picks, Setting], list[Result]] = {}
    filled = []
    for row in ROWS:
        some = [recording for recording in recordings if row.takes(recording)]
        of_model: dict[float, Score] = {}
        of_others: dict[str, Score] = {}
        for lookahead_ms in row.reach if some else ():
            key = row.picks, Setting(lookahead_ms, row.rate_hz, row.noise_deg)
            if key not in models:
                report(f"{row.title}, look-ahead {lookahead_ms:g} ms: {len(some)} recordings")
                models[key] = evaluate_model(some, classifier, key[1], name=name)
            if row.measure in models[key].scores:
                of_model[lookahead_ms] = models[key].scores[row.measure]
        if some and has_baselines:
            whole = row.picks, Setting(float("inf"), row.rate_hz, row.noise_deg)
            if whole not in others:
                others[whole] = evaluate_baselines(some, whole[1])
            of_others = {
                result.classifier: result.scores[row.measure]
                for result in others[whole]
                if row.measure in result.scores
            }
        filled.append(FilledRow(row, len(some), of_model, of_others))
    return filled
