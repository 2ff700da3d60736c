"""The AsyncAPI document of the wire protocol, made of the message classes: ``python -m focus.protocol.asyncapi``.

Names, types and which fields may be left out come from the dataclasses in `messages.py`, the sentences from their
docstrings, so `docs/asyncapi.json` cannot say anything else than the code; a test compares the two.
"""

from __future__ import annotations

import inspect
import json
import types
from dataclasses import MISSING, fields
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from focus.protocol import messages
from focus.protocol.batch import ScreenGeometry, TrackerInfo
from focus.protocol.messages import Message

_FROM_CLIENT: Final[dict[type[Message], tuple[type[Message], ...]]] = {
    messages.Clock: (messages.ClockAck,),
    messages.Open: (messages.OpenAck, messages.Failure),
    messages.Frames: (),
    messages.Marker: (),
    messages.Close: (messages.CloseAck, messages.Failure),
}
"""What a client sends, with the acknowledgements that answer it; frames and markers are answered by events."""

_FROM_SERVER: Final[tuple[type[Message], ...]] = (
    messages.Stored,
    messages.Refused,
    messages.Evicted,
    messages.Notice,
)

_PLAIN: Final[dict[Any, dict[str, Any]]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    bytes: {"type": "string", "format": "binary"},
}


def asyncapi_document() -> dict[str, Any]:
    """The whole document, JSON-able."""
    acknowledgements = {ack for acks in _FROM_CLIENT.values() for ack in acks}
    everything: list[type[Message]] = [
        messages.ConnectAuth,
        *_FROM_CLIENT,
        *_FROM_SERVER,
        *sorted(acknowledgements, key=lambda c: c.__name__),
    ]
    operations: dict[str, Any] = {}
    for message, acks in _FROM_CLIENT.items():
        operations[f"send_{message.event}"] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/tracker"},
            "messages": [{"$ref": f"#/channels/tracker/messages/{message.__name__}"}],
            **({"x-ack": [{"$ref": f"#/components/messages/{ack.__name__}"} for ack in acks]} if acks else {}),
        }
    for message in _FROM_SERVER:
        operations[f"on_{message.event}"] = {
            "action": "send",
            "channel": {"$ref": "#/channels/tracker"},
            "messages": [{"$ref": f"#/channels/tracker/messages/{message.__name__}"}],
        }
    events = [*_FROM_CLIENT, *_FROM_SERVER]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "FOCUS tracker protocol",
            "version": str(messages.PROTO),
            "description": "Socket.IO 5 over WebSocket. `x-ack` is what an acknowledgement carries. See protocol.md.",
        },
        "channels": {
            "tracker": {
                "address": messages.NAMESPACE,
                "messages": {m.__name__: {"$ref": f"#/components/messages/{m.__name__}"} for m in events},
            }
        },
        "operations": operations,
        "components": {
            "messages": {message.__name__: _message(message) for message in everything},
            "schemas": {cls.__name__: _schema(cls) for cls in (TrackerInfo, ScreenGeometry, messages.Limits)},
        },
    }


def _message(cls: type[Message]) -> dict[str, Any]:
    return {"name": cls.event, "summary": _sentence(cls), "payload": _schema(cls)}


def _schema(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    names = [item for item in fields(cls) if item.name in hints]
    required = [item.name for item in names if item.default is MISSING and item.default_factory is MISSING]
    properties = {item.name: _type(hints[item.name]) for item in names}
    if cls is TrackerInfo:
        del properties["screen"]  # on the wire it stands beside the tracker
    if cls is messages.Open:
        properties["screen"] = _type(ScreenGeometry)
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _type(hint: Any) -> dict[str, Any]:
    """A JSON schema for a type annotation."""
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if hint in (TrackerInfo, ScreenGeometry, messages.Limits):
        return {"$ref": f"#/components/schemas/{hint.__name__}"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        given = [argument for argument in arguments if argument is not type(None)]
        return _type(given[0]) if len(given) == 1 else {"oneOf": [_type(argument) for argument in given]}
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if arguments and all(isinstance(argument, str) for argument in arguments):
        return {"type": "string", "enum": list(arguments)}
    return {"type": "object"}


def _sentence(cls: type[Message]) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


if __name__ == "__main__":
    print(json.dumps(asyncapi_document(), indent=2))  # noqa: T201
