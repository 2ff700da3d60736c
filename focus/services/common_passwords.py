"""Makes `common_passwords.txt`, the bundled list of passwords that are tried first, out of the patterns people use.

    python -m focus.services.common_passwords > focus/services/common_passwords.txt

Only what has twelve characters or more is listed: everything shorter is refused anyway. The words and patterns below
were written for FOCUS; leaked passwords are no source of it. What is compared is the folded form (`fold`), so one line
stands for `Password1234`, `p@ssw0rd1234` and their like.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

MIN_LENGTH: Final = 12


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WORDS: Final = _words("""
password passwort passwd pass passphrase secret letmein welcome admin administrator root user guest test login master
access changeme default temp temporary system manager server computer internet office work company school student
teacher iloveyou loveyou love lover baby angel princess prince sunshine flower butterfly summer winter spring autumn
monday friday january december dragon monkey tiger lion wolf eagle shadow phoenix unicorn kitty puppy bunny chicken
football baseball basketball soccer hockey tennis golf gaming gamer pokemon superman batman spiderman ironman starwars
minecraft hello goodbye freedom forever family mother father sister brother friend friends michael jessica jennifer
ashley daniel jordan thomas charlie robert andrew matthew joshua maria anna sarah nicole london berlin paris moscow
america canada england germany france india china mexico brazil australia google facebook windows microsoft apple
samsung android iphone chocolate cookie banana orange cherry coffee pepper ginger diamond golden silver purple rainbow
blue black white green yellow killer ninja hunter ranger warrior soldier pirate wizard magic mustang ferrari porsche
mercedes harley yamaha corvette thunder lightning storm ocean river mountain forest jesus jesuschrist heaven blessed
trustno one qwerty qwertz azerty asdfgh zxcvbn qwertyuiop asdfghjkl zxcvbnm abcdef abcdefgh abc abcd eyetracker
eyetracking focus tracker research science university hospital
""")

PAIRS: Final = _words(
    "my the your mypassword thepassword newpassword oldpassword password1 secretpassword adminpassword rootpassword "
    "userpassword testpassword mysecret"
)

DIGITS: Final = _words(
    "1 2 12 21 11 22 69 77 88 99 00 01 007 111 123 321 666 777 1111 1234 4321 12345 54321 123456 654321 1234567 "
    "12345678 123456789 1234567890 0123456789 111111 000000 123123 112233 121212"
)
YEARS: Final = tuple(str(year) for year in range(1980, 2031))
ENDS: Final = ("", "!", "!!", "?", ".", "#", "*", "$")

ROWS: Final = _words("1234567890 qwertyuiop asdfghjkl zxcvbnm qwertzuiop azertyuiop abcdefghijklmnopqrstuvwxyz")
WALKS: Final = (
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
    "qawsedrftgyhujikolp",
    "zaq12wsxcde34rfvbgt56yhn",
    "a1b2c3d4e5f6g7h8i9j0",
    "qweasdzxcrtyfghvbn",
    "qwe123asd456zxc789",
    "123qweasdzxc",
    "qwer1234asdf5678zxcv",
)
SENTENCES: Final = _words("""
correcthorsebatterystaple iloveyouforever iloveyousomuch iloveyoubaby letmeinplease letmeinnow opensesame openthedoor
thisismypassword thisisapassword thisismysecret mypasswordismine nopasswordhere passwordpassword notapassword
ihatepasswords iforgotmypassword idontknow idontremember welcomehome welcometomyhome whateveritis changemeplease
changethispassword changemenow donttellanyone topsecretpassword supersecretpassword verysecretpassword
jesuslovesme jesusislord godisgood godislove godblessyou inthebeginning onceuponatime maytheforcebewithyou
tobeornottobe helloworld helloworld123 administrator administrators superadministrator guestaccount testaccount
temporarypassword defaultpassword masterpassword securepassword strongpassword longpassword goodpassword
mynewpassword password12345678 twelvecharacters twelveletters fourteenletters
""")

_FOLDING: Final = str.maketrans("@4301!5$7+", "aaeoiisstt")


def fold(password: str) -> str:
    """The form in which passwords are compared: small letters, usual replacements undone, without blanks."""
    return "".join(password.casefold().split()).translate(_FOLDING)


def patterns() -> Iterator[str]:
    """All candidates, those that are tried first in front; some are too short and some come twice."""
    for row in ROWS:
        for length in range(MIN_LENGTH, 21):
            yield (row * 3)[:length]
            yield (row[::-1] * 3)[:length]
    for walk in WALKS:
        for length in range(MIN_LENGTH, len(walk) + 1):
            yield walk[:length]
    yield from SENTENCES
    for word in WORDS:
        yield from (word * 2, word * 3)
    # The ending outside, so that a shorter list still has every word with the endings that are used most.
    for digits in DIGITS:
        for word in WORDS:
            yield word + digits
    for first in PAIRS:
        for word in WORDS:
            yield first + word
    for end in ENDS:
        for digits in ("1", "12", "123", "1234", "12345"):
            for word in WORDS:
                yield word + digits + end
    for year in YEARS:
        for word in WORDS:
            yield word + year


def common_passwords(limit: int = 5000) -> list[str]:
    """The list itself: each of at least `MIN_LENGTH` characters, no two with the same folded form."""
    found: dict[str, str] = {}
    for candidate in patterns():
        if len(candidate) >= MIN_LENGTH:
            found.setdefault(fold(candidate), candidate)
            if len(found) == limit:
                break
    return list(found.values())


if __name__ == "__main__":
    sys.stdout.write("".join(f"{password}\n" for password in common_passwords()))
