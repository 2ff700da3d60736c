"""Where exports go: a folder that gets all files or none, and a zip that is sent while it is written."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from focus.errors import ConflictError, ParameterError
from focus.services.exports.base import Exporter, ExportSource

_PIECE_BYTES: Final = 64 * 1024
_ZIP_LEVEL: Final = 3  # text packs nearly as well as at 6, in half of the time


class FolderTarget:
    """Files of a folder, written beside it first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths: list[str] = []

    def open(self, path: str, *, is_packed: bool = False) -> AbstractContextManager[BinaryIO]:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        self.paths.append(path)
        return file.open("xb")


def export_to_folder(
    exporter: Exporter, source: ExportSource, folder: Path, *, on_share: Callable[[float], None] | None = None
) -> list[Path]:
    """Write all files of an export into a folder, which is made if it is missing; all of them or none.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ConflictError
        If one of the files exists already.
    ParameterError
        If the folder cannot be made or written to.
    """
    exporter.check()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".focus-export-", dir=folder))
    except OSError as err:
        raise ParameterError(f"{folder} cannot be written to: {err.strerror}") from err
    try:
        target = FolderTarget(scratch)
        for share in exporter.write(source, target):
            if on_share is not None:
                on_share(share)
        for path in target.paths:
            if (folder / path).exists():
                raise ConflictError(f"{folder / path} exists already; name an empty folder")
        for path in target.paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(scratch / path, folder / path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return [folder / path for path in target.paths]


class _Sent:
    """A file that can only be written to; what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.n_waiting = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self.n_waiting += len(data)
        return len(data)

    def flush(self) -> None:
        return

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self.n_waiting = 0
        return data


class _Member:
    """A file inside the zip that knows its position, as some writers ask for it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._at += memoryview(data).nbytes
        return memoryview(data).nbytes

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


class ZipTarget:
    """Files of a zip in one folder of that name."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        self._archive = archive
        self._root = root

    @contextmanager
    def open(self, path: str, *, is_packed: bool = False) -> Iterator[BinaryIO]:
        info = zipfile.ZipInfo(f"{self._root}/{path}")
        info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        with self._archive.open(info, "w", force_zip64=True) as file:
            yield cast(BinaryIO, _Member(cast(BinaryIO, file)))


def stream_zip(exporter: Exporter, source: ExportSource, root: str) -> Iterator[bytes]:
    """The bytes of a zip with all files of an export, made as they are asked for.

    Every `next` does a bounded amount of work; what was made and not yet taken stays small.
    """
    exporter.check()
    sent = _Sent()
    with zipfile.ZipFile(cast(BinaryIO, sent), "w", allowZip64=True, compresslevel=_ZIP_LEVEL) as archive:
        for _share in exporter.write(source, ZipTarget(archive, root)):
            if sent.n_waiting >= _PIECE_BYTES:
                yield sent.take()
    yield sent.take()
