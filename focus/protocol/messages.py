"""The messages of wire protocol version 1, namespace `/tracker`: every dict that crosses it is made and read here.

Each message is a frozen dataclass that checks itself. `from_wire` reads a dict and raises `FrameFormatError` naming the
message and field that is missing or wrong (what is inside of `tracker` and `screen` raises `FrameValueError`); fields
that this version does not know are passed over, so that later versions can add some. `to_wire` gives a dict of JSON
values (and `bytes` for a payload), without the optional fields that are None.

==========  ==================================  =================================================================
event       message                             answer
==========  ==================================  =================================================================
(connect)   `ConnectAuth`                       connected, or `connect_error` with the fields of a `Failure`
``clock``   `Clock`                             acknowledgement `ClockAck`
``open``    `Open`                              acknowledgement `OpenAck` or `Failure`
``frames``  `Frames`                            event ``stored`` (`Stored`) or ``refused`` (`Refused`), later
``marker``  `Marker` (takes a seq, as frames)   the same
``close``   `Close`                             acknowledgement `CloseAck` (once all is stored) or `Failure`
==========  ==================================  =================================================================

Besides, the server sends ``evicted`` (`Evicted`) and ``notice`` (`Notice`). An acknowledgement is one dict; the
function `read_answer` tells a `Failure` by its field `code`. The values of `code` are those of `focus.errors`.

The file is long because the messages of both directions are read side by side, and most of it is declarations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from typing import Any, ClassVar, Final, Self, TypeVar

from focus import errors
from focus.errors import FocusError, FrameFormatError, ProtocolVersionError
from focus.protocol.batch import FrameBatch, TrackerInfo, is_text
from focus.protocol.codec import MAX_BATCH_BYTES, checksum, decode_batch, peek_header
from focus.protocol.schema import MAX_T_US

PROTO: Final = 1
NAMESPACE: Final = "/tracker"
MAX_MARKER_BYTES: Final = 4096
BASELINE_START: Final = "baseline_start"
BASELINE_STOP: Final = "baseline_stop"
PAGE_START: Final = "page_start"
PAGE_STOP: Final = "page_stop"
MAX_PAGE_WORDS: Final = 10_000
_MAX_INT: Final = 2**53 - 1  # what JavaScript holds exactly
_MAX_NS: Final = 2**63 - 1
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_M = TypeVar("_M", bound="Message")


@dataclass(frozen=True, slots=True)
class Message:
    """What all messages share; `event` is the Socket.IO event, or a description where there is none."""

    event: ClassVar[str] = ""

    @classmethod
    def from_wire(cls, wire: object) -> Self:
        """The message in a dict.

        Raises
        ------
        FrameFormatError
            If it is not a dict, or a field is missing or not of its type or range.
        """
        if not isinstance(wire, Mapping):
            raise FrameFormatError(f"{cls.event}: {_shown(wire)} is not an object")
        required, optional = _field_names(cls)  # type: ignore[arg-type]  # a class is hashable
        values = {}
        for name in required:
            if name not in wire:
                raise FrameFormatError(f"{cls.event}: field {name} is missing")
            values[name] = wire[name]
        for name in optional:
            if name in wire:
                values[name] = wire[name]
        return cls(**values)

    def to_wire(self) -> dict[str, Any]:
        """A dict that `from_wire` reads again."""
        wire = {}
        for names in _field_names(type(self)):  # type: ignore[arg-type]  # a class is hashable
            for name in names:
                value = getattr(self, name)
                if value is not None:
                    wire[name] = list(value) if isinstance(value, tuple) else value
        return wire

    def _bad(self, name: str, rule: str) -> FrameFormatError:
        return FrameFormatError(f"{self.event}: {name} {_shown(getattr(self, name))} is not {rule}")

    def _check_int(self, name: str, low: int = 0, high: int = _MAX_INT) -> None:
        value = getattr(self, name)
        if type(value) is not int or not low <= value <= high:
            raise self._bad(name, f"an integer within {low}..{high}")

    def _check_text(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not is_text(value, low, high):
            raise self._bad(name, f"a text of {low} to {high} characters")

    def _check_recording(self) -> None:
        value = getattr(self, "recording")  # noqa: B009 - the base class has no such field
        if not isinstance(value, str) or _UUID.fullmatch(value) is None:
            raise self._bad("recording", "a UUID of 36 lower-case characters")

    def _check_retry(self) -> None:
        if getattr(self, "retry_ms") is not None:  # noqa: B009 - the base class has no such field
            self._check_int("retry_ms", 0, 3_600_000)


@lru_cache(maxsize=64)
def _field_names(cls: type[Message]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the fields that must be there, and of those that have a default."""
    required = tuple(f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING)
    return required, tuple(f.name for f in fields(cls) if f.name not in required)


def _shown(value: object) -> str:
    """A value as it stands in an error: short, whatever it is."""
    text = repr(value) if not isinstance(value, (bytes, bytearray)) else f"<{len(value)} bytes>"
    return text if len(text) <= 60 else text[:57] + "..."


# -- client to server -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectAuth(Message):
    """The Socket.IO auth payload. Without `token` only a browser that is logged in at the same origin is known."""

    event: ClassVar[str] = "connect"
    proto: int
    token: str | None = None
    device: str = ""
    client: str = ""

    def __post_init__(self) -> None:
        self._check_int("proto", 0, 1000)
        if self.token is not None:
            self._check_text("token", 1, 500)
        self._check_text("device", 0, 100)
        self._check_text("client", 0, 100)

    def require_version(self) -> None:
        """Raise `ProtocolVersionError` unless the client speaks this version."""
        if self.proto != PROTO:
            raise ProtocolVersionError(f"the client speaks protocol {self.proto}; this server speaks {PROTO}")

    def __repr__(self) -> str:
        return f"ConnectAuth(proto={self.proto}, device={self.device!r}, client={self.client!r})"  # never the token


@dataclass(frozen=True, slots=True)
class Clock(Message):
    """`c0` is the client's monotonic clock in ns when it sent this."""

    event: ClassVar[str] = "clock"
    c0: int

    def __post_init__(self) -> None:
        self._check_int("c0", 0, _MAX_NS)


@dataclass(frozen=True, slots=True)
class Open(Message):
    """Begin a recording, or go on with one.

    `recording` is chosen by the client. On the wire the screen geometry stands beside the tracker, in `screen`.
    `consent` names what the person agreed to, where the server asks for it. `lease` is the one this client held before
    it lost the connection: if nobody has had the recording since, the server gives a new one at once. `takeover` takes
    the recording from whoever holds it. `participant` is the number of the person whose recording it is, where a
    researcher runs it for somebody in a group of theirs.
    """

    event: ClassVar[str] = "open"
    recording: str
    tracker: TrackerInfo
    task: str | None = None
    consent: str | None = None
    takeover: bool = False
    lease: str | None = None
    participant: int | None = None

    def __post_init__(self) -> None:
        self._check_recording()
        if self.participant is not None:
            self._check_int("participant", 1)
        if not isinstance(self.tracker, TrackerInfo):
            raise self._bad("tracker", "an object")
        for name in ("task", "consent", "lease"):
            if getattr(self, name) is not None:
                self._check_text(name, 1, 100)
        if not isinstance(self.takeover, bool):
            raise self._bad("takeover", "true or false")

    @classmethod
    def from_wire(cls, wire: object) -> Self:
        """As `Message.from_wire`; a wrong value inside of `tracker` or `screen` is a `FrameValueError`."""
        if isinstance(wire, Mapping) and isinstance(wire.get("tracker"), Mapping):
            tracker = TrackerInfo.from_dict({**wire["tracker"], "screen": wire.get("screen")})
            wire = {**wire, "tracker": tracker}
        return super(Open, cls).from_wire(wire)  # named, because a class with slots is made twice

    def to_wire(self) -> dict[str, Any]:
        wire = super(Open, self).to_wire()
        wire["tracker"] = tracker = self.tracker.to_dict()
        screen = tracker.pop("screen")
        if screen is not None:
            wire["screen"] = screen
        return wire


@dataclass(frozen=True, slots=True)
class Frames(Message):
    """One batch; `n`, `t0_us`, `t1_us` and `crc32` repeat what the payload says, so that a mistake cannot pass."""

    event: ClassVar[str] = "frames"
    recording: str
    lease: str
    seq: int
    n: int
    t0_us: int
    t1_us: int
    crc32: int
    payload: bytes

    def __post_init__(self) -> None:
        self._check_recording()
        self._check_text("lease", 1, 100)
        self._check_int("seq")
        self._check_int("n", 1)
        self._check_int("t0_us", 0, MAX_T_US)
        self._check_int("t1_us", 0, MAX_T_US)
        self._check_int("crc32", 0, 2**32 - 1)
        if not isinstance(self.payload, bytes) or len(self.payload) > MAX_BATCH_BYTES:
            raise self._bad("payload", f"binary of at most {MAX_BATCH_BYTES} bytes")

    @classmethod
    def of_payload(cls, recording: str, lease: str, seq: int, batch: FrameBatch, payload: bytes) -> Frames:
        """The message for a batch and its bytes."""
        t_us = batch.t_us
        return cls(recording, lease, seq, len(batch), int(t_us[0]), int(t_us[-1]), checksum(payload), payload)

    def decode(self) -> FrameBatch:
        """The batch in the payload, after comparing checksum, count and times with it.

        Raises
        ------
        FrameFormatError
            If they differ or the payload is not a batch.
        FrameValueError
            If times or values of the batch cannot be.
        """
        self.check_payload()
        return decode_batch(self.payload)

    def check_payload(self) -> None:
        """Compare checksum, count and times with the payload, whose times and values between are not looked at.

        Raises
        ------
        FrameFormatError
            If they differ or the payload is not a batch.
        """
        found = checksum(self.payload)
        if found != self.crc32:
            raise FrameFormatError(f"frames: crc32 {self.crc32} is not the payload's, {found}")
        header = peek_header(self.payload)
        told = (self.n, self.t0_us, self.t1_us)
        held = (header.n, header.t0_us, header.t1_us)
        if told != held:
            raise FrameFormatError(f"frames: n, t0_us, t1_us are {told} in the message and {held} in the payload")


@dataclass(frozen=True, slots=True)
class Marker(Message):
    """Something that happened at a time: `body` is any JSON object of at most `MAX_MARKER_BYTES`.

    `kind` is the client's own word, but for those that a metric reads: `BASELINE_START` and `BASELINE_STOP`,
    `PAGE_START`, whose body has the number of `words` of the page and may name the `page`, and `PAGE_STOP`.
    """

    event: ClassVar[str] = "marker"
    recording: str
    lease: str
    seq: int
    t_us: int
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_recording()
        self._check_text("lease", 1, 100)
        self._check_int("seq")
        self._check_int("t_us", 0, MAX_T_US)
        self._check_text("kind", 1, 40)
        if not isinstance(self.body, Mapping) or not all(isinstance(key, str) for key in self.body):
            raise self._bad("body", "an object")
        object.__setattr__(self, "body", dict(self.body))
        try:
            size = len(self.canonical_body())
        except (TypeError, ValueError, RecursionError) as err:
            raise self._bad("body", "JSON (NaN, infinity and binary are not)") from err
        if size > MAX_MARKER_BYTES:
            raise FrameFormatError(f"marker: body of {size} bytes is over the limit of {MAX_MARKER_BYTES}")
        if self.kind == PAGE_START and words_of_page(self.body) is None:
            words = json.dumps(self.body.get("words"))[:40]
            raise FrameFormatError(
                f"marker: words of a {PAGE_START} are {words}, not a whole number from 1 to {MAX_PAGE_WORDS}"
            )

    def canonical_body(self) -> bytes:
        """The body as JSON with sorted keys and no spaces, UTF-8: equal bodies give equal bytes."""
        text = json.dumps(self.body, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        return text.encode()


def words_of_page(body: Mapping[str, Any]) -> int | None:
    """How many words the page of a `PAGE_START` has; None where its body does not say."""
    words = body.get("words")
    return words if type(words) is int and 1 <= words <= MAX_PAGE_WORDS else None


@dataclass(frozen=True, slots=True)
class Close(Message):
    """No more will come after `last_seq`, which is -1 when nothing was sent at all."""

    event: ClassVar[str] = "close"
    recording: str
    lease: str
    last_seq: int

    def __post_init__(self) -> None:
        self._check_recording()
        self._check_text("lease", 1, 100)
        self._check_int("last_seq", -1)


# -- server to client -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClockAck(Message):
    """`s1` and `s2` are the server's clock in ns when it took `c0` and when it answered."""

    event: ClassVar[str] = "clock answer"
    c0: int
    s1: int
    s2: int

    def __post_init__(self) -> None:
        for name in ("c0", "s1", "s2"):
            self._check_int(name, 0, _MAX_NS)


@dataclass(frozen=True, slots=True)
class Limits(Message):
    """The largest payload, the most frames of a batch, and the most batches sent and not yet answered."""

    event: ClassVar[str] = "limits"
    max_batch_bytes: int = MAX_BATCH_BYTES
    max_frames: int = 5000
    in_flight: int = 32

    def __post_init__(self) -> None:
        self._check_int("max_batch_bytes", 1024)
        self._check_int("max_frames", 1)
        self._check_int("in_flight", 1, 100_000)


@dataclass(frozen=True, slots=True)
class OpenAck(Message):
    """The recording is this connection's: go on at `next_seq`, with `lease` (any text) in every message."""

    event: ClassVar[str] = "open answer"
    next_seq: int
    lease: str
    limits: Limits

    def __post_init__(self) -> None:
        self._check_int("next_seq")
        self._check_text("lease", 1, 100)
        if not isinstance(self.limits, Limits):
            raise self._bad("limits", "an object")

    @classmethod
    def from_wire(cls, wire: object) -> Self:
        if isinstance(wire, Mapping) and isinstance(wire.get("limits"), Mapping):
            wire = {**wire, "limits": Limits.from_wire(wire["limits"])}
        return super(OpenAck, cls).from_wire(wire)  # named, because a class with slots is made twice

    def to_wire(self) -> dict[str, Any]:
        return {"next_seq": self.next_seq, "lease": self.lease, "limits": self.limits.to_wire()}


@dataclass(frozen=True, slots=True)
class CloseAck(Message):
    """All is stored: `n_frames` usable frames in the whole recording, and `n_rejected` batches kept aside."""

    event: ClassVar[str] = "close answer"
    next_seq: int
    n_frames: int | None = None
    n_rejected: int | None = None

    def __post_init__(self) -> None:
        self._check_int("next_seq")
        for name in ("n_frames", "n_rejected"):
            if getattr(self, name) is not None:
                self._check_int(name)


@dataclass(frozen=True, slots=True)
class Failure(Message):
    """The answer when something was not done: a stable `code` of `focus.errors` and one sentence.

    `next_seq` comes with ``gap`` and ``closed``, where the server knows how far the recording is; `retry_ms` where
    another try can help.
    """

    event: ClassVar[str] = "failure"
    code: str
    message: str = ""
    retry_ms: int | None = None
    next_seq: int | None = None

    def __post_init__(self) -> None:
        self._check_text("code", 1, 40)
        self._check_text("message", 0, 1000)
        self._check_retry()
        if self.next_seq is not None:
            self._check_int("next_seq")

    @classmethod
    def of_error(cls, error: FocusError, *, retry_ms: int | None = None, next_seq: int | None = None) -> Failure:
        """The answer that tells of an error."""
        return cls(error.code, error.message[:1000], retry_ms, next_seq)

    def to_error(self) -> FocusError:
        """The error that it tells of; a code that this version does not know gives a `DeliveryError`."""
        return error_class(self.code)(self.message or self.code)


@dataclass(frozen=True, slots=True)
class Stored(Message):
    """Every seq below `next_seq` is committed; `rejected` are those among the newly covered that were kept aside."""

    event: ClassVar[str] = "stored"
    recording: str
    next_seq: int
    rejected: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._check_recording()
        self._check_int("next_seq")
        if not isinstance(self.rejected, (list, tuple)) or not all(
            type(seq) is int and 0 <= seq <= _MAX_INT for seq in self.rejected
        ):
            raise self._bad("rejected", "a list of sequence numbers")
        object.__setattr__(self, "rejected", tuple(self.rejected))


@dataclass(frozen=True, slots=True)
class Refused(Message):
    """`seq` is not stored; the client waits until nothing is in flight and goes on at `next_seq` (or opens again)."""

    event: ClassVar[str] = "refused"
    recording: str
    seq: int
    code: str
    message: str = ""
    next_seq: int | None = None
    retry_ms: int | None = None

    def __post_init__(self) -> None:
        self._check_recording()
        self._check_int("seq", -1)  # -1 when the message was too broken to say
        self._check_text("code", 1, 40)
        self._check_text("message", 0, 1000)
        if self.next_seq is not None:
            self._check_int("next_seq")
        self._check_retry()

    def to_error(self) -> FocusError:
        """The error that it tells of."""
        return error_class(self.code)(f"batch {self.seq}: {self.message or self.code}")


@dataclass(frozen=True, slots=True)
class Evicted(Message):
    """Another connection holds the recording now."""

    event: ClassVar[str] = "evicted"
    recording: str

    def __post_init__(self) -> None:
        self._check_recording()


@dataclass(frozen=True, slots=True)
class Notice(Message):
    """Something about the server: ``draining`` (it will stop; come back after `retry_ms`), ``revoked``, ``quota``."""

    event: ClassVar[str] = "notice"
    code: str
    retry_ms: int | None = None
    message: str = ""

    def __post_init__(self) -> None:
        self._check_text("code", 1, 40)
        self._check_retry()
        self._check_text("message", 0, 1000)


def read_answer(wire: object, expected: type[_M]) -> _M | Failure:
    """The acknowledgement in a dict: what was expected, or the `Failure` that its field `code` makes it."""
    if isinstance(wire, Mapping) and "code" in wire:
        return Failure.from_wire(wire)
    return expected.from_wire(wire)


@lru_cache(maxsize=64)
def error_class(code: str) -> type[FocusError]:
    """The class of `focus.errors` that has this code; `DeliveryError` for one that this version does not know."""
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, FocusError) and value.__dict__.get("code") == code:
            return value
    return errors.DeliveryError
