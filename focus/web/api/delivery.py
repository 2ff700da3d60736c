"""Routes through which frames come in without a socket: take a recording, put batches and markers, close it.

The rules are those of `/tracker` (docs/protocol.md), through the same engine. The lease travels in a header, so that it
is in no address; it says nothing without the account that it was given to.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any, Final
from uuid import UUID

import numpy as np
from flask import current_app, g, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields
from werkzeug.exceptions import UnsupportedMediaType

from focus.errors import FrameFormatError, FrameValueError, ParameterError
from focus.protocol.batch import FrameBatch
from focus.protocol.codec import encode_batch
from focus.protocol.messages import Close, Limits, Marker, Open
from focus.protocol.schema import COLUMN_BY_NAME, MAX_T_US
from focus.services.ingest.requests import Delivered, RequestTrackers
from focus.services.recordings import require_sender
from focus.storage.database import db
from focus.web.api.base import PREFIX, ApiBlueprint, Text, Truth, View, Whole, length, read_json
from focus.web.api.callers import caller, for_scopes

blueprint = ApiBlueprint(
    "api_delivery", __name__, url_prefix=f"{PREFIX}/recordings", description="Frames in, without a socket."
)

Body = dict[str, Any]

WRITE: Final = "frames:write"
PAYLOAD_TYPE: Final = "application/octet-stream"
LEASE: Final = "Focus-Lease"
CRC32: Final = "Focus-CRC32"
_LEASE_PARAMETER: Final = {
    "in": "header",
    "name": LEASE,
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 100},
    "description": "the lease from the answer to `PUT .../lease`",
}
_CRC32_PARAMETER: Final = {
    "in": "header",
    "name": CRC32,
    "schema": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    "description": "CRC-32 of the payload as the client has it; a payload with another one is refused",
}
_BATCH_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["t_us", "columns"],
                "additionalProperties": False,
                "properties": {
                    "t_us": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "integer", "minimum": 0, "maximum": MAX_T_US},
                        "description": "times since the recording began, strictly rising",
                    },
                    "columns": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            name: {"type": "array", "items": {"type": ["number", "null"]}} for name in COLUMN_BY_NAME
                        },
                        "description": "one value a frame; null is missing",
                    },
                },
            }
        },
        PAYLOAD_TYPE: {"schema": {"type": "string", "format": "binary"}},
    },
}


def trackers() -> RequestTrackers:
    """The recordings of this process that are written to by requests."""
    found: RequestTrackers = current_app.extensions["focus.request_trackers"]
    return found


def _delivery(view: View) -> View:
    """A route that may be called many times a second and changes nobody's rights."""

    @wraps(view)
    def marked(*arguments: Any, **named: Any) -> Any:
        g.is_delivery = True
        return view(*arguments, **named)

    return marked  # type: ignore[return-value]


class OpeningSchema(Schema):
    """The fields of `open` in docs/protocol.md, without the recording, which stands in the address."""

    tracker = fields.Dict(keys=fields.String(), required=True)
    screen = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    task = Text(load_default=None, allow_none=True, validate=length(1, 100))
    consent = Text(load_default=None, allow_none=True, validate=length(1, 100))
    takeover = Truth(load_default=False)
    lease = Text(load_default=None, allow_none=True, validate=length(1, 100))
    participant = Whole(load_default=None, allow_none=True)
    device = Text(load_default="", validate=length(0, 100))
    client = Text(load_default="", validate=length(0, 100))


class LimitsSchema(Schema):
    max_batch_bytes = fields.Integer(required=True)
    max_frames = fields.Integer(required=True)
    in_flight = fields.Integer(required=True, metadata={"description": "for sockets; requests wait for each other"})


class OpenedSchema(Schema):
    """The recording is the caller's: go on at `next_seq`, with `lease` in the header Focus-Lease."""

    next_seq = fields.Integer(required=True)
    lease = fields.String(required=True)
    limits = fields.Nested(LimitsSchema, required=True)


class DeliveredSchema(Schema):
    """All below `next_seq` is committed; `is_rejected` says that this batch was kept aside as unusable."""

    next_seq = fields.Integer(required=True)
    is_rejected = fields.Boolean(required=True)


class NewMarkerSchema(Schema):
    t_us = Whole(required=True)
    kind = Text(required=True, validate=length(1, 40))
    body = fields.Dict(keys=fields.String(), load_default=dict)


class ClosingSchema(Schema):
    last_seq = Whole(required=True, metadata={"description": "number of the last batch or marker; -1 if none was sent"})


class ClosedSchema(Schema):
    next_seq = fields.Integer(required=True)
    n_frames = fields.Integer(required=True)
    n_rejected = fields.Integer(required=True)


@blueprint.route("/<uuid:recording_id>/lease", methods=["PUT"])
@for_scopes(WRITE)
@blueprint.arguments(OpeningSchema)
@blueprint.response(200, OpenedSchema)
def take_lease(body: Body, recording_id: UUID) -> ResponseReturnValue:
    """Begin a recording, whose id the client chooses, or go on with one after a break."""
    device, client = body.pop("device"), body.pop("client")
    message = Open.from_wire(
        {**{name: value for name, value in body.items() if value is not None}, **_named(recording_id)}
    )
    answer = trackers().open(caller().user_id, message, device=device, client=client)
    return jsonify(answer.to_wire())


@blueprint.route("/<uuid:recording_id>/batches/<int:seq>", methods=["PUT"])
@_delivery
@for_scopes(WRITE)
@blueprint.doc(requestBody=_BATCH_BODY, parameters=[_LEASE_PARAMETER, _CRC32_PARAMETER])
@blueprint.response(200, DeliveredSchema)
def put_batch(recording_id: UUID, seq: int) -> ResponseReturnValue:
    """Store a batch of frames; the answer comes when it is committed. The same batch again is answered the same."""
    lease = _lease(recording_id)
    if request.mimetype == PAYLOAD_TYPE:
        payload, crc32 = request.get_data(), _crc32()
    elif request.is_json:
        payload, crc32 = encode_batch(batch_of_json(read_json(request), trackers().limits)), None
    else:
        raise UnsupportedMediaType(f"a batch is {PAYLOAD_TYPE} or application/json")
    delivered = trackers().send_batch(caller().user_id, str(recording_id), lease, seq, payload, crc32=crc32)
    return _delivered(delivered)


@blueprint.route("/<uuid:recording_id>/markers/<int:seq>", methods=["PUT"])
@_delivery
@for_scopes(WRITE)
@blueprint.arguments(NewMarkerSchema)
@blueprint.doc(parameters=[_LEASE_PARAMETER])
@blueprint.response(200, DeliveredSchema)
def put_marker(body: Body, recording_id: UUID, seq: int) -> ResponseReturnValue:
    """Store a marker, which has its place in the numbering of batches."""
    message = Marker.from_wire({**body, **_named(recording_id), "lease": _lease(recording_id), "seq": seq})
    return _delivered(trackers().send_marker(caller().user_id, message))


@blueprint.route("/<uuid:recording_id>/close", methods=["POST"])
@for_scopes(WRITE)
@blueprint.arguments(ClosingSchema)
@blueprint.doc(parameters=[_LEASE_PARAMETER])
@blueprint.response(200, ClosedSchema)
def close(body: Body, recording_id: UUID) -> ResponseReturnValue:
    """End a recording, once all up to `last_seq` is stored."""
    message = Close.from_wire({**body, **_named(recording_id), "lease": _lease(recording_id)})
    result = trackers().close(caller().user_id, message)
    return jsonify(next_seq=result.next_seq, n_frames=result.n_frames, n_rejected=result.n_rejected)


def batch_of_json(value: Any, limits: Limits) -> FrameBatch:
    """The frames of a JSON body; FrameFormatError where it is none, FrameValueError where a value cannot be."""
    if not isinstance(value, Mapping) or set(value) != {"t_us", "columns"}:
        raise FrameFormatError("a batch is an object with t_us and columns")
    times, columns = value["t_us"], value["columns"]
    if not isinstance(times, list) or not 1 <= len(times) <= limits.max_frames:
        raise FrameFormatError(f"t_us is not a list of 1 to {limits.max_frames} times")
    if any(type(t_us) is not int or not 0 <= t_us <= MAX_T_US for t_us in times):
        raise FrameValueError(f"a time of t_us is no whole number within 0..{MAX_T_US}")
    if not isinstance(columns, Mapping):
        raise FrameFormatError("columns is not an object")
    return FrameBatch(
        np.array(times, dtype=np.int64), {name: _column(name, values, len(times)) for name, values in columns.items()}
    )


def _column(name: str, values: Any, n: int) -> Any:
    column = COLUMN_BY_NAME.get(name)
    if column is None:
        raise FrameValueError(f"column {name[:40]!r} is unknown; there are: {', '.join(COLUMN_BY_NAME)}")
    if not isinstance(values, list) or len(values) != n:
        raise FrameFormatError(f"{name} is not a list of {n} values, one a frame")
    for value in values:
        if value is not None and (type(value) not in (int, float) or not column.low <= value <= column.high):
            raise FrameValueError(f"{name} {str(value)[:40]} lies outside of {column.low:g}..{column.high:g}")
    return np.array([np.nan if value is None else value for value in values], dtype=np.float32)


def _named(recording_id: UUID) -> dict[str, str]:
    return {"recording": str(recording_id)}


def _lease(recording_id: UUID) -> str:
    """The lease in the header. Whose recording it is comes first: a stranger learns nothing of its leases."""
    lease = request.headers.get(LEASE, "")
    if not trackers().is_held(caller().user_id, str(recording_id), lease):
        require_sender(db.session(), caller(), str(recording_id))
    if not 1 <= len(lease) <= 100:
        raise ParameterError(f"the header {LEASE} has {len(lease)} characters; a lease has 1 to 100")
    return lease


def _crc32() -> int | None:
    text = request.headers.get(CRC32)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32):
        raise ParameterError(f"the header {CRC32} {text[:20]!r} is no whole number within 0..{2**32 - 1}")
    return int(text)


def _delivered(delivered: Delivered) -> ResponseReturnValue:
    return jsonify(next_seq=delivered.next_seq, is_rejected=delivered.is_rejected)
