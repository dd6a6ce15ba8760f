"""Secrets that we have to know again, kept sealed: a signature needs the secret itself, of which no hash would do.

They are encrypted with a key that is not in the database (Fernet: AES-128-CBC and HMAC-SHA256). It is that of
`WATTLEDGER_WEBHOOK_KEY`, or one that is made once and kept in a file under the data directory.
"""

import hmac
import secrets
from base64 import b64encode, urlsafe_b64decode
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from api.outward.key_files import kept_key

FILE = "webhook_key"
_PREFIX = "whsec_"
# Standard Webhooks asks for 24 to 64 bytes.
_SECRET_BYTES = 32


class SealBroken(Exception):
    """A secret was sealed with another key, or a key is none; the message says what to do."""


class Seal:
    """Seals with the first of its keys, and opens what any of them has sealed."""

    def __init__(self, keys: str | None = None) -> None:
        """`keys` are those of Fernet, separated by commas; one that nobody else has where there is none.

        Raises SealBroken for what is no key.
        """
        given = [each.strip() for each in keys.split(",")] if keys else [Fernet.generate_key().decode()]
        try:
            self._fernet = MultiFernet([Fernet(each) for each in given])
            self._keys = [urlsafe_b64decode(each) for each in given]
        except ValueError:
            raise SealBroken(
                "WATTLEDGER_WEBHOOK_KEY is no key: it has 32 bytes in base64; make one by openssl rand -base64 32"
            ) from None

    def sealed(self, secret: str) -> bytes:
        """A secret as it is kept."""
        return self._fernet.encrypt(secret.encode())

    def opened(self, sealed: bytes) -> str:
        """The secret; raises SealBroken where it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise SealBroken(
                "the secret of this endpoint was sealed with another key: give every process the same "
                "WATTLEDGER_WEBHOOK_KEY or the same data directory, or rotate the secret"
            ) from None

    def keys_for(self, purpose: bytes) -> list[bytes]:
        """Keys for another purpose, one of each of its own, the one to be used first; they tell nothing of these."""
        return [hmac.digest(key, purpose, "sha256") for key in self._keys]


def seal_of(keys: str | None, folder: Path) -> Seal:
    """The seal with these keys, or with the one that a file in a folder has, which is made where there is none."""
    return Seal(keys or kept_key(folder / FILE, lambda: Fernet.generate_key().decode()))


def new_secret() -> str:
    """A secret of an endpoint, in the form of Standard Webhooks."""
    return f"{_PREFIX}{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"
