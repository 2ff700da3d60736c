"""A model release on disk: a folder with `model.ubj` and `manifest.json`, checked in every part when it is read.

The folder's name is the release's name. The manifest says which features in which order and which classes the trees
were made for, what they were trained on, with which parameters and results, and the checksum of the model file, so a
release that does not fit the code that loads it is refused and never gives wrong states.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from focus.errors import ModelError

FORMAT: Final = 1
MODEL_FILE: Final = "model.ubj"
MANIFEST_FILE: Final = "manifest.json"
MAX_MODEL_BYTES: Final = 64 * 1024 * 1024
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def feature_hash(names: Sequence[str]) -> str:
    """SHA-256 of the feature names in their order, in hexadecimal."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a release.

    Parameters
    ----------
    name : str
        Lower-case letters, digits, dot, dash and underscore; the folder's name.
    classes, features : tuple of str
        Columns of the output and of the input, in order.
    features_sha256, model_sha256 : str
        Checksums of the feature names and of the model file.
    training : mapping
        Data digest, files, seed and counts.
    parameters : mapping
        The configuration the training was run with.
    results : mapping
        Agreement on people who were held out, by data set.
    versions : mapping
        Of the libraries that made it.
    created : str
        Date, ISO 8601.
    format : int
        Of the manifest.
    """

    name: str
    classes: tuple[str, ...]
    features: tuple[str, ...]
    features_sha256: str
    model_sha256: str
    training: Mapping[str, Any]
    parameters: Mapping[str, Any]
    results: Mapping[str, Any]
    versions: Mapping[str, str]
    created: str
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ModelError(f"manifest format {self.format!r} is not {FORMAT}")
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ModelError(f"release name {self.name!r} is not 1 to 64 lower-case letters, digits, dots or dashes")
        for name in ("classes", "features"):
            values = getattr(self, name)
            if not isinstance(values, (list, tuple)) or not all(isinstance(value, str) for value in values):
                raise ModelError(f"release {self.name}: manifest field {name!r} is not a list of texts")
            object.__setattr__(self, name, tuple(values))
        if feature_hash(self.features) != self.features_sha256:
            raise ModelError(f"release {self.name}: the hash of its feature names is not {self.features_sha256!r}")

    @classmethod
    def from_dict(cls, values: object) -> Manifest:
        """From JSON; a missing or unknown field is a ModelError."""
        if not isinstance(values, dict):
            raise ModelError("the manifest is not a JSON object")
        names = [field.name for field in fields(cls)]
        wrong = [*(key for key in values if key not in names), *(name for name in names if name not in values)]
        if wrong:
            raise ModelError(f"manifest field {wrong[0]!r} is unknown or missing")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Release:
    """A release that was read and checked: its manifest and the bytes of its model."""

    manifest: Manifest
    model: bytes


def write_release(folder: Path, model: bytes, manifest: Manifest) -> None:
    """Write a release into a new or empty folder named after it.

    Raises
    ------
    ModelError
        If the folder's name is not the release's, it holds something already, or the checksum is not the model's.
    """
    if folder.name != manifest.name:
        raise ModelError(f"release {manifest.name} cannot be written into a folder called {folder.name}")
    if hashlib.sha256(model).hexdigest() != manifest.model_sha256:
        raise ModelError(f"release {manifest.name}: model_sha256 is not the checksum of the model")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ModelError(f"folder {folder} is not empty; a release is never changed")
    (folder / MODEL_FILE).write_bytes(model)
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True, allow_nan=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a release.

    Raises
    ------
    ModelError
        If it is missing, no JSON, or a field does not fit.
    """
    try:
        values = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    except OSError as err:
        raise ModelError(f"release {folder.name} has no readable {MANIFEST_FILE}: {err.strerror}") from err
    except ValueError as err:
        raise ModelError(f"release {folder.name}: {MANIFEST_FILE} is not JSON: {err}") from err
    manifest = Manifest.from_dict(values)
    if manifest.name != folder.name:
        raise ModelError(f"folder {folder.name} holds a release called {manifest.name}")
    return manifest


def read_release(folder: Path) -> Release:
    """A release with its model file, whose checksum is compared.

    Raises
    ------
    ModelError
        If anything about the folder does not fit; the sentence says what.
    """
    manifest = read_manifest(folder)
    path = folder / MODEL_FILE
    try:
        n_bytes = path.stat().st_size
        if n_bytes > MAX_MODEL_BYTES:
            raise ModelError(f"release {folder.name}: {MODEL_FILE} has {n_bytes} bytes; at most {MAX_MODEL_BYTES}")
        model = path.read_bytes()
    except OSError as err:
        raise ModelError(f"release {folder.name} has no readable {MODEL_FILE}: {err.strerror}") from err
    if hashlib.sha256(model).hexdigest() != manifest.model_sha256:
        raise ModelError(f"release {folder.name}: the checksum of {MODEL_FILE} is not the manifest's")
    return Release(manifest, model)
