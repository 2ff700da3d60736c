"""Sending messages: through an SMTP server, or into the folder `outbox/` where none is set.

Called in the background alone (`registration.AccountDesk`): a mail server may take its time. A message is made of plain
text; neither its address nor its text is ever logged.
"""

from __future__ import annotations

import logging
import os
import secrets
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default as default_policy
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Literal, Protocol

logger = logging.getLogger(__name__)

OUTBOX: str = "outbox"
NOBODY: Final = 0
"""In the place of a user's number, for a letter to an address that has no account."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one person about their account; `kind` is what the log calls it."""

    user_id: int
    kind: str
    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Takes a letter on its way, or raises OSError or smtplib.SMTPException."""

    def send(self, letter: Letter) -> None: ...


class SmtpMailer:
    """Hands letters to an SMTP server."""

    def __init__(
        self,
        server: str,
        port: int,
        *,
        security: Literal["starttls", "tls", "none"],
        sender: str,
        username: str = "",
        password: str = "",
        timeout_s: float = 20.0,
    ) -> None:
        self._server, self._port, self._security = server, port, security
        self._sender, self._username, self._password = sender, username, password
        self._timeout_s = timeout_s

    def send(self, letter: Letter) -> None:
        message = compose(letter, self._sender, datetime.now(UTC))
        with self._connect() as connection:
            if self._username:
                connection.login(self._username, self._password)
            connection.send_message(message)
        logger.info("message %s for user %d is sent", letter.kind, letter.user_id)

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._security == "tls":
            return smtplib.SMTP_SSL(self._server, self._port, timeout=self._timeout_s, context=context)
        connection = smtplib.SMTP(self._server, self._port, timeout=self._timeout_s)
        if self._security == "starttls":
            try:
                connection.starttls(context=context)
            except BaseException:
                connection.close()
                raise
        return connection


class OutboxMailer:
    """Writes letters as .eml files for whoever runs the machine; their names say whose they are."""

    def __init__(self, instance: Path, sender: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = instance / OUTBOX
        self._sender = sender
        self._now = now

    def send(self, letter: Letter) -> None:
        now = self._now()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{now:%Y%m%dT%H%M%S%f}-user{letter.user_id}-{letter.kind}-{secrets.token_hex(4)}.eml"
        draft = self._folder / f".{name}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(bytes(compose(letter, self._sender, now)))
        draft.rename(self._folder / name)
        logger.info("message %s for user %d lies in %s/%s", letter.kind, letter.user_id, OUTBOX, name)


def letters_in_outbox(instance: Path, user_id: int, email: str) -> list[Path]:
    """The .eml files that were written for this person, those included that came before there was an account."""
    own = (instance / OUTBOX).glob(f"*-user{user_id}-*.eml")
    to_strangers = (instance / OUTBOX).glob(f"*-user{NOBODY}-*.eml")
    return sorted([*own, *(path for path in to_strangers if _addressee(path) == email)])


def _addressee(path: Path) -> str:
    with path.open("rb") as file:
        return str(BytesHeaderParser(policy=default_policy).parse(file)["To"])


def compose(letter: Letter, sender: str, now: datetime) -> EmailMessage:
    """The letter as a message of plain text."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{secrets.token_hex(16)}@focus.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    # 8bit keeps a link in one piece that quoted-printable would break.
    message.set_content(letter.text, cte="8bit")
    return message
