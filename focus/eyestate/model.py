"""The classifier that runs: a release's trees behind `focus.analysis.types.StateClassifier`, and which release is
active.

Releases come with the package (`focus/eyestate/releases`) or lie in the instance's `models` folder. A text file
`active` in the instance's folder names the one that is used; without it, the one in the package is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost as xgb

from focus.analysis.features import feature_names
from focus.analysis.types import CLASSES, Float32Array
from focus.errors import ModelError, ShapeError
from focus.eyestate.artifact import Manifest, read_manifest, read_release

BUNDLED_DIR: Final = Path(__file__).with_name("releases")
ACTIVE_FILE: Final = "active"


class EyeStateModel:
    """Class probabilities from feature rows, by the trees of one release. Use `load_model` to make one.

    Parameters
    ----------
    manifest : Manifest
        Of the release.
    booster : xgboost.Booster
        Its trees, with one thread: rows of many recordings come in one call, and a second thread would cost more to
        wake than it saves.
    """

    def __init__(self, manifest: Manifest, booster: xgb.Booster) -> None:
        self.manifest = manifest
        self._booster = booster

    @property
    def release(self) -> str:
        """Name of the release."""
        return self.manifest.name

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns that `predict` expects, in order."""
        return self.manifest.features

    def predict(self, rows: Float32Array) -> Float32Array:
        """Class probabilities of feature rows, each from its row alone.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, len(feature_names))
            NaN is missing.

        Returns
        -------
        ndarray of float32, shape (n, len(CLASSES))
            Rows add up to one.

        Raises
        ------
        ShapeError
            If the number of columns is another.
        """
        if rows.ndim != 2 or rows.shape[1] != len(self.manifest.features):
            raise ShapeError(f"rows have shape {rows.shape}; the model wants (n, {len(self.manifest.features)})")
        if not len(rows):
            return np.empty((0, len(CLASSES)), dtype=np.float32)
        values: Float32Array = self._booster.inplace_predict(rows, missing=np.nan, validate_features=False)
        return values


def model_from_bytes(model: bytes, manifest: Manifest) -> EyeStateModel:
    """A model from what a release holds.

    Raises
    ------
    ModelError
        If the trees cannot be read, or features or classes are not those of this code.
    """
    if manifest.classes != CLASSES:
        raise ModelError(f"release {manifest.name} tells apart {manifest.classes}; this version of FOCUS {CLASSES}")
    if manifest.features != feature_names():
        odd = sorted(set(manifest.features) ^ set(feature_names()))
        what = f"{odd[0]!r} is not in both" if odd else "they stand in another order"
        raise ModelError(f"release {manifest.name} was made for other features: {what}")
    booster = xgb.Booster()
    try:
        booster.load_model(bytearray(model))
    except (xgb.core.XGBoostError, ValueError, TypeError) as err:
        raise ModelError(f"release {manifest.name}: the model file cannot be read") from err
    if booster.num_features() != len(manifest.features):
        raise ModelError(
            f"release {manifest.name}: the trees want {booster.num_features()} features, not {len(manifest.features)}"
        )
    booster.set_param({"nthread": 1})
    return EyeStateModel(manifest, booster)


def load_model(folder: Path) -> EyeStateModel:
    """The model of a release folder; a ModelError says what does not fit."""
    release = read_release(folder)
    return model_from_bytes(release.model, release.manifest)


def load_active(instance_models_dir: Path | None = None) -> EyeStateModel:
    """The model that is in use.

    Parameters
    ----------
    instance_models_dir : Path, optional
        The instance's folder of releases; it may be missing.

    Raises
    ------
    ModelError
        If no release is named active, or it cannot be used.
    """
    return load_model(find_release(active_name(instance_models_dir), instance_models_dir))


def active_name(instance_models_dir: Path | None = None) -> str:
    """Name of the release that is in use."""
    for folder in _folders(instance_models_dir):
        path = folder / ACTIVE_FILE
        if path.is_file():
            return path.read_text(encoding="utf-8").strip()
    raise ModelError(f"no file {ACTIVE_FILE!r} in {BUNDLED_DIR} names a release")


def find_release(name: str, instance_models_dir: Path | None = None) -> Path:
    """Folder of a release by name; the instance's own come first."""
    for folder in _folders(instance_models_dir):
        if name and (folder / name).is_dir():
            return folder / name
    raise ModelError(f"no release is called {name!r}; there are: {', '.join(list_releases(instance_models_dir))}")


def list_releases(instance_models_dir: Path | None = None) -> tuple[str, ...]:
    """Names of all releases, in order; a folder without a manifest is none."""
    names = set()
    for folder in _folders(instance_models_dir):
        if folder.is_dir():
            names |= {child.name for child in folder.iterdir() if (child / "manifest.json").is_file()}
    return tuple(sorted(names))


def describe_release(name: str, instance_models_dir: Path | None = None) -> dict[str, Any]:
    """What a list shows of a release: its name, date, classes, size of training and results."""
    manifest = read_manifest(find_release(name, instance_models_dir))
    return {
        "name": manifest.name,
        "created": manifest.created,
        "active": name == active_name(instance_models_dir),
        "features": len(manifest.features),
        "training": dict(manifest.training),
        "results": dict(manifest.results),
    }


def _folders(instance_models_dir: Path | None) -> tuple[Path, ...]:
    return (BUNDLED_DIR,) if instance_models_dir is None else (instance_models_dir, BUNDLED_DIR)
