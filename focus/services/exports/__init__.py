"""Exports: a stored recording and its analysis as files for other programs. One format a file, registered."""

from __future__ import annotations

from focus.services.exports.base import EXPORTERS, Exporter, ExportSource, Target, export_source
from focus.services.exports.targets import FolderTarget, ZipTarget, export_to_folder, stream_zip

__all__ = [
    "EXPORTERS",
    "ExportSource",
    "Exporter",
    "FolderTarget",
    "Target",
    "ZipTarget",
    "export_source",
    "export_to_folder",
    "stream_zip",
]
