"""Routes of one's own account: profile, password, address, tokens, log-ins, deletion."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from marshmallow import Schema, fields, validate

from focus.errors import AuthenticationError, PermissionDeniedError
from focus.services import accounts, logins, my_data, profile
from focus.services.accounts import MAX_PASSWORD_LENGTH, SCOPES
from focus.services.profile import ProfileAnswers
from focus.storage.account_models import CORRECTIONS, EYE_STRAIN, MAX_EMAIL_LENGTH, ROLES, ApiToken, LogIn, User
from focus.storage.database import db
from focus.web.api.accounts import desk
from focus.web.api.base import PREFIX, ApiBlueprint, Number, Text, Truth, Whole, between, length, list_of
from focus.web.api.callers import caller, for_log_ins, for_scopes
from focus.web.identity import enter, leave

blueprint = ApiBlueprint("api_me", __name__, url_prefix=f"{PREFIX}/me", description="One's own account.")

Body = dict[str, Any]
MAX_LIFETIME_DAYS = 3650


# -- account ----------------------------------------------------------------------------------------------------------


class MeSchema(Schema):
    """Who is calling."""

    id = fields.Integer(required=True)
    email = fields.String(required=True)
    display_name = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    created_at = fields.DateTime(required=True)
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True)


class ProfileSchema(Schema):
    """Answers about oneself, each of which may be left out; what is left out of a request is forgotten."""

    display_name = Text(load_default="", validate=length(0, 120))
    birth_year = Whole(load_default=None, allow_none=True)
    screen_h_per_day = Number(load_default=None, allow_none=True, validate=between(0, 24))
    sleep_h_per_night = Number(load_default=None, allow_none=True, validate=between(0, 24))
    eye_strain = Text(load_default=None, allow_none=True, validate=validate.OneOf([*EYE_STRAIN, None]))
    correction = Text(load_default=None, allow_none=True, validate=validate.OneOf([*CORRECTIONS, None]))
    short_break_min = Whole(load_default=None, allow_none=True)
    long_break_min = Whole(load_default=None, allow_none=True)


class CsrfSchema(Schema):
    csrf_token = fields.String(required=True)


class PasswordSchema(Schema):
    current = Text(load_default=None, allow_none=True, validate=length(0, MAX_PASSWORD_LENGTH))
    new = Text(required=True, validate=length(1, MAX_PASSWORD_LENGTH))
    end_tokens = Truth(load_default=False, metadata={"description": "revoke all API tokens, too"})


class NewAddressSchema(Schema):
    email = Text(required=True, validate=length(1, MAX_EMAIL_LENGTH))
    current = Text(load_default=None, allow_none=True, validate=length(0, MAX_PASSWORD_LENGTH))


class DeletionSchema(Schema):
    word = Text(required=True, validate=validate.Equal("DELETE"))
    current = Text(load_default=None, allow_none=True, validate=length(0, MAX_PASSWORD_LENGTH))


@blueprint.route("")
@for_scopes(*SCOPES)
@blueprint.response(200, MeSchema)
def me() -> ResponseReturnValue:
    """Who is calling, and with which scopes."""
    user = _user()
    return jsonify(
        id=user.id,
        email=user.email,
        display_name=user.display_name,
        role=user.role,
        created_at=user.created_at.isoformat(),
        scopes=sorted(caller().scopes),
    )


@blueprint.route("/csrf")
@for_log_ins
@blueprint.response(200, CsrfSchema)
def csrf() -> ResponseReturnValue:
    """The value of the header X-CSRFToken, which changes need that come with a page's log-in."""
    return jsonify(csrf_token=generate_csrf())


@blueprint.route("/profile")
@for_log_ins
@blueprint.response(200, ProfileSchema)
def get_profile() -> ResponseReturnValue:
    """What one has told about oneself."""
    return jsonify(profile.get_profile(db.session(), caller()).to_dict())


@blueprint.route("/profile", methods=["PUT"])
@for_log_ins
@blueprint.arguments(ProfileSchema)
@blueprint.response(200, ProfileSchema)
def put_profile(body: Body) -> ResponseReturnValue:
    """Tell something else; the answers before are forgotten."""
    profile.save_profile(db.session(), caller(), ProfileAnswers(**body))
    db.session.commit()
    return jsonify(profile.get_profile(db.session(), caller()).to_dict())


@blueprint.route("/password", methods=["POST"])
@for_log_ins
@blueprint.arguments(PasswordSchema)
@blueprint.response(204)
def change_password(body: Body) -> ResponseReturnValue:
    """Set another password; every other browser is logged out."""
    user = _user()
    _require_password(user, body["current"])
    accounts.change_password(db.session(), user, current=body["current"], new=body["new"])
    if body["end_tokens"]:
        accounts.revoke_all_tokens(db.session(), user)
    # All log-ins have ended, this one too; it goes on with a key of its own.
    enter(user)
    return "", 204


@blueprint.route("/email", methods=["POST"])
@for_log_ins
@blueprint.arguments(NewAddressSchema)
@blueprint.response(202, description="A message may be on its way to the new address")
def ask_for_email(body: Body) -> ResponseReturnValue:
    """Ask for another address; a link that is mailed there makes it so."""
    user = _user()
    _require_password(user, body["current"])
    desk().change_email(user.id, accounts.normalise_email(body["email"]))
    return "", 202


@blueprint.route("/delete", methods=["POST"])
@for_log_ins
@blueprint.arguments(DeletionSchema)
@blueprint.response(204)
def delete_account(body: Body) -> ResponseReturnValue:
    """Delete the account with everything that hangs on it."""
    _require_password(_user(), body["current"])
    settings = current_app.extensions["focus.settings"]
    removal = my_data.delete_account(db.session(), caller(), instance=settings.INSTANCE)
    db.session.commit()
    my_data.remove_files(removal)
    for recording_id in removal.recording_ids:
        current_app.extensions["focus.engine"].look_again(recording_id)
    leave()
    return "", 204


def _user() -> User:
    return accounts.get_user(db.session(), caller().user_id)


def _require_password(user: User, password: str | None) -> None:
    """As the service; a 401 would say that the log-in itself is not known."""
    try:
        accounts.require_password(user, password)
    except AuthenticationError as error:
        raise PermissionDeniedError(error.message) from None


# -- tokens -----------------------------------------------------------------------------------------------------------


class TokenSchema(Schema):
    """An API token, without its secret."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True, metadata={"description": "the first characters of the secret"})
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True)
    created_at = fields.DateTime(required=True)
    expires_at = fields.DateTime(required=True, allow_none=True)
    last_used_at = fields.DateTime(required=True, allow_none=True)
    revoked_at = fields.DateTime(required=True, allow_none=True)


class MadeTokenSchema(TokenSchema):
    secret = fields.String(required=True, metadata={"description": "shown this once"})


class NewTokenSchema(Schema):
    name = Text(required=True, validate=length(1, 120))
    scopes = fields.List(
        Text(validate=validate.OneOf(SCOPES)), required=True, validate=validate.Length(min=1, max=len(SCOPES))
    )
    lifetime_days = Whole(load_default=90, allow_none=True, validate=between(1, MAX_LIFETIME_DAYS))


@blueprint.route("/tokens")
@for_log_ins
@blueprint.response(200, list_of(TokenSchema))
def list_tokens() -> ResponseReturnValue:
    """One's own tokens, the newest first, with those that no longer work."""
    return jsonify(items=[token_dict(token) for token in accounts.list_tokens(db.session(), caller())])


@blueprint.route("/tokens", methods=["POST"])
@for_log_ins
@blueprint.arguments(NewTokenSchema)
@blueprint.response(201, MadeTokenSchema)
def create_token(body: Body) -> ResponseReturnValue:
    """Make a token; its secret is in this answer and nowhere else."""
    days = body["lifetime_days"]
    token, secret = accounts.create_token(
        db.session(),
        _user(),
        name=body["name"],
        scopes=body["scopes"],
        expires=None if days is None else timedelta(days=days),
    )
    described = token_dict(token)
    db.session.commit()
    return jsonify({**described, "secret": secret}), 201


@blueprint.route("/tokens/<int:token_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def revoke_token(token_id: int) -> ResponseReturnValue:
    """End a token, and the connections that were opened with it."""
    accounts.revoke_token(db.session(), caller(), token_id)
    db.session.commit()
    return "", 204


def token_dict(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": token.scopes,
        "created_at": token.created_at.isoformat(),
        "expires_at": _moment(token.expires_at),
        "last_used_at": _moment(token.last_used_at),
        "revoked_at": _moment(token.revoked_at),
    }


def _moment(at: Any) -> str | None:
    return at.isoformat() if at else None


# -- log-ins ----------------------------------------------------------------------------------------------------------


class LogInSchema(Schema):
    """A browser in which one is logged in."""

    id = fields.Integer(required=True)
    browser = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    last_seen_at = fields.DateTime(required=True)
    is_this = fields.Boolean(required=True)


@blueprint.route("/logins")
@for_log_ins
@blueprint.response(200, list_of(LogInSchema))
def list_logins() -> ResponseReturnValue:
    """One's own log-ins that work, the one that was used last in front."""
    return jsonify(items=[_login_dict(login) for login in logins.list_logins(db.session(), caller())])


@blueprint.route("/logins", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def end_all_logins() -> ResponseReturnValue:
    """Log out everywhere, here too."""
    logins.end_all_logins(db.session(), caller())
    db.session.commit()
    leave()
    return "", 204


@blueprint.route("/logins/<int:login_id>", methods=["DELETE"])
@for_log_ins
@blueprint.response(204)
def end_login(login_id: int) -> ResponseReturnValue:
    """Log one browser out."""
    logins.end_login(db.session(), caller(), login_id)
    db.session.commit()
    if login_id == caller().login_id:
        leave()
    return "", 204


def _login_dict(login: LogIn) -> dict[str, Any]:
    return {
        "id": login.id,
        "browser": login.browser,
        "created_at": login.created_at.isoformat(),
        "last_seen_at": login.last_seen_at.isoformat(),
        "is_this": login.id == caller().login_id,
    }
