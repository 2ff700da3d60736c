"""What create_app joins: health, limits, cookies, and who opens a socket."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from flask_login import login_user

from focus.app import start_background, stop_background
from focus.errors import AuthenticationError, PermissionDeniedError
from focus.realtime.auth import identify
from focus.services import accounts
from focus.storage.database import db
from tests.conftest import AppFactory


@pytest.fixture
def ada_id(app: Flask) -> int:
    with app.app_context():
        user = accounts.create_user(db.session(), "ada@example.org")
        db.session.commit()
        return user.id


# -- health -----------------------------------------------------------------------------------------------------------


def test_a_server_is_live_before_it_is_ready(app: Flask) -> None:
    client = app.test_client()

    assert client.get("/livez").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json() == {"status": "unready", "database": "ok", "migrations": "ok", "engine": "failed"}


def test_a_server_is_ready_while_its_engine_runs(make_app: AppFactory, database_url: str) -> None:
    app = make_app(DATABASE_URL=database_url)
    start_background(app)
    during = app.test_client().get("/readyz").status_code
    stop_background(app)

    assert (during, app.test_client().get("/readyz").status_code) == (200, 503)


def test_a_database_that_was_not_migrated_is_not_ready(make_app: AppFactory, empty_postgres_url: str) -> None:
    app = make_app(DATABASE_URL=empty_postgres_url)

    parts = app.test_client().get("/readyz").get_json()

    assert (parts["database"], parts["migrations"]) == ("ok", "failed")


# -- pages ------------------------------------------------------------------------------------------------------------


def test_log_in_is_limited_by_address(make_app: AppFactory, sqlite_url: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, LOGIN_LIMIT="3 per hour")

    assert [log_in_status(app) for _ in range(5)] == [422, 422, 422, 429, 429]
    assert app.test_client().get("/login").status_code == 200


def test_two_applications_count_log_ins_apart(make_app: AppFactory, sqlite_url: str) -> None:
    apps = [make_app(DATABASE_URL=sqlite_url, LOGIN_LIMIT="1 per hour") for _ in range(2)]

    assert [log_in_status(app) for app in apps] == [422, 422]


def test_log_in_is_limited_across_processes_by_redis(make_app: AppFactory, sqlite_url: str, redis_url: str) -> None:
    apps = [make_app(DATABASE_URL=sqlite_url, REDIS_URL=redis_url, LOGIN_LIMIT="1 per hour") for _ in range(2)]

    assert [log_in_status(app) for app in apps] == [422, 429]


def test_log_in_goes_on_without_redis(make_app: AppFactory, sqlite_url: str) -> None:
    app = make_app(DATABASE_URL=sqlite_url, REDIS_URL="redis://127.0.0.1:1", LOGIN_LIMIT="1 per hour")

    assert [log_in_status(app) for _ in range(2)] == [422, 429]


def log_in_status(app: Flask) -> int:
    """Status of a log-in with a wrong password: 422 when it was looked at, 429 when there have been too many."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client().post("/login", data={"email": "a@b.c", "password": "x"}).status_code


def test_the_log_in_cookie_is_for_this_site_and_not_for_scripts(make_app: AppFactory, sqlite_url: str) -> None:
    app = make_app(
        DATABASE_URL=sqlite_url, FOCUS_ENV="production", ALLOWED_HOSTS="focus.example.org", LOG_LEVEL="WARNING"
    )
    with app.app_context():
        user = accounts.create_user(db.session(), "ada@example.org", password="correct horse battery")
        secret = accounts.create_login_secret(db.session(), user, holds=app.permanent_session_lifetime)
        db.session.commit()

    answer = app.test_client().get(f"/login/{secret}", base_url="https://focus.example.org")

    cookie = answer.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}


def test_a_request_is_logged_by_its_endpoint_and_not_by_its_path(
    make_app: AppFactory, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(DATABASE_URL=sqlite_url, LOG_LEVEL="INFO")
    with caplog.at_level(logging.INFO, "focus.app"):
        app.test_client().get("/login/a-secret-of-somebody")

    lines = [record.getMessage() for record in caplog.records if record.name == "focus.app"]
    assert len(lines) == 1
    assert lines[0].startswith("GET accounts.log_in_by_link 401 ")


# -- sockets ----------------------------------------------------------------------------------------------------------


def test_a_token_opens_a_socket_and_its_use_is_noted(app: Flask, ada_id: int) -> None:
    with app.test_request_context():
        session = db.session()
        user = accounts.get_user(session, ada_id)
        token, secret = accounts.create_token(session, user, name="lab", scopes=["frames:write"])
        session.commit()

        principal = identify({"token": secret}, scope="frames:write")

        session.expire_all()
        assert (principal.user_id, principal.token_id) == (ada_id, token.id)
        assert token.last_used_at is not None


def test_a_token_without_the_scope_opens_no_socket(app: Flask, ada_id: int) -> None:
    with app.test_request_context():
        session = db.session()
        user = accounts.get_user(session, ada_id)
        _, secret = accounts.create_token(session, user, name="lab", scopes=["recordings:read"])

        with pytest.raises(PermissionDeniedError):
            identify({"token": secret}, scope="frames:write")


@pytest.mark.parametrize("auth", [None, {}, {"token": ""}, {"token": None}, [], "token"])
def test_without_token_and_log_in_no_socket_is_opened(app: Flask, auth: object) -> None:
    with app.test_request_context(), pytest.raises(AuthenticationError, match="a token or a log-in is needed"):
        identify(auth, scope="frames:write")  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["wrong", 17, ["x"], "x" * 100_000])
def test_a_wrong_token_is_refused_though_the_browser_is_logged_in(app: Flask, ada_id: int, token: object) -> None:
    with app.test_request_context():
        login_user(accounts.get_user(db.session(), ada_id))

        with pytest.raises(AuthenticationError, match="unknown"):
            identify({"token": token}, scope="frames:write")


def test_a_log_in_opens_a_socket_until_the_account_is_disabled(app: Flask, ada_id: int) -> None:
    with app.test_request_context():
        user = accounts.get_user(db.session(), ada_id)
        login_user(user)

        assert identify(None, scope="frames:write").user_id == ada_id
        user.is_active = False
        with pytest.raises(AuthenticationError):
            identify(None, scope="frames:write")
