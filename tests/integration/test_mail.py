"""Letters through a real SMTP server: what arrives, and what is not sent where the way to it is not as it has to be."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from focus.services.mail import Letter, SmtpMailer
from tests.conftest import AppFactory
from tests.servers import find_program, free_port

LETTER = Letter(
    1, "reset", "ada@example.org", "Set a new FOCUS password", "https://focus.example/reset/" + "x" * 120 + "\n"
)
SENDER = "FOCUS <focus@example.org>"
USER, PASSWORD = "focus", "a password for mail"


@dataclass
class Sink:
    """Keeps what was delivered, and whether it came encrypted."""

    messages: list[tuple[Message, bool]] = field(default_factory=list)
    log_ins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        is_encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.messages.append((message_from_bytes(envelope.content), is_encrypted))
        return "250 OK"

    def log_in(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        found = (data.login.decode(), data.password.decode())
        self.log_ins.append(found)
        return AuthResult(success=found == (USER, PASSWORD), handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([find_program("openssl"), *request.split(), *names], check=True, capture_output=True)
    return cert, key


Serve = Callable[..., tuple[int, Sink]]


@pytest.fixture
def serve(certificate: tuple[Path, Path]) -> Iterator[Serve]:
    """SMTP servers: `serve("starttls")`, `serve("tls")`, `serve("none")`; returns the port and what arrives."""
    started: list[Controller] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate))

    def start(security: str) -> tuple[int, Sink]:
        sink, port = Sink(), free_port()
        named: dict[str, Any] = {"hostname": "localhost", "port": port, "server_hostname": "localhost"}
        if security == "starttls":
            named |= {"tls_context": context, "require_starttls": True, "authenticator": sink.log_in}
        elif security == "tls":
            named |= {"ssl_context": context}
        controller = Controller(sink, **named)
        controller.start()
        started.append(controller)
        return port, sink

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is one of an authority that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def mailer(port: int, security: Any, **named: Any) -> SmtpMailer:
    return SmtpMailer("localhost", port, security=security, sender=SENDER, timeout_s=10, **named)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_letter_arrives_whole_and_encrypted(serve: Serve, security: str) -> None:
    port, sink = serve(security)

    mailer(port, security).send(LETTER)

    ((message, is_encrypted),) = sink.messages
    assert is_encrypted
    assert (message["To"], message["From"], message["Subject"]) == (LETTER.to, SENDER, LETTER.subject)
    assert str(message.get_payload()).strip() == LETTER.text.strip()


@pytest.mark.usefixtures("trusted")
def test_the_log_in_goes_out_after_encryption_has_begun(serve: Serve) -> None:
    port, sink = serve("starttls")

    mailer(port, "starttls", username=USER, password=PASSWORD).send(LETTER)

    assert sink.log_ins == [(USER, PASSWORD)]
    assert len(sink.messages) == 1


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_sends_nothing(serve: Serve) -> None:
    port, sink = serve("starttls")

    with pytest.raises(smtplib.SMTPAuthenticationError):
        mailer(port, "starttls", username=USER, password="wrong").send(LETTER)

    assert sink.messages == []


@pytest.mark.usefixtures("trusted")
def test_a_server_that_offers_no_encryption_gets_neither_letter_nor_password(serve: Serve) -> None:
    port, sink = serve("none")

    with pytest.raises(smtplib.SMTPNotSupportedError):
        mailer(port, "starttls", username=USER, password=PASSWORD).send(LETTER)

    assert (sink.messages, sink.log_ins) == ([], [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_gets_nothing(serve: Serve, security: str) -> None:
    port, sink = serve(security)

    with pytest.raises(ssl.SSLCertVerificationError):
        mailer(port, security, username=USER, password=PASSWORD).send(LETTER)

    assert (sink.messages, sink.log_ins) == ([], [])


@pytest.mark.usefixtures("trusted")
def test_the_application_mails_through_the_server_that_is_set(
    make_app: AppFactory, sqlite_url: str, serve: Serve
) -> None:
    port, sink = serve("starttls")
    app = make_app(
        DATABASE_URL=sqlite_url,
        MAIL_SERVER="localhost",
        MAIL_PORT=str(port),
        MAIL_USERNAME=USER,
        MAIL_PASSWORD=PASSWORD,
        MAIL_FROM=SENDER,
        PUBLIC_URL="https://focus.example",
    )

    answer = app.test_client().post(
        "/api/v1/accounts", json={"email": "eve@example.org", "password": "correct horse battery"}
    )
    app.extensions["focus.desk"].finish()

    assert answer.status_code == 202
    ((message, is_encrypted),) = sink.messages
    assert (is_encrypted, message["To"]) == (True, "eve@example.org")
    assert "https://focus.example/verify/" in str(message.get_payload())
    assert not (app.extensions["focus.settings"].INSTANCE / "outbox").exists()
