"""The kept third-party files are those whose sums are written down, each with its licence."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

WEB = Path(__file__).parents[3] / "focus" / "web"
VENDOR = WEB / "static" / "vendor"
TRACKER = WEB / "static" / "tracker"


def test_the_kept_files_are_exactly_those_of_the_list_of_sums() -> None:
    listed = dict(reversed(line.split("  ", 1)) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())

    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }

    assert found == listed


def test_each_kept_package_has_its_licence_and_is_fetched_by_the_script() -> None:
    script = (WEB / "fetch_vendor.sh").read_text()
    packages = sorted(path for path in VENDOR.glob("*/*") if path.is_dir())

    assert len(packages) >= 2
    for package in packages:
        assert (package / "LICENSE").stat().st_size > 500
        assert re.search(rf"^fetch\S* .*\b{package.parent.name}\b", script, re.MULTILINE), package
        assert f" {package.name} " in script


def test_templates_and_modules_name_the_versions_that_are_kept() -> None:
    named = {
        match
        for path in [
            *(WEB / "templates").rglob("*.html"),
            *(WEB / "static" / "js").rglob("*.js"),
            *TRACKER.glob("*.js"),
        ]
        for match in re.findall(r"vendor/([\w.-]+/[\d.]+/[\w.]+)", path.read_text())
    }

    assert len(named) >= 3
    assert all((VENDOR / name).is_file() for name in named)
