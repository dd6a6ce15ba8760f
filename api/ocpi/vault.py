"""Tokens that we bring to partners, kept sealed: AES-256-GCM with a key that is not in the database.

The first key seals, and all of them open: a new key is put first, and the old one is taken away once every token was
sealed anew.
"""

import secrets
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.access import ocpi_partners
from ledger.access.seals import keys_in

_NONCE_BYTES = 12
_ID_BYTES = 8


class VaultClosed(Exception):
    """A token was sealed with a key that is not given here, or a key is none; the message says what to do."""


class Vault:
    """Seals with the first of its keys; a sealed token begins with the id of its key and with its nonce."""

    def __init__(self, keys: str) -> None:
        """`keys` have 32 bytes each in base64, separated by commas. Raises VaultClosed for what is no key."""
        try:
            found = keys_in(keys)
        except ValueError:
            raise VaultClosed(
                "WATTLEDGER_SECRET_KEY is no key: it has 32 bytes in base64; make one by openssl rand -base64 32"
            ) from None
        self._keys = {sha256(key).digest()[:_ID_BYTES]: AESGCM(key) for key in found}

    def sealed(self, token: str, party: str) -> bytes:
        """A token as it is kept, for the party that it is brought to and nobody else."""
        id_, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return id_ + nonce + key.encrypt(nonce, token.encode(), party.encode())

    def is_of_first_key(self, sealed: bytes) -> bool:
        """Whether a token was sealed with the key that seals now."""
        return sealed[:_ID_BYTES] == next(iter(self._keys))

    def opened(self, sealed: bytes, party: str) -> str:
        """The token; raises VaultClosed where it was sealed with another key, or for another party."""
        id_, nonce, text = sealed[:_ID_BYTES], sealed[_ID_BYTES:][:_NONCE_BYTES], sealed[_ID_BYTES + _NONCE_BYTES :]
        try:
            return self._keys[id_].decrypt(nonce, text, party.encode()).decode()
        except (KeyError, InvalidTag, ValueError):
            raise VaultClosed(
                f"the token for {party} was sealed with another key: give this process the WATTLEDGER_SECRET_KEY or "
                f"the data directory that it was sealed with, or part from {party} (`wattledger ocpi leave {party} "
                "--here-alone`) and invite it anew"
            ) from None


def seal_anew(cursor: Any, vault: Vault) -> int:
    """Seal each partner's token that is sealed with another key than the first; how many were.

    Raises VaultClosed for one that no key opens.
    """
    number = 0
    for partner in ocpi_partners.partners(cursor):
        sealed = partner.sealed_token
        if sealed is not None and not vault.is_of_first_key(sealed):
            anew = vault.sealed(vault.opened(sealed, partner.party), partner.party)
            number += ocpi_partners.reseal(cursor, partner.party, sealed, anew)
    return number
