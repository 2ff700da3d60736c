"""Import and export of a file that is larger than memory should be: time and peak memory.

`python -m benchmarks.exchange [--gigabytes 2] [--formats csv,parquet,bids] [--folder FOLDER]`

A recording CSV of that size is written row by row (1000 Hz, all columns, noise in every digit, so that it packs badly),
imported into an empty database, and exported again. Each step runs in a process of its own and reports the most memory
that this process ever held (`ru_maxrss`), less what it held once everything was imported and nothing read.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from config import ROOT

HEADER = (
    "t_us,gaze_x_norm,gaze_y_norm,pupil_left_mm,pupil_right_mm,openness_left,openness_right,"
    "confidence,head_yaw_deg,head_pitch_deg,head_roll_deg"
)
PART_ROWS = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--formats", default="csv,parquet,bids")
    parser.add_argument("--folder", type=Path, help="where the files lie meanwhile; the system's folder by default")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(run_step(*arguments.step)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(f"{'step':16} {'file MB':>9} {'seconds':>8} {'MB/s':>7} {'peak MB':>8} {'above start':>11}")
        for line in measure(Path(folder), round(arguments.gigabytes * 1e9), arguments.formats.split(",")):
            print(line, flush=True)


def measure(folder: Path, n_bytes: int, formats: Sequence[str]) -> Iterator[str]:
    """One line a step."""
    path = folder / "large.csv"
    began_s = time.perf_counter()
    n_rows = write_csv(path, n_bytes)
    size = path.stat().st_size
    yield f"{'write':16} {size / 1e6:9.0f} {time.perf_counter() - began_s:8.1f}  ({n_rows} rows)"
    database = folder / "focus.db"
    yield line("import", size, in_child("import", database, path))
    path.unlink()
    yield f"{'database':16} {database.stat().st_size / 1e6:9.0f}"
    for name in formats:
        target = folder / name
        found = in_child("export", database, target, name)
        yield line(f"export {name}", sum(each.stat().st_size for each in target.rglob("*") if each.is_file()), found)
        shutil.rmtree(target)


def line(step: str, size: int, found: dict[str, float]) -> str:
    """A line of the table."""
    rate = size / 1e6 / found["seconds"]
    above = found["peak_mb"] - found["start_mb"]
    return f"{step:16} {size / 1e6:9.0f} {found['seconds']:8.1f} {rate:7.1f} {found['peak_mb']:8.0f} {above:11.0f}"


def write_csv(path: Path, n_bytes: int) -> int:
    """Write a recording CSV of about this size, a part at a time; returns its rows."""
    rng = np.random.default_rng(4)
    n_rows = 0
    with path.open("w", encoding="utf-8") as out:
        out.write(HEADER + "\n")
        values = np.abs(rng.normal(0.5, 0.05, (PART_ROWS, 10)))
        # The same noise in each part: making text of new numbers would take longer than all the rest.
        rows = [",".join(f"{value:.4f}" for value in row) for row in values.tolist()]
        while out.tell() < n_bytes:
            out.writelines(f"{(n_rows + at) * 1000},{row}\n" for at, row in enumerate(rows))
            n_rows += PART_ROWS
    return n_rows


def in_child(step: str, *arguments: object) -> dict[str, float]:
    """What a step in a process of its own says."""
    command = [sys.executable, "-m", "benchmarks.exchange", "--step", step, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_step(step: str, database: str, *arguments: str) -> dict[str, float]:
    """A step in this process: how long it took, and the memory before it and at its peak."""
    from sqlalchemy.orm import Session

    from focus.services import imports  # noqa: F401 - so that the start is measured with everything loaded
    from focus.services.exports import EXPORTERS
    from focus.storage.database import make_writer_engine
    from focus.storage.schema_version import upgrade_database

    url = f"sqlite:///{database}"
    if step == "import":
        upgrade_database(url)
    elif arguments[1] in EXPORTERS.names():
        EXPORTERS[arguments[1]].check()
    steps: dict[str, Callable[..., Any]] = {"import": _import, "export": _export}
    with Session(make_writer_engine(url, pool_size=1)) as session:
        start_mb, began_s = _peak_mb(), time.perf_counter()
        steps[step](session, *arguments)
        return {"seconds": time.perf_counter() - began_s, "start_mb": start_mb, "peak_mb": _peak_mb()}


def _import(session: Any, path: str) -> None:
    from focus.services.accounts import create_user
    from focus.services.imports import import_file

    owner = create_user(session, "bench@example.org")
    import_file(session, owner.id, Path(path), spool_folder=Path(path).parent)
    session.commit()


def _export(session: Any, target: str, name: str) -> None:
    from focus.services.accounts import get_user_by_email, principal_of_user
    from focus.services.exports import EXPORTERS, export_source, export_to_folder
    from focus.services.recordings import list_recordings

    owner = principal_of_user(get_user_by_email(session, "bench@example.org"))
    (recording,) = list_recordings(session, owner)
    export_to_folder(EXPORTERS[name], export_source(session, recording), Path(target))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
