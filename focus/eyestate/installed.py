"""Where releases lie, without loading one: in the package (`releases` beside this) and in an instance's `models`.

The text file `active` in the package names the release that is shipped: the one in use until another is promoted.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Final

from focus.errors import ConflictError, ModelError, UnknownReleaseError
from focus.eyestate.artifact import MANIFEST_FILE, MODEL_FILE, Manifest, read_manifest

BUNDLED_DIR: Final = Path(__file__).with_name("releases")
_SHIPPED_FILE: Final = "active"


def shipped_name() -> str:
    """Name of the release that is in use until another one is promoted.

    Raises
    ------
    ModelError
        If the package does not say.
    """
    try:
        return (BUNDLED_DIR / _SHIPPED_FILE).read_text(encoding="utf-8").strip()
    except OSError as err:
        raise ModelError(f"no file {_SHIPPED_FILE!r} in {BUNDLED_DIR} names a release: {err.strerror}") from err


def find_release(name: str, models_dir: Path) -> Path:
    """Folder of a release by name.

    Raises
    ------
    UnknownReleaseError
        If no release has this name; the sentence lists those that exist.
    """
    there = list_releases(models_dir)
    for folder in (models_dir, BUNDLED_DIR):
        if name in there and (folder / name / MANIFEST_FILE).is_file():
            return folder / name
    raise UnknownReleaseError(f"no release is called {name[:80]!r}; there are: {', '.join(there)}")


def list_releases(models_dir: Path) -> tuple[str, ...]:
    """Names of all releases, in order; a folder without a manifest is none."""
    names = {
        child.name
        for folder in (models_dir, BUNDLED_DIR)
        if folder.is_dir()
        for child in folder.iterdir()
        if (child / MANIFEST_FILE).is_file() and not child.name.startswith(".")
    }
    return tuple(sorted(names))


def install_release(source: Path, models_dir: Path) -> Manifest:
    """Copy a release into the instance's folder under its own name; it is there as a whole or not at all.

    Raises
    ------
    ConflictError
        If there is a release of this name already.
    ModelError
        If the folder's manifest cannot be used.
    """
    manifest = read_manifest(source)
    if manifest.name in list_releases(models_dir):
        raise ConflictError(f"there is a release called {manifest.name} already; a release is never changed")
    models_dir.mkdir(parents=True, exist_ok=True)
    unfinished = models_dir / f".{uuid.uuid4().hex}"
    unfinished.mkdir()
    try:
        for name in (MODEL_FILE, MANIFEST_FILE):
            shutil.copyfile(source / name, unfinished / name)
        unfinished.rename(models_dir / manifest.name)
    except OSError as err:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ModelError(f"release {manifest.name} cannot be copied into {models_dir}: {err.strerror}") from err
    return manifest
