"""Routes for people who are not logged in: register, confirm, forgotten password, the link of a new address.

As on the pages, no answer and no time that it takes tells whether an address is known: requests are handed to the desk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app
from flask.typing import ResponseReturnValue
from marshmallow import Schema

from config import Settings
from focus.errors import AuthenticationError, NotFoundError, PermissionDeniedError
from focus.services import accounts, registration
from focus.services.passwords import MAX_PASSWORD_LENGTH, hash_password
from focus.services.registration import AccountDesk
from focus.storage.account_models import MAX_EMAIL_LENGTH
from focus.storage.database import db
from focus.web.api.base import PREFIX, ApiBlueprint, Text, Truth, length
from focus.web.api.callers import for_everybody

blueprint = ApiBlueprint(
    "api_accounts", __name__, url_prefix=f"{PREFIX}/accounts", description="For people who are not logged in."
)

Body = dict[str, Any]


def desk() -> AccountDesk:
    """What works off requests whose outcome must not show."""
    found: AccountDesk = current_app.extensions["focus.desk"]
    return found


class RegistrationSchema(Schema):
    email = Text(required=True, validate=length(1, MAX_EMAIL_LENGTH))
    password = Text(required=True, validate=length(1, MAX_PASSWORD_LENGTH))
    display_name = Text(load_default="", validate=length(0, 120))


class AddressSchema(Schema):
    email = Text(required=True, validate=length(1, MAX_EMAIL_LENGTH))


class LinkSchema(Schema):
    token = Text(required=True, validate=length(1, 2000), metadata={"description": "the last part of the mailed link"})


class LinkWithPasswordSchema(LinkSchema):
    password = Text(required=True, validate=length(1, MAX_PASSWORD_LENGTH))


class ResetSchema(LinkWithPasswordSchema):
    end_tokens = Truth(load_default=False, metadata={"description": "revoke all API tokens, too"})


@contextmanager
def _as_refusal() -> Iterator[None]:
    """A link or password that is worthless; a 401 would ask for a log-in, which is of no use here."""
    try:
        yield
    except AuthenticationError as error:
        raise PermissionDeniedError(error.message) from None


@blueprint.route("", methods=["POST"])
@for_everybody
@blueprint.arguments(RegistrationSchema)
@blueprint.response(202, description="A message may be on its way")
def register(body: Body) -> ResponseReturnValue:
    """Ask for an account; a link in a mail confirms the address."""
    settings: Settings = current_app.extensions["focus.settings"]
    if settings.REGISTRATION == "closed":
        raise NotFoundError("accounts are made by the people who run this installation")
    email = accounts.normalise_email(body["email"])
    password_hash = hash_password(body["password"], email=email)
    desk().register(email=email, password_hash=password_hash, display_name=body["display_name"])
    return "", 202


@blueprint.route("/verify", methods=["POST"])
@for_everybody
@blueprint.arguments(LinkWithPasswordSchema)
@blueprint.response(204)
def verify(body: Body) -> ResponseReturnValue:
    """Confirm an address, with the password that was chosen."""
    with _as_refusal():
        registration.confirm_address(db.session(), desk().post.links, body["token"], password=body["password"])
    db.session.commit()
    return "", 204


@blueprint.route("/forgot", methods=["POST"])
@for_everybody
@blueprint.arguments(AddressSchema)
@blueprint.response(202, description="A message may be on its way")
def forgot(body: Body) -> ResponseReturnValue:
    """Ask for a link that sets a new password."""
    desk().forgot(accounts.normalise_email(body["email"]))
    return "", 202


@blueprint.route("/reset", methods=["POST"])
@for_everybody
@blueprint.arguments(ResetSchema)
@blueprint.response(204)
def reset(body: Body) -> ResponseReturnValue:
    """Set a new password by a mailed link; every browser is logged out."""
    links = desk().post.links
    with _as_refusal():
        user = registration.set_forgotten_password(db.session(), links, body["token"], password=body["password"])
    if body["end_tokens"]:
        accounts.revoke_all_tokens(db.session(), user)
    db.session.commit()
    return "", 204


@blueprint.route("/email", methods=["POST"])
@for_everybody
@blueprint.arguments(LinkSchema)
@blueprint.response(204)
def set_email(body: Body) -> ResponseReturnValue:
    """Use the address to which the link was mailed."""
    with _as_refusal():
        _user, letter = registration.set_email(db.session(), desk().post.links, body["token"])
    db.session.commit()
    desk().mail(letter)
    return "", 204
