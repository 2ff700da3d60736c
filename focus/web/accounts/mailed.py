"""Pages around mailed links: register, confirm the address, forgotten password, another address.

The answer to a stranger is the same whether an address is known or not: the page hands the request to the desk, which
works in the background, and says that a message may be on its way. A link is never used by opening it: programs that
look at mail open links too, so the page behind it asks for a button.
"""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from focus.errors import AuthenticationError, ConflictError, ParameterError
from focus.services import accounts, registration
from focus.services.links import CHANGE_EMAIL, RESET, VERIFY
from focus.services.passwords import hash_password
from focus.storage.database import db
from focus.web.accounts.base import blueprint, desk, sentence, settings
from focus.web.accounts.forms import EmailForm, ForgotForm, PressForm, RegisterForm, ResetForm, VerifyForm
from focus.web.accounts.views import account_page
from focus.web.identity import current_principal, enter, leave, login_needed


@blueprint.route("/register", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """Ask for an account."""
    if settings().REGISTRATION == "closed":
        abort(404)
    form = RegisterForm()
    if form.validate_on_submit():
        email = accounts.normalise_email(form.email.data)
        try:
            password_hash = hash_password(form.new.data, email=email)
        except ParameterError as error:
            form.new.errors = (sentence(error),)
        else:
            desk().register(email=email, password_hash=password_hash, display_name=form.display_name.data or "")
            return _sent("Look into your mail", "Open the link in it to confirm your address.")
    return render_template("accounts/register.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/verify/<token>", methods=["GET", "POST"])
def verify(token: str) -> ResponseReturnValue:
    """Confirm an address with the password that was chosen, and go in."""
    links, form, refused = desk().post.links, VerifyForm(), ""
    try:
        links.read(db.session(), token, VERIFY)
    except AuthenticationError as error:
        return _worthless(error)
    if form.validate_on_submit():
        try:
            user = registration.confirm_address(db.session(), links, token, password=form.password.data)
        except AuthenticationError as error:
            db.session.rollback()
            refused = sentence(error)
        else:
            enter(user)
            return redirect(url_for("accounts.profile", first=1), code=303)
    return render_template("accounts/verify.html", form=form, refused=refused), 422 if form.is_submitted() else 200


@blueprint.route("/forgot", methods=["GET", "POST"])
def forgot() -> ResponseReturnValue:
    """Ask for a link that sets a new password."""
    form = ForgotForm()
    if form.validate_on_submit():
        desk().forgot(accounts.normalise_email(form.email.data))
        return _sent("Look into your mail", "If there is an account with this address, the message has a link in it.")
    return render_template("accounts/forgot.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/reset/<token>", methods=["GET", "POST"])
def reset(token: str) -> ResponseReturnValue:
    """Set a new password by a mailed link."""
    links, form = desk().post.links, ResetForm()
    try:
        links.read(db.session(), token, RESET)
    except AuthenticationError as error:
        return _worthless(error)
    if form.validate_on_submit():
        try:
            user = registration.set_forgotten_password(db.session(), links, token, password=form.new.data)
        except ParameterError as error:
            db.session.rollback()
            form.new.errors = (sentence(error),)
        else:
            if form.end_tokens.data:
                accounts.revoke_all_tokens(db.session(), user)
            db.session.commit()
            leave()
            flash("Your new password is set. Every browser is logged out; log in with it.", "good")
            return redirect(url_for("accounts.log_in"), code=303)
    return render_template("accounts/reset.html", form=form), 422 if form.is_submitted() else 200


@blueprint.post("/account/email")
@login_needed
def ask_for_email() -> ResponseReturnValue:
    """Ask for another address; a link that is mailed there makes it so."""
    form = EmailForm()
    if not form.validate_on_submit():
        return account_page(email_form=form), 422
    user = accounts.get_user(db.session(), current_principal().user_id)
    try:
        accounts.require_password(user, form.current.data)
    except AuthenticationError as error:
        form.current.errors = (sentence(error),)
        return account_page(email_form=form), 422
    desk().change_email(user.id, accounts.normalise_email(form.email.data))
    return _sent("Look into the mail of the new address", "Open the link in it; until then your address stays.")


@blueprint.route("/email/<token>", methods=["GET", "POST"])
def set_email(token: str) -> ResponseReturnValue:
    """Use the address to which the link was mailed."""
    links, form = desk().post.links, PressForm()
    try:
        link = links.read(db.session(), token, CHANGE_EMAIL)
        if form.validate_on_submit():
            _user, letter = registration.set_email(db.session(), links, token)
            db.session.commit()
            desk().mail(letter)
            flash("Your account has its new address.", "good")
            return redirect(url_for("sessions.home"), code=303)
    except (AuthenticationError, ConflictError) as error:
        db.session.rollback()
        return _worthless(error)
    return render_template("accounts/set_email.html", form=form, email=link.email)


def _sent(title: str, text: str) -> str:
    return render_template("accounts/sent.html", title=title, text=text, outbox=not settings().MAIL_SERVER)


def _worthless(error: AuthenticationError | ConflictError) -> ResponseReturnValue:
    return render_template("accounts/worthless_link.html", refused=sentence(error)), 410
