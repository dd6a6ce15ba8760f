"""The public keys of anchors as the book has them: each was introduced by the one before, or by nobody."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_KEY_ID_DIGITS = 32

_KNOWN = """
SELECT key_id, public_key, introduced_at, introduced_by, signature FROM book.anchor_key
ORDER BY introduced_at, key_id
"""
_ADD = """
INSERT INTO book.anchor_key (key_id, public_key, introduced_at, introduced_by, signature) VALUES (%s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class AnchorKey:
    """A public key of 32 bytes, since when it signs, and which key introduced it, by the signature of `text`.

    None did the first key, nor one that was made because the one before was lost: those signed it themselves.
    """

    public_key: bytes
    introduced_at: datetime
    introduced_by: str | None = None
    signature: bytes = b""

    @property
    def key_id(self) -> str:
        """The id of the key."""
        return key_id_of(self.public_key)

    @property
    def at_us(self) -> int:
        """Since when it signs, in microseconds since 1970 UTC."""
        return (self.introduced_at - _EPOCH) // _MICROSECOND

    def text(self, book: UUID) -> bytes:
        """What the introducing key signs: ASCII lines, each ended by a line feed."""
        return (
            f"wattledger-anchor-key-1\n{book}\n{self.key_id}\n{self.public_key.hex()}\n{self.introduced_by or ''}\n"
            f"{self.at_us}\n"
        ).encode("ascii")


def key_id_of(public_key: bytes) -> str:
    """A key is known by the first 32 hex digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(public_key).hexdigest()[:_KEY_ID_DIGITS]


def known_keys(cursor: Cursor[TupleRow]) -> list[AnchorKey]:
    """The keys of this book, the first one first."""
    return [
        AnchorKey(bytes(key), at.astimezone(UTC), by, signature)
        for _, key, at, by, signature in cursor.execute(_KNOWN).fetchall()
    ]


def keep_key(cursor: Cursor[TupleRow], key: AnchorKey) -> None:
    """Note that a key signs from now on."""
    cursor.execute(_ADD, (key.key_id, key.public_key, key.introduced_at, key.introduced_by, key.signature))
