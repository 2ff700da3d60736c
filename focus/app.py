"""create_app: the one place where the parts of FOCUS are joined; called by wsgi.py and by tests.

The application holds its parts in `app.extensions`: "focus.settings", "focus.engine" and "socketio".
Making it opens no connection and starts nothing; `start_background` starts the engine and `stop_background` ends it.
The `flask` command makes a smaller one, with the database and the commands alone, so that it starts quickly: what
only a server needs is imported where it is joined.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, g, request

import focus.cli
from config import Settings, load_settings
from focus.hosts import HostCheck
from focus.instance import ensure_secret_key, make_instance_folder
from focus.observability import configure_logging
from focus.storage.database import db, engine_options, normalise_url, prepare_engine, write_gate

logger = logging.getLogger(__name__)

ENVELOPE_BYTES = 64 * 1024
"""Room in a Socket.IO message beside the batch."""


def create_app(config: Settings | None = None, *, async_mode: str = "threading") -> Flask:
    """The application with all its parts, not yet running.

    Parameters
    ----------
    config : Settings, optional
        By default those of the environment and `.env`.
    async_mode : {"eventlet", "gevent", "threading"}, optional
        Kind of server that will serve it. The first two are for wsgi.py alone, after it has patched the standard
        library.

    Raises
    ------
    SettingError
        If a setting is not allowed.
    """
    import focus.web
    from focus import health
    from focus.web import limits

    settings = config or load_settings()
    app = _create_base(settings)
    _join_accounts(app)
    _join_mail(app, settings)
    focus.web.register(app)
    health.register(app)
    limits.register(app, settings)
    _join_realtime(app, settings, async_mode)
    focus.cli.register(app)
    _log_requests(app)
    _wrap(app, settings)
    return app


def create_command_app(config: Settings | None = None) -> Flask:
    """The application of the `flask` command; with a wrong setting the process ends with its line and status 1."""
    settings = config or focus.cli.load_settings_or_stop()
    app = _create_base(settings)
    _join_migrations(app)
    focus.cli.register(app)
    return app


def start_background(app: Flask) -> None:
    """Load the model and start the engine; called by wsgi.py when the database stands at the newest migration.

    Raises
    ------
    ModelError
        If the active eye-state model cannot be loaded.
    """
    app.extensions["focus.engine"].start()


def stop_background(app: Flask) -> None:
    """Store and analyse what was received, tell the trackers, and end the engine; takes DRAIN_S at most."""
    app.extensions["focus.engine"].stop(timeout_s=app.extensions["focus.settings"].DRAIN_S)


def _flask_settings(settings: Settings) -> dict[str, Any]:
    url = normalise_url(settings.database_url)
    return {
        "DEBUG": settings.DEBUG,
        "TESTING": settings.FOCUS_ENV == "testing",
        "SECRET_KEY": settings.SECRET_KEY or ensure_secret_key(settings.INSTANCE),
        "MAX_CONTENT_LENGTH": settings.MAX_BATCH_BYTES + ENVELOPE_BYTES,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=settings.LOGIN_HOURS),
        "SESSION_COOKIE_NAME": "focus_login",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.is_production,
        # A form lives as long as the log-in it belongs to.
        "WTF_CSRF_TIME_LIMIT": None,
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(
            url,
            pool_size=settings.DB_POOL_SIZE,
            statement_timeout_s=settings.DB_STATEMENT_TIMEOUT_S,
            lock_timeout_s=settings.DB_LOCK_TIMEOUT_S,
            connect_timeout_s=settings.DB_CONNECT_TIMEOUT_S,
        ),
    }


def _create_base(settings: Settings) -> Flask:
    configure_logging(settings.LOG_LEVEL, settings.LOG_FORMAT)
    make_instance_folder(settings.INSTANCE)
    app = Flask("focus", instance_path=str(settings.INSTANCE))
    app.config.update(_flask_settings(settings))
    app.extensions["focus.settings"] = settings
    app.extensions["focus.started_at"] = datetime.now(UTC)
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine, gate=write_gate(app.config["SQLALCHEMY_DATABASE_URI"]))
    return app


def _join_migrations(app: Flask) -> None:
    from flask_migrate import Migrate

    from focus.storage import models
    from focus.storage.schema_version import MIGRATIONS_FOLDER

    Migrate(app, db, directory=str(MIGRATIONS_FOLDER), metadata=models.metadata)


def _join_accounts(app: Flask) -> None:
    from flask_wtf import CSRFProtect

    from focus.web import identity

    identity.register(app)
    CSRFProtect(app)


def _join_mail(app: Flask, settings: Settings) -> None:
    """The desk that works off what strangers ask for, with a way for its letters."""
    from sqlalchemy.orm import Session

    from focus.services.links import LinkMaker
    from focus.services.mail import OutboxMailer, SmtpMailer
    from focus.services.registration import AccountDesk, Correspondence

    mailer: SmtpMailer | OutboxMailer = OutboxMailer(settings.INSTANCE, settings.MAIL_FROM)
    if settings.MAIL_SERVER:
        mailer = SmtpMailer(
            settings.MAIL_SERVER,
            settings.MAIL_PORT,
            security=settings.MAIL_SECURITY,
            sender=settings.MAIL_FROM,
            username=settings.MAIL_USERNAME,
            password=settings.MAIL_PASSWORD,
            timeout_s=settings.MAIL_TIMEOUT_S,
        )
    post = Correspondence(
        LinkMaker(app.config["SECRET_KEY"]), settings.public_url, timedelta(hours=settings.MAILED_LINK_HOURS)
    )
    with app.app_context():
        engine = db.engine
    app.extensions["focus.desk"] = AccountDesk(lambda: Session(engine, expire_on_commit=False), post, mailer)


def _join_realtime(app: Flask, settings: Settings, async_mode: str) -> None:
    from flask_socketio import SocketIO

    import focus.realtime
    from focus.realtime.auth import is_own_origin

    socketio = SocketIO(
        app,
        async_mode=async_mode,
        # One event of a connection after the other: the order of batches is a promise.
        async_handlers=False,
        cors_allowed_origins=is_own_origin,
        max_http_buffer_size=settings.MAX_BATCH_BYTES + ENVELOPE_BYTES,
        transports=["websocket"],
        manage_session=False,
    )
    app.extensions["socketio"] = socketio
    focus.realtime.register(app, socketio)


def _wrap(app: Flask, settings: Settings) -> None:
    """Put what stands in front of Flask and Socket.IO around both, the proxy's headers outermost."""
    front: Any = HostCheck(app.wsgi_app, settings.ALLOWED_HOSTS)
    if count := settings.PROXY_COUNT:
        from werkzeug.middleware.proxy_fix import ProxyFix

        front = ProxyFix(front, x_for=count, x_proto=count, x_host=count)
    app.wsgi_app = front  # type: ignore[method-assign]


def _log_requests(app: Flask) -> None:
    """One line a request: the endpoint's name and not its path, in which a log-in link has its secret."""

    @app.before_request
    def _note_start() -> None:
        g.started_s = time.perf_counter()

    @app.after_request
    def _log(response: Response) -> Response:
        spent_ms = (time.perf_counter() - g.get("started_s", time.perf_counter())) * 1000
        is_small = request.endpoint in ("static", "livez", "readyz") or g.get("is_delivery", False)
        quiet = is_small and response.status_code < 400
        level = logging.DEBUG if quiet else logging.INFO
        logger.log(level, "%s %s %d %.0f ms", request.method, request.endpoint or "-", response.status_code, spent_ms)
        return response
