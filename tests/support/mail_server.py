"""A mail server on this machine: it keeps what it is handed, and answers each recipient as it is told to."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

# Any port that is free.
_ANY = 0


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it was handed in: from whom and to whom by its envelope, and its bytes."""

    sender: str
    recipient: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, read."""
        found = message_from_bytes(self.content, policy=SMTP)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        """Its text."""
        return str(self.message.get_content()).replace("\r\n", "\n")

    @property
    def id(self) -> str:
        """Its Message-ID, without the host."""
        return str(self.message["message-id"]).strip("<>").partition("@")[0]


@dataclass(slots=True)
class MailServer:
    """What came, and what is answered: to recipients by their addresses, to every mail, and to who signs in."""

    host: str = "127.0.0.1"
    port: int = 0
    recipients: dict[str, str] = field(default_factory=dict)
    content: str = "250 OK"
    breaks_off: set[str] = field(default_factory=set)
    login: tuple[str, str] | None = None
    mails: list[Mail] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ids(self) -> list[str]:
        """The Message-IDs that came, in their order."""
        return [each.id for each in self.mails]

    def to(self, recipient: str) -> list[Mail]:
        """What came for one recipient."""
        return [each for each in self.mails if each.recipient == recipient]

    # What aiosmtpd asks; the names are its own.

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or answer as was said for it."""
        if address in self.breaks_off:
            server.transport.abort()
            await asyncio.sleep(0)
        answer = self.recipients.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail, if it is to be taken."""
        if self.content.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails += [Mail(envelope.mail_from or "", each, content) for each in envelope.rcpt_tos]
        return self.content

    def authenticate(
        self, server: Any, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        """Let in who has the login."""
        given = (login.login.decode(), login.password.decode())
        return AuthResult(success=given == self.login, handled=False)


@contextmanager
def mail_server(
    port: int = _ANY,
    *,
    login: tuple[str, str] | None = None,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    server: MailServer | None = None,
) -> Iterator[MailServer]:
    """A server for as long as the block runs; with a login it wants one of every client.

    With `server` what came before and what is answered go on.
    """
    found = server or MailServer()
    found.login = login
    controller = _Controller(
        found,
        hostname=found.host,
        port=port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        auth_required=login is not None,
        auth_require_tls=False,
        authenticator=found.authenticate,
    )
    controller.start()
    try:
        found.port = controller.port
        yield found
    finally:
        controller.stop()


class _Controller(Controller):
    """Listens at any port that is free, which aiosmtpd does not expect."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
