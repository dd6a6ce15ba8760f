"""One attempt at a mail: the server that takes all of ours, and what its answers mean (RFC 5321)."""

import asyncio
import re
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from api.outward.sending import Outcome

if TYPE_CHECKING:
    from aiosmtplib import SMTP

# By scheme: the port, and whether the connection is TLS from the beginning, or from STARTTLS on.
SCHEMES: Final = {"smtp": 25, "starttls": 587, "smtps": 465}
_FORM = "write smtps://USER:PASSWORD@HOST:PORT, starttls://... or smtp://..."
_COMMAND_S = 10.0
# Connection, handshake, sign-in and mail: less than after what another sender takes it for lost.
_TOTAL_S = 30.0
# The server wants its client signed in (RFC 4954), or ends the session: nothing of the mail was judged.
_OF_THE_SESSION = (421, 530, 534, 535, 538)
_PERMANENT = 500
_ERROR_MAX = 200


class NoMailServer(ValueError):
    """What is given is no address of a mail server; the message says what to write, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; `scheme` is one of SCHEMES. The password is in no text of it."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trusted: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, url: str) -> "MailServer":
        """The server of a URL. Raises NoMailServer, also where a password would go through a network in clear text."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise NoMailServer(f"is no address of a mail server; {_FORM}") from None
        if (
            parts.scheme not in SCHEMES
            or not parts.hostname
            or parts.path.strip("/")
            or parts.query
            or parts.fragment
        ):
            raise NoMailServer(f"is no address of a mail server; {_FORM}")
        if (parts.username is None) != (parts.password is None):
            raise NoMailServer("names a user without a password, or a password without a user; give both or none")
        if parts.scheme == "smtp" and parts.password is not None and not _is_loopback(parts.hostname):
            raise NoMailServer("would send the password in clear text; use starttls:// or smtps://")
        user, password = (unquote(text) if text is not None else None for text in (parts.username, parts.password))
        return cls(parts.scheme, parts.hostname, port or SCHEMES[parts.scheme], user, password)


async def hand_in(server: MailServer, sender: str, recipient: str, message: bytes) -> Outcome:
    """Give a mail to the server; raises nothing.

    Where the server cannot be reached, or refuses us and not the mail, the outcome `is_away`. What it answers to the
    recipient for good (5xx) makes that one `gone`; to the mail itself, `is_final`.
    """
    from aiosmtplib import SMTP, SMTPException

    client = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        timeout=_COMMAND_S,
        use_tls=server.scheme == "smtps",
        start_tls=server.scheme == "starttls",
        tls_context=server.trusted,
    )
    try:
        async with asyncio.timeout(_TOTAL_S):
            await client.connect()
            return await _handed_in(client, sender, recipient, message)
    except (SMTPException, OSError, TimeoutError, ValueError) as error:
        return Outcome(getattr(error, "code", None), _said("the mail server is away", error), is_away=True)
    finally:
        client.close()


async def _handed_in(client: "SMTP", sender: str, recipient: str, message: bytes) -> Outcome:
    from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPSenderRefused

    try:
        await client.sendmail(sender, [recipient], message)
    except SMTPRecipientsRefused as refused:
        return _refused(refused.recipients[0].code, refused.recipients[0], is_recipient=True)
    except SMTPSenderRefused:
        raise  # It is us whom it does not want.
    except SMTPResponseException as refused:
        if refused.code in _OF_THE_SESSION:
            raise
        return _refused(refused.code, refused, is_recipient=False)
    except (SMTPException, OSError, TimeoutError) as error:
        # It did take the connection: what it does with this mail, it may not do with others.
        return Outcome(None, _said("the mail server broke off", error))
    return Outcome(250, is_taken=True)


def _refused(code: int, error: Exception, *, is_recipient: bool) -> Outcome:
    if code in _OF_THE_SESSION:
        raise error
    said = _said("refused", error)
    if code < _PERMANENT:
        return Outcome(code, said)
    gone = f"its mail server refused the address: {said}"[:300] if is_recipient else None
    return Outcome(code, said, is_final=True, gone=gone)


def _said(what: str, error: Exception) -> str:
    """An answer as one line; servers may write anything into it."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return f"{what}: {re.sub(r'[^ -~]+', ' ', str(text))}"[:_ERROR_MAX]


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")
