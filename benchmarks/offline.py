"""How long the analysis of a whole recording takes without a server: an hour at 60 Hz and one at 500 Hz.

`python -m benchmarks.offline [--minutes 60] [--runs 5]`

A simulated person is recorded for two minutes, which are repeated until the recording is as long as asked; reading a
file is left out. Processor time is told beside the clock, as other work on the machine disturbs it less; both are
medians over the runs, with the least and greatest processor time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

from focus.analysis.offline import analyse
from focus.analysis.synthetic import TRACKERS
from focus.client.sources.synthetic import SyntheticSource
from focus.eyestate.model import load_shipped
from focus.protocol.batch import FrameBatch, join_batches

PIECE_S = 120
DEVICES = ("desktop", "laboratory")
HEAD = ("recording", "frames", "clock_s", "cpu_s", "cpu_s_range", "cpu_us_per_frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    classifier = load_shipped()
    print("\t".join(HEAD))
    for device in DEVICES:
        source = SyntheticSource(duration_s=PIECE_S, tracker=TRACKERS[device])
        piece = join_batches(list(source.frames()))
        n_pieces = max(1, arguments.minutes * 60 // PIECE_S)
        clock_s, cpu_s = [], []
        for _ in range(arguments.runs):
            clock, cpu = time.perf_counter(), time.process_time()
            analyse(repeated(piece, n_pieces), source.tracker, classifier).metrics()
            clock_s.append(time.perf_counter() - clock)
            cpu_s.append(time.process_time() - cpu)
        n_frames = len(piece) * n_pieces
        middle_s = statistics.median(cpu_s)
        cells = (
            f"{n_pieces * PIECE_S // 60} min, {source.tracker.rate_hz:g} Hz",
            n_frames,
            f"{statistics.median(clock_s):.2f}",
            f"{middle_s:.2f}",
            f"{min(cpu_s):.2f}-{max(cpu_s):.2f}",
            f"{middle_s / n_frames * 1e6:.2f}",
        )
        print("\t".join(map(str, cells)), flush=True)


def repeated(piece: FrameBatch, n_pieces: int) -> Iterator[FrameBatch]:
    """The frames of a piece again and again, each time later."""
    for at in range(n_pieces):
        yield FrameBatch(piece.t_us + at * PIECE_S * 1_000_000, piece.columns)


if __name__ == "__main__":
    main()
