"""What a source of frames has to do."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from focus.protocol.batch import FrameBatch, TrackerInfo


class Source(ABC):
    """Frames of one person from one tracker; the first line of a class's docstring is its help on the command line."""

    @property
    @abstractmethod
    def tracker(self) -> TrackerInfo:
        """What makes the frames."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that the person who streams should read, before the first frame."""
        return ()

    @abstractmethod
    def frames(self, *, after_us: int = -1) -> Iterator[FrameBatch]:
        """All frames later than `after_us`, in order, in blocks of any length.

        The times say when a frame is due; the caller waits for that. Raises what the source says of its own faults.
        """

    @classmethod
    @abstractmethod
    def add_arguments(cls, parser: argparse._ArgumentGroup) -> None:
        """Declare the source's options."""

    @classmethod
    @abstractmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """The source that the options ask for; an `InputError` if they cannot be."""

    @classmethod
    @abstractmethod
    def example(cls, folder: Path) -> Self:
        """A short source that works on any machine, for tests; what it reads is written to `folder` first."""


def frames_after(batch: FrameBatch, after_us: int) -> FrameBatch | None:
    """The frames of a batch that are later than a time, or None."""
    first = int(batch.t_us.searchsorted(after_us, side="right"))
    if first == 0:
        return batch
    return batch[first:] if first < len(batch) else None
