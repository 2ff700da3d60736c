"""What goes wrong, as answers on the wire: the one place where errors become acknowledgements and refusals."""

from __future__ import annotations

import logging
from typing import Any

from focus.errors import FocusError, StorageError
from focus.protocol.messages import Failure, Refused
from focus.services.ingest import RefusalError

logger = logging.getLogger(__name__)

NO_RECORDING = "00000000-0000-0000-0000-000000000000"
"""Stands in a refusal for the recording of a message that names none."""

STORAGE_RETRY_MS = 2000


def failure_of(error: Exception) -> dict[str, Any]:
    """The acknowledgement that tells of an error; of one that nobody foresaw only that it happened."""
    return _failure(error).to_wire()


def refusal_of(error: Exception, wire: object) -> Refused:
    """The refusal of a batch or marker, as far as the message says which one it is."""
    failure = _failure(error)
    fields = wire if isinstance(wire, dict) else {}
    seq, recording = fields.get("seq"), fields.get("recording")
    if type(seq) is not int or not 0 <= seq < 2**53:
        seq = -1
    try:
        return Refused(str(recording), seq, failure.code, failure.message, failure.next_seq, failure.retry_ms)
    except FocusError:
        return Refused(NO_RECORDING, seq, failure.code, failure.message, failure.next_seq, failure.retry_ms)


def _failure(error: Exception) -> Failure:
    if isinstance(error, RefusalError):
        return Failure.of_error(error.error, retry_ms=error.retry_ms, next_seq=error.next_seq)
    if isinstance(error, StorageError):
        return Failure(error.code, "the database does not answer just now", STORAGE_RETRY_MS)
    if isinstance(error, FocusError):
        return Failure.of_error(error)
    logger.error("an event could not be handled", exc_info=error)
    return Failure("error", "something went wrong in the server")
