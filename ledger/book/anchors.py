"""Anchors of the tree over all entries (docs/proofs.md): how it grows, what is signed of it, and what is kept."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.periods import book_calendar, fix_zone
from ledger.gateway import Gateway
from ledger.locks import Lock, hold

AnyCursor: TypeAlias = Cursor[TupleRow]

_NO_ANCHOR = bytes(32)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_GROW = "SELECT tree_size, tree_root, added FROM book.grow_tree()"
_COLUMNS = "number, book, tree_size, root, previous, anchored_at, reason, key_id, signature"
_BEHIND = f"SELECT {_COLUMNS} FROM book.anchor WHERE number > %s ORDER BY number LIMIT %s"  # noqa: S608 (constants)
_LAST = f"SELECT {_COLUMNS} FROM book.anchor ORDER BY number DESC LIMIT 1"  # noqa: S608 (constants)
# A book is known by the first row of the chain over its events, which has a hash that no other store has.
_BOOK = "SELECT substring(encode(hash, 'hex') for 32)::uuid FROM event_store.chain WHERE number = 0"
_NUMBERED = f"SELECT {_COLUMNS} FROM book.anchor WHERE number = %s"  # noqa: S608 (constants)
_ADD = f"INSERT INTO book.anchor ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608 (constants)
# Whether the last anchor, or the store, was made so long ago, and there are more entries than in the tree.
_TIME = """
SELECT coalesce((SELECT anchored_at FROM book.anchor ORDER BY number DESC LIMIT 1),
                (SELECT recorded_at FROM event_store.chain WHERE number = 0)) <= clock_timestamp() - %s
       AND (SELECT coalesce(sum(entries), 0) FROM book.entry_count)
           > coalesce((SELECT max(size) FROM book.tree), 0)
"""


class Reason(StrEnum):
    """Why there is an anchor: payouts left, a period was closed, or it was time for one."""

    BATCH = "BATCH"
    CLOSE = "CLOSE"
    TIME = "TIME"


class AnchorSigner(Protocol):
    """Who signs anchors: a key, by its id."""

    @property
    def key_id(self) -> str:
        """The first 32 hex digits of the SHA-256 of the public key."""

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature of a text (RFC 8032): 64 bytes."""


# Finds who signs, in the transaction of the anchor, and raises what says why nothing can be signed now.
SignerOf: TypeAlias = Callable[[AnyCursor], AnchorSigner]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The tree as it was signed: its first `tree_size` entries can never be others and have this `root`.

    `book` names the store, `number` counts its anchors from 1, and `previous` is the SHA-256 of the text of the one
    before, 32 zero bytes of the first.
    """

    number: int
    book: UUID
    tree_size: int
    root: bytes
    previous: bytes
    anchored_at: datetime
    reason: Reason
    key_id: str
    signature: bytes = b""

    @property
    def at_us(self) -> int:
        """When it was made, in microseconds since 1970 UTC."""
        return (self.anchored_at - _EPOCH) // _MICROSECOND

    @property
    def text(self) -> bytes:
        """What is signed: ASCII lines, each ended by a line feed."""
        return (
            f"wattledger-anchor-1\n{self.book}\n{self.number}\n{self.tree_size}\n{self.root.hex()}\n"
            f"{self.previous.hex()}\n{self.at_us}\n{self.reason}\n{self.key_id}\n"
        ).encode("ascii")


class Tree(NamedTuple):
    """The tree as it stands: how many entries are in it, its root, and how many of them joined just now."""

    size: int
    root: bytes
    added: int


def make_anchor(cursor: AnyCursor, reason: Reason, signer_of: SignerOf) -> Anchor | None:
    """Let the tree grow by all that was committed, and keep a signed anchor of it, in the cursor's transaction.

    One transaction at a time does so, and nobody waits for it who writes entries. None where nothing is new, unless a
    period is closed. To be called in READ COMMITTED, first in its transaction. Raises what `signer_of` does.
    """
    hold(cursor, Lock.ANCHORS)
    tree = Tree(*_row(cursor.execute(_GROW)))
    last = anchor_of(cursor)
    if reason is not Reason.CLOSE and (last.tree_size if last else 0) == tree.size:
        return None
    signer = signer_of(cursor)
    anchor = Anchor(
        number=last.number + 1 if last else 1,
        book=last.book if last else book_id(cursor),
        tree_size=tree.size,
        root=tree.root,
        previous=hashlib.sha256(last.text).digest() if last else _NO_ANCHOR,
        anchored_at=datetime.now(UTC),
        reason=reason,
        key_id=signer.key_id,
    )
    anchor = replace(anchor, signature=signer.sign(anchor.text))
    cursor.execute(_ADD, _values(anchor))
    return anchor


def anchor(gateway: Gateway, reason: Reason, signer_of: SignerOf, zone: str) -> Anchor | None:
    """`make_anchor` in a transaction of its own; the first of a book fixes in which zone its months end.

    Raises MachineryFault, also where that zone cannot be fixed at once, since others write: it is tried again then.
    """
    with gateway.transaction() as cursor:
        if not book_calendar(cursor).is_fixed:
            # Once in the life of a book: who fixes it waits for who writes, and others would wait behind it.
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            fix_zone(cursor, zone)
    with gateway.transaction() as cursor:
        return make_anchor(cursor, reason, signer_of)


def is_time(cursor: AnyCursor, every: timedelta) -> bool:
    """Whether so long no anchor was made, and there are entries that are in none."""
    return bool(_row(cursor.execute(_TIME, (every,)))[0])


def book_id(cursor: AnyCursor) -> UUID:
    """What names this book in its anchors."""
    found: UUID = _row(cursor.execute(_BOOK))[0]
    return found


def anchor_of(cursor: AnyCursor, number: int | None = None) -> Anchor | None:
    """The anchor of a number, the last one without; None where there is none."""
    row = (cursor.execute(_LAST) if number is None else cursor.execute(_NUMBERED, (number,))).fetchone()
    return None if row is None else _anchor(row)


def anchors_behind(cursor: AnyCursor, number: int, limit: int) -> Iterator[Anchor]:
    """The anchors after the one of a number, in their order, so many at most."""
    return map(_anchor, cursor.execute(_BEHIND, (number, limit)).fetchall())


def anchor_document(anchor: Anchor) -> dict[str, Any]:
    """An anchor as it is a line of `anchors.jsonl` and the data of its record; its signature in base64."""
    return {
        "book": str(anchor.book),
        "number": anchor.number,
        "tree_size": anchor.tree_size,
        "root": anchor.root.hex(),
        "previous": anchor.previous.hex(),
        "at_us": anchor.at_us,
        "reason": anchor.reason.value,
        "key_id": anchor.key_id,
        "signature": b64encode(anchor.signature).decode(),
    }


def _anchor(row: TupleRow) -> Anchor:
    number, book, size, root, previous, at, reason, key_id, signature = row
    return Anchor(number, book, size, root, previous, at.astimezone(UTC), Reason(reason), key_id, signature)


def _values(anchor: Anchor) -> tuple[object, ...]:
    return (
        anchor.number,
        anchor.book,
        anchor.tree_size,
        anchor.root,
        anchor.previous,
        anchor.anchored_at,
        anchor.reason.value,
        anchor.key_id,
        anchor.signature,
    )


def _row(cursor: AnyCursor) -> TupleRow:
    row = cursor.fetchone()
    if row is None:
        raise LookupError("the database answers with no row")
    return row
