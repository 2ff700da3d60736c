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
from focus.services.imports.storing import ImportedFile, import_file

__all__ = [
    "IMPORTERS",
    "Example",
    "ImportedFile",
    "ImportedMarker",
    "ImportedRecording",
    "Importer",
    "Piece",
    "choose_importer",
    "import_file",
]
