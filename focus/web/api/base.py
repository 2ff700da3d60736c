"""What the parts of the API share: blueprints with checked arguments, the OpenAPI document's frame, fields, pages.

A body is JSON or refused; a value that is wrong is named in `errors` of the problem. Lists go on at a cursor, which
names the last item that was given and not its place, so that new items neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import http
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

import flask
import flask_smorest
from flask import Flask
from flask_smorest.utils import prepare_response
from marshmallow import Schema, ValidationError, fields, validate
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.routing import UUIDConverter

from focus.errors import ParameterError
from focus.protocol.batch import is_text

View = TypeVar("View", bound=Callable[..., Any])

PREFIX: Final = "/api/v1"
PROBLEM_TYPE: Final = "application/problem+json"
MAX_PAGE: Final = 200
SESSION_COOKIE: Final = "focus_login"


# -- bodies -----------------------------------------------------------------------------------------------------------


class FieldsError(ParameterError):
    """Some fields of a body or an address are wrong; `errors` says which and why."""

    def __init__(self, errors: Mapping[str, Any]) -> None:
        super().__init__(_sentence_of(errors))
        self.errors = errors


class _Parser(FlaskParser):
    """Reads bodies strictly: the right media type, real JSON, no field that is not known."""

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        return read_json(req)

    def handle_error(  # type: ignore[override]  # it never returns, as the one it replaces
        self, error: ValidationError, req: flask.Request, schema: Schema, **_named: Any
    ) -> None:
        found = error.messages
        places = list(found.values()) if isinstance(found, dict) else []
        raise FieldsError(places[0] if places and isinstance(places[0], dict) else {"body": found})


def read_json(req: flask.Request) -> Any:
    """The JSON value of a body; 415 if it is declared as something else, 400 if it is none."""
    if not req.is_json:
        raise UnsupportedMediaType("the body has to be application/json")
    try:
        return json.loads(req.get_data(cache=True), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _sentence_of(errors: Mapping[str, Any]) -> str:
    parts = []
    for name, found in list(errors.items())[:5]:
        words = found
        while isinstance(words, dict):
            words = next(iter(words.values()), "")
        text = words[0] if isinstance(words, list) and words else words
        parts.append(f"{str(name)[:60]}: {str(text)[:200].rstrip('.')}")
    return "; ".join(parts) or "a value is not what is expected"


# -- fields -----------------------------------------------------------------------------------------------------------


class Text(fields.String):
    """A text that a database can keep: without U+0000 and halves of surrogate pairs."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **named: Any) -> str:
        text = super()._deserialize(value, attr, data, **named)
        if text is not None and not is_text(text, 0, len(text)):
            raise ValidationError("It holds characters that cannot be stored.")
        return text


class Whole(fields.Integer):
    """A whole number of a JSON body; neither a text nor true."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **named: Any) -> int:
        if type(value) is not int:
            raise ValidationError("Not a whole number.")
        return value


class WrittenWhole(fields.Integer):
    """A whole number of an address."""

    default_error_messages = {"invalid": "{input} is not a whole number"}  # noqa: RUF012 - as the class it extends


class Number(fields.Float):
    """A finite number of a JSON body."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **named: Any) -> float:
        if type(value) not in (int, float) or abs(value) > 1e300 or not math.isfinite(value):
            raise ValidationError("Not a finite number.")
        return float(value)


class Truth(fields.Boolean):
    """true or false of a JSON body."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **named: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("Not true or false.")
        return value


def length(low: int, high: int) -> validate.Length:
    return validate.Length(min=low, max=high)


def between(low: float, high: float) -> validate.Range:
    return validate.Range(low, high, error="{input} lies outside of {min}..{max}")


# -- pages ------------------------------------------------------------------------------------------------------------


class PageArguments(Schema):
    """Which part of a list."""

    cursor = Text(
        load_default=None, validate=length(1, 400), metadata={"description": "`next` of the page before; none at first"}
    )
    limit = WrittenWhole(load_default=50, validate=between(1, MAX_PAGE))


@cache
def page_of(item: type[Schema]) -> type[Schema]:
    """The schema of a page of such items."""
    name = item.__name__.removesuffix("Schema")
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.String(
                required=True,
                allow_none=True,
                metadata={"description": "cursor of the next page; null where this is the last"},
            ),
        },
        name=f"{name}PageSchema",
    )


@cache
def list_of(item: type[Schema]) -> type[Schema]:
    """The schema of a list that is short enough to be given whole."""
    name = item.__name__.removesuffix("Schema")
    return Schema.from_dict({"items": fields.List(fields.Nested(item), required=True)}, name=f"{name}ListSchema")


def page_json(
    rows: Sequence[Any], limit: int, to_dict: Callable[[Any], Any], cursor_of: Callable[[Any], str]
) -> flask.Response:
    """The answer of a page: of `limit` + 1 rows that were asked for, the last says that there is another page."""
    shown = rows[:limit]
    following = cursor_of(shown[-1]) if len(rows) > limit else None
    return flask.jsonify({"items": [to_dict(row) for row in shown], "next": following})


def write_cursor(kind: str, *values: int | str) -> str:
    """A cursor of a kind of list."""
    return base64.urlsafe_b64encode(json.dumps([kind, *values]).encode()).decode().rstrip("=")


def read_cursor(kind: str, text: str, *types: type[int] | type[str]) -> tuple[Any, ...]:
    """The values of a cursor; ParameterError if this kind of list did not give it."""
    try:
        content = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        found_kind, *values = content
    except (ValueError, TypeError, RecursionError):
        found_kind, values = None, []
    is_right = found_kind == kind and [type(value) for value in values] == list(types)
    fits = all(abs(value) <= 2**62 if isinstance(value, int) else is_text(value, 0, 400) for value in values)
    if not is_right or not fits:
        raise ParameterError(f"the cursor {text[:40]!r} was not given by this list")
    return tuple(values)


# -- the document -----------------------------------------------------------------------------------------------------


class ProblemSchema(Schema):
    """What went wrong (RFC 9457). `code` is stable; `detail` is a sentence for people."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    errors = fields.Dict(metadata={"description": "by field, where single values are wrong"})
    next_seq = fields.Integer(metadata={"description": "where a delivery can go on"})
    retry_ms = fields.Integer(metadata={"description": "when another try can help"})


class ApiBlueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # the package has no types
    """A part of the API: flask-smorest's blueprint with our parser, and with types."""

    ARGUMENTS_PARSER = _Parser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        decorator: Callable[[View], View] = super().route(rule, **options)
        return decorator

    def arguments(self, schema: type[Schema], **options: Any) -> Callable[[View], View]:
        decorator: Callable[[View], View] = super().arguments(schema, **options)
        return decorator

    def response(
        self, status_code: int, schema: type[Schema] | dict[str, str] | None = None, **options: Any
    ) -> Callable[[View], View]:
        decorator: Callable[[View], View] = super().response(status_code, schema, **options)
        return decorator

    @staticmethod
    def doc(**words: Any) -> Callable[[View], View]:
        decorator: Callable[[View], View] = flask_smorest.Blueprint.doc(**words)
        return decorator


class FocusApi(flask_smorest.Api):  # type: ignore[misc]  # the package has no types
    """The OpenAPI document of this application; error handling stays with `focus.web.errors`."""

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: Flask) -> None:
        app.config.update(API_TITLE="FOCUS", API_VERSION="1", OPENAPI_VERSION="3.1.0")
        self._undescribed: list[flask_smorest.Blueprint] = []
        self._describing = threading.Lock()
        super().__init__(app, spec_kwargs={"info": {"description": _DESCRIPTION}, "security": []})

    def register_blueprint(self, blueprint: flask_smorest.Blueprint) -> None:
        """Join the routes to the app; they are described when somebody asks, as that takes longer than all the rest."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._undescribed.append(blueprint)

    def describe(self) -> dict[str, Any]:
        """The document."""
        with self._describing:
            while self._undescribed:
                blueprint = self._undescribed.pop(0)
                blueprint.register_views_in_doc(self, self._app, self.spec, name=blueprint.name, parameters=None)
                self.spec.tag({"name": blueprint.name, "description": blueprint.description})
            found: dict[str, Any] = self.spec.to_dict()
        return found

    def _register_error_handlers(self) -> None:
        return

    def _init_spec(self, **named: Any) -> None:
        super()._init_spec(**named)
        self._register_converter(UUIDConverter, lambda _converter: {"type": "string", "format": "uuid"})
        schemes = self.spec.components.security_scheme
        schemes("token", {"type": "http", "scheme": "bearer", "description": "an API token"})
        schemes("login", {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": _COOKIE})

    def _register_responses(self) -> None:
        """Errors are problem JSON."""
        for status in http.HTTPStatus:
            if status >= 400:
                self._register_problem(status.name, status.phrase)
        self._register_problem("DEFAULT_ERROR", "What went wrong")

    def _register_problem(self, name: str, description: str) -> None:
        response = {"description": description, "schema": self.ERROR_SCHEMA}
        prepare_response(response, self.spec, PROBLEM_TYPE)
        self.spec.components.response(name, response, lazy=True)


_DESCRIPTION: Final = (
    "Recordings of eye trackers, their results, and the account they belong to. Times of a recording (`..._us`) are "
    "microseconds since it began; other times are UTC. A request says who it is by `Authorization: Bearer` with an API "
    "token, or by the log-in of a page of the same origin; then whatever changes something also needs the header "
    "`X-CSRFToken` with the value of `GET /api/v1/me/csrf`. A token in an address is refused."
)
_COOKIE: Final = "the log-in of the pages; with it, changes need the header X-CSRFToken"
