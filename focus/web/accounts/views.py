"""Views of log-in, log-out and the account page."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from focus.errors import AuthenticationError, ParameterError, UnverifiedError
from focus.services import accounts, logins
from focus.storage.account_models import ApiToken
from focus.storage.database import db
from focus.web.accounts.base import blueprint, desk, sentence
from focus.web.accounts.forms import EmailForm, LogInForm, PasswordForm, TokenForm
from focus.web.identity import current_principal, enter, leave, login_needed


@blueprint.route("/login", methods=["GET", "POST"])
def log_in() -> ResponseReturnValue:
    """The log-in page; a person who is logged in already goes on to their sessions."""
    target = _own_path(request.args.get("next", ""))
    if current_user.is_authenticated:
        return redirect(target or url_for("sessions.home"))
    form = LogInForm()
    refused = ""
    if form.validate_on_submit():
        try:
            user = accounts.authenticate(db.session(), form.email.data, form.password.data)
        except UnverifiedError as error:
            desk().verify_again(form.email.data.strip().lower())
            refused = f"{sentence(error)} It was sent once more."
        except AuthenticationError as error:
            refused = sentence(error)
        else:
            enter(user)
            return redirect(target or url_for("sessions.home"))
    status = 422 if form.is_submitted() else 200
    return render_template("accounts/log_in.html", form=form, refused=refused, next=target or None), status


@blueprint.get("/login/<secret>")
def log_in_by_link(secret: str) -> ResponseReturnValue:
    """The one-time link that `make run` prints."""
    # A HEAD request, as a previewer sends it, must not use the link up.
    if request.method != "GET":
        return "", 204
    try:
        user = accounts.redeem_login_secret(db.session(), secret)
    except AuthenticationError as error:
        form = LogInForm(formdata=None)
        refused = sentence(error)
        return render_template("accounts/log_in.html", form=form, refused=refused, next=None), 401
    enter(user)
    return redirect(url_for("sessions.home"))


@blueprint.post("/logout")
@login_needed
def log_out() -> ResponseReturnValue:
    """End the log-in of this browser: its cookie, and any copy of it, is worthless from here on."""
    principal = current_principal()
    if principal.login_id is not None:
        logins.end_login(db.session(), principal, principal.login_id)
        db.session.commit()
    leave()
    flash("You are logged out.", "good")
    return redirect(url_for("sessions.home"))


@blueprint.post("/logout/everywhere")
@login_needed
def log_out_everywhere() -> ResponseReturnValue:
    """End every log-in of this person, and with them their open connections."""
    logins.end_all_logins(db.session(), current_principal())
    db.session.commit()
    leave()
    flash("You are logged out in every browser.", "good")
    return redirect(url_for("sessions.home"))


@blueprint.post("/account/logins/<int:login_id>/end")
@login_needed
def end_login(login_id: int) -> ResponseReturnValue:
    """Log one browser out."""
    principal = current_principal()
    logins.end_login(db.session(), principal, login_id)
    db.session.commit()
    if login_id == principal.login_id:
        leave()
        return redirect(url_for("sessions.home"))
    flash("That browser is logged out.", "good")
    return redirect(url_for("accounts.account"))


@blueprint.get("/account")
@login_needed
def account() -> ResponseReturnValue:
    """Who one is, the tokens one has, and the forms that change them."""
    return account_page()


@blueprint.post("/account/tokens")
@login_needed
def create_token() -> ResponseReturnValue:
    """Make a token and show its secret, this once."""
    form = TokenForm()
    if not form.validate_on_submit():
        return account_page(token_form=form), 422
    user = accounts.get_user(db.session(), current_principal().user_id)
    _token, secret = accounts.create_token(
        db.session(), user, name=form.name.data, scopes=form.scopes.data, expires=form.lifetime()
    )
    db.session.commit()
    # Answered without a redirect on purpose: the secret must not be kept anywhere to be shown after one.
    return account_page(secret=secret)


@blueprint.post("/account/tokens/<int:token_id>/revoke")
@login_needed
def revoke_token(token_id: int) -> ResponseReturnValue:
    """End a token."""
    token = accounts.revoke_token(db.session(), current_principal(), token_id)
    name = token.name
    db.session.commit()
    flash(f"The token {name} no longer works.", "good")
    return redirect(url_for("accounts.account"))


@blueprint.post("/account/password")
@login_needed
def change_password() -> ResponseReturnValue:
    """Set the first password or another one."""
    form = PasswordForm()
    if not form.validate_on_submit():
        return account_page(password_form=form), 422
    user = accounts.get_user(db.session(), current_principal().user_id)
    try:
        accounts.change_password(db.session(), user, current=form.current.data or None, new=form.new.data)
    except AuthenticationError as error:
        db.session.rollback()
        form.current.errors = (sentence(error),)
        return account_page(password_form=form), 422
    except ParameterError as error:
        db.session.rollback()
        form.new.errors = (sentence(error),)
        return account_page(password_form=form), 422
    if form.end_tokens.data:
        accounts.revoke_all_tokens(db.session(), user)
    # All log-ins have ended, this one too; it goes on with a key of its own.
    enter(user)
    flash("Your password is changed. Every other browser is logged out.", "good")
    if form.end_tokens.data:
        flash("Your API tokens are revoked.", "good")
    elif _working_tokens():
        flash("Your API tokens still work. Revoke those that you do not know.", "caution")
    return redirect(url_for("accounts.account"))


def account_page(
    *,
    token_form: TokenForm | None = None,
    password_form: PasswordForm | None = None,
    email_form: EmailForm | None = None,
    secret: str | None = None,
) -> str:
    principal = current_principal()
    now = datetime.now(UTC)
    working = _working_tokens()
    former = [token for token in accounts.list_tokens(db.session(), principal) if token not in working]
    return render_template(
        "accounts/account.html",
        has_password=accounts.get_user(db.session(), principal.user_id).password_hash is not None,
        tokens=working,
        former_tokens=former,
        now=now,
        form=token_form or TokenForm(formdata=None),
        password_form=password_form or PasswordForm(formdata=None),
        email_form=email_form or EmailForm(formdata=None),
        logins=logins.list_logins(db.session(), principal),
        login_id=principal.login_id,
        secret=secret,
    )


def _working_tokens() -> list[ApiToken]:
    now = datetime.now(UTC)
    return [
        token
        for token in accounts.list_tokens(db.session(), current_principal())
        if token.revoked_at is None and (token.expires_at is None or token.expires_at > now)
    ]


def _own_path(target: str) -> str:
    """`target` if it is a path of this server, else nothing: after the log-in no link may lead elsewhere."""
    parts = urlsplit(target)
    is_path = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return target if is_path and "\\" not in target and target.isprintable() else ""
