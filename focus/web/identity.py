"""Who is looking at a page: the one place where the log-in of Flask-Login becomes a principal of the services.

The cookie holds the key of a log-in row (`focus.services.logins`); Flask-Login carries it, and the row decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, current_app, request
from flask import session as browser_session
from flask_login import LoginManager, current_user, login_required, login_user, logout_user

from focus.errors import AuthenticationError
from focus.services import logins
from focus.services.accounts import Principal, principal_of_user
from focus.storage.account_models import User
from focus.storage.database import db

P = ParamSpec("P")
R = TypeVar("R")


def register(app: Flask) -> None:
    """Make Flask-Login find people by the keys in their cookies, and note that a log-in is in use."""
    manager = LoginManager(app)
    manager.login_view = "accounts.log_in"
    manager.login_message = "Please log in to see this page."
    # A changed address or browser is no reason to end a log-in: the key in the row is what counts.
    manager.session_protection = None
    manager.user_loader(_user_of_cookie)
    app.before_request(_note_visit)


def current_principal() -> Principal:
    """The person who is logged in; call it only behind `login_needed` or `admin_needed`."""
    return principal_of_user(current_user)


def api_principal() -> Principal:
    """Who is logged in; an API answers 401 where a page would show the log-in."""
    if not current_user.is_authenticated:
        raise AuthenticationError("log in first")
    return current_principal()


def enter(user: User) -> None:
    """Log this person in within this browser, and commit; what the browser's session held before is forgotten."""
    browser_session.clear()
    browser = request.user_agent.string
    logins.begin_login(db.session(), user, holds=current_app.permanent_session_lifetime, browser=browser)
    db.session.commit()
    login_user(user)
    # It ends LOGIN_HOURS after the last page, and not with the window.
    browser_session.permanent = True


def leave() -> None:
    """Forget the log-in in this browser, which the caller has ended."""
    logout_user()
    browser_session.clear()


def login_needed(view: Callable[P, R]) -> Callable[P, R]:
    """A view for people who are logged in; others get the log-in page and come back after it."""
    guarded: Callable[P, R] = login_required(view)
    return guarded


def admin_needed(view: Callable[P, R]) -> Callable[P, R]:
    """A view for administrators alone: others get the page for 403, and nobody logged in gets the log-in page."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        current_principal().require_admin()
        return view(*args, **kwargs)

    return login_needed(guarded)


def _user_of_cookie(key: str) -> User | None:
    return logins.user_of_login(db.session(), key)


def _note_visit() -> None:
    # Before the view, so that the commit holds nothing of the view's.
    if request.endpoint in (None, "static", "livez", "readyz") or not current_user.is_authenticated:
        return
    if logins.note_visit(db.session(), current_user, holds=current_app.permanent_session_lifetime):
        db.session.commit()
