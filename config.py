"""The settings of one installation, from a `.env` file beside this page and from the environment, which wins.

Every setting is one field of `Settings`: its type, its default, what is allowed and what it means stand there and
nowhere else; docs/configuration.md is written from it (`flask doctor --settings-table`). A value that is not allowed
stops the start with one line. FOCUS_ENV picks the class: `Development` on one's own machine, `Testing`, `Production`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from annotated_types import Ge, Le
from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from focus.errors import SettingError

ROOT = Path(__file__).resolve().parent
SslMode = Literal["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
MIN_SECRET_LENGTH = 32
WELL_KNOWN_SECRETS = frozenset({"secret", "secret_key", "changeme", "change-me", "dev", "development", "password"})
_RATE = re.compile(r"\d+ per (second|minute|hour|day)(\s*;\s*\d+ per (second|minute|hour|day))*")
_HIDDEN = frozenset({"SECRET_KEY", "DATABASE_URL", "DB_PASSWORD", "REDIS_URL", "MAIL_PASSWORD"})


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Settings(BaseModel):
    """Every setting with its type, default and meaning; frozen, and checked when it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # -- installation
    FOCUS_ENV: Literal["development", "testing", "production"] = Field(
        "development", description="What this installation is for; it decides what is refused and some defaults."
    )
    FOCUS_INSTANCE: Path = Field(
        ROOT / "instance", description="Folder of the database file, secret key, documents, exports and models."
    )
    DEBUG: bool = Field(False, description="Tracebacks in the browser. Refused in production.")
    SECRET_KEY: str = Field(
        "",
        description="Signs cookies and links; at least 32 characters. Outside production one is made in the instance "
        "folder when this is empty.",
    )
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least important lines that are written to the log (standard error)."
    )
    LOG_FORMAT: Literal["text", "json"] = Field("text", description="Log lines for people, or one JSON object a line.")

    # -- server
    HOST: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is all of them.")
    PORT: int = Field(5000, ge=1, le=65535, description="Port to listen on.")
    ALLOWED_HOSTS: Names = Field(
        ("127.0.0.1", "localhost"),
        description="Host names that browsers may use for this server, separated by commas; `.example.org` takes in "
        "all below it. Has to be set in production.",
    )
    PROXY_COUNT: int = Field(
        0, ge=0, le=5, description="Reverse proxies in front, whose X-Forwarded headers are believed."
    )
    SOCKETIO_ASYNC_MODE: Literal["eventlet", "gevent", "threading"] = Field(
        "eventlet", description="Kind of server. The last of them has a thread for every connection."
    )
    MAX_CONNECTIONS: int = Field(
        10_000, ge=10, le=1_000_000, description="Connections that are served at a time; more of them wait."
    )
    DRAIN_S: float = Field(
        10.0, ge=0, le=600, description="Seconds that a stop waits for what has been received to be stored."
    )

    # -- database
    DATABASE_URL: str = Field(
        "",
        description="`sqlite:///file` (relative to the instance folder) or "
        "`postgresql://user:password@host:port/name`. Comes before the parts below. Without either it is focus.db in "
        "the instance folder.",
    )
    DB_NAME: str = Field("", description="Name of the PostgreSQL database, when DATABASE_URL is empty.")
    DB_USER: str = Field("focus", description="PostgreSQL user.")
    DB_PASSWORD: str = Field("", description="Password of that user.")
    DB_HOST: str = Field("127.0.0.1", description="PostgreSQL host, or the folder of its Unix socket.")
    DB_PORT: int = Field(5432, ge=1, le=65535, description="PostgreSQL port.")
    DB_SSLMODE: SslMode = Field(
        "", description="How the connection to PostgreSQL is secured. Empty is verify-full in production, else prefer."
    )
    DB_SSLROOTCERT: str = Field(
        "", description="File with the certificate of the authority that signed the PostgreSQL server's; or `system`."
    )
    DB_ALLOW_UNVERIFIED: bool = Field(
        False, description="Lets production use PostgreSQL without verify-full, for a network that is trusted."
    )
    DB_POOL_SIZE: int = Field(
        10, ge=1, le=200, description="Database connections kept open; up to three times as many under load."
    )
    DB_STATEMENT_TIMEOUT_S: float = Field(30.0, ge=1, le=3600, description="Longest run of a PostgreSQL statement.")
    DB_LOCK_TIMEOUT_S: float = Field(10.0, ge=0.1, le=600, description="Longest wait for a PostgreSQL lock.")
    DB_CONNECT_TIMEOUT_S: float = Field(5.0, ge=2, le=60, description="Longest wait for a PostgreSQL connection.")

    # -- more than one process
    REDIS_URL: str | None = Field(
        None, description="Redis that carries live pictures between processes; empty when there is one process."
    )

    # -- ingest and analysis
    MAX_BATCH_BYTES: int = Field(262_144, ge=4096, le=8_388_608, description="Largest batch, told to a client at open.")
    MAX_UPLOAD_BYTES: int = Field(
        4_294_967_296, ge=1_000_000, le=1_099_511_627_776, description="Largest file that the import page takes."
    )
    MAX_FRAMES: int = Field(5000, ge=10, le=100_000, description="Most frames in a batch, told to a client at open.")
    IN_FLIGHT: int = Field(16, ge=1, le=1000, description="Batches a client may have on the way, told to it at open.")
    QUEUE_BATCHES: int = Field(
        4000, ge=10, le=1_000_000, description="Batches that wait for the writer before clients are told to wait."
    )
    QUEUE_WAIT_MS: int = Field(
        2000, ge=0, le=60_000, description="Longest wait for a place in that queue before a client is told `busy`."
    )
    TICK_MS: int = Field(20, ge=1, le=1000, description="Pace of the engine: one prediction and one commit a tick.")
    LOOKAHEAD_MS: int = Field(
        150, ge=0, le=1000, description="Delay between a frame and its final state; a longer one decides better."
    )
    PICTURES_PER_S: float = Field(5.0, ge=0.2, le=10, description="Updates of a live page a second, at most.")

    # -- accounts
    LOGIN_HOURS: int = Field(12, ge=1, le=8760, description="Hours that a log-in holds without being used.")
    LOGIN_LIMIT: str = Field("10 per minute; 60 per hour", description="Log-in attempts from one address.")
    LOGIN_ACCOUNT_LIMIT: str = Field(
        "10 per minute; 30 per hour", description="Log-in attempts for one account, from wherever they come."
    )
    LOGIN_LINK_MINUTES: int = Field(30, ge=1, le=1440, description="Minutes that a one-time log-in link holds.")
    REGISTRATION: Literal["open", "closed"] = Field(
        "open", description="Whether people may make an account for themselves; closed leaves it to `flask users`."
    )
    MAILED_LINK_HOURS: int = Field(
        24, ge=1, le=168, description="Hours that a mailed link holds which confirms an address; a reset link holds 1."
    )
    STRANGER_LIMIT: str = Field(
        "120 per minute", description="Requests to the API from one address that come with no log-in and no token."
    )
    MAIL_FORM_LIMIT: str = Field(
        "10 per hour", description="Forms from one address that have a mail sent: register, reset, change of address."
    )
    MAIL_ACCOUNT_LIMIT: str = Field("5 per hour", description="The same for one account, from wherever they come.")
    INVITE_LIMIT: str = Field("60 per hour", description="Invitations to groups that one researcher has mailed.")

    # -- mail
    PUBLIC_URL: str = Field(
        "",
        description="Address under which people reach this server; mailed links begin with it. Empty is https:// and "
        "the first of ALLOWED_HOSTS in production, else HOST and PORT.",
    )
    MAIL_SERVER: str = Field(
        "",
        description="SMTP server that takes outgoing mail. When it is empty, messages are written to outbox/ in the "
        "instance folder, and the log says so.",
    )
    MAIL_PORT: int = Field(587, ge=1, le=65535, description="Port of the SMTP server.")
    MAIL_SECURITY: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the way to the SMTP server is secured; none only for one on this machine."
    )
    MAIL_USERNAME: str = Field("", description="User name at the SMTP server; empty logs in nowhere.")
    MAIL_PASSWORD: str = Field("", description="Password at the SMTP server.")
    MAIL_FROM: str = Field("FOCUS <focus@localhost>", description="Sender of the messages.")
    MAIL_TIMEOUT_S: float = Field(20.0, ge=1, le=300, description="Longest wait for the SMTP server.")

    # -- retention
    RETENTION_FRAMES_DAYS: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after its end that a session keeps its raw frames; then its results alone stay. 0 keeps "
        "them. `flask retention run` removes what is older.",
    )
    RETENTION_METRICS_DAYS: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after its end that a session is kept at all; then it goes with its results. 0 keeps it.",
    )
    EXPORT_DAYS: int = Field(
        7, ge=1, le=365, description="Days that the file of an export of all one's data can be fetched."
    )

    @field_validator("REDIS_URL", mode="before")
    @classmethod
    def _no_redis(cls, value: Any) -> Any:
        return value or None

    @field_validator("REDIS_URL")
    @classmethod
    def _redis_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("an address that begins with redis://, rediss:// or unix://")
        return value

    @field_validator(
        "LOGIN_LIMIT",
        "LOGIN_ACCOUNT_LIMIT",
        "STRANGER_LIMIT",
        "MAIL_FORM_LIMIT",
        "MAIL_ACCOUNT_LIMIT",
        "INVITE_LIMIT",
    )
    @classmethod
    def _rates(cls, value: str) -> str:
        if not _RATE.fullmatch(value.strip()):
            raise ValueError("`number per second|minute|hour|day`, several of them separated by semicolons")
        return value

    @field_validator("PUBLIC_URL")
    @classmethod
    def _public_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise ValueError("an address that begins with http:// or https:// and names a host")
        return value.rstrip("/")

    @field_validator("DATABASE_URL")
    @classmethod
    def _database_address(cls, value: str) -> str:
        allowed = "an address that begins with sqlite:/// (and names a file), postgresql:// or postgresql+psycopg2://"
        if not value:
            return value
        if value.startswith(("postgres://", "postgresql://", "postgresql+psycopg2://")):
            if not urlsplit(value).path.strip("/"):
                raise ValueError(allowed + ", with the name of a database")
            return value
        if not value.startswith("sqlite:///") or value.removeprefix("sqlite:///") in ("", ":memory:"):
            raise ValueError(allowed)
        return value

    @field_validator("FOCUS_INSTANCE")
    @classmethod
    def _absolute_instance(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    def model_post_init(self, _context: Any) -> None:
        """Check what depends on more than one setting."""
        key = self.SECRET_KEY
        if key and (len(key) < MIN_SECRET_LENGTH or key.lower() in WELL_KNOWN_SECRETS or len(set(key)) < 8):
            raise SettingError(
                f"SECRET_KEY (hidden, {len(key)} characters) can be guessed; allowed are {MIN_SECRET_LENGTH} or more "
                "random characters, as `python -c 'import secrets; print(secrets.token_hex(32))'` prints them"
            )

    @property
    def INSTANCE(self) -> Path:  # noqa: N802 - named like the settings beside it
        """The instance folder, absolute."""
        return self.FOCUS_INSTANCE

    @property
    def is_production(self) -> bool:
        return self.FOCUS_ENV == "production"

    @property
    def database_url(self) -> str:
        """Address of the database, whichever way it was set; PostgreSQL with its `sslmode`."""
        if self.DATABASE_URL.startswith("sqlite:///"):
            return "sqlite:///" + str(self.INSTANCE / self.DATABASE_URL.removeprefix("sqlite:///"))
        if self.DATABASE_URL:
            base, _, query = self.DATABASE_URL.partition("?")
            options = {name: values[-1] for name, values in parse_qs(query).items()}
        elif self.DB_NAME:
            password = f":{quote(self.DB_PASSWORD, safe='')}" if self.DB_PASSWORD else ""
            is_socket = self.DB_HOST.startswith("/")
            place = "" if is_socket else f"{self.DB_HOST}:{self.DB_PORT}"
            base = f"postgresql://{quote(self.DB_USER, safe='')}{password}@{place}/{quote(self.DB_NAME, safe='')}"
            options = {"host": self.DB_HOST, "port": str(self.DB_PORT)} if is_socket else {}
        else:
            return f"sqlite:///{self.INSTANCE / 'focus.db'}"
        if self.DB_SSLMODE or "sslmode" not in options:
            options["sslmode"] = self.DB_SSLMODE or ("verify-full" if self.is_production else "prefer")
        if self.DB_SSLROOTCERT:
            options["sslrootcert"] = self.DB_SSLROOTCERT
        return f"{base}?{urlencode(options)}"

    @property
    def address(self) -> str:
        """Where a browser or client on this machine finds the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.HOST, self.HOST)  # noqa: S104 - not bound, but left
        return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.PORT}"

    @property
    def public_url(self) -> str:
        """How the links begin that are mailed; never taken from a request, whose sender could name another host."""
        if self.PUBLIC_URL:
            return self.PUBLIC_URL
        return f"https://{self.ALLOWED_HOSTS[0].lstrip('.')}" if self.is_production else self.address

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite:")


class Development(Settings):
    """One's own machine: SQLite, a secret key made on the way, plain HTTP on the loopback address."""


class Testing(Settings):
    """The tests: as development, with nothing in the log below a warning."""

    FOCUS_ENV: Literal["development", "testing", "production"] = "testing"
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"


class Production(Settings):
    """A server that others rely on: nothing is guessed that safety depends on."""

    FOCUS_ENV: Literal["development", "testing", "production"] = "production"
    ALLOWED_HOSTS: Names = ()

    def model_post_init(self, context: Any) -> None:
        """Refuse what would be unsafe."""
        super().model_post_init(context)
        if self.DEBUG:
            raise SettingError("DEBUG is true; allowed in production is false")
        if not self.SECRET_KEY:
            raise SettingError(f"SECRET_KEY is empty; production needs {MIN_SECRET_LENGTH} or more random characters")
        if not self.ALLOWED_HOSTS:
            raise SettingError("ALLOWED_HOSTS is empty; production needs the host names of this server")
        if not self.uses_sqlite and not self.DB_ALLOW_UNVERIFIED:
            sslmode = parse_qs(urlsplit(self.database_url).query).get("sslmode", [""])[-1]
            if sslmode != "verify-full":
                raise SettingError(
                    f"DB_SSLMODE is {sslmode!r}; allowed in production is verify-full (or DB_ALLOW_UNVERIFIED=true)"
                )


_CLASSES: dict[str, type[Settings]] = {"development": Development, "testing": Testing, "production": Production}


def load_settings(environ: Mapping[str, str] | None = None, *, env_file: Path | None = ROOT / ".env") -> Settings:
    """The settings of this installation.

    Parameters
    ----------
    environ : mapping, optional
        Takes the place of the process's environment.
    env_file : Path, optional
        File whose values hold where `environ` has none; None reads none.

    Raises
    ------
    SettingError
        One line with the setting, its value (hidden where it is secret) and what is allowed.
    """
    values: dict[str, str] = {}
    if env_file is not None and env_file.is_file():
        values.update({name: value for name, value in dotenv_values(env_file).items() if value is not None})
    values.update(os.environ if environ is None else environ)
    # An empty value is an unset one, so that a line of .env can be left blank.
    known = {name: values[name] for name in Settings.model_fields if values.get(name, "").strip()}
    environment = known.get("FOCUS_ENV", "development")
    try:
        return _CLASSES.get(environment, Settings)(**known)  # type: ignore[arg-type]
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        raise SettingError(_refusal(name, known.get(name, ""), str(first["msg"]))) from None


def _refusal(name: str, value: str, message: str) -> str:
    shown = f"(hidden, {len(value)} characters)" if name in _HIDDEN else repr(value)
    allowed = allowed_values(Settings.model_fields[name])
    return f"{name} is {shown}; allowed is {allowed or message.removeprefix('Value error, ')}"


def allowed_values(field: FieldInfo) -> str:
    """What a setting takes, in words; empty when its type does not say it all."""
    low = next((item.ge for item in field.metadata if isinstance(item, Ge)), None)
    high = next((item.le for item in field.metadata if isinstance(item, Le)), None)
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(str(value) or "(empty)" for value in get_args(field.annotation))
    if field.annotation is bool:
        return "true or false"
    if field.annotation is int:
        return f"a whole number from {low} to {high}"
    if field.annotation is float:
        return f"a number from {low} to {high}"
    return ""


def unknown_names(env_file: Path) -> list[str]:
    """Names that a `.env` file sets and no setting has; those of Flask itself are left out."""
    if not env_file.is_file():
        return []
    return sorted(
        name for name in dotenv_values(env_file) if name not in Settings.model_fields and not name.startswith("FLASK_")
    )
