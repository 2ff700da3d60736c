"""Which passwords are taken, and that none is repeated in an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from focus.errors import ParameterError
from focus.services import passwords
from focus.services.common_passwords import common_passwords, fold


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("x" * 11, "has 11 characters; at least 12"),
        ("x" * 1025, "at most 1024"),
        ("Password1234", "most common"),
        ("p@ssw0rd1234", "most common"),
        ("pass word 1234", "most common"),
        ("qwertyuiop12", "most common"),
        ("1qaz2wsx3edc", "most common"),
        ("aabbaabbccaa", "3 different characters"),
        ("kdmbqzkdmbqz", "one piece repeated"),
        ("ada.lovelace", "is the e-mail address"),
        ("ada.lovelace@example.org", "is the e-mail address"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused_with_its_reason(password: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said) as refused:
        passwords.check_password(password, email="ada.lovelace@example.org")

    assert password not in refused.value.message


@pytest.mark.parametrize("password", ["twelve or more letters", "owl lamp river 9", "søvn og kaffe", "d8Jq-pL2x-77Rt"])
def test_a_password_of_ones_own_is_taken(password: str) -> None:
    password_hash = passwords.hash_password(password, email="ada@example.org")

    assert password_hash.startswith("$argon2id$")
    assert passwords.is_password(password_hash, password)
    assert not passwords.is_password(password_hash, password + "x")


def test_without_a_hash_no_password_is_right() -> None:
    assert not passwords.is_password(None, "twelve or more letters")


def test_the_bundled_list_is_what_the_patterns_make() -> None:
    bundled = Path(passwords.__file__).with_name("common_passwords.txt").read_text().splitlines()

    assert bundled == common_passwords()
    assert 3000 <= len(bundled) <= 5000
    assert len({fold(line) for line in bundled}) == len(bundled)
    assert min(map(len, bundled)) >= passwords.MIN_PASSWORD_LENGTH
