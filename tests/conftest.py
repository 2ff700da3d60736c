"""Shared fixtures: settings, applications and databases. The servers themselves are in `tests/servers.py`.

Databases are copies of one that was migrated once in this run, so a test that wants its own does not wait for it. The
server's packages are imported inside the fixtures, so that a test of the client or of the analysis loads none of them.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from flask import Flask
    from jinja2 import BytecodeCache
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from config import Settings
    from tests.servers import PostgresServer


SettingsFactory = Callable[..., "Settings"]
AppFactory = Callable[..., "Flask"]

# Whether code is right does not hang on how busy the machine is. In CI hypothesis has its own profile that says so.
if not os.environ.get("CI"):
    hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis_settings.load_profile("untimed")

KEY = "0123456789abcdef" * 4
"""A secret key that is long enough and known to everybody."""


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    """Settings of the machine that runs the tests must not reach them."""
    from config import Settings

    for name in Settings.model_fields:
        os.environ.pop(name, None)


@pytest.fixture
def make_settings(tmp_path: Path) -> SettingsFactory:
    """Settings for tests with some of them changed: `make_settings(PORT="5001")`."""
    from config import load_settings

    def make(**changed: str) -> Settings:
        values = {"FOCUS_ENV": "testing", "FOCUS_INSTANCE": str(tmp_path / "instance"), "SECRET_KEY": KEY, **changed}
        return load_settings(values, env_file=None)

    return make


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of passwords that cost nothing, for tests of what is around them; a real one takes 0.2 s of work."""
    from argon2 import PasswordHasher

    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("focus.services.passwords._hasher", quick)
    monkeypatch.setattr("focus.services.passwords._hash_of_nobody", lambda: quick.hash("nobody"))


# -- databases --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest migration, to be copied."""
    from focus.storage.schema_version import upgrade_database

    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade_database(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL that the tests of this worker share; a test that stops one starts its own."""
    from tests.servers import PostgresServer

    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Name of a PostgreSQL database at the newest migration, to be copied."""
    from focus.storage.schema_version import upgrade_database

    name = postgres_server.create_database()
    upgrade_database(postgres_server.url(name))
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Address of a migrated SQLite file of this test's own."""
    path = tmp_path / "instance" / "focus.db"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Address of a migrated PostgreSQL database of this test's own."""
    name = postgres_server.create_database(template=postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Address of a PostgreSQL database with nothing in it."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own; the test runs once on each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def database_engine(database_url: str) -> Iterator[Engine]:
    """An engine on `database_url`."""
    from focus.storage.database import make_engine

    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def database_session(database_engine: Engine) -> Iterator[Session]:
    """A database session on `database_url`, without an application."""
    from sqlalchemy.orm import Session

    with Session(database_engine) as session:
        yield session


@pytest.fixture
def make_session(sqlite_url: str) -> Iterator[Callable[[], Session]]:
    """Sessions on `sqlite_url`, for a test that looks at what another process has written."""
    from sqlalchemy.orm import Session

    from focus.storage.database import make_engine

    engine = make_engine(sqlite_url)
    made: list[Session] = []

    def make() -> Session:
        made.append(Session(engine))
        return made[-1]

    yield make
    for session in made:
        session.close()
    engine.dispose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running Redis that the tests of this worker share."""
    from tests.servers import RedisServer

    server = RedisServer(tmp_path_factory.mktemp("redis") / "server")
    server.start()
    yield server.url
    server.stop()


# -- applications -----------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(make_settings: SettingsFactory, sqlite_url: str) -> Settings:
    """Settings of a test on a migrated SQLite file of its own."""
    return make_settings(DATABASE_URL=sqlite_url)


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """What templates are compiled to, for all applications of this run: each would compile its own anew."""
    from jinja2 import FileSystemBytecodeCache

    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture(scope="session")
def routes_compiled_once() -> Iterator[None]:
    """Werkzeug compiles a function for each of 300 routes, which is more than half of what making an application costs.

    The functions are alike for alike rules and take the rule as an argument; nothing but speed depends on this.
    """
    from werkzeug.routing import Rule

    compiled: dict[object, Any] = {}
    compile_builder = Rule._compile_builder

    def once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, repr(rule.defaults), append_unknown, tuple(rule._trace))
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", once)
        yield


@pytest.fixture
def make_app(
    make_settings: SettingsFactory, compiled_templates: BytecodeCache, routes_compiled_once: None
) -> Iterator[AppFactory]:
    """Applications with some settings changed: `make_app(DATABASE_URL=database_url)`; the engine is not started."""
    from focus.app import create_app
    from focus.storage.database import db

    made: list[Flask] = []

    def make(**changed: str) -> Flask:
        app = create_app(make_settings(**changed))
        app.jinja_env.bytecode_cache = compiled_templates
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def app(make_app: AppFactory, sqlite_url: str) -> Flask:
    """An application on a migrated SQLite file of its own; its engine is not started."""
    return make_app(DATABASE_URL=sqlite_url)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker runs all tests with a browser, beside the others: two cameras at once are more than a small machine
    has the processor for. Everything else goes test by test to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class BrowsersInOneWorker(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/browser" if nodeid.startswith("tests/browser/") else nodeid

    return BrowsersInOneWorker(config, log)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end, so nothing in it needs to be looked through for garbage."""
    gc.collect()
    gc.freeze()
