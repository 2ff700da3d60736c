"""Every error FOCUS raises on purpose, in one tree.

Each class has a stable ``code`` that travels over the wire and through the API, and each instance carries one sentence
that names the value and the limit. No HTTP status stands here: `focus.web` maps codes to statuses, `focus.realtime` to
acknowledgements, and `focus.cli` and the client to one line and an exit code.
"""

from __future__ import annotations

from typing import ClassVar


class FocusError(Exception):
    """Root of the tree; never raised itself."""

    code: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        """The sentence that was given when the error was raised."""
        return str(self.args[0]) if self.args else self.code


class SettingError(FocusError):
    """A setting is missing or has a value that is not allowed."""

    code = "setting"


# -- input ------------------------------------------------------------------------------------------------------------


class InputError(FocusError):
    """Something that came from outside is not acceptable as it is; nothing was changed."""

    code = "input"


class FrameFormatError(InputError):
    """Bytes or a message are not of the wire format: wrong magic, length, checksum, type, or a missing field."""

    code = "frame_format"


class FrameValueError(InputError):
    """The format is right and a value is not: times that do not rise, a number out of its range."""

    code = "frame_value"


class RecordingFileError(InputError):
    """A recording file cannot be read; the sentence names the line and the column."""

    code = "recording_file"


class ShapeError(InputError):
    """Arrays that belong together differ in length or dimension."""

    code = "shape"


class ParameterError(InputError):
    """An analysis parameter or an argument lies outside of what is allowed."""

    code = "parameter"


class TooLargeError(InputError):
    """A batch or a request is larger than the limit that was told."""

    code = "too_large"


# -- who and what -----------------------------------------------------------------------------------------------------


class AuthenticationError(FocusError):
    """Nobody knows who is asking: no token or login, or one that is wrong, expired or revoked."""

    code = "unauthenticated"


class UnverifiedError(AuthenticationError):
    """The password is right, and the account's e-mail address was never confirmed."""

    code = "unverified"


class PermissionDeniedError(FocusError):
    """It is known who is asking, and they may not do this."""

    code = "forbidden"


class CrossSiteError(PermissionDeniedError):
    """A request that changes something came with a browser's log-in and without the proof that its own page sent it."""

    code = "csrf"


class NotFoundError(FocusError):
    """The object does not exist, or the asker may not know that it does."""

    code = "not_found"


class ConsentError(PermissionDeniedError):
    """The person whose data this is has not agreed to this purpose."""

    code = "consent"


class ConflictError(FocusError):
    """The object is not in the state that the request assumes."""

    code = "conflict"


# -- delivery ---------------------------------------------------------------------------------------------------------


class DeliveryError(FocusError):
    """A batch was not stored; the client can go on from `next_seq`."""

    code = "delivery"


class SequenceGapError(DeliveryError):
    """The batch's sequence number lies beyond the next one that is expected."""

    code = "gap"


class SequenceConflictError(DeliveryError):
    """The sequence number is stored already, with another checksum."""

    code = "seq_conflict"


class LeaseError(DeliveryError):
    """Another connection holds the recording."""

    code = "lease"


class ClosedRecordingError(DeliveryError):
    """The recording is closed and takes no more frames."""

    code = "closed"


class BusyError(DeliveryError):
    """The server's queue is full; try again after `retry_ms`."""

    code = "busy"


class ProtocolVersionError(FocusError):
    """Client and server speak no common version of the protocol."""

    code = "protocol_version"


# -- inside -----------------------------------------------------------------------------------------------------------


class ModelError(FocusError):
    """A model release cannot be used: a checksum, a feature name, a class or a version does not fit."""

    code = "model"


class UnknownReleaseError(ModelError):
    """No model release of this name is installed."""

    code = "unknown_release"


class CheckpointError(FocusError):
    """A pipeline checkpoint cannot be read, or was made by other code or with other parameters."""

    code = "checkpoint"


class StorageError(FocusError):
    """The database did not do what was asked; what had been committed stays."""

    code = "storage"
