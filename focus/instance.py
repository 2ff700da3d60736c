"""The instance folder: the secret key that is made in it, and the lock that keeps a second server out of it."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from types import TracebackType
from typing import IO

from focus.errors import ConflictError, SettingError

KEY_NAME = "secret_key"
LOCK_NAME = "server.lock"


def make_instance_folder(folder: Path) -> None:
    """Make the folder, for its owner alone, if it is not there yet; SettingError if that cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise SettingError(f"FOCUS_INSTANCE is {str(folder)!r}; allowed is a folder that can be made: {err}") from None


def ensure_secret_key(folder: Path) -> str:
    """The key kept in the folder, made there once with mode 0600.

    It is written beside its place and linked into it, so that of two processes that start at once one makes the key and
    both read the same one, whole.
    """
    path = folder / KEY_NAME
    if not path.exists():
        make_instance_folder(folder)
        draft = folder / f".{KEY_NAME}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text().strip()
    if len(key) < 32:
        raise SettingError(
            f"{path} holds {len(key)} characters; a secret key has 32 or more. Delete the file to get one"
        )
    return key


class ServerLock:
    """Held by the one server that uses the SQLite database of a folder; it is free again when that process ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock, or raise ConflictError naming the process that has it."""
        make_instance_folder(self.path.parent)
        file = self.path.open("a+")
        if not _try_lock(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise ConflictError(
                f"another server (process {holder}) uses {self.path.parent}; stop it, or name another folder with "
                "FOCUS_INSTANCE, or use PostgreSQL"
            )
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> ServerLock:
        self.take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        # Windows locks bytes, and locked ones cannot be read; this one lies far behind the process id.
        file.seek(1024)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
