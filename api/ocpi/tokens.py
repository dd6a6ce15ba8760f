"""Tokens of partners: made of 256 random bits, written into `Authorization` as both sides agreed.

OCPI 2.2.1 asks for base64 of the token (transport_and_format § Authorization header), 2.2 and 2.1.1 send it as it is.
Which of them is a setting of each partner, and never found out by trying: a token as it is can be base64 of another.
"""

import binascii
import re
import secrets
from base64 import b64decode, b64encode

_BYTES = 32
# 1 to 64 printable characters without space (credentials § Credentials object).
_FORM = re.compile(r"[\x21-\x7e]{1,64}")


def new_token() -> str:
    """A token of 64 hexadecimal digits."""
    return secrets.token_hex(_BYTES)


def is_token(text: str) -> bool:
    """Whether a text may be a token."""
    return _FORM.fullmatch(text) is not None


def authorization(token: str, encoding: str) -> str:
    """The header's value."""
    return f"Token {b64encode(token.encode()).decode() if encoding == 'base64' else token}"


def given_tokens(header: str | None) -> dict[str, str]:
    """What a header may mean, by encoding; empty where it is none of OCPI's."""
    scheme, _, text = (header or "").partition(" ")
    if scheme.lower() != "token" or not text:
        return {}
    found = {"raw": text} if is_token(text) else {}
    try:
        plain = b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return found
    return found | ({"base64": plain} if is_token(plain) else {})
