"""EyeLink ASC: what SR Research's converter makes of an EDF file.

A file of lines, told apart by their first word: numbers are samples, ``MSG`` a message, ``START`` and ``SAMPLES`` say
what follows. Times are milliseconds of the tracker's clock; here they count from the first ``START``. Gaze is in
pixels of the screen that ``DISPLAY_COORDS`` or ``GAZE_COORDS`` names. The tracker's own events (``EFIX``, ``ESACC``,
``EBLINK``) are left out: FOCUS finds its own, and both in one report would be taken for the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from focus.errors import RecordingFileError
from focus.protocol.batch import TrackerInfo
from focus.services.imports.base import (
    IMPORTERS,
    Example,
    ImportedMarker,
    ImportedRecording,
    Importer,
    Piece,
)
from focus.services.imports.tables import FrameCutter, Signal, TextLines

_GLANCE_LINES: Final = 200
_SCREEN_WORDS: Final = ("DISPLAY_COORDS", "GAZE_COORDS")
_NO_DATA: Final = -32768.0  # what older converters write for a missing value
_DATE: Final = re.compile(r"\*\* DATE:\s*\w+\s+(\w+\s+\d+\s+[\d:]+\s+\d{4})")

_EXAMPLE: Final = """\
** CONVERTED FROM reading.edf using edfapi
** DATE: Tue Mar  3 10:11:12 2026
** TYPE: EDF_FILE BINARY EVENT SAMPLE TAGGED
**
MSG	1000100 DISPLAY_COORDS 0 0 1919 1079
START	1000200 	LEFT	SAMPLES	EVENTS
PRESCALER	1
PUPIL	DIAMETER
SAMPLES	GAZE	LEFT	RATE	500.00	TRACKING	CR	FILTER	2
1000200	  960.0	  540.5	 1210.0	...
1000202	  961.2	  540.1	 1211.0	...
MSG	1000203 page 1
SBLINK L 1000204
1000204	   .	   .	    0.0	...
EBLINK L 1000204	1000204	2
1000206	  959.0	  541.0	 1209.0	...
END	1000208 	SAMPLES	EVENTS	RES	  38.54	  31.12
"""


class EyeLinkImporter(Importer):
    """See the module."""

    label = "EyeLink ASC"
    description = "An .asc file with samples, as edf2asc writes it; one or both eyes, gaze in pixels."
    example = Example({"reading.asc": _EXAMPLE}, ("reading.asc", 11, "gaze x", "961.2"), 4, missing=".")

    def recognises(self, path: Path) -> bool:
        if not path.is_file():
            return False
        try:
            for line in TextLines(path):
                words = line.split(maxsplit=1)
                if line.startswith("** CONVERTED FROM") or (words and words[0] == "START" and "SAMPLES" in line):
                    return True
                if not line.startswith(("**", "MSG", "INPUT")) and line.strip():
                    return False
        except RecordingFileError:
            return False
        return False

    def open(self, path: Path) -> ImportedRecording:
        head = _read_head(path)
        return ImportedRecording(
            head.tracker(),
            lambda: _pieces(path, head),
            started_at=head.started_at,
            title=path.name[:200],
            notes=(
                *head.notes,
                "its date is taken as UTC, because the file names no zone",
                "the tracker's own fixations, saccades and blinks are left out",
                "messages before the first START are left out",
            ),
        )


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before the first sample. `screen_px`: left, top, width, height."""

    start_ms: float | None = None
    started_at: datetime | None = None
    screen_px: tuple[float, float, float, float] | None = None
    eyes: tuple[str, ...] = ()
    rate_hz: float | None = None
    pupil: str = ""
    notes: tuple[str, ...] = field(default=())

    def signals(self) -> tuple[Signal, ...]:
        """Columns in the order of their bits."""
        both = [Signal("gaze_x", "gaze x"), Signal("gaze_y", "gaze y")]
        pupils = [Signal(f"pupil_{eye}", f"pupil {eye}") for eye in self.eyes]
        each = [Signal(f"gaze_{eye}_{axis}", f"gaze {axis} {eye}") for eye in self.eyes for axis in ("x", "y")]
        return (*both, *pupils, *each)

    def tracker(self) -> TrackerInfo:
        names = tuple(signal.name for signal in self.signals())
        units = {f"pupil_{eye}": "own" for eye in self.eyes}
        return TrackerInfo("EyeLink", names, rate_hz=self.rate_hz, gaze_space="screen", units=units)


# -- the head ---------------------------------------------------------------------------------------------------------


def _read_head(path: Path) -> _Head:
    lines = TextLines(path)
    head = _Head()
    for line in lines:
        if line[:1].isdecimal():
            return _checked(lines, head)
        head = _with_line(lines, head, line)
    raise RecordingFileError(f"{path.name} holds no samples; convert it with samples")


def _with_line(lines: TextLines, head: _Head, line: str) -> _Head:
    words = line.split()
    if not words:
        return head
    if (date := _DATE.match(line)) is not None:
        return replace(head, started_at=_date(date.group(1)))
    if words[0] == "MSG" and len(words) > 2 and words[2].rstrip(":") in _SCREEN_WORDS:
        return replace(head, screen_px=_screen(lines, words))
    if words[0] == "START" and len(words) > 1 and head.start_ms is None:
        return replace(head, start_ms=_ms(lines, words[1]))
    if words[0] == "PUPIL" and len(words) > 1:
        note = f"pupils are its {words[1].lower()} in the tracker's own unit"
        return replace(head, pupil=words[1].lower(), notes=(note,))
    if words[0] == "SAMPLES":
        return _with_samples_line(lines, head, words)
    return head


def _with_samples_line(lines: TextLines, head: _Head, words: list[str]) -> _Head:
    if len(words) < 2 or words[1] != "GAZE":
        kind = words[1] if len(words) > 1 else "nothing"
        raise lines.fault(f"samples are {kind[:20]!r}, not GAZE; convert it with gaze positions", column="SAMPLES")
    rate = words[words.index("RATE") + 1] if "RATE" in words[:-1] else ""
    try:
        rate_hz = float(rate) if rate else head.rate_hz
    except ValueError:
        raise lines.fault(f"{rate[:40]!r} is not a number", column="RATE") from None
    if rate_hz is not None and not 0.5 <= rate_hz <= 5000:
        raise lines.fault(f"{rate_hz:g} lies outside of 0.5..5000", column="RATE")
    return replace(head, eyes=_eyes(words), rate_hz=rate_hz)


def _eyes(words: list[str]) -> tuple[str, ...]:
    return tuple(eye for eye in ("left", "right") if eye.upper() in words)


def _screen(lines: TextLines, words: list[str]) -> tuple[float, float, float, float]:
    try:
        left, top, right, bottom = (float(word) for word in words[3:7])
    except ValueError:
        raise lines.fault(f"{' '.join(words[3:7])[:60]!r} are not four numbers", column=words[2]) from None
    if not (right > left and bottom > top):
        raise lines.fault(f"{' '.join(words[3:7])[:60]} are no screen", column=words[2])
    # The numbers name the first and the last pixel.
    return left, top, right - left + 1, bottom - top + 1


def _date(text: str) -> datetime | None:
    try:
        # The tracker's own clock; no zone is told, so it is taken as it stands.
        return datetime.strptime(" ".join(text.split()), "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def _ms(lines: TextLines, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise lines.fault(f"{text[:40]!r} is not a number of milliseconds", column="time")
    return value


def _checked(lines: TextLines, head: _Head) -> _Head:
    if head.start_ms is None or not head.eyes:
        raise lines.fault("a sample stands before the lines START and SAMPLES, which say what it is")
    if head.screen_px is None:
        raise lines.fault(
            "no message DISPLAY_COORDS or GAZE_COORDS before the first sample says how large the screen is"
        )
    return head


# -- the lines --------------------------------------------------------------------------------------------------------


def _pieces(path: Path, head: _Head) -> Iterator[Piece]:
    lines = TextLines(path)
    start_ms = head.start_ms or 0.0
    cutter = FrameCutter(lines, head.signals(), "time")
    eyes = head.eyes
    for line in lines:
        if line[:1].isdecimal():
            words = line.split()
            t_us = round((_ms(lines, words[0]) - start_ms) * 1000)
            batch = cutter.add(t_us, _sample(lines, head, eyes, words))
            if batch is not None:
                yield Piece(lines.share, batch)
        elif line.startswith("SAMPLES"):
            eyes = _eyes_of_block(lines, head, line)
        elif line.startswith("MSG"):
            marker = _message(lines, line, start_ms)
            if marker is not None:
                yield Piece(lines.share, marker=marker)
    batch = cutter.take()
    if batch is not None:
        yield Piece(1.0, batch)


def _eyes_of_block(lines: TextLines, head: _Head, line: str) -> tuple[str, ...]:
    eyes = _eyes(line.split())
    more = [eye for eye in eyes if eye not in head.eyes]
    if more:
        raise lines.fault(f"the {more[0]} eye appears, which the first block does not have; split the file")
    return eyes


def _sample(lines: TextLines, head: _Head, eyes: tuple[str, ...], words: list[str]) -> list[float]:
    """Values in the order of `_Head.signals`."""
    if len(words) < 1 + 3 * len(eyes):
        raise lines.fault(f"{len(words)} words; a sample of {len(eyes)} eyes has at least {1 + 3 * len(eyes)}")
    assert head.screen_px is not None
    left, top, width, height = head.screen_px
    found: dict[str, tuple[float, float, float]] = {}
    for at, eye in enumerate(eyes):
        x_px, y_px, pupil = (
            _value(lines, words[1 + 3 * at + place], what) for place, what in enumerate(("gaze x", "gaze y", "pupil"))
        )
        found[eye] = ((x_px - left) / width, (y_px - top) / height, pupil if pupil > 0 else math.nan)
    missing = (math.nan, math.nan, math.nan)
    own = [found.get(eye, missing) for eye in head.eyes]
    return [
        _mean([values[0] for values in own]),
        _mean([values[1] for values in own]),
        *(values[2] for values in own),
        *(value for values in own for value in values[:2]),
    ]


def _value(lines: TextLines, word: str, what: str) -> float:
    if word == ".":
        return math.nan
    try:
        value = float(word)
    except ValueError:
        value = math.inf
    if not math.isfinite(value) or "_" in word or not word.isascii():
        raise lines.fault(f"{word[:40]!r} is not a number", column=what)
    return math.nan if value == _NO_DATA else value


def _mean(values: list[float]) -> float:
    """Of those that are there."""
    seen = [value for value in values if not math.isnan(value)]
    return sum(seen) / len(seen) if seen else math.nan


def _message(lines: TextLines, line: str, start_ms: float) -> ImportedMarker | None:
    words = line.split(maxsplit=2)
    if len(words) < 3:
        return None
    t_us = round((_ms(lines, words[1]) - start_ms) * 1000)
    return ImportedMarker(t_us, "message", {"text": words[2].strip()[:2000]}) if t_us >= 0 else None


IMPORTERS.register("eyelink")(EyeLinkImporter())
