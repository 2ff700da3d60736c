"""The classifier that runs: a release's trees behind `focus.analysis.types.StateClassifier`.

Where releases lie and which one comes with the package says `focus.eyestate.installed`; which one is active says
`focus.services.releases`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from focus.analysis.features import feature_names
from focus.analysis.types import CLASSES, Float32Array
from focus.errors import ModelError, ShapeError
from focus.eyestate.artifact import Manifest, read_release
from focus.eyestate.installed import BUNDLED_DIR, shipped_name
from focus.eyestate.native import xgb


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

    def feature_gains(self) -> dict[str, float]:
        """How much the splits on each feature lowered the loss in training, added up; zero where there is none."""
        gains = self._booster.get_score(importance_type="total_gain")
        return {name: float(np.sum(gains.get(f"f{place}", 0.0))) for place, name in enumerate(self.manifest.features)}


def model_from_bytes(model: bytes, manifest: Manifest) -> EyeStateModel:
    """A model from what a release holds.

    Raises
    ------
    ModelError
        If the trees cannot be read, features or classes are not those of this code, or the trees were written by a
        newer XGBoost than the one that is installed.
    """
    if manifest.classes != CLASSES:
        raise ModelError(f"release {manifest.name} tells apart {manifest.classes}; this version of FOCUS {CLASSES}")
    if manifest.features != feature_names():
        odd = sorted(set(manifest.features) ^ set(feature_names()))
        what = f"{odd[0]!r} is not in both" if odd else "they stand in another order"
        raise ModelError(f"release {manifest.name} was made for other features: {what}")
    _require_readable(manifest)
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


def load_shipped() -> EyeStateModel:
    """The model of the release that comes with the package."""
    return load_model(BUNDLED_DIR / shipped_name())


def _require_readable(manifest: Manifest) -> None:
    """XGBoost reads the files of older versions and not those of newer ones."""
    made_by, ours = manifest.versions.get("xgboost", ""), xgb.__version__
    if _numbers(made_by) > _numbers(ours):
        raise ModelError(f"release {manifest.name} was written by XGBoost {made_by}; {ours} is installed")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
