"""The bundled demo recording: `demo.csv.gz` with a label for each frame, and `demo_events.csv` with the truth.

Both are simulated; `python -m focus.demo` makes them again from their seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEMO_PATH: Final = Path(__file__).with_name("demo.csv.gz")
DEMO_EVENTS_PATH: Final = Path(__file__).with_name("demo_events.csv")
