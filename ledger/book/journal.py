"""The journal store: writes entries with the balances they move, and reads the journal in its order."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.errors import IntegrityError, UniqueViolation
from psycopg.rows import TupleRow, tuple_row

from domain.book.journal import Entry, Posting
from ledger.arrays import array
from ledger.book.balances import add_to_balances
from ledger.book.canonical import HASH_VERSION, effective_us, entry_hash
from ledger.copy_rows import ENTRY_COLUMNS, POSTING_COLUMNS, entry_rows, posting_rows
from ledger.errors import EntryExists, EntryRefused

# Postings go in before their entries: the entry row seals them. The trigger on entries checks the whole set once.
_COPY_POSTINGS = f"COPY book.posting ({POSTING_COLUMNS}) FROM STDIN (FORMAT BINARY)"
_COPY_ENTRIES = f"COPY book.entry ({ENTRY_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# Everything at once, in the server: for the few entries that a round trip costs more than.
_POST = """
SELECT book.post_entries(
    %s::int2, %s::int2, %s::uuid[], %s::text[], %s::int8[], %s::text[], %s::int2[], %s::text[], %s::text[],
    %s::uuid[], %s::uuid[], %s::bytea[], %s::int4[], %s::int2[], %s::text[], %s::int8[]
)
"""
# Up to so many entries one call is faster than sets by COPY.
FEW = 32

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

# Of entries the columns of a JournalRow, and where its accounts and amounts are from, in the order of their lines.
ROW_COLUMNS: LiteralString = """
       entry.entry_id, entry.kind, entry.effective_at, entry.currency, entry.session_id, entry.payout_id,
       entry.reverses, entry.cause, lines.accounts, lines.amounts, entry.hash_version, entry.hash
"""
ROW_LINES: LiteralString = """
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(account ORDER BY line), '{}') AS accounts,
           coalesce(array_agg(amount_minor ORDER BY line), '{}') AS amounts
    FROM book.posting
    WHERE posting.entry_id = entry.entry_id
) AS lines
"""
# The journal by effective time.
_JOURNAL = f"""
SELECT {ROW_COLUMNS} FROM book.entry {ROW_LINES}
ORDER BY entry.effective_at, entry.entry_id
"""  # noqa: S608 - columns of ours
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
    ordered, hashes, moments_us = _prepared(entries)
    with _refusals():
        # First, as book.post_entries does: writers that have to share a slot wait for each other here.
        cursor.execute(_COUNT, (shard, len(ordered)))
        _copy(cursor, _COPY_POSTINGS, posting_rows(ordered))
        _copy(cursor, _COPY_ENTRIES, entry_rows(ordered, moments_us, hashes, HASH_VERSION))
        cursor.execute(_CHECK_LINES_NOW)
    add_to_balances(cursor, ordered, moments_us, shard)


def post_entries(cursor: Cursor[TupleRow], entries: Sequence[Entry], shard: int) -> None:
    """As `write_entries`, in one round trip: for a few entries (up to FEW) that nothing else is written with.

    On a cursor of `Gateway.statement` the call is a transaction of its own, durable when it returns.
    """
    if not entries:
        return
    ordered, hashes, moments_us = _prepared(entries)
    with _refusals():
        cursor.execute(_POST, (shard, HASH_VERSION, *_columns(ordered, hashes, moments_us)), prepare=True)


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


def _prepared(entries: Sequence[Entry]) -> tuple[list[Entry], list[bytes], list[int]]:
    """The entries as they are written, with their hashes and their effective times in microseconds since 1970."""
    # Every writer inserts in the order of ids, so that two with entries in common wait and do not deadlock.
    ordered = sorted(entries, key=_by_id)
    _refuse_zero_amounts(ordered)
    return ordered, [entry_hash(entry) for entry in ordered], [effective_us(entry) for entry in ordered]


def _columns(entries: Sequence[Entry], hashes: Sequence[bytes], moments_us: Sequence[int]) -> Iterator[str]:
    """What book.post_entries takes after the shard and the version: columns of entries, then of their postings."""
    for column in (
        [entry.entry_id for entry in entries],
        [entry.kind for entry in entries],
        moments_us,
        [entry.currency for entry in entries],
        [len(entry.postings) for entry in entries],
        [entry.session_id for entry in entries],
        [entry.payout_id for entry in entries],
        [entry.reverses for entry in entries],
        [entry.cause for entry in entries],
        [f"\\x{digest.hex()}" for digest in hashes],
    ):
        yield array(column)
    # By account, the order in which every writer takes the balances.
    accounts, numbers, lines, amounts = zip(
        *sorted(
            (account, number, line, amount_minor)
            for number, entry in enumerate(entries, start=1)
            for line, (account, amount_minor) in enumerate(entry.postings, start=1)
        ),
        strict=True,
    )
    yield from map(array, (numbers, lines, accounts, amounts))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turns what the tables and their guards raise into what callers are told."""
    try:
        yield
    except UniqueViolation as error:
        raise EntryExists(f"the book has it already: {error.diag.message_detail}; roll back") from error
    except IntegrityError as error:
        if (error.diag.table_name or "").startswith(("balance", "entry_count")):
            # The shard or the sums are wrong, which is no fault of an entry.
            raise
        if error.diag.constraint_name == "posting_entry_sealed":
            raise EntryExists(f"{error.diag.message_primary}: it was written before; roll back") from error
        raise EntryRefused(f"the book refuses the entries: {error.diag.message_primary}; roll back") from error


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
