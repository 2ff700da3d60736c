"""The eye-state models of a server process: the active one for recordings that open, and those that others go on with.

A model is in memory once, whatever number of recordings use it, and no longer than one of them does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from weakref import WeakValueDictionary

from sqlalchemy.orm import Session

from focus.analysis.types import StateClassifier
from focus.errors import ModelError
from focus.services.releases import WAY_OUT

logger = logging.getLogger(__name__)


def release_of(classifier: StateClassifier) -> str:
    """What analyses call this model: its release, or its kind where it is of none."""
    return str(getattr(classifier, "release", type(classifier).__name__))


class Classifiers:
    """Finds models by the name of their release.

    Parameters
    ----------
    load : callable
        Gives the model of a release; raises ModelError if there is none of this name or it does not fit.
    active_name : callable
        Asks the database for the name of the active release.
    """

    def __init__(self, load: Callable[[str], StateClassifier], active_name: Callable[[Session], str]) -> None:
        self._load = load
        self._active_name = active_name
        self._loaded: WeakValueDictionary[str, StateClassifier] = WeakValueDictionary()
        self._active: StateClassifier | None = None

    def active_name(self, session: Session) -> str:
        """Name of the release that is active now."""
        return self._active_name(session)

    def load_first(self, name: str) -> StateClassifier:
        """Load the first model before a recording needs one; a ModelError says what to do if it cannot be.

        In no transaction: on a busy machine it takes longer than one is given.
        """
        try:
            self._active = self.get(name)
        except ModelError as err:
            raise ModelError(f"{err.message}. {WAY_OUT}") from err
        return self._active

    def active(self, session: Session) -> StateClassifier:
        """The model for a recording that begins now; runs in the thread of a `DatabaseWorker`.

        Recordings must not wait for a model: when the active one cannot be loaded the one before goes on, which their
        analyses name.

        Raises
        ------
        ModelError
            If none was ever loaded.
        """
        name = self._active_name(session)
        if self._active is None:
            return self.load_first(name)
        try:
            self._active = self.get(name)
        except ModelError as err:
            logger.error("%s goes on: %s", release_of(self._active), err.message)
        return self._active

    def get(self, name: str) -> StateClassifier:
        """The model of a release; a ModelError if it cannot be loaded."""
        classifier = self._loaded.get(name)
        if classifier is None:
            classifier = self._load(name)
            self._loaded[name] = classifier
            logger.info("eye-state model %s is loaded", release_of(classifier))
        return classifier
