"""A key that signs anchors, and entries that stand for nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.journal import Entry, Posting
from ledger.book.anchor_keys import keep_key, known_keys
from ledger.book.anchors import book_id
from wattledger.anchor_keys import PrivateKey, introduced


@pytest.fixture
def signer_of() -> Callable[[Cursor[TupleRow]], PrivateKey]:
    """Gives the one key that signs, which the book knows once it is asked for."""
    key = PrivateKey.new()

    def find(cursor: Cursor[TupleRow]) -> PrivateKey:
        if not known_keys(cursor):
            keep_key(cursor, introduced(key, None, book_id(cursor)))
        return key

    return find


@pytest.fixture
def entries() -> Callable[[int], list[Entry]]:
    """Makes so many new entries."""

    def make(count: int) -> list[Entry]:
        return [an_entry(uuid4()) for _ in range(count)]

    return make


def an_entry(entry_id: UUID) -> Entry:
    """An entry of that id."""
    postings = (Posting("1110/P", 1190), Posting("1105/S-1", -1190))
    return Entry(entry_id, "J01c", datetime(2026, 3, 31, 23, 30, tzinfo=UTC), "EUR", postings, uuid4(), "S-1")
