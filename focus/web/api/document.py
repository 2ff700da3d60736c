"""The OpenAPI document, and a page for people that is made of it."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue

from focus.web.api.base import PREFIX
from focus.web.api.callers import for_everybody

blueprint = Blueprint("api_document", __name__, url_prefix=PREFIX, template_folder="../templates")

METHODS: Final = ("get", "post", "put", "patch", "delete")


@blueprint.get("/openapi.json")
@for_everybody
def openapi() -> ResponseReturnValue:
    """The description of the API for programs."""
    return jsonify(document())


@blueprint.get("/docs")
@for_everybody
def docs() -> ResponseReturnValue:
    """The same for people."""
    described = document()
    return render_template("api/docs.html", description=described["info"]["description"], parts=_parts(described))


def document() -> dict[str, Any]:
    """The OpenAPI document of this application."""
    found: dict[str, Any] = current_app.extensions["focus.api"].describe()
    return found


def _parts(described: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations by part, in the order of the document."""
    parts = {tag["name"]: {"description": tag["description"], "operations": []} for tag in described["tags"]}
    for path, operations in described["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                parts[operation["tags"][0]]["operations"].append(_operation(path, method, operation, operations))
    return list(parts.values())


def _operation(path: str, method: str, operation: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    parameters = [*whole.get("parameters", []), *operation.get("parameters", [])]
    return {
        "path": path,
        "method": method.upper(),
        "summary": operation.get("summary", ""),
        "callers": _callers(operation["security"]),
        "parameters": [each["name"] for each in parameters if each["in"] != "path"],
        "body": _name(operation.get("requestBody", {})),
        "answers": [
            (status, answer.get("description", ""), _name(answer))
            for status, answer in operation["responses"].items()
            if status < "400"
        ],
    }


def _callers(security: list[dict[str, list[str]]]) -> str:
    if not security:
        return "everybody"
    scopes = [scope for each in security for scope in each.get("token", [])]
    return "a log-in" + (f", or a token with {' or '.join(scopes)}" if scopes else "")


def _name(described: dict[str, Any]) -> str:
    for media_type, content in described.get("content", {}).items():
        reference: str = content.get("schema", {}).get("$ref", "")
        return reference.rpartition("/")[2] or str(media_type)
    return ""
