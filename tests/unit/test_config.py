"""Settings: defaults, what is refused and with which line, and that every one of them is documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from config import ROOT, Production, Settings, load_settings, unknown_names
from focus.errors import SettingError

KEY = "0123456789abcdef" * 4
PRODUCTION = {"FOCUS_ENV": "production", "SECRET_KEY": KEY, "ALLOWED_HOSTS": "focus.example.org"}


def load(**values: str) -> Settings:
    return load_settings(values, env_file=None)


def test_nothing_has_to_be_set_on_ones_own_machine() -> None:
    settings = load()

    assert settings.database_url == f"sqlite:///{ROOT / 'instance' / 'focus.db'}"
    assert (settings.HOST, settings.PORT, settings.SOCKETIO_ASYNC_MODE) == ("127.0.0.1", 5000, "eventlet")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "abc", "a whole number from 1 to 65535"),
        ("PORT", "70000", "a whole number from 1 to 65535"),
        ("FOCUS_ENV", "prod", "one of development, testing, production"),
        ("SOCKETIO_ASYNC_MODE", "twisted", "one of eventlet, gevent, threading"),
        ("DEBUG", "maybe", "true or false"),
        ("TICK_MS", "1.5", "a whole number from 1 to 1000"),
        ("PICTURES_PER_S", "nan", "a number from 0.2 to 10"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
        ("LOGIN_LIMIT", "often", "`number per second|minute|hour|day`, several of them separated by semicolons"),
        ("DB_SSLMODE", "strict", "one of (empty), disable, allow, prefer, require, verify-ca, verify-full"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_itself_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(**{name: value})

    assert refused.value.message == f"{name} is {value!r}; allowed is {allowed}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@db/focus"),
        ("DATABASE_URL", "sqlite://hunter2"),
        ("DATABASE_URL", "postgresql://hunter2@db"),
        ("REDIS_URL", "http://hunter2@cache"),
        ("SECRET_KEY", "hunter2"),
        ("SECRET_KEY", "hunter2" * 10),
    ],
)
def test_a_wrong_secret_is_refused_in_one_line_that_does_not_show_it(name: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(**{name: value})

    assert refused.value.message.startswith(f"{name} ")
    assert "hidden" in refused.value.message
    assert "hunter2" not in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused_because_every_connection_would_see_another(url: str) -> None:
    with pytest.raises(SettingError, match="and names a file"):
        load(DATABASE_URL=url)


def test_an_empty_value_is_an_unset_one() -> None:
    assert load(PORT="", DATABASE_URL=" ", REDIS_URL="") == load()


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("PORT=6000\nLOOKAHEAD_MS=200\n")

    settings = load_settings({"PORT": "7000"}, env_file=env_file)

    assert (settings.PORT, settings.LOOKAHEAD_MS) == (7000, 200)


def test_a_misspelled_name_in_the_file_is_found(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("PORT=6000\nDATABSE_URL=x\nFLASK_DEBUG=1\n")

    assert unknown_names(env_file) == ["DATABSE_URL"]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:5000"),
        ("0.0.0.0", "http://127.0.0.1:5000"),
        ("::", "http://[::1]:5000"),
        ("fd00::1", "http://[fd00::1]:5000"),
        ("lab.example.org", "http://lab.example.org:5000"),
    ],
)
def test_the_address_is_one_that_this_machine_can_call(host: str, address: str) -> None:
    assert load(HOST=host).address == address


# -- database ---------------------------------------------------------------------------------------------------------


def test_a_relative_sqlite_file_lies_in_the_instance_folder(tmp_path: Path) -> None:
    settings = load(FOCUS_INSTANCE=str(tmp_path), DATABASE_URL="sqlite:///other.db")

    assert settings.database_url == f"sqlite:///{tmp_path / 'other.db'}"
    assert settings.uses_sqlite


def test_the_parts_make_a_postgresql_address_whatever_the_password_is() -> None:
    settings = load(DB_NAME="focus", DB_USER="me", DB_PASSWORD="p@ss/w:rd", DB_HOST="db", DB_PORT="5433")

    assert settings.database_url == "postgresql://me:p%40ss%2Fw%3Ard@db:5433/focus?sslmode=prefer"


def test_a_socket_folder_is_a_host_too() -> None:
    settings = load(DB_NAME="focus", DB_HOST="/run/postgresql")

    assert settings.database_url == "postgresql://focus@/focus?host=%2Frun%2Fpostgresql&port=5432&sslmode=prefer"


def test_the_address_comes_before_the_parts_and_keeps_its_own_sslmode() -> None:
    settings = load(DATABASE_URL="postgresql://u@h/n?sslmode=require", DB_NAME="other")

    assert settings.database_url == "postgresql://u@h/n?sslmode=require"


# -- production -------------------------------------------------------------------------------------------------------


def test_production_with_all_it_needs_is_accepted() -> None:
    settings = load(**PRODUCTION, DATABASE_URL="postgresql://u@h/n")

    assert isinstance(settings, Production)
    assert settings.database_url == "postgresql://u@h/n?sslmode=verify-full"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is empty; production needs 32 or more random characters"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is empty; production needs the host names of this server"),
        ({"DEBUG": "1"}, "DEBUG is true; allowed in production is false"),
        (
            {"DATABASE_URL": "postgresql://u@h/n?sslmode=require"},
            "DB_SSLMODE is 'require'; allowed in production is verify-full (or DB_ALLOW_UNVERIFIED=true)",
        ),
    ],
)
def test_production_refuses_what_is_unsafe(changed: dict[str, str], line: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(**{**PRODUCTION, **changed})

    assert refused.value.message == line


def test_production_can_be_told_to_trust_its_network() -> None:
    settings = load(**PRODUCTION, DB_NAME="focus", DB_SSLMODE="disable", DB_ALLOW_UNVERIFIED="true")

    assert settings.database_url.endswith("?sslmode=disable")


# -- documents --------------------------------------------------------------------------------------------------------


def test_env_example_names_every_setting_with_its_default() -> None:
    example = dotenv_values(ROOT / ".env.example")

    assert list(example) == list(Settings.model_fields)
    values = {name: value for name, value in example.items() if value and name != "FOCUS_INSTANCE"}
    assert load(**values) == load()


def test_the_page_of_settings_is_up_to_date() -> None:
    from focus.cli.doctor import settings_page

    assert (ROOT / "docs" / "configuration.md").read_text() == settings_page()


def test_a_wrong_setting_stops_the_server_with_its_line_alone() -> None:
    done = subprocess.run(
        [sys.executable, "wsgi.py"],
        cwd=ROOT,
        env={"PORT": "abc", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "PORT is 'abc'; allowed is a whole number from 1 to 65535\n"
