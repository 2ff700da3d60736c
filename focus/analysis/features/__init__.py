"""Feature rows: what the eye-state classifier sees of a frame.

One file a family, registered; `feature_names` is the order of the columns and `feature_rows` is the one pass that makes
the rows of all waiting frames of all recordings. `training_rows` makes a row for each frame of one recording through
the same pass.
"""

from __future__ import annotations

from focus.analysis.features.base import FEATURES, FeatureFamily, feature_names, feature_rows

__all__ = ["FEATURES", "FeatureFamily", "feature_names", "feature_rows"]
