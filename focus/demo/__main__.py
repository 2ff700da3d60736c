"""`python -m focus.demo [FOLDER]`: make the demo recording again, into this package unless a folder is named."""

from __future__ import annotations

import sys
from pathlib import Path

from focus.demo import DEMO_PATH
from focus.demo.make import make_demo

if __name__ == "__main__":
    make_demo(Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_PATH.parent)
