"""The instance folder: secret key and server lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from focus.errors import ConflictError, SettingError
from focus.instance import ServerLock, ensure_secret_key, make_instance_folder


def test_a_secret_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "instance"

    key = ensure_secret_key(folder)

    assert len(key) == 64
    assert ensure_secret_key(folder) == key
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret_key"]


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    assert ensure_secret_key(tmp_path / "a") != ensure_secret_key(tmp_path / "b")


def test_many_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(ensure_secret_key(tmp_path / "x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_key_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")

    with pytest.raises(SettingError, match="holds 5 characters"):
        ensure_secret_key(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingError, match="FOCUS_INSTANCE is"):
        make_instance_folder(tmp_path / "file" / "instance")


def test_a_second_server_is_refused_with_the_first_ones_process(tmp_path: Path) -> None:
    with ServerLock(tmp_path), pytest.raises(ConflictError, match=rf"process {os.getpid()}\) uses .*FOCUS_INSTANCE"):
        ServerLock(tmp_path).take()


def test_the_lock_is_free_after_release(tmp_path: Path) -> None:
    lock = ServerLock(tmp_path)
    lock.take()
    lock.release()

    with ServerLock(tmp_path) as another:
        assert another.path.read_text() == f"{os.getpid()}\n"


def test_the_lock_is_free_after_its_process_was_killed(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from focus.instance import ServerLock\n"
    code += "lock = ServerLock(Path(sys.argv[1])); lock.take()\nprint('taken', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "taken\n"
        with pytest.raises(ConflictError, match=f"process {holder.pid}"):
            ServerLock(tmp_path).take()
        holder.kill()
        holder.wait()

    with ServerLock(tmp_path) as another:
        assert another.path.read_text() == f"{os.getpid()}\n"
