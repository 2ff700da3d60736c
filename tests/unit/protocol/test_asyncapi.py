"""The AsyncAPI document says what the code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from focus.protocol import messages
from focus.protocol.asyncapi import asyncapi_document
from focus.protocol.messages import Message

DOCUMENT = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [each for item in value.values() for each in references(item)]
    return [each for item in value for each in references(item)] if isinstance(value, list) else []


def test_the_document_in_docs_is_the_one_that_the_code_makes() -> None:
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == asyncapi_document()


def test_every_message_of_the_protocol_is_in_it() -> None:
    inner = {"Limits"}
    names = {
        name
        for name, cls in vars(messages).items()
        if isinstance(cls, type) and issubclass(cls, Message) and cls is not Message and name not in inner
    }

    assert set(asyncapi_document()["components"]["messages"]) == names


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi_document()

    found = references(document)

    assert len(found) > 20
    for reference in found:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place
