"""The server that takes all of our mail, as its URL says."""

import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

# By scheme its port: TLS from the beginning with smtps, from STARTTLS on with starttls, never with smtp.
SCHEMES: Final = {"smtp": 25, "starttls": 587, "smtps": 465}
_FORM = "write smtps://USER:PASSWORD@HOST:PORT, starttls://... or smtp://..."


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
        """The server of a URL. Raises NoMailServer, also where a password would cross a network in clear text."""
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


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")
