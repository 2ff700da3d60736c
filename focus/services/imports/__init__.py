"""Imports: recordings from files of other programs, and our own. One format a file, registered."""

from __future__ import annotations

from focus.services.imports.base import (
    IMPORTERS,
    Example,
    ImportedMarker,
    ImportedRecording,
    Importer,
    Piece,
    choose_importer,
)
from focus.services.imports.storing import ImportedFile, ReadFile, import_file, read_file, read_steps

__all__ = [
    "IMPORTERS",
    "Example",
    "ImportedFile",
    "ImportedMarker",
    "ImportedRecording",
    "Importer",
    "Piece",
    "ReadFile",
    "choose_importer",
    "import_file",
    "read_file",
    "read_steps",
]
