"""Every model, imported so that `Base.metadata` is whole, for migrations and for foreign keys between the modules."""

from __future__ import annotations

from focus.storage import account_models, operation_models, overview_models, recording_models
from focus.storage.base import Base

metadata = Base.metadata

__all__ = ["account_models", "metadata", "operation_models", "overview_models", "recording_models"]
