"""Replay of a recording CSV, with its own times."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from focus.client.sources import SOURCES
from focus.client.sources.base import Source, frames_after
from focus.errors import ParameterError
from focus.protocol.batch import FrameBatch, ScreenGeometry, TrackerInfo
from focus.protocol.recording_csv import open_recording_csv, write_recording_csv


@SOURCES.register("replay")
class ReplaySource(Source):
    """a recording CSV, plain or gzipped

    The whole file is read once when the source is made, so that a fault on its last line is found before anything is
    sent; raises `RecordingFileError` naming line and column.
    """

    def __init__(self, path: str | Path, *, screen: ScreenGeometry | None = None) -> None:
        self._recording = open_recording_csv(path, screen=screen)
        self.n_frames = sum(map(len, self._recording))

    @property
    def tracker(self) -> TrackerInfo:
        return self._recording.tracker

    @property
    def warnings(self) -> tuple[str, ...]:
        unknown = self._recording.unknown_columns
        if not unknown:
            return ()
        return (f"{self._recording.path.name}: columns without a meaning are left out: {', '.join(unknown)}",)

    def frames(self, *, after_us: int = -1) -> Iterator[FrameBatch]:
        for block in self._recording:
            later = frames_after(block, after_us)
            if later is not None:
                yield later

    @classmethod
    def add_arguments(cls, parser: argparse._ArgumentGroup) -> None:
        parser.add_argument("--file", metavar="F", help="the recording CSV")
        parser.add_argument("--screen-mm", metavar="WxHxD", help="width, height and distance of the screen in mm")

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        if not arguments.file:
            raise ParameterError("--source replay needs --file F")
        return cls(arguments.file, screen=_screen_of(arguments.screen_mm))

    @classmethod
    def example(cls, folder: Path) -> Self:
        t_us = np.arange(300) * 16_667
        gaze_x = (0.5 + 0.3 * np.sin(2 * math.pi * t_us / 2e6)).astype(np.float32)
        batch = FrameBatch(t_us, {"gaze_x": gaze_x})
        path = folder / "example.csv.gz"
        write_recording_csv(path, [batch], TrackerInfo("example", ("gaze_x",)))
        return cls(path)


def _screen_of(text: str | None) -> ScreenGeometry | None:
    if text is None:
        return None
    try:
        width_mm, height_mm, distance_mm = (float(part) for part in text.split("x"))
    except ValueError as err:
        raise ParameterError(f"--screen-mm {text!r} is not three numbers like 520x320x600") from err
    return ScreenGeometry(width_mm, height_mm, distance_mm)
