"""XGBoost without its scikit-learn layer: whoever needs XGBoost in FOCUS imports `xgb` from here.

Where scikit-learn is installed (the peers that ours is evaluated beside bring it), importing XGBoost imports it for the
classes that wrap its estimators, and with it SciPy's statistics and pandas. That is 1.5 s of CPU at each start of a
server or of `flask recordings analyse`, for classes that nothing here uses. So it is told that there is none, while it
is imported and no longer. Everything works without this, only later; `tests/unit/eyestate/test_native.py` notices when
XGBoost asks in another way.
"""

from __future__ import annotations

import sys

_UNWANTED = "sklearn"

if _UNWANTED in sys.modules:
    import xgboost as xgb
else:
    sys.modules[_UNWANTED] = None  # type: ignore[assignment]  # an import of it fails, as if it were not installed
    try:
        import xgboost as xgb
    finally:
        del sys.modules[_UNWANTED]

__all__ = ["xgb"]
