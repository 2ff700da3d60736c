"""A BIDS 1.11 dataset with one subject and one eye-tracking recording, in the `beh` folder.

Continuous signals are in `_recording-eye1_physio.tsv.gz` (and eye2, eye3: one file an eye, the cyclopean one first or
alone) without a header, described by the JSON beside it. Events that the analysis found are in `_physioevents.tsv.gz`
on the same clock; markers that the client sent are in `_events.tsv`, whose JSON describes the screen. Times in the
physio files are whole microseconds since the recording began.

What BIDS demands and the recording does not have stands as missing (``n/a``), never as a guess: gaze is
`gaze-on-screen`, in pixels, only where the size, distance and resolution of the screen are known, and `custom` with a
description otherwise.

References
----------
Brain Imaging Data Structure 1.11, physiological recordings and eye tracking, https://bids-specification.readthedocs.io
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

import numpy as np

from focus.analysis.types import Event
from focus.protocol.batch import FrameBatch, ScreenGeometry
from focus.protocol.schema import COLUMN_BY_NAME
from focus.services.exports.base import EXPORTERS, STATE_LABELS, Exporter, ExportSource, Passes, Target
from focus.services.exports.cells import TableWriter, number_texts, safe_text

BIDS_VERSION: Final = "1.11.1"
_MISSING: Final = "n/a"
_EVENTS_A_PIECE: Final = 5000


@dataclass(frozen=True, slots=True)
class _Eye:
    """One physio file: whose eye, the columns of gaze and pupil, and what else it carries."""

    recorded: str
    x: str
    y: str
    pupil: str | None
    more: tuple[str, ...]


class BidsExporter(Exporter):
    """See the module."""

    label = "BIDS"
    description = "A BIDS 1.11 eye-tracking dataset for neuroimaging tools and public archives."

    def write(self, source: ExportSource, target: Target) -> Iterator[float]:
        subject = f"sub-{source.owner_id:04d}"
        stem = f"{subject}/beh/{subject}_task-{_label(_task(source)) or 'free'}"
        _write_dataset(source, target, subject)
        _write_stimulus_events(source, target, stem)
        eyes = _eyes(source)
        passes = Passes(source.n_frames, len(eyes))
        for number, eye in enumerate(eyes, 1):
            yield from _write_eye(source, target, f"{stem}_recording-eye{number}", eye, passes)
        # The events hold for both eyes; they stand beside the first file, whose clock is everybody's.
        yield from _write_physioevents(source, target, f"{stem}_recording-eye1")
        yield 1.0


def _task(source: ExportSource) -> str:
    return source.task.strip() or "free"


def _label(text: str) -> str:
    """Letters and digits alone, as BIDS labels have to be."""
    return re.sub(r"[^A-Za-z0-9]", "", text)[:40]


def _eyes(source: ExportSource) -> list[_Eye]:
    names = source.columns()
    sides = [side for side in ("left", "right") if f"gaze_{side}_x" in names]
    own = {f"pupil_{side}" for side in sides}
    # What belongs to no single eye stands in the first file.
    shared = tuple(name for name in names if not name.startswith("gaze_") and name not in own)
    eyes = []
    if "gaze_x" in names or not sides:
        eyes.append(_Eye("cyclopean", "gaze_x", "gaze_y", None, shared))
    for side in sides:
        pupil = f"pupil_{side}" if f"pupil_{side}" in names else None
        eyes.append(_Eye(side, f"gaze_{side}_x", f"gaze_{side}_y", pupil, () if eyes else shared))
    return eyes


# -- the dataset ------------------------------------------------------------------------------------------------------


def _write_dataset(source: ExportSource, target: Target, subject: str) -> None:
    _write_json(
        target,
        "dataset_description.json",
        {
            "Name": source.title or f"Eye tracking {source.started_at:%Y-%m-%d}",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "License": _MISSING,
            "Authors": [_MISSING],
            "GeneratedBy": [{"Name": "FOCUS", "Description": "Export of a stored eye-tracking recording."}],
        },
    )
    with target.open("README.md") as file:
        file.write(_readme(source).encode())
    with target.open("participants.tsv") as file:
        TableWriter(file, ["participant_id"], delimiter="\t").row([subject])


def _readme(source: ExportSource) -> str:
    analysis = source.analysis
    how = "No analysis has been made of it."
    if analysis is not None:
        how = (
            f"Events were found by FOCUS with model release {analysis['model_release']} and analysis code"
            f" {analysis['code_version']}; the parameters stand in the JSON of the physioevents file."
        )
    return (
        f"# Eye-tracking recording {source.recording_id}\n\n"
        f"{source.n_frames} frames of the tracker {source.tracker.name!r}, begun {source.started_at.isoformat()}.\n"
        f"{how}\n"
    )


def _write_stimulus_events(source: ExportSource, target: Target, stem: str) -> None:
    """Markers of the client, and the screen in the JSON beside them."""
    description: dict[str, Any] = {
        "TaskName": _task(source),
        "onset": {"Description": "Time of the marker since the recording began", "Units": "s"},
        "duration": {"Description": "Markers are moments", "Units": "s"},
        "trial_type": {"Description": "Kind of the marker, as the client named it"},
        "body": {"Description": "What the client sent with it, JSON"},
    }
    screen = _full_screen(source)
    if screen is not None:
        description["StimulusPresentation"] = {
            "ScreenDistance": screen.distance_mm / 1000,
            "ScreenOrigin": ["top", "left"],
            "ScreenResolution": [screen.width_px, screen.height_px],
            "ScreenSize": [screen.width_mm / 1000, screen.height_mm / 1000],
        }
    _write_json(target, f"{stem}_events.json", description)
    with target.open(f"{stem}_events.tsv") as file:
        table = TableWriter(file, ["onset", "duration", "trial_type", "body"], delimiter="\t")
        for marker in source.markers():
            body = json.dumps(marker.body, ensure_ascii=False) if marker.body else _MISSING
            table.row([f"{marker.t_us / 1e6:.6f}", "0", safe_text(marker.kind), safe_text(body)])


def _full_screen(source: ExportSource) -> ScreenGeometry | None:
    """The screen, if gaze is on it and everything is known that BIDS wants to know of it."""
    screen = source.tracker.screen
    if source.tracker.gaze_space != "screen" or screen is None or not screen.width_px or not screen.height_px:
        return None
    return screen


# -- signals ----------------------------------------------------------------------------------------------------------


def _write_eye(source: ExportSource, target: Target, stem: str, eye: _Eye, passes: Passes) -> Iterator[float]:
    pupil = ("pupil_size",) if eye.pupil else ()
    names = ("timestamp", "x_coordinate", "y_coordinate", *pupil, *eye.more, "eye_state")
    _write_json(target, f"{stem}_physio.json", _physio_json(source, eye, names))
    screen = _full_screen(source)
    factors = (screen.width_px or 1, screen.height_px or 1) if screen is not None else (1, 1)
    used = (eye.pupil, *eye.more) if eye.pupil else eye.more
    with target.open(f"{stem}_physio.tsv.gz", is_packed=True) as file, _gzip(file) as packed:
        table = TableWriter(packed, (), delimiter="\t", has_header=False)
        for frames in source.frames():
            gaze = [_gaze(frames, name, factor) for name, factor in zip((eye.x, eye.y), factors, strict=True)]
            signals = [_texts(_column(frames, name)) for name in used]
            codes = source.states_at(frames.t_us).tolist()
            states = [STATE_LABELS[code] if code >= 0 else _MISSING for code in codes]
            table.columns([number_texts(frames.t_us), *gaze, *signals, states])
            yield passes.took(len(frames))


def _column(frames: FrameBatch, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = frames.columns.get(name)
    return np.full(len(frames), np.nan, dtype=np.float32) if values is None else values


def _gaze(frames: FrameBatch, name: str, factor: int) -> list[str]:
    values = _column(frames, name)
    return _texts(values if factor == 1 else values.astype(np.float64) * factor)


def _texts(values: np.ndarray[Any, Any]) -> list[str]:
    return [text or _MISSING for text in number_texts(values)]


def _physio_json(source: ExportSource, eye: _Eye, names: tuple[str, ...]) -> dict[str, Any]:
    tracker = source.tracker
    is_on_screen = _full_screen(source) is not None
    unit = "pixel" if is_on_screen else source.unit_of("gaze_x")
    described: dict[str, Any] = {
        "TaskName": _task(source),
        "SamplingFrequency": tracker.rate_hz or _measured_hz(source),
        "StartTime": source.t_first_us / 1e6,
        "Columns": list(names),
        "PhysioType": "eyetrack",
        "RecordedEye": eye.recorded,
        "SampleCoordinateSystem": "gaze-on-screen" if is_on_screen else "custom",
        "ManufacturersModelName": f"{tracker.name} {tracker.model}".strip(),
        "timestamp": {"Description": "Time since the recording began", "Units": "us"},
        "x_coordinate": {"LongName": "Gaze position (x)", "Description": _axis("x", source), "Units": unit},
        "y_coordinate": {"LongName": "Gaze position (y)", "Description": _axis("y", source), "Units": unit},
        "eye_state": {
            "Description": "What the eyes do in this frame, by the analysis that is named below",
            "Levels": {label: label for label in STATE_LABELS},
        },
    }
    if not is_on_screen:
        described["SampleCoordinateSystemDescription"] = _axis("x", source) + "; " + _axis("y", source)
    if eye.pupil:
        pupil = {"Description": "Pupil diameter", "Units": source.unit_of(eye.pupil)}
        described["pupil_size"] = pupil
    for name in eye.more:
        described[name] = {"Description": COLUMN_BY_NAME[name].meaning, "Units": source.unit_of(name)}
    described["FocusProvenance"] = source.provenance()
    return described


def _axis(axis: str, source: ExportSource) -> str:
    side = "right" if axis == "x" else "downwards"
    origin = "straight ahead" if source.tracker.gaze_space == "deg" else "the top left corner"
    return f"rises {side}, from {origin}"


def _measured_hz(source: ExportSource) -> float:
    """Frames over time, where the tracker did not say its rate."""
    seconds = source.duration_us / 1e6
    return round((source.n_frames - 1) / seconds, 3) if seconds > 0 else 1.0


# -- events -----------------------------------------------------------------------------------------------------------


def _write_physioevents(source: ExportSource, target: Target, stem: str) -> Iterator[float]:
    _write_json(
        target,
        f"{stem}_physioevents.json",
        {
            "TaskName": _task(source),
            "Columns": ["onset", "duration", "trial_type", "blink", "attributes"],
            "Description": "Events that the analysis found in the signals",
            "OnsetSource": "timestamp",
            "onset": {"Description": "First moment, on the clock of the physio file", "Units": "us"},
            "duration": {"Description": "Length of the event", "Units": "s"},
            "trial_type": {
                "Description": "Kind of the event",
                "Levels": {
                    "fixation": "gaze rests",
                    "saccade": "gaze jumps",
                    "pursuit": "gaze follows something",
                    "blink": "the lids close and open again",
                    "closure": "the lids stay closed for longer than a blink",
                    "track_loss": "the tracker lost the eyes",
                },
            },
            "blink": {"Description": "Whether it is a blink", "Levels": {"0": "no", "1": "yes"}},
            "attributes": {"Description": "What was measured of it, JSON; the names carry the units"},
            "FocusProvenance": source.provenance(),
        },
    )
    with target.open(f"{stem}_physioevents.tsv.gz", is_packed=True) as file, _gzip(file) as packed:
        table = TableWriter(packed, (), delimiter="\t", has_header=False)
        for number, event in enumerate(source.events(), 1):
            table.columns([[text] for text in _event_cells(event)])
            if not number % _EVENTS_A_PIECE:
                yield 1.0


def _event_cells(event: Event) -> list[str]:
    attributes = json.dumps(dict(event.attributes), sort_keys=True) if event.attributes else _MISSING
    is_blink = "1" if event.kind == "blink" else "0"
    return [str(event.onset_us), f"{event.duration_us / 1e6:.6f}", event.kind, is_blink, attributes]


# -- files ------------------------------------------------------------------------------------------------------------


def _write_json(target: Target, path: str, values: dict[str, Any]) -> None:
    with target.open(path) as file:
        file.write((json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def _gzip(file: BinaryIO) -> BinaryIO:
    """Packs what is written; no name and no time inside, so equal recordings give equal bytes."""
    return cast(BinaryIO, io.BufferedWriter(gzip.GzipFile("", "wb", 6, file, 0), 1 << 16))


EXPORTERS.register("bids")(BidsExporter())
