"""Mail as it is sent: text alone, in the form of RFC 5322, with what mailboxes need to let go of it (RFC 8058)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

_SUBJECT_MAX = 150
_TEXT_MAX = 300
_ADDRESS_MAX = 254
_NO_MAILBOX = "is no mail address, such as desk@example.org or Desk <desk@example.org>"
# A dot-atom (RFC 5322) at a name of a host: what quotes and comments would hide, nobody's address needs.
_LOCAL = r"[\w!#$%&'*+/=?^`{|}~-]{1,64}"
_MAILBOX = re.compile(
    rf'(?:(?P<name>[^<>"\\\x00-\x1f\x7f]*)(?P<in_brackets><))?'
    rf"(?P<local>{_LOCAL}(?:\.{_LOCAL})*)@(?P<host>[^\s<>@]+)(?(in_brackets)>)",
    re.ASCII,
)
_DOMAIN = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE
)


class NoMailbox(ValueError):
    """What mail cannot be sent to, or from."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one reader: `id` is the same whenever it is sent, `unsubscribe_url` where one click ends it."""

    id: str
    recipient: str
    subject: str
    text: str
    language: str
    unsubscribe_url: str


def plain(text: object, most: int = _TEXT_MAX) -> str:
    """What somebody else wrote, as one line of visible text: no line breaks, nothing that steers or reorders it."""
    shown = "".join(" " if unicodedata.category(each) in ("Zl", "Zp", "Cc") else each for each in str(text))
    kept = "".join(each for each in shown if not unicodedata.category(each).startswith("C"))
    line = " ".join(kept.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def mailbox(text: str) -> Address:
    """`desk@example.org` or `Desk <desk@example.org>`. Raises NoMailbox for what is not one mailbox."""
    found = _MAILBOX.fullmatch(text)
    if found is None:
        raise NoMailbox(_NO_MAILBOX)
    try:
        domain = found["host"].encode("idna").decode("ascii")
    except UnicodeError:
        raise NoMailbox(_NO_MAILBOX) from None
    if not _DOMAIN.fullmatch(domain) or len(found["local"]) + len(domain) >= _ADDRESS_MAX:
        raise NoMailbox(_NO_MAILBOX)
    return Address(_undecoded(plain(found["name"] or "")), found["local"], domain)


def _undecoded(text: str) -> str:
    """Text that holds no encoded word (RFC 2047), which the library would decode: line breaks and headers with it."""
    return text.replace("=?", "= ?")


def written(letter: Letter, sender: Address, at: datetime) -> bytes:
    """The mail as it goes over the wire. Raises NoMailbox where its recipient is none."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = mailbox(letter.recipient)
    message["Subject"] = _undecoded(plain(letter.subject, _SUBJECT_MAX))
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{letter.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text, cte="quoted-printable")
    message["Content-Language"] = letter.language
    # The library would fold it into encoded words, which are no URL to anybody.
    return b"List-Unsubscribe: <" + letter.unsubscribe_url.encode("ascii") + b">\r\n" + message.as_bytes()
