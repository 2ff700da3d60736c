"""The JavaScript tables of the wire format, written from the Python schema, so that no column is typed twice.

`python -m focus.web.tracking.tables` writes `static/tracker/schema.js` again after a column was added; a test fails
while the file there is another one.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from focus.protocol import codec
from focus.protocol.messages import NAMESPACE, PROTO
from focus.protocol.schema import COLUMNS, MAX_T_US

TABLES_PATH: Final = Path(__file__).parents[1] / "static" / "tracker" / "schema.js"

_HEAD: Final = """\
// Written by `python -m focus.web.tracking.tables` from focus/protocol (schema, codec, messages); not by hand.
"""


def javascript_tables() -> str:
    """The text of `schema.js`: columns with bits, units and ranges, and the numbers of layout and limits."""
    columns = [{key: value for key, value in asdict(column).items() if key != "meaning"} for column in COLUMNS]
    values = {
        "PROTO": PROTO,
        "NAMESPACE": NAMESPACE,
        "MAGIC": codec.MAGIC.decode(),
        "VERSION": codec.VERSION,
        "HEADER_BYTES": codec.HEADER_BYTES,
        "FLAG_WIDE_TIMES": codec.FLAG_WIDE_TIMES,
        "MAX_BATCH_BYTES": codec.MAX_BATCH_BYTES,
        "MAX_FRAMES": codec.MAX_FRAMES,
        "MAX_T_US": MAX_T_US,
    }
    lines = [f"export const {name} = {json.dumps(value)};" for name, value in values.items()]
    table = ",\n".join(f"  {json.dumps(column)}" for column in columns)
    return f"{_HEAD}\n" + "\n".join(lines) + f"\n\nexport const COLUMNS = [\n{table},\n];\n"


if __name__ == "__main__":
    TABLES_PATH.write_text(javascript_tables(), encoding="utf-8")
