"""The journal store: writes entries with the balances they move, and reads the journal in its order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.errors import IntegrityError, UniqueViolation
from psycopg.rows import TupleRow, tuple_row

from domain.book.journal import Entry, Posting
from ledger.book.balances import add_to_balances
from ledger.book.canonical import HASH_VERSION, effective_us, entry_hash
from ledger.copy_rows import ENTRY_COLUMNS, POSTING_COLUMNS, entry_rows, posting_rows
from ledger.errors import EntryExists, EntryRefused

# Postings go in before their entries: the entry row seals them. The trigger on entries checks the whole set once.
_COPY_POSTINGS = f"COPY book.posting ({POSTING_COLUMNS}) FROM STDIN (FORMAT BINARY)"
_COPY_ENTRIES = f"COPY book.entry ({ENTRY_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# Looks for lines without an entry now, not at commit, where the event store's lock would be held meanwhile.
_CHECK_LINES_NOW = """
SET CONSTRAINTS book.posting_entry_fkey IMMEDIATE;
SET CONSTRAINTS book.posting_entry_fkey DEFERRED
"""

# How many entries there are, in the writer's own slot.
_COUNT = """
INSERT INTO book.entry_count AS kept (shard, entries) VALUES (%s, %s)
ON CONFLICT (shard) DO UPDATE SET entries = kept.entries + excluded.entries
"""

# The journal by effective time, each entry with its accounts and amounts in the order of their lines.
_JOURNAL = """
SELECT entry.entry_id, entry.kind, entry.effective_at, entry.currency, entry.session_id, entry.payout_id,
       entry.reverses, entry.cause, lines.accounts, lines.amounts, entry.hash_version, entry.hash
FROM book.entry
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(account ORDER BY line), '{}') AS accounts,
           coalesce(array_agg(amount_minor ORDER BY line), '{}') AS amounts
    FROM book.posting
    WHERE posting.entry_id = entry.entry_id
) AS lines
ORDER BY entry.effective_at, entry.entry_id
"""
_ROWS_PER_FETCH = 2_000

# Names of server-side cursors, so that two journals can be read side by side on one connection.
_CURSOR_NUMBERS = count(1)


class JournalRow(NamedTuple):
    """An entry as its rows have it, with the hash it was given when it was written."""

    entry_id: UUID
    kind: str
    effective_at: datetime
    currency: str
    session_id: str | None
    payout_id: str | None
    reverses: UUID | None
    cause: UUID
    accounts: list[str]
    amounts: list[int]
    hash_version: int
    hash: bytes

    def entry(self) -> Entry:
        """The entry; raises UnbalancedEntry when the rows do not make one."""
        return Entry(
            self.entry_id,
            self.kind,
            self.effective_at,
            self.currency,
            tuple(map(Posting, self.accounts, self.amounts)),
            self.cause,
            self.session_id,
            self.payout_id,
            self.reverses,
        )


def write_entries(cursor: Cursor[TupleRow], entries: Sequence[Entry], shard: int) -> None:
    """Write a set of entries and add their postings to the balances, in the cursor's transaction.

    One set per call; none is a no-op. `shard` (0 to 255) is the slot of this writer: two writers with different ones
    never wait for the same balance. Call it before `ledger.events.store.append`, whose lock is to be the last
    one taken. Not for use in pipeline mode.
    Raises EntryExists for an entry that was written before or a second reversal, and EntryRefused for anything else
    that the book does not take; the transaction is to be rolled back.
    """
    if not entries:
        return
    # Every writer inserts in the order of ids, so that two with entries in common wait and do not deadlock.
    ordered = sorted(entries, key=_by_id)
    _refuse_zero_amounts(ordered)
    hashes = [entry_hash(entry) for entry in ordered]
    moments_us = [effective_us(entry) for entry in ordered]
    try:
        _copy(cursor, _COPY_POSTINGS, posting_rows(ordered))
        _copy(cursor, _COPY_ENTRIES, entry_rows(ordered, moments_us, hashes, HASH_VERSION))
        cursor.execute(_CHECK_LINES_NOW)
    except UniqueViolation as error:
        raise EntryExists(f"the book has it already: {error.diag.message_detail}; roll back") from error
    except IntegrityError as error:
        if error.diag.constraint_name == "posting_entry_sealed":
            raise EntryExists(f"{error.diag.message_primary}: it was written before; roll back") from error
        raise EntryRefused(f"the book refuses the entries: {error.diag.message_primary}; roll back") from error
    add_to_balances(cursor, ordered, moments_us, shard)
    cursor.execute(_COUNT, (shard, len(ordered)))


def journal(cursor: Cursor[TupleRow]) -> Iterator[Entry]:
    """All entries by (effective_at, entry_id), postings in the order of their lines.

    Streams through a server-side cursor of its own on the cursor's connection, inside its transaction: memory stays
    flat. Times come in the session's time zone.
    """
    return (row.entry() for row in journal_rows(cursor))


def journal_rows(cursor: Cursor[TupleRow]) -> Iterator[JournalRow]:
    """The journal as `journal` gives it, as it stands in the tables: nothing is checked."""
    name = f"journal_{next(_CURSOR_NUMBERS)}"
    with cursor.connection.cursor(name, row_factory=tuple_row, withhold=cursor.connection.autocommit) as rows:
        rows.itersize = _ROWS_PER_FETCH
        rows.execute(_JOURNAL, binary=True)
        for row in rows:
            yield JournalRow(*row)


def _by_id(entry: Entry) -> int:
    return entry.entry_id.int


def _refuse_zero_amounts(entries: Sequence[Entry]) -> None:
    for entry in entries:
        for posting in entry.postings:
            if posting.amount_minor == 0:
                raise EntryRefused(
                    f"entry {entry.kind} {entry.entry_id} has a posting of zero on {posting.account}: leave it out"
                )


def _copy(cursor: Cursor[TupleRow], statement: LiteralString, rows: bytes) -> None:
    with cursor.copy(statement) as copy:
        copy.write(rows)
