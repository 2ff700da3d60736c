"""Every trouble that the tracker's modules name has a page with words of its own."""

from __future__ import annotations

import re
from pathlib import Path

WEB = Path(__file__).parents[3] / "focus" / "web"
MODULES = [path.read_text() for path in (WEB / "static" / "tracker").glob("*.js")]
WORDS = (WEB / "templates" / "tracking" / "_troubles.html").read_text()


def test_every_trouble_has_words_and_every_word_a_trouble() -> None:
    source = "\n".join(MODULES)
    thrown = set(re.findall(r'new TrackerTrouble\("([\w-]+)"', source)) | set(re.findall(r'fail\("([\w-]+)"', source))
    told = {
        code
        for table in re.findall(r"const (?:TROUBLE_OF_ERROR|trouble) = \{(.*?)\}", source, re.DOTALL)
        for code in re.findall(r': "([\w-]+)"', table)
    }
    shown = set(re.findall(r'call trouble\("([\w-]+)"', WORDS))

    assert len(thrown | told) >= 12
    assert thrown | told | {"refused", "fault"} == shown
