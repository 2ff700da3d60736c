"""What was produced and is not yet reported as stored: in memory, or in a file that survives a crash of the client.

A batch gets its sequence number here, once, and never changes after that; it leaves when the server has reported it as
stored. The outbox also keeps what a later run needs to go on: how many frames came in, the last frame's time, whether
the server ever opened the recording for it, and the lease.
"""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal, Self

from focus.errors import ConflictError, SequenceGapError, StorageError

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One message that takes a sequence number. A marker's payload is its body as JSON; its kind stands in `kind`."""

    seq: int
    event: Literal["frames", "marker"]
    kind: str
    n_frames: int
    t0_us: int
    t1_us: int
    crc32: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class OutboxState:
    """What is known beside the items. `last_t_us` is the last frame's time that came in, -1 before the first.

    `first_seq` is the lowest sequence number not yet reported as stored, `next_seq` the one that the next item gets.
    """

    recording: str
    first_seq: int = 0
    next_seq: int = 0
    n_frames: int = 0
    n_frames_stored: int = 0
    n_frames_rejected: int = 0
    n_rejected: int = 0
    last_t_us: int = -1
    is_opened: bool = False
    lease: str | None = None


class Outbox(ABC):
    """Items in the order of their numbers, without a gap; safe to use from two threads."""

    def __init__(self, state: OutboxState) -> None:
        self._state = state
        self._lock = threading.Lock()

    @property
    def state(self) -> OutboxState:
        return self._state

    def __len__(self) -> int:
        return self._state.next_seq - self._state.first_seq

    def append(self, item: OutboxItem) -> OutboxItem:
        """Keep an item for good and give it its sequence number (the one it came with is not looked at)."""
        with self._lock:
            item = replace(item, seq=self._state.next_seq)
            state = replace(
                self._state,
                next_seq=item.seq + 1,
                n_frames=self._state.n_frames + item.n_frames,
                last_t_us=max(self._state.last_t_us, item.t1_us) if item.event == "frames" else self._state.last_t_us,
            )
            self._write(state, added=item)
            self._state = state
            return item

    def get(self, seq: int) -> OutboxItem:
        """An item that is here.

        Raises
        ------
        SequenceGapError
            If it was never here or has left.
        """
        with self._lock:
            state = self._state
            if not state.first_seq <= seq < state.next_seq:
                raise SequenceGapError(
                    f"batch {seq} is not in the outbox, which holds {state.first_seq}..{state.next_seq}"
                )
            return self._read(seq)

    def release(self, next_seq: int, *, rejected: Collection[int] = ()) -> int:
        """Let go of everything below `next_seq`, and say how many items that were; `rejected` were kept aside."""
        with self._lock:
            old = self._state
            if next_seq <= old.first_seq:
                return 0
            items = self._read_below(next_seq)
            n_rejected = [frames for seq, frames in items if seq in rejected]
            n_stored = sum(frames for _, frames in items) - sum(n_rejected)
            state = replace(
                old,
                first_seq=next_seq,
                n_frames_stored=old.n_frames_stored + n_stored,
                n_frames_rejected=old.n_frames_rejected + sum(n_rejected),
                n_rejected=old.n_rejected + len(n_rejected),
            )
            self._write(state, released=next_seq)
            self._state = state
            return next_seq - old.first_seq

    def opened(self, lease: str) -> None:
        """Note that the server has opened the recording for this outbox."""
        with self._lock:
            state = replace(self._state, is_opened=True, lease=lease)
            self._write(state)
            self._state = state

    @abstractmethod
    def close(self) -> None:
        """Give back what the outbox holds open; what is on disk stays."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _read(self, seq: int) -> OutboxItem: ...

    @abstractmethod
    def _read_below(self, next_seq: int) -> list[tuple[int, int]]:
        """Sequence number and frames of every item below `next_seq`."""

    @abstractmethod
    def _write(self, state: OutboxState, *, added: OutboxItem | None = None, released: int | None = None) -> None:
        """Make one step last, whole or not at all."""


class MemoryOutbox(Outbox):
    """Gone when the process ends."""

    def __init__(self, recording: str) -> None:
        super().__init__(OutboxState(recording))
        self._items: deque[OutboxItem] = deque()

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self, seq: int) -> OutboxItem:
        return self._items[seq - self._items[0].seq]

    def _read_below(self, next_seq: int) -> list[tuple[int, int]]:
        n = next_seq - self._state.first_seq
        return [(item.seq, item.n_frames) for _, item in zip(range(n), self._items, strict=False)]

    def _write(self, state: OutboxState, *, added: OutboxItem | None = None, released: int | None = None) -> None:
        if added is not None:
            self._items.append(added)
        while released is not None and self._items and self._items[0].seq < released:
            self._items.popleft()


class DiskOutbox(Outbox):
    """One SQLite file a recording, ``FOLDER/RECORDING.outbox``; one process at a time.

    WAL with `synchronous=NORMAL`: an append survives a crash of the process, which is what an outbox is for, at a tenth
    of the cost of surviving a power cut.

    Raises
    ------
    ConflictError
        If another process has it open.
    StorageError
        If the file cannot be read or written, or is no outbox.
    """

    def __init__(self, folder: str | Path, recording: str) -> None:
        self.path = Path(folder) / f"{recording}.outbox"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as err:
            raise StorageError(f"the outbox {self.path} cannot be opened: {err}") from err
        try:
            state = self._begin(recording)
        except BaseException:
            self._db.close()
            raise
        super().__init__(state)

    def _begin(self, recording: str) -> OutboxState:
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")  # a second process is refused, and a crash unlocks
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS item (seq INTEGER PRIMARY KEY, event TEXT, kind TEXT, n_frames INTEGER,"
                " t0_us INTEGER, t1_us INTEGER, crc32 INTEGER, payload BLOB)"
            )
            values = dict(self._db.execute("SELECT name, value FROM state").fetchall())
            if not values:
                values = {"format": _FORMAT, **asdict(OutboxState(recording))}
                self._db.executemany("INSERT INTO state VALUES (?, ?)", list(values.items()))
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as err:
            if "locked" in str(err):
                raise ConflictError(f"the outbox {self.path} is in use by another process") from err
            raise StorageError(f"the outbox {self.path} cannot be used: {err}") from err
        except sqlite3.Error as err:
            raise StorageError(f"the outbox {self.path} cannot be used: {err}") from err
        if values.pop("format", None) != _FORMAT or values.get("recording") != recording:
            raise StorageError(f"the file {self.path} is not an outbox of recording {recording}")
        return OutboxState(**{**values, "is_opened": bool(values["is_opened"])})

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _read(self, seq: int) -> OutboxItem:
        try:
            row = self._db.execute("SELECT * FROM item WHERE seq = ?", (seq,)).fetchone()
        except sqlite3.Error as err:
            raise StorageError(f"the outbox {self.path} cannot be read: {err}") from err
        if row is None:
            raise StorageError(f"the outbox {self.path} has lost batch {seq}")
        return OutboxItem(*row)

    def _read_below(self, next_seq: int) -> list[tuple[int, int]]:
        try:
            return self._db.execute("SELECT seq, n_frames FROM item WHERE seq < ?", (next_seq,)).fetchall()
        except sqlite3.Error as err:
            raise StorageError(f"the outbox {self.path} cannot be read: {err}") from err

    def _write(self, state: OutboxState, *, added: OutboxItem | None = None, released: int | None = None) -> None:
        old = asdict(self._state)
        changes = [(value, name) for name, value in asdict(state).items() if old[name] != value]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if added is not None:
                    row = tuple(getattr(added, name) for name in OutboxItem.__dataclass_fields__)
                    self._db.execute("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                if released is not None:
                    self._db.execute("DELETE FROM item WHERE seq < ?", (released,))
                self._db.executemany("UPDATE state SET value = ? WHERE name = ?", changes)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as err:
            raise StorageError(f"the outbox {self.path} cannot be written: {err}") from err
