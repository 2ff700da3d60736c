"""What every registered source has to do; a new source is found here without this file being changed."""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import pytest

from focus.client.sources import SOURCES, Source
from focus.protocol.batch import FrameBatch, TrackerInfo, join_batches


@pytest.fixture(params=SOURCES.names())
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    return SOURCES[request.param].example(tmp_path)


def test_replay_and_synthetic_are_among_the_sources() -> None:
    assert {"replay", "synthetic"} <= set(SOURCES.names())


def test_frames_rise_through_all_blocks(source: Source) -> None:
    blocks = list(source.frames())

    assert blocks
    assert all(isinstance(block, FrameBatch) for block in blocks)
    assert all(after.t_us[0] > before.t_us[-1] for before, after in pairwise(blocks))


def test_the_tracker_declares_every_column_that_comes(source: Source) -> None:
    assert isinstance(source.tracker, TrackerInfo)
    assert TrackerInfo.from_dict(source.tracker.to_dict()) == source.tracker
    assert {name for block in source.frames() for name in block.columns} <= set(source.tracker.columns)


def test_frames_come_again_from_the_beginning(source: Source) -> None:
    assert join_batches(list(source.frames())).equals(join_batches(list(source.frames())))


@pytest.mark.parametrize("part", [0.0, 0.37, 0.99])
def test_going_on_after_a_time_gives_exactly_the_frames_after_it(source: Source, part: float) -> None:
    frames = join_batches(list(source.frames()))
    at = int(part * (len(frames) - 1))

    rest = join_batches(list(source.frames(after_us=int(frames.t_us[at]))))

    assert rest.equals(frames[at + 1 :])


def test_nothing_comes_after_the_last_frame(source: Source) -> None:
    last_us = int(join_batches(list(source.frames())).t_us[-1])
    assert list(source.frames(after_us=last_us)) == []


def test_the_options_of_all_sources_fit_on_one_command_line() -> None:
    parser = argparse.ArgumentParser()
    for name, kind in SOURCES:
        assert (kind.__doc__ or "").strip(), f"source {name} has no line of help"
        kind.add_arguments(parser.add_argument_group(name))
    assert parser.parse_args([]) is not None
