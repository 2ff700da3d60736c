"""Registries of things that come one file each: features, detectors, metrics, sources, exporters, importers.

A package that holds such files builds one `Registry`, and `discover` imports every module beside it, so a new file is
found with no list to edit. The contract tests walk the registries.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Generic, TypeVar

from focus.errors import NotFoundError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind, in the order of their names.

    Parameters
    ----------
    kind : str
        What an entry is, for error messages ("metric").
    package : str
        Name of the package whose modules register entries.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator that adds an entry under `name`; a name used twice is a programming error."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def discover(self) -> None:
        """Import every module of the package once, so that each registers itself."""
        if self._discovered:
            return
        self._discovered = True
        package: ModuleType = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")

    def names(self) -> tuple[str, ...]:
        self.discover()
        return tuple(sorted(self._entries))

    def __iter__(self) -> Iterator[tuple[str, T]]:
        for name in self.names():
            yield name, self._entries[name]

    def __len__(self) -> int:
        return len(self.names())

    def __getitem__(self, name: str) -> T:
        self.discover()
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(self.names())
            raise NotFoundError(f"no {self.kind} is called {name!r}; there are: {known}") from None
